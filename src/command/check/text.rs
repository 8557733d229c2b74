//! The answer of `check` in one line with performance data.

use super::Answer;
use crate::alert::Level;
use crate::collector;
use crate::expression::evaluate::{Bound, Pair, Reading, verdict};
use crate::expression::{Comparison, Limit, Measured, Operator};
use crate::metric::Unit;
use crate::metric::digits::exact;
use crate::render::perfdata;
use crate::store::range::damage_words;
use crate::time::span;

/// `OK: cpu_percent 38.4 % (< 90 %) | 'cpu_percent'=38.4%;;90;0;100`.
pub(super) fn line(level: Level, answer: &Answer) -> String {
    perfdata::line(level, &sentence(answer), data(answer))
}

/// Comparisons that somebody can judge.
fn judged(answer: &Answer) -> impl Iterator<Item = (&Comparison, &[Pair])> {
    let both = answer.comparisons.iter().zip(&answer.outcomes);
    both.filter_map(|(comparison, outcome)| Some((comparison, outcome.as_deref().ok()?)))
}

fn sentence(answer: &Answer) -> String {
    let verdict = verdict(&answer.outcomes);
    let said: Vec<String> = match verdict {
        Some(true) => {
            judged(answer).filter_map(|(comparison, pairs)| kept(comparison, pairs)).collect()
        }
        Some(false) => {
            judged(answer).flat_map(|(comparison, pairs)| broken(comparison, pairs)).collect()
        }
        None => Vec::new(),
    };
    let mut clauses = vec![said.join(", ")];
    if let Some(words) = answer.unknown() {
        clauses.push(format!("cannot say: {words}"));
    }
    let said_already = |stale: &&String| clauses.iter().any(|clause| clause.contains(*stale));
    clauses.extend(answer.stale.as_ref().filter(|stale| !said_already(stale)).cloned());
    clauses.extend(damage_words(&answer.damage).map(|words| format!("passed over: {words}")));
    clauses.retain(|clause| !clause.is_empty());
    clauses.join("; ")
}

/// A comparison that holds, by the series that is nearest to its limit.
fn kept(comparison: &Comparison, pairs: &[Pair]) -> Option<String> {
    let nearest = pairs.iter().min_by(|a, b| a.distance().total_cmp(&b.distance()))?;
    let (name, value, limit) = words(comparison, nearest);
    let count =
        if pairs.len() > 1 { format!("; the nearest of {}", pairs.len()) } else { String::new() };
    Some(format!("{name} {value} ({} {limit}{count})", comparison.operator.text()))
}

/// Everything that does not hold.
fn broken(comparison: &Comparison, pairs: &[Pair]) -> impl Iterator<Item = String> {
    pairs.iter().filter(|pair| !pair.holds).map(|pair| {
        let (name, value, limit) = words(comparison, pair);
        format!("{name} is {value}, not {} {limit}", comparison.operator.text())
    })
}

/// Name, value and limit.
fn words(comparison: &Comparison, pair: &Pair) -> (String, String, String) {
    let (subject, limit) = (&pair.subject, &pair.limit);
    let (value, bound) = numbers(subject.unit, subject.value, limit.value());
    let value = format!("{value}{}", shortage(&comparison.subject, subject));
    let limit = match (limit, &comparison.limit) {
        (Bound::Reading(reading), Limit::Measured(measured)) => {
            let (name, note) = (measured.name(&reading.series), shortage(measured, reading));
            format!("{name} {bound}{note}")
        }
        _ => bound,
    };
    (comparison.subject.name(&subject.series), value, limit)
}

/// Value and limit for people; with every digit where they would look the same and are not.
fn numbers(unit: Unit, value: f64, limit: f64) -> (String, String) {
    let (shown, bound) = (unit.human(value), unit.human(limit));
    if shown == bound && value.total_cmp(&limit).is_ne() {
        let exact = |number: f64| format!("{number} {}", unit.perfdata()).trim_end().to_owned();
        return (exact(value), exact(limit));
    }
    let bound = match unit {
        Unit::Load | Unit::Count => unit.level(limit),
        _ => bound.replacen(".0 ", " ", 1),
    };
    (shown, bound)
}

/// How little of its span is known: ` (only 3 min of 10 min)`.
fn shortage(measured: &Measured, reading: &Reading) -> String {
    match (reading.shortage, measured.over) {
        (Some(covered), Some(over)) => {
            format!(" (only {} of {})", span::human(covered), span::human(over.seconds as f64))
        }
        _ => String::new(),
    }
}

