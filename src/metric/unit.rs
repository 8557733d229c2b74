//! Units: how a number is rounded for files and worded for people.

use super::digits::{few, is_huge, shown, typed};
use crate::time::span;

/// The unit of a metric's number as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Percent,
    Bytes,
    BytesPerSecond,
    BitsPerSecond,
    Celsius,
    Volts,
    Seconds,
    /// Of single accesses: three decimals, so that a fast disk's are told apart.
    Milliseconds,
    Count,
    PerSecond,
    /// Length of the run queue: no unit, two decimals.
    Load,
}

impl Unit {
    /// In the order of the manual.
    pub const ALL: &'static [Unit] = &[
        Unit::Count,
        Unit::Bytes,
        Unit::Percent,
        Unit::Celsius,
        Unit::Seconds,
        Unit::Load,
        Unit::PerSecond,
        Unit::BytesPerSecond,
    ];

    /// The unit of this name.
    pub fn named(name: &str) -> Option<Unit> {
        Unit::ALL.iter().copied().find(|unit| unit.name() == name)
    }

    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes_per_second",
            Unit::BitsPerSecond => "bits_per_second",
            Unit::Celsius => "celsius",
            Unit::Volts => "volts",
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Count => "count",
            Unit::PerSecond => "per_second",
            Unit::Load => "load",
        }
    }

    /// The unit of measurement in performance data (monitoring plugins guidelines: `%`, `B`, `s`, or none).
    pub fn perfdata(self) -> &'static str {
        match self {
            Unit::Percent => "%",
            Unit::Bytes => "B",
            Unit::Seconds => "s",
            Unit::BytesPerSecond
            | Unit::BitsPerSecond
            | Unit::Celsius
            | Unit::Volts
            | Unit::Count
            | Unit::PerSecond
            | Unit::Load => "",
            Unit::Milliseconds => "ms",
        }
    }

    /// Rates keep digits enough to tell one event an hour, and none that only make lines longer.
    fn decimals(self, value: f64) -> i32 {
        let size = value.abs();
        match self {
            Unit::BytesPerSecond if size >= 10.0 => 0,
            Unit::PerSecond if size >= 1_000.0 => 0,
            Unit::PerSecond if size < 0.001 => 6,
            Unit::PerSecond if size < 0.1 => 4,
            Unit::Percent | Unit::Celsius | Unit::BytesPerSecond => 1,
            Unit::Bytes | Unit::BitsPerSecond => 0,
            Unit::Volts | Unit::Milliseconds => 3,
            Unit::Seconds | Unit::Count | Unit::PerSecond | Unit::Load => 2,
        }
    }

    /// Rounds for files and JSON: no digit that the source did not have.
    pub fn round(self, value: f64) -> f64 {
        let scale = 10_f64.powi(self.decimals(value));
        let rounded = (value * scale).round() / scale;
        // A number too large to scale keeps its digits; -0 is shown as 0.
        if rounded.is_finite() { rounded + 0.0 } else { value }
    }

    /// For people: `38.4 %`, `1.2 GiB`, `12 d 4 h`, `3.14 ms`.
    pub fn human(self, value: f64) -> String {
        match self {
            Unit::Percent => format!("{} %", one_decimal(value)),
            Unit::Celsius => format!("{} °C", one_decimal(value)),
            Unit::Volts => format!("{} V", shown(value, 2)),
            Unit::Bytes => bytes(value),
            Unit::BytesPerSecond => format!("{}/s", bytes(value)),
            Unit::BitsPerSecond => bits(value),
            Unit::Seconds => seconds(value),
            Unit::Milliseconds => format!("{} ms", three_digits(value)),
            Unit::Count => plain(value),
            Unit::PerSecond => format!("{}/s", per_second(value)),
            Unit::Load => shown(value, 2),
        }
    }

    /// A number in a narrow column whose unit is known: `38.4`, `1.2G` as `df -h` has it, `12d4h` as it is typed.
    pub fn bare(self, value: f64) -> String {
        match self {
            Unit::Percent | Unit::Celsius => one_decimal(value),
            Unit::Bytes | Unit::BytesPerSecond => scaled(value, &["", "K", "M", "G", "T"]),
            Unit::Count | Unit::PerSecond if value.abs() >= 1e7 && !is_huge(value) => {
                format!("{value:.2e}")
            }
            Unit::PerSecond => per_second(value),
            Unit::Milliseconds => three_digits(value),
            Unit::Seconds if value.abs() >= 60.0 && !is_huge(value) => {
                self.human(value).replace(" min", "m").replace(' ', "")
            }
            other => other.human(value),
        }
    }

    /// A threshold as people set it: `85`, `66.5`, `100 MiB`.
    pub fn level(self, value: f64) -> String {
        // What is computed, such as where a level ends, has digits that nobody set.
        let number = if value.abs() < 1.0 { value } else { self.round(value) };
        match self {
            Unit::Percent | Unit::Celsius | Unit::Volts | Unit::Load | Unit::Count => typed(number),
            Unit::Milliseconds => format!("{} ms", typed(number)),
            other => other.human(value),
        }
    }
}

