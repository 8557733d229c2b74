//! What a metric is: name, unit, kind, wording. Each is declared once, as a `static` beside the code that
//! reads it; files, rates, thresholds, tables, exports and the manual take everything else from here.

use crate::time::span;

/// A named number with a unit.
#[derive(Debug)]
pub struct Metric {
    /// Key in files, configuration and commands. A changed meaning is a new name.
    pub name: &'static str,
    pub unit: Unit,
    pub kind: Kind,
    /// What the label names ("mount", "interface"); `None`: one number a host.
    pub label: Option<&'static str>,
    /// One sentence for `metrics` and the manual.
    pub help: &'static str,
    /// How a message speaks of it: `{label}` and `{value}` are filled in.
    pub phrase: &'static str,
    /// The same once it is over, for what is a state rather than a number; empty: the phrase.
    pub phrase_over: &'static str,
    /// For a share of a capacity: what is left and what there is, as metrics with the same labels.
    pub capacity: Option<(&'static Metric, &'static Metric)>,
    /// Shown by `status` and `history` unless told otherwise.
    pub overview: bool,
    /// While it is set, what else has its label is not told: it follows from this.
    pub inhibits: bool,
    /// The label it would have among those of its like: the root file system's numbers have none.
    pub of_label: Option<&'static str>,
    /// Names it had; readers map them, writers never use them.
    pub formerly: &'static [&'static str],
}

#[derive(Debug)]
pub enum Kind {
    Gauge,
    /// Grows until the next boot; the rate, if any, is derived from two lines.
    Counter(Option<&'static Metric>),
    /// Cumulative time by mode; shares of the time between two lines are derived.
    Ticks(&'static [Share]),
    /// Derived from two lines, never read.
    Rate,
}

/// A percentage of all ticks between two lines.
#[derive(Debug)]
pub struct Share {
    pub metric: &'static Metric,
    /// The labels that count towards it.
    pub of: &'static [&'static str],
}

impl Metric {
    const fn new(name: &'static str, unit: Unit, kind: Kind, help: &'static str) -> Self {
        let phrase = "{name} {value}";
        Metric {
            name,
            unit,
            kind,
            label: None,
            help,
            phrase,
            phrase_over: "",
            capacity: None,
            overview: false,
            inhibits: false,
            of_label: None,
            formerly: &[],
        }
    }

    pub const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::new(name, unit, Kind::Gauge, help)
    }

    pub const fn rate(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::new(name, unit, Kind::Rate, help)
    }

    pub const fn counter(
        name: &'static str,
        unit: Unit,
        rate: Option<&'static Metric>,
        help: &'static str,
    ) -> Self {
        Self::new(name, unit, Kind::Counter(rate), help)
    }

    pub const fn ticks(name: &'static str, shares: &'static [Share], help: &'static str) -> Self {
        Self::new(name, Unit::Count, Kind::Ticks(shares), help)
    }

    #[must_use]
    pub const fn labelled(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    #[must_use]
    pub const fn phrased(mut self, phrase: &'static str) -> Self {
        self.phrase = phrase;
        self
    }

    /// For a state that is on or off: how a message speaks of it while it lasts, and once it is over.
    #[must_use]
    pub const fn phrased_as_state(mut self, lasting: &'static str, over: &'static str) -> Self {
        self.phrase = lasting;
        self.phrase_over = over;
        self
    }

    #[must_use]
    pub const fn of_capacity(mut self, available: &'static Metric, total: &'static Metric) -> Self {
        self.capacity = Some((available, total));
        self
    }

    #[must_use]
    pub const fn in_overview(mut self) -> Self {
        self.overview = true;
        self
    }

    #[must_use]
    pub const fn inhibits(mut self) -> Self {
        self.inhibits = true;
        self
    }

    #[must_use]
    pub const fn of_label(mut self, label: &'static str) -> Self {
        self.of_label = Some(label);
        self
    }

    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Gauge => "gauge",
            Kind::Counter(_) | Kind::Ticks(_) => "counter",
            Kind::Rate => "rate",
        }
    }

    /// Whether it is on or off rather than a number.
    pub fn is_state(&self) -> bool {
        !self.phrase_over.is_empty()
    }

    /// Whether it comes from two lines, and so needs a long enough interval to be judged.
    pub fn is_rate(&self) -> bool {
        matches!(self.kind, Kind::Rate)
    }

    pub fn is_cumulative(&self) -> bool {
        matches!(self.kind, Kind::Counter(_) | Kind::Ticks(_))
    }
}

