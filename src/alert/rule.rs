//! Rules: which series, past which levels, for how long. Made from the configuration; checked there. Pure.

use crate::sample::Values;
use crate::series::{Pattern, glob, is_glob, precedence};

/// Seconds between reminders, unless told otherwise.
pub const WARNING_REPEAT: f64 = 86_400.0;
pub const CRITICAL_REPEAT: f64 = 14_400.0;

/// One entry of `alert_thresholds`, or a default.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The key in the configuration; with `#2`, `#3` … for further rules under one key.
    pub key: String,
    pub pattern: Pattern,
    /// `None`: only the labels below have levels.
    pub levels: Option<Levels>,
    /// Label pattern → its own levels, or `None` for no rule. Sorted, the most exact first.
    pub labels: Vec<(String, Option<Levels>)>,
}

/// A number and what it is held to.
pub struct Number<'a> {
    pub metric: &'a str,
    pub label: Option<&'a str>,
    pub value: f64,
    pub levels: &'a Levels,
}

/// What a series is held to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    /// Low is bad.
    pub below: bool,
    /// At a level is not past it: a plugin's limits are meant so.
    pub strict: bool,
    pub warning: Option<Threshold>,
    pub critical: Option<Threshold>,
    pub measure: Measure,
    /// Past the level that often among the last samples, instead of once.
    pub times: Option<Times>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Threshold {
    /// At it counts as past it.
    pub level: f64,
    /// Where it ends.
    pub clear: f64,
    /// Seconds past the level before it counts.
    pub hold: f64,
    /// Seconds inside `clear` before it ends.
    pub clear_hold: f64,
    /// Seconds between reminders.
    pub repeat: f64,
}

/// What of a series is held to the levels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Measure {
    #[default]
    Value,
    /// How much it changed over the last `seconds`: in its own unit, or in per cent of what it was.
    Change { seconds: f64, relative: bool },
}

/// `count` of the last `of` samples, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub count: usize,
    pub of: usize,
}

impl Rule {
    /// The levels a series is held to; `None` if this rule does not speak of it.
    pub fn levels_for(&self, metric: &str, label: Option<&str>) -> Option<&Levels> {
        if !self.pattern.matches(metric, label) {
            return None;
        }
        let own =
            label.and_then(|label| self.labels.iter().find(|(pattern, _)| glob(pattern, label)));
        match own {
            Some((_, levels)) => levels.as_ref(),
            None => self.levels.as_ref(),
        }
    }

    /// Every number of a sample that this rule speaks of.
    pub fn numbers<'a>(&'a self, values: &'a Values) -> impl Iterator<Item = Number<'a>> {
        let name = self.pattern.metric.as_str();
        // Most rules name their metric, and need not look at the others.
        let (one, all) = if is_glob(name) {
            (None, Some(values.entries()))
        } else {
            (values.entry(name).map(|entry| (name, entry)), None)
        };
        let entries = one.into_iter().chain(all.into_iter().flatten());
        let points = entries.flat_map(|(metric, entry)| entry.points(metric));
        points.filter_map(|(metric, label, value)| {
            let levels = self.levels_for(metric, label)?;
            Some(Number { metric, label, value: value.as_f64(), levels })
        })
    }

    /// Sorts the label patterns so that the first match is the most exact one.
    pub fn sort_labels(&mut self) {
        self.labels.sort_by(|a, b| precedence(&b.0).cmp(&precedence(&a.0)));
    }
}

impl Levels {
    /// The numbers a series is judged by: when they change, it is judged afresh.
    pub fn fingerprint(&self) -> String {
        let number = |threshold: &Option<Threshold>| {
            threshold.map_or_else(|| "-".to_owned(), |threshold| threshold.level.to_string())
        };
        let mut text = format!(
            "{}{}/{}",
            if self.below { "<" } else { ">" },
            number(&self.warning),
            number(&self.critical)
        );
        if let Measure::Change { seconds, relative } = self.measure {
            text.push_str(&format!(" in {seconds}{}", if relative { "%" } else { "" }));
        }
        if let Some(times) = self.times {
            text.push_str(&format!(" {}/{}", times.count, times.of));
        }
        text
    }

    pub fn is_worse(&self, value: f64, than: f64) -> bool {
        if self.below { value < than } else { value > than }
    }

    pub fn is_past(&self, threshold: &Threshold, value: f64) -> bool {
        let level = threshold.level;
        match (self.below, self.strict) {
            (false, false) => value >= level,
            (true, false) => value <= level,
            (false, true) => value > level,
            (true, true) => value < level,
        }
    }