fn plain(value: f64) -> String {
    match value.abs() {
        small if small < 1.0 => few(value),
        _ if value.fract().abs() < 0.005 => shown(value, 0),
        _ => shown(value, 2),
    }
}

/// A trace has two, and what is less is nothing to speak of: means of many readings have no end of digits.
fn one_decimal(value: f64) -> String {
    match value.abs() {
        0.005..0.05 => format!("{value:.2}"),
        0.05.. => shown(value, 1),
        _ => "0.0".to_owned(),
    }
}

/// What is seldom is not nothing.
fn per_second(value: f64) -> String {
    let rounded = Unit::PerSecond.round(value);
    match value.abs() {
        0.1.. => shown(value, if value.fract().abs() < 0.005 { 0 } else { 2 }),
        _ if rounded == 0.0 => few(value),
        _ => format!("{rounded}"),
    }
}

/// A time that may be short, or an offset to the past.
fn seconds(value: f64) -> String {
    let size = value.abs();
    let words = match size {
        // What three digits would make a thousand is one of the next unit.
        ..0.999_5e-3 if size > 0.0 => format!("{} µs", few(size * 1e6)),
        ..0.999_5 if size > 0.0 => format!("{} ms", few(size * 1e3)),
        ..59.95 => format!("{} s", few(size)),
        _ if is_huge(size) => format!("{} s", few(size)),
        _ => span::human(size),
    };
    if value < 0.0 { format!("-{words}") } else { words }
}

/// With as many decimals as tell something.
fn three_digits(value: f64) -> String {
    match value.abs() {
        small if small < 9.995 => shown(value, 2),
        middle if middle < 99.95 => shown(value, 1),
        _ => shown(value, 0),
    }
}

