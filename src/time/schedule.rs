//! How often a timer or a cron line starts: spans of systemd.time(7), the calendars and crontab(5) lines that mean one
//! steady pace. What is anything else has no answer. Pure.

/// Seconds of a span as systemd reads it: `5min`, `1h 30min`, `300`, `1.5h`.
pub fn span(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(end)?;
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = tail.trim_start();
    }
    Some(total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "us" | "µs" | "μs" | "usec" => 1e-6,
        "ms" | "msec" => 1e-3,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "M" | "month" | "months" => 2_629_800.0,
        "y" | "year" | "years" => 31_557_600.0,
        _ => return None,
    })
}

/// Seconds between the times of a calendar expression, such as `*:0/5` or `hourly`.
pub fn calendar(text: &str) -> Option<f64> {
    let text = text.trim();
    match text {
        "minutely" => return Some(60.0),
        "hourly" => return Some(3_600.0),
        "daily" => return Some(86_400.0),
        _ => {}
    }
    let time = match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [time] | ["*-*-*", time] => (*time).to_owned(),
        _ => return None,
    };
    let fields: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match fields.as_slice() {
        [hour, minute] => (*hour, *minute, "0"),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    of_fields(&[(second, 60, 1.0), (minute, 60, 60.0), (hour, 24, 3_600.0)])
}

/// Seconds between the starts of a crontab line, from its first five fields.
pub fn crontab(line: &str) -> Option<f64> {
    let mut words = line.split_whitespace();
    let minute = words.next()?;
    match minute {
        "@hourly" => return Some(3_600.0),
        "@daily" | "@midnight" => return Some(86_400.0),
        _ => {}
    }
    let hour = words.next()?;
    if [words.next()?, words.next()?, words.next()?].iter().any(|field| *field != "*") {
        return None;
    }
    of_fields(&[(minute, 60, 60.0), (hour, 24, 3_600.0)])
}

/// The pace of fields from the finest to the coarsest, each with its size and the seconds of one step.
fn of_fields(fields: &[(&str, u32, f64)]) -> Option<f64> {
    let mut whole_turn = 0.0;
    let mut pace = None;
    for (text, size, seconds) in fields {
        whole_turn = f64::from(*size) * seconds;
        let step = step(text, *size)?;
        match (pace, step) {
            // Once something repeats, everything coarser must be open.
            (Some(_), 1) | (None, 0) => {}
            (Some(_), _) => return None,
            (None, step) => pace = Some(f64::from(step) * seconds),
        }
    }
    Some(pace.unwrap_or(whole_turn))
}

/// Every how many a field matches: 1 for `*`, 5 for `0/5`, `*/5` and `0-59/5`, 15 for `0,15,30,45`, 0 for a single
/// number.
fn step(text: &str, size: u32) -> Option<u32> {
    let even = |step: u32| Some(step).filter(|step| *step > 0 && size.is_multiple_of(*step));
    if text == "*" {
        return Some(1);
    }
    if let Some((start, every)) = text.split_once('/') {
        let whole = format!("0-{}", size - 1);
        let begins = start == "*" || start == whole || start.parse::<u32>().is_ok();
        return even(every.parse().ok()?).filter(|_| begins);
    }
    let numbers: Option<Vec<u32>> = text.split(',').map(|one| one.parse().ok()).collect();
    let mut numbers = numbers.filter(|numbers| numbers.iter().all(|number| *number < size))?;
    numbers.sort_unstable();
    let (first, second) = match numbers.as_slice() {
        [_] => return Some(0),
        [first, second, ..] => (*first, *second),
        [] => return None,
    };
    let step = even(second - first)?;
    let steady = numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| b - a == step);
    let whole = u32::try_from(numbers.len()).is_ok_and(|count| count * step == size);
    (steady && whole).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, seconds) in [
            ("5min", 300.0),
            ("300", 300.0),
            ("1h 30min", 5_400.0),
            ("1h30min", 5_400.0),
            ("90s", 90.0),
            ("90 seconds", 90.0),
            ("1.5h", 5_400.0),
            ("2 min 30", 150.0),
            ("500ms", 0.5),
            ("1d", 86_400.0),
        ] {
            assert_eq!(span(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_has_no_answer() {
        for text in ["", "min", "5 apples", "1.2.3s", "-5min", "infinity"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn simple_calendars_have_a_pace() {
        for (text, seconds) in [
            ("*:0/5", 300.0),
            ("*:00/10:00", 600.0),
            ("*-*-* *:0/15:00", 900.0),
            ("*:*", 60.0),
            ("*:*:0/30", 30.0),
            ("*:0,30", 1_800.0),
            ("hourly", 3_600.0),
            ("*:05", 3_600.0),
            ("0/2:00", 7_200.0),
            ("03:30", 86_400.0),
            ("minutely", 60.0),
        ] {
            assert_eq!(calendar(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_calendar_without_one_pace_has_no_answer() {
        for text in ["Mon *:0/5", "*:0/7", "*:0,10", "8..18:0/5", "8:0/5", "2026-01-01", ""] {
            assert_eq!(calendar(text), None, "{text}");
        }
    }

    #[test]
    fn crontab_lines_have_a_pace() {
        for (line, seconds) in [
            ("*/5 * * * * hostwatch x", 300.0),
            ("* * * * * x", 60.0),
            ("0-59/10 * * * * x", 600.0),
            ("0,20,40 * * * * x", 1_200.0),
            ("7 * * * * x", 3_600.0),
            ("0 */6 * * * x", 21_600.0),
            ("@hourly x", 3_600.0),
        ] {
            assert_eq!(crontab(line), Some(seconds), "{line}");
        }
        for line in ["*/5 8-18 * * * x", "*/5 * * * 1 x", "*/7 * * * * x", "@reboot x", "PATH=/bin"]
        {
            assert_eq!(crontab(line), None, "{line}");
        }
    }
}
