//! Whether a comparison holds for what was read: each series against its limit. Pure.

use super::reader::wrong;
use super::{Comparison, Limit, Measured, Number};
use crate::metric::Unit;
use crate::quantity::{self, level_words};
use crate::series::Series;

/// What a term is for one of its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub series: Series,
    pub value: f64,
    pub unit: Unit,
    /// Seconds that its span covers, if far fewer than were asked for.
    pub shortage: Option<f64>,
}

/// A series and what it has to keep to.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub subject: Reading,
    pub limit: Bound,
    pub holds: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    Number(f64),
    Reading(Reading),
}

impl Bound {
    pub fn value(&self) -> f64 {
        match self {
            Bound::Number(number) => *number,
            Bound::Reading(reading) => reading.value,
        }
    }

    pub fn reading(&self) -> Option<&Reading> {
        match self {
            Bound::Number(_) => None,
            Bound::Reading(reading) => Some(reading),
        }
    }
}

impl Pair {
    /// How far the value is from its limit.
    pub fn distance(&self) -> f64 {
        (self.limit.value() - self.subject.value).abs()
    }
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The expression is wrong, whatever the data.
    Fault(String),
    /// This time nobody knows.
    CannotSay(String),
}

/// Every series of the comparison against its limit; never nothing.
///
/// # Errors
/// Units do not fit, or something that is needed was not read.
pub fn judge(
    comparison: &Comparison,
    subjects: &[Reading],
    limits: &[Reading],
) -> Result<Vec<Pair>, Trouble> {
    let mut pairs = Vec::new();
    for subject in subjects {
        let before = pairs.len();
        match &comparison.limit {
            Limit::Number(number) => {
                pairs.push(pair(comparison, subject, Bound::Number(resolve(number, subject)?)));
            }
            Limit::Measured(measured) => {
                for limit in
                    limits.iter().filter(|limit| meet(comparison, measured, subject, limit))
                {
                    comparable(measured, subject, limit)?;
                    pairs.push(pair(comparison, subject, Bound::Reading(limit.clone())));
                }
            }
        }
        if pairs.len() == before {
            let (text, series) = (comparison.limit_text(), &subject.series);
            return Err(Trouble::CannotSay(format!(
                "no reading of {text} to compare with {series}"
            )));
        }
    }
    if pairs.is_empty() {
        return Err(Trouble::CannotSay(format!("no reading of {}", comparison.subject.series)));
    }
    Ok(pairs)
}

/// Whether all hold; one that certainly does not decides, whatever nobody knows about the others.
pub fn verdict(outcomes: &[Result<Vec<Pair>, String>]) -> Option<bool> {
    let fails = |outcome: &Result<Vec<Pair>, String>| {
        outcome.as_ref().is_ok_and(|pairs| pairs.iter().any(|pair| !pair.holds))
    };
    if outcomes.iter().any(fails) {
        return Some(false);
    }
    outcomes.iter().all(Result::is_ok).then_some(true)
}

impl Comparison {
    fn limit_text(&self) -> &str {
        match &self.limit {
            Limit::Number(number) => &number.text,
            Limit::Measured(measured) => &measured.series,
        }
    }
}

fn pair(comparison: &Comparison, subject: &Reading, limit: Bound) -> Pair {
    let holds = comparison.operator.holds(subject.value, limit.value());
    Pair { subject: subject.clone(), limit, holds }
}

/// Series of several labels meet those of the same label; one that is named, or has no label, meets all.
fn meet(comparison: &Comparison, measured: &Measured, subject: &Reading, limit: &Reading) -> bool {
    let (one, other) = (&subject.series.label, &limit.series.label);
    let is_named = comparison.subject.is_of_one_label() || measured.is_of_one_label();
    is_named || one.is_none() || other.is_none() || one == other
}

/// The number in the unit of what is measured.
fn resolve(number: &Number, subject: &Reading) -> Result<f64, Trouble> {
    quantity::parse(&number.text, subject.unit).ok_or_else(|| {
        let words = format!(
            "\"{}\" does not fit {}, which is compared with {}",
            number.text,
            subject.series,
            level_words(subject.unit)
        );
        Trouble::Fault(wrong(number.at, &words))
    })
}

