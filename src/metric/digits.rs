//! Digits: as many as tell something, and none that only make a number longer. Pure.

/// From here on people are shown a power of ten.
const HUGE: f64 = 1e15;
/// Below it, too.
const TINY: f64 = 1e-6;

/// With so many decimals; what they would make nothing, with three digits.
pub fn shown(value: f64, decimals: usize) -> String {
    let least: f64 = format!("5e-{}", decimals + 1).parse().unwrap_or(0.0);
    let is_small = value != 0.0 && value.abs() < least;
    if is_small || value.abs() >= HUGE { few(value) } else { format!("{value:.decimals$}") }
}

/// With three digits that tell something: `0.000012`, `45`, `1e308`.
pub fn few(value: f64) -> String {
    let text = format!("{value:.2e}");
    let is_plain = value == 0.0 || (TINY..HUGE).contains(&value.abs());
    match (is_plain, text.split_once('e'), text.parse::<f64>()) {
        (true, _, Ok(number)) => format!("{}", number + 0.0),
        (false, Some((digits, power)), _) => {
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// Without the last digits of a fraction, in which computing leaves its errors; a whole number as it is.
pub fn exact(value: f64) -> f64 {
    let is_whole = value.fract() == 0.0 || !value.is_finite();
    let rounded = if is_whole { value } else { format!("{value:.11e}").parse().unwrap_or(value) };
    rounded + 0.0
}

/// As it was typed.
pub fn typed(value: f64) -> String {
    let is_plain = value == 0.0 || (TINY..HUGE).contains(&value.abs());
    if is_plain { format!("{}", exact(value)) } else { few(value) }
}

/// Whether it is shown as a power of ten.
pub fn is_huge(value: f64) -> bool {
    value.abs() >= HUGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_keeps_three_digits() {
        for (value, decimals, text) in [
            (0.0, 1, "0.0"),
            (0.012_34, 1, "0.0123"),
            (0.1, 1, "0.1"),
            (0.066_7, 1, "0.1"),
            (-0.000_012, 2, "-0.000012"),
            (0.36, 0, "0.36"),
            (0.64, 0, "1"),
            (4.2e-9, 2, "4.2e-9"),
            (12.345, 2, "12.35"),
        ] {
            assert_eq!(shown(value, decimals), text);
        }
    }

    #[test]
    fn what_is_huge_is_a_power_of_ten() {
        assert_eq!([1e308, -1.8446e19, 1e15].map(few), ["1e308", "-1.84e19", "1e15"]);
        assert_eq!(shown(123_456_789_012_345.0, 0), "123456789012345");
        assert_eq!(
            [1e308, 0.000_01, 66.5, 0.3 - 0.1].map(typed),
            ["1e308", "0.00001", "66.5", "0.2"]
        );
    }

    #[test]
    fn programs_get_every_digit_but_those_of_computing() {
        assert_eq!(exact(-1_234_567.891).to_string(), "-1234567.891");
        assert_eq!(exact(0.000_45).to_string(), "0.00045");
        assert_eq!(exact(0.1 + 0.2).to_string(), "0.3");
        assert_eq!(exact(9_007_199_254_740_993.0).to_string(), "9007199254740992");
    }
}
