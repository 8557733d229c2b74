//! Spans of time: `90s 15m 2h 3d 2w 1h30m` as typed, `12 d 4 h` as shown.

/// Seconds of a span as typed; `m` is minutes, `d` 24 hours. A bare number has no meaning here.
///
/// # Errors
/// Words that say what is wrong and name the accepted forms.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("\"{text}\" is not a span of time (90s, 15m, 2h, 3d, 2w, 1h30m)");
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or_else(wrong)?;
        let scale = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let count: u64 = number.parse().map_err(|_| wrong())?;
        total =
            count.checked_mul(scale).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = tail.get(unit.len_utf8()..).unwrap_or_default();
    }
    Ok(total)
}

/// A duration for people, in its two largest units: `41 s`, `1 h 50 min`, `12 d 4 h`.
pub fn human(seconds: f64) -> String {
    let total = if seconds.is_finite() && seconds > 0.0 { seconds.round() } else { 0.0 };
    let minutes = (total / 60.0).floor();
    let (small, large) = if total < 60.0 {
        return format!("{total:.0} s");
    } else if total < 3_600.0 {
        return format!("{minutes:.0} min");
    } else if total < 86_400.0 {
        ((minutes % 60.0, "min"), ((minutes / 60.0).floor(), "h"))
    } else {
        (((total / 3_600.0).floor() % 24.0, "h"), ((total / 86_400.0).floor(), "d"))
    };
    if small.0 == 0.0 {
        format!("{:.0} {}", large.0, large.1)
    } else {
        format!("{:.0} {} {:.0} {}", large.0, large.1, small.0, small.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_typed() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("2h", 7_200),
            ("3d", 259_200),
            ("2w", 1_209_600),
            ("1h30m", 5_400),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_accepted_forms() {
        for text in ["", "7", "h", "2x", "1h30", "-2h", "99999999999999999w", "2 h"] {
            assert!(parse(text).is_err_and(|words| words.contains("90s")), "{text}");
        }
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (seconds, words) in [
            (0.0, "0 s"),
            (41.2, "41 s"),
            (840.0, "14 min"),
            (6_600.0, "1 h 50 min"),
            (7_200.0, "2 h"),
            (1_051_200.0, "12 d 4 h"),
        ] {
            assert_eq!(human(seconds), words);
        }
    }

    #[test]
    fn a_duration_that_is_no_number_is_shown_as_nothing() {
        assert_eq!(human(f64::NAN), "0 s");
    }
}