fn bytes(value: f64) -> String {
    scaled(value, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// Links are sold in powers of 1000.
fn bits(value: f64) -> String {
    match value.abs() {
        1e9.. => format!("{} Gbit/s", plain(value / 1e9)),
        1e6.. => format!("{} Mbit/s", plain(value / 1e6)),
        _ => format!("{} kbit/s", plain(value / 1e3)),
    }
}

/// With the unit, of powers of 1024, that leaves at most four digits before the point.
fn scaled(value: f64, units: &[&str]) -> String {
    let mut scaled = value;
    for (power, unit) in units.iter().enumerate() {
        // 1023.96 would be shown as 1024.0.
        if scaled.abs() < 1023.95 || power + 1 == units.len() {
            if !is_huge(scaled) {
                return format!("{}{unit}", shown(scaled, usize::from(power > 0)));
            }
            break;
        }
        scaled /= 1024.0;
    }
    few(value) + units.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_by_their_unit_for_files() {
        assert_eq!(Unit::Percent.round(12.345).to_string(), "12.3");
        assert_eq!(Unit::Load.round(0.416).to_string(), "0.42");
        assert_eq!(Unit::Percent.round(-0.01).to_string(), "0");
    }

    #[test]
    fn a_rate_keeps_the_digits_that_tell_something() {
        let stored = |unit: Unit, value: f64| unit.round(value).to_string();
        assert_eq!(stored(Unit::PerSecond, 1.0 / 3_600.0), "0.000278");
        assert_eq!(stored(Unit::PerSecond, 1.0 / 300.0), "0.0033");
        assert_eq!(stored(Unit::PerSecond, 12.345), "12.35");
        assert_eq!(stored(Unit::PerSecond, 3_185.12), "3185");
        assert_eq!(stored(Unit::BytesPerSecond, 0.36), "0.4");
        assert_eq!(stored(Unit::BytesPerSecond, 45_907.8), "45908");
    }

    #[test]
    fn what_is_seldom_is_not_told_as_nothing() {
        let told = |value: f64| Unit::PerSecond.human(value);
        assert_eq!(
            [1.0 / 300.0, 0.2, 0.0, 1_234.5].map(told),
            ["0.0033/s", "0.20/s", "0/s", "1234.50/s"]
        );
        assert_eq!(Unit::PerSecond.bare(1.0 / 300.0), "0.0033");
        assert_eq!(Unit::PerSecond.level(0.01), "0.01/s");
    }

    #[test]
    fn people_read_sizes_in_binary_units() {
        for (value, words) in [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1024.0, "1.0 KiB"),
            (1_288_490_189.0, "1.2 GiB"),
            (1_048_575.0, "1.0 MiB"),
        ] {
            assert_eq!(Unit::Bytes.human(value), words);
        }
    }

    #[test]
    fn people_read_other_units_at_a_glance() {
        assert_eq!(Unit::Percent.human(38.44), "38.4 %");
        assert_eq!(Unit::BytesPerSecond.human(4_299_161.6), "4.1 MiB/s");
        assert_eq!(Unit::BitsPerSecond.human(2.5e9), "2.50 Gbit/s");
        assert_eq!(Unit::BitsPerSecond.human(1e8), "100 Mbit/s");
        assert_eq!(Unit::Count.human(123.0), "123");
        assert_eq!(Unit::Seconds.human(1_051_200.0), "12 d 4 h");
        assert_eq!(Unit::Milliseconds.human(0.25), "0.25 ms");
        assert_eq!(Unit::BytesPerSecond.bare(4_299_161.6), "4.1M");
    }

    #[test]
    fn milliseconds_keep_the_digits_that_tell_two_disks_apart() {
        assert_eq!(Unit::Milliseconds.round(0.083_46).to_string(), "0.083");
        for (value, words) in [(0.083, "0.08 ms"), (9.996, "10.0 ms"), (28.14, "28.1 ms")] {
            assert_eq!(Unit::Milliseconds.human(value), words);
        }
        assert_eq!(Unit::Milliseconds.bare(1_234.5), "1234");
        assert_eq!(Unit::Milliseconds.level(20.0), "20 ms");
    }

    #[test]
    fn thresholds_are_shown_as_people_set_them() {
        assert_eq!(Unit::Percent.level(85.0), "85");
        assert_eq!(Unit::Celsius.level(66.5), "66.5");
        assert_eq!(Unit::Bytes.level(104_857_600.0), "100.0 MiB");
    }

    #[test]
    fn what_is_small_is_not_shown_as_nothing() {
        for (unit, value, words) in [
            (Unit::Seconds, 0.003_14, "3.14 ms"),
            (Unit::Seconds, 0.000_045, "45 µs"),
            (Unit::Seconds, 1.5, "1.5 s"),
            (Unit::Seconds, 0.0, "0 s"),
            (Unit::Count, 0.000_012, "0.000012"),
            (Unit::Count, 0.0, "0"),
            (Unit::Percent, 0.012, "0.01 %"),
            (Unit::Percent, 0.001, "0.0 %"),
            (Unit::PerSecond, 1.2e-7, "1.2e-7/s"),
            (Unit::Load, 0.001_5, "0.0015"),
        ] {
            assert_eq!(unit.human(value), words);
        }
        assert_eq!(Unit::Count.level(0.000_01), "0.00001");
        assert_eq!(Unit::Seconds.level(0.002), "2 ms");
    }

    #[test]
    fn a_time_before_another_is_not_shown_as_nothing() {
        assert_eq!(
            [-90_061.0, -0.5].map(|value| Unit::Seconds.human(value)),
            ["-1 d 1 h", "-500 ms"]
        );
        assert_eq!(Unit::Seconds.bare(-90_061.0), "-1d1h");
    }

    #[test]
    fn what_is_huge_is_shown_as_a_power_of_ten() {
        let units = [Unit::Count, Unit::Bytes, Unit::Seconds, Unit::Percent, Unit::PerSecond];
        let words = units.map(|unit| unit.human(1e308));
        assert_eq!(words, ["1e308", "1e308 B", "1e308 s", "1e308 %", "1e308/s"]);
        assert_eq!(
            units.map(|unit| unit.bare(1e308)),
            ["1e308", "1e308", "1e308 s", "1e308", "1e308"]
        );
        assert_eq!(
            units.map(|unit| unit.level(1e308)),
            ["1e308", "1e308 B", "1e308 s", "1e308", "1e308/s"]
        );
    }
}