/// Units must be the same; a plain number may be anything.
fn comparable(measured: &Measured, subject: &Reading, limit: &Reading) -> Result<(), Trouble> {
    let is_plain = |unit: Unit| matches!(unit, Unit::Count | Unit::Load);
    let (one, other) = (subject.unit, limit.unit);
    if one == other || is_plain(one) || is_plain(other) {
        return Ok(());
    }
    let words = format!(
        "{} ({}) is compared with {} ({})",
        subject.series,
        one.name().replace('_', " "),
        limit.series,
        other.name().replace('_', " ")
    );
    Err(Trouble::Fault(wrong(measured.at, &words)))
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn readings(unit: Unit, values: &[(&str, f64)]) -> Vec<Reading> {
        let reading = |(series, value): &(&str, f64)| Reading {
            series: Series::parse(series),
            value: *value,
            unit,
            shortage: None,
        };
        values.iter().map(reading).collect()
    }

    fn of(text: &str, subjects: &[Reading], limits: &[Reading]) -> Result<Vec<Pair>, Trouble> {
        judge(&parse(text).unwrap()[0], subjects, limits)
    }

    fn holds(text: &str, unit: Unit, values: &[(&str, f64)]) -> bool {
        of(text, &readings(unit, values), &[]).unwrap().iter().all(|pair| pair.holds)
    }

    #[test]
    fn the_limit_itself_is_within_or_not_as_typed() {
        for (operator, below, at, above) in [
            ("<", true, false, false),
            ("<=", true, true, false),
            (">", false, false, true),
            (">=", false, true, true),
        ] {
            let text = format!("cpu_percent {operator} 90");
            let seen = [89.9, 90.0, 90.1]
                .map(|value| holds(&text, Unit::Percent, &[("cpu_percent", value)]));
            assert_eq!(seen, [below, at, above], "{operator}");
        }
    }

    #[test]
    fn a_number_on_the_left_means_the_same() {
        assert!(holds("90 > cpu_percent", Unit::Percent, &[("cpu_percent", 5.0)]));
        assert!(!holds("90 <= cpu_percent", Unit::Percent, &[("cpu_percent", 5.0)]));
    }

    #[test]
    fn numbers_are_read_in_the_unit_of_the_series() {
        for (limit, unit, value) in [
            ("20G", Unit::Bytes, 21_474_836_480.0),
            ("85 %", Unit::Percent, 85.0),
            ("26h", Unit::Seconds, 93_600.0),
            ("10m", Unit::Seconds, 600.0),
            ("10M", Unit::Bytes, 10_485_760.0),
            ("1M/s", Unit::BytesPerSecond, 1_048_576.0),
            ("70C", Unit::Celsius, 70.0),
            ("4", Unit::Load, 4.0),
        ] {
            assert!(holds(&format!("x >= {limit}"), unit, &[("x", value)]), "{limit}");
            assert!(!holds(&format!("x >= {limit}"), unit, &[("x", value - 0.5)]), "{limit}");
        }
    }

    #[test]
    fn a_unit_that_does_not_fit_is_a_fault_that_says_which_do() {
        for (text, unit, words) in [
            (
                "cpu_percent < 20G",
                Unit::Percent,
                "at character 15: \"20G\" does not fit cpu_percent",
            ),
            ("cpu_percent < 20G", Unit::Percent, "\"85%\""),
            ("memory_used < 85%", Unit::Bytes, "\"100M\""),
            ("uptime > 20G", Unit::Seconds, "\"26h\""),
            ("cpu_temp < 70F", Unit::Celsius, "\"70C\""),
            ("load1 < 4%", Unit::Load, "compared with a number"),
            ("x < 1e999", Unit::Count, "1e999"),
            ("x < 90and", Unit::Percent, "90and"),
            ("x < -", Unit::Percent, "\"-\""),
        ] {
            let found = of(text, &readings(unit, &[(text.split(' ').next().unwrap(), 1.0)]), &[]);
            let Err(Trouble::Fault(said)) = found else { panic!("{text}: {found:?}") };
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn every_series_has_to_keep_to_it() {
        let disks = [("filesystem_percent{/}", 61.0), ("filesystem_percent{/data}", 91.0)];
        assert!(!holds("filesystem_percent < 90", Unit::Percent, &disks));
        assert!(holds("filesystem_percent < 95", Unit::Percent, &disks));
        let pairs = of("filesystem_percent < 90", &readings(Unit::Percent, &disks), &[]).unwrap();
        let failing: Vec<String> = pairs
            .iter()
            .filter(|pair| !pair.holds)
            .map(|pair| pair.subject.series.to_string())
            .collect();
        assert_eq!(failing, ["filesystem_percent{/data}"]);
    }

    #[test]
    fn labels_meet_their_like() {
        let used = readings(Unit::Bytes, &[("a{/}", 5.0), ("a{/data}", 50.0)]);
        let total = readings(Unit::Bytes, &[("b{/}", 10.0), ("b{/data}", 100.0)]);
        let pairs = of("a < b", &used, &total).unwrap();
        assert!(pairs.len() == 2 && pairs.iter().all(|pair| pair.holds));
        assert_eq!(of("a < b{/}", &used, &total[..1]).unwrap().len(), 2, "a named one meets all");
        let host = readings(Unit::Bytes, &[("c", 70.0)]);
        assert_eq!(of("a < c", &used, &host).unwrap().len(), 2, "so does one without label");
    }

    #[test]
    fn a_label_without_its_like_is_not_known() {
        let used = readings(Unit::Bytes, &[("a{/}", 5.0), ("a{/data}", 50.0)]);
        let total = readings(Unit::Bytes, &[("b{/}", 10.0)]);
        let found = of("a < b", &used, &total);
        assert_eq!(
            found,
            Err(Trouble::CannotSay("no reading of b to compare with a{/data}".to_owned()))
        );
    }

    #[test]
    fn nothing_read_is_not_known() {
        assert!(matches!(of("a < 1", &[], &[]), Err(Trouble::CannotSay(_))));
    }

    #[test]
    fn units_of_both_sides_are_the_same_or_plain() {
        let (share, bytes) =
            (readings(Unit::Percent, &[("a", 1.0)]), readings(Unit::Bytes, &[("b", 2.0)]));
        let Err(Trouble::Fault(said)) = of("a < b", &share, &bytes) else { panic!("compared") };
        assert!(said.contains("at character 5: a (percent) is compared with b (bytes)"), "{said}");
        assert!(of("a < c", &share, &readings(Unit::Count, &[("c", 2.0)])).is_ok());
    }

    #[test]
    fn what_certainly_fails_decides() {
        let (good, bad) =
            (readings(Unit::Count, &[("a", 1.0)]), readings(Unit::Count, &[("a", 9.0)]));
        let outcome = |readings: &[Reading]| of("a < 5", readings, &[]).map_err(|_| String::new());
        let (good, bad, unknown) = (outcome(&good), outcome(&bad), outcome(&[]));
        assert_eq!(verdict(&[good.clone(), good.clone()]), Some(true));
        assert_eq!(verdict(&[good.clone(), bad.clone()]), Some(false));
        assert_eq!(verdict(&[unknown.clone(), bad]), Some(false));
        assert_eq!(verdict(&[good, unknown]), None);
    }
}
