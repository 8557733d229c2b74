//! Numbers that may be text with a unit: `"100M"` (powers of 1024, as in `df -h`), `"26h"`, `"85%"`. Pure.

use serde_json::Value;

use crate::metric::Unit;
use crate::time::span;

/// The number that a value of `unit` means; `None` if it means none.
pub fn quantity(value: &Value, unit: Unit) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse(text, unit),
        _ => None,
    }
}

/// The same for text.
pub fn parse(text: &str, unit: Unit) -> Option<f64> {
    let text = text.trim();
    let number = text.parse().ok().or_else(|| with_unit(text, unit));
    number.filter(|number| number.is_finite())
}

/// The forms that a number of this unit has.
pub fn level_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "a number or \"85%\"",
        Unit::Bytes | Unit::BytesPerSecond => "a number or a size such as \"100M\"",
        Unit::Seconds => "a number or a span such as \"26h\"",
        Unit::Celsius => "a number or \"70C\"",
        Unit::BitsPerSecond | Unit::Count | Unit::PerSecond | Unit::Load | Unit::Volts => {
            "a number"
        }
        Unit::Milliseconds => "a number or \"5ms\"",
    }
}

fn with_unit(text: &str, unit: Unit) -> Option<f64> {
    match unit {
        Unit::Percent => text.strip_suffix('%')?.trim().parse().ok(),
        Unit::Celsius => text.strip_suffix('C')?.trim_end_matches('°').trim().parse().ok(),
        Unit::Milliseconds => text.strip_suffix("ms")?.trim().parse().ok(),
        Unit::Seconds => span::parse(text).ok().map(|seconds| seconds as f64),
        Unit::Bytes => bytes(text),
        Unit::BytesPerSecond => bytes(text.strip_suffix("/s").unwrap_or(text).trim()),
        Unit::BitsPerSecond | Unit::Count | Unit::PerSecond | Unit::Load | Unit::Volts => None,
    }
}

fn bytes(text: &str) -> Option<f64> {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let power = match unit.trim_end_matches('B').trim_end_matches('i').to_ascii_uppercase().as_str()
    {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    Some(number * 1024_f64.powi(power))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_may_carry_the_unit_of_their_metric() {
        for (value, unit, meant) in [
            (json!(85), Unit::Percent, 85.0),
            (json!("85%"), Unit::Percent, 85.0),
            (json!("85 %"), Unit::Percent, 85.0),
            (json!("100M"), Unit::Bytes, 104_857_600.0),
            (json!("1.5 GiB"), Unit::Bytes, 1_610_612_736.0),
            (json!("10M/s"), Unit::BytesPerSecond, 10_485_760.0),
            (json!("26h"), Unit::Seconds, 93_600.0),
            (json!("70 °C"), Unit::Celsius, 70.0),
            (json!("0.5 ms"), Unit::Milliseconds, 0.5),
            (json!("4"), Unit::Load, 4.0),
        ] {
            assert_eq!(quantity(&value, unit), Some(meant), "{value}");
        }
    }

    #[test]
    fn anything_else_means_no_number() {
        for (value, unit) in [
            (json!("many"), Unit::Percent),
            (json!(true), Unit::Percent),
            (json!("5X"), Unit::Bytes),
            (json!("NaN"), Unit::Load),
            (json!("85%"), Unit::Bytes),
            (json!(null), Unit::Count),
        ] {
            assert_eq!(quantity(&value, unit), None, "{value}");
        }
    }
}