    /// In how many of the readings that `times` asks about it is past a threshold: this one, and those before, newest
    /// first.
    pub fn count_past(&self, threshold: &Threshold, value: f64, before: &[Option<f64>]) -> usize {
        let others = self.times.map_or(0, |times| times.of.saturating_sub(1));
        let readings = before.iter().take(others).copied().chain([Some(value)]).flatten();
        readings.filter(|value| self.is_past(threshold, *value)).count()
    }

    pub fn is_clear(&self, threshold: &Threshold, value: f64) -> bool {
        let inside = if self.below { value >= threshold.clear } else { value <= threshold.clear };
        inside && !self.is_past(threshold, value)
    }

    pub fn threshold(&self, level: super::Level) -> Option<&Threshold> {
        match level {
            super::Level::Critical => self.critical.as_ref().or(self.warning.as_ref()),
            _ => self.warning.as_ref().or(self.critical.as_ref()),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::series::Series;

    pub fn threshold(level: f64, clear: f64) -> Threshold {
        Threshold { level, clear, repeat: 86_400.0, ..Threshold::default() }
    }

    pub fn levels(warning: f64, critical: f64) -> Levels {
        Levels {
            warning: Some(threshold(warning, warning - 5.0)),
            critical: Some(threshold(critical, critical - 5.0)),
            ..Levels::default()
        }
    }

    fn rule(labels: &[(&str, Option<Levels>)]) -> Rule {
        let mut rule = Rule {
            key: "filesystem_percent".into(),
            pattern: Pattern::parse("filesystem_percent"),
            levels: Some(levels(85.0, 95.0)),
            labels: labels
                .iter()
                .map(|(label, levels)| ((*label).to_owned(), levels.clone()))
                .collect(),
        };
        rule.sort_labels();
        rule
    }

    #[test]
    fn a_label_has_its_own_levels_or_none() {
        let rule = rule(&[("/media/*", None), ("/boot", Some(levels(99.0, 100.0)))]);
        assert_eq!(
            rule.levels_for("filesystem_percent", Some("/boot")),
            Some(&levels(99.0, 100.0))
        );
        assert_eq!(rule.levels_for("filesystem_percent", Some("/media/usb")), None);
        assert_eq!(rule.levels_for("filesystem_percent", Some("/data")), Some(&levels(85.0, 95.0)));
        assert_eq!(rule.levels_for("cpu_percent", None), None);
    }

    #[test]
    fn a_rule_finds_its_numbers_by_name_or_by_pattern() {
        let mut values = Values::default();
        for series in ["filesystem_percent{/}", "filesystem_percent{/boot}", "memory_percent"] {
            values.put(Series::parse(series), 7_u64.into());
        }
        let found = |metric: &str| {
            let mut rule = rule(&[("/boot", None)]);
            rule.pattern = Pattern::parse(metric);
            let numbers = rule.numbers(&values);
            numbers.map(|one| Series::new(one.metric, one.label).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("filesystem_percent"), ["filesystem_percent{/}"]);
        assert_eq!(found("*_percent"), ["filesystem_percent{/}", "memory_percent"]);
        assert!(found("swap_percent").is_empty());
    }

    #[test]
    fn the_most_exact_label_wins() {
        let rule =
            rule(&[("*", None), ("/media/usb", Some(levels(50.0, 60.0))), ("/media/*", None)]);
        assert_eq!(
            rule.levels_for("filesystem_percent", Some("/media/usb")),
            Some(&levels(50.0, 60.0))
        );
    }

    #[test]
    fn at_the_level_is_past_it_and_low_may_be_bad() {
        let low =
            Levels { below: true, warning: Some(threshold(100.0, 105.0)), ..Levels::default() };
        let limit = threshold(100.0, 105.0);
        assert!(
            low.is_past(&limit, 100.0)
                && !low.is_past(&limit, 101.0)
                && low.is_clear(&limit, 105.0)
                && !low.is_clear(&limit, 104.0)
        );
    }

    #[test]
    fn a_margin_of_nothing_neither_flaps_nor_sticks() {
        let limit = threshold(80.0, 80.0);
        let high = levels(80.0, 90.0);
        assert!(
            high.is_past(&limit, 80.0)
                && !high.is_clear(&limit, 80.0)
                && high.is_clear(&limit, 79.9)
        );
    }
}