/// The unit of a metric's number as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Percent,
    Bytes,
    BytesPerSecond,
    Celsius,
    Seconds,
    Count,
    PerSecond,
    /// Length of the run queue: no unit, two decimals.
    Load,
}

impl Unit {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes_per_second",
            Unit::Celsius => "celsius",
            Unit::Seconds => "seconds",
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
            Unit::BytesPerSecond | Unit::Celsius | Unit::Count | Unit::PerSecond | Unit::Load => "",
        }
    }

    fn decimals(self) -> i32 {
        match self {
            Unit::Percent | Unit::Celsius | Unit::BytesPerSecond => 1,
            Unit::Bytes => 0,
            Unit::Seconds | Unit::Count | Unit::PerSecond | Unit::Load => 2,
        }
    }

    /// Rounds for files and JSON: no digit that the source did not have.
    pub fn round(self, value: f64) -> f64 {
        let scale = 10_f64.powi(self.decimals());
        let rounded = (value * scale).round() / scale;
        // A number too large to scale keeps its digits; -0 is shown as 0.
        if rounded.is_finite() { rounded + 0.0 } else { value }
    }

    /// For people: `38.4 %`, `1.2 GiB`, `12 d 4 h`.
    pub fn human(self, value: f64) -> String {
        match self {
            Unit::Percent => format!("{value:.1} %"),
            Unit::Celsius => format!("{value:.1} °C"),
            Unit::Bytes => bytes(value),
            Unit::BytesPerSecond => format!("{}/s", bytes(value)),
            Unit::Seconds => span::human(value),
            Unit::Count => plain(value),
            Unit::PerSecond => format!("{}/s", plain(value)),
            Unit::Load => format!("{value:.2}"),
        }
    }

    /// A number in a narrow column whose unit is known: `38.4`, `1.2G` as `df -h` has it, `12 d 4 h`.
    pub fn bare(self, value: f64) -> String {
        match self {
            Unit::Percent | Unit::Celsius => format!("{value:.1}"),
            Unit::Bytes | Unit::BytesPerSecond => scaled(value, &["", "K", "M", "G", "T"]),
            Unit::Count | Unit::PerSecond if value.abs() >= 1e7 => format!("{value:.2e}"),
            Unit::PerSecond => plain(value),
            other => other.human(value),
        }
    }

    /// A threshold as people set it: `85`, `66.5`, `100 MiB`.
    pub fn level(self, value: f64) -> String {
        match self {
            Unit::Percent | Unit::Celsius | Unit::Load | Unit::Count => {
                format!("{}", self.round(value))
            }
            other => other.human(value),
        }
    }
}

fn plain(value: f64) -> String {
    if value.fract().abs() < 0.005 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn bytes(value: f64) -> String {
    scaled(value, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// With the unit, of powers of 1024, that leaves at most four digits before the point.
fn scaled(value: f64, units: &[&str]) -> String {
    let mut scaled = value;
    for (power, unit) in units.iter().enumerate() {
        // 1023.96 would be shown as 1024.0.
        if scaled.abs() < 1023.95 || power + 1 == units.len() {
            return if power == 0 {
                format!("{scaled:.0}{unit}")
            } else {
                format!("{scaled:.1}{unit}")
            };
        }
        scaled /= 1024.0;
    }
    format!("{value:.0}")
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
        assert_eq!(Unit::Count.human(123.0), "123");
        assert_eq!(Unit::Seconds.human(1_051_200.0), "12 d 4 h");
        assert_eq!(Unit::BytesPerSecond.bare(4_299_161.6), "4.1M");
    }

    #[test]
    fn thresholds_are_shown_as_people_set_them() {
        assert_eq!(Unit::Percent.level(85.0), "85");
        assert_eq!(Unit::Celsius.level(66.5), "66.5");
        assert_eq!(Unit::Bytes.level(104_857_600.0), "100.0 MiB");
    }
}