/// A term of a series with the limits it has in all comparisons.
struct Datum {
    name: String,
    value: f64,
    unit: Unit,
    low: Option<f64>,
    high: Option<f64>,
}

impl Datum {
    fn new(measured: &Measured, reading: &Reading) -> Self {
        let name = measured.name(&reading.series);
        let metric = collector::find(&reading.series.metric);
        let value = metric.map_or(reading.value, |metric| metric.round(reading.value));
        Datum { name, value, unit: reading.unit, low: None, high: None }
    }

    fn limit(&mut self, operator: Operator, limit: f64) {
        if operator.is_upper_limit() {
            self.high = Some(self.high.map_or(limit, |other| other.min(limit)));
        } else {
            self.low = Some(self.low.map_or(limit, |other| other.max(limit)));
        }
    }

    /// As the guidelines write what is good; whether the limit itself is, a range cannot say.
    fn range(&self) -> String {
        match (self.low.map(exact), self.high.map(exact)) {
            (None, Some(high)) if high < 0.0 => format!("~:{high}"),
            (None, Some(high)) => high.to_string(),
            (Some(low), None) => format!("{low}:"),
            (Some(low), Some(high)) if low <= high => format!("{low}:{high}"),
            _ => String::new(),
        }
    }
}

/// One for each term of each series, in the order of the expression.
fn data(answer: &Answer) -> impl Iterator<Item = String> {
    let mut data: Vec<Datum> = Vec::new();
    for (comparison, pairs) in judged(answer) {
        for Pair { subject, limit, .. } in pairs {
            let mut datum = Datum::new(&comparison.subject, subject);
            match (limit, &comparison.limit) {
                (Bound::Reading(reading), Limit::Measured(measured)) => {
                    add(&mut data, datum);
                    add(&mut data, Datum::new(measured, reading));
                }
                (bound, _) => {
                    datum.limit(comparison.operator, bound.value());
                    add(&mut data, datum);
                }
            }
        }
    }
    let is_warning = answer.failing == Level::Warning;
    data.into_iter().map(move |datum| {
        let range = datum.range();
        let (warning, critical) = if is_warning { (&*range, "") } else { ("", &*range) };
        perfdata::datum(&datum.name, datum.value, datum.unit, warning, critical)
    })
}

/// What stands there twice is one, with the limits of both.
fn add(data: &mut Vec<Datum>, datum: Datum) {
    match data.iter_mut().find(|known| known.name == datum.name) {
        Some(known) => {
            datum.high.into_iter().for_each(|high| known.limit(Operator::AtMost, high));
            datum.low.into_iter().for_each(|low| known.limit(Operator::AtLeast, low));
        }
        None => data.push(datum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datum(limits: &[(Operator, f64)]) -> String {
        let mut datum =
            Datum { name: "x".to_owned(), value: 1.0, unit: Unit::Percent, low: None, high: None };
        for (operator, limit) in limits {
            datum.limit(*operator, *limit);
        }
        datum.range()
    }

    #[test]
    fn limits_are_ranges_of_what_is_good() {
        use Operator::{AtLeast, AtMost, Greater, Less};
        for (limits, range) in [
            (&[][..], ""),
            (&[(Less, 90.0)], "90"),
            (&[(AtMost, -5.0)], "~:-5"),
            (&[(Greater, 20.0)], "20:"),
            (&[(AtLeast, 10.0), (Less, 70.0)], "10:70"),
            (&[(Less, 90.0), (Less, 80.0), (Greater, 1.0), (Greater, 2.0)], "2:80"),
            (&[(Greater, 70.0), (Less, 10.0)], ""),
        ] {
            assert_eq!(datum(limits), range, "{limits:?}");
        }
    }

    #[test]
    fn numbers_that_look_the_same_and_are_not_have_all_digits() {
        let texts = |unit, value, limit| {
            let (value, limit) = numbers(unit, value, limit);
            format!("{value} / {limit}")
        };
        assert_eq!(texts(Unit::Percent, 38.4, 90.0), "38.4 % / 90 %");
        assert_eq!(texts(Unit::Percent, 90.0, 90.0), "90.0 % / 90 %");
        assert_eq!(texts(Unit::Load, 0.42, 4.0), "0.42 / 4");
        assert_eq!(
            texts(Unit::Bytes, 21_474_836_479.0, 21_474_836_480.0),
            "21474836479 B / 21474836480 B"
        );
    }
}
