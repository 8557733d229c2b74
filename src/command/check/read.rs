//! What the store says about the terms of an expression: the last sample, and the spans that are asked for, read once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::collector::{self, metrics};
use crate::command::selection::Selection;
use crate::expression::evaluate::{Reading, Trouble};
use crate::expression::reader::wrong;
use crate::expression::window::Window;
use crate::expression::{Comparison, Function, Limit, Measured, Over};
use crate::metric::Unit;
use crate::sample::Sample;
use crate::series::Series;
use crate::store::Store;
use crate::store::range::{Damage, Range};
use crate::time::span;

pub(super) struct Freshness {
    pub now: DateTime<Utc>,
    /// Expected seconds between samples.
    pub interval: f64,
    /// What is to be said of a last sample that is too old.
    pub stale: Option<String>,
}

pub(super) struct Data {
    pub freshness: Freshness,
    pub damage: Vec<Damage>,
    last: Sample,
    spans: Vec<Span>,
    /// Every series that was come by.
    seen: BTreeSet<Series>,
}

/// The series of a term over its span.
struct Span {
    measured: Measured,
    range: Range,
    windows: BTreeMap<Series, Window>,
}

impl Span {
    fn new(measured: &Measured, over: Over, now: DateTime<Utc>) -> Self {
        let range = Range::last(over.seconds, now);
        Span { measured: measured.clone(), range, windows: BTreeMap::new() }
    }

    fn add(&mut self, sample: &Sample, interval: f64) {
        let pattern = &self.measured.pattern;
        if !self.range.holds(sample.epoch()) {
            return;
        }
        let (start, end) = (self.range.since.timestamp(), self.range.until.timestamp());
        let points = sample.values.points();
        for (metric, label, value) in
            points.filter(|(metric, label, _)| pattern.matches(metric, *label))
        {
            let window = self.windows.entry(Series::new(metric, label));
            let window = window.or_insert_with(|| Window::new(start, end, interval));
            window.add(sample.epoch(), value.as_f64());
        }
    }
}

impl Data {
    /// One pass over the longest span, with the names that are needed.
    pub(super) fn read(
        comparisons: &[Comparison],
        store: &Store,
        last: Sample,
        freshness: Freshness,
    ) -> anyhow::Result<Self> {
        let spans = comparisons.iter().flat_map(terms);
        let spans = spans.filter_map(|term| Some(Span::new(term, term.over?, freshness.now)));
        let mut spans: Vec<Span> = spans.collect();
        let mut damage = Vec::new();
        if let Some(longest) = spans.iter().map(|span| span.range).min_by_key(|range| range.since) {
            let names: Vec<String> =
                spans.iter().map(|span| span.measured.series.clone()).collect();
            let wanted = Selection::new(&names).wanted();
            let mut samples = store.samples(longest, &wanted)?;
            for sample in samples.by_ref() {
                for span in &mut spans {
                    span.add(&sample, freshness.interval);
                }
            }
            damage = samples.damage;
        }
        let seen = last.values.points().map(|(metric, label, _)| Series::new(metric, label));
        let seen = seen.chain(spans.iter().flat_map(|span| span.windows.keys().cloned())).collect();
        Ok(Data { freshness, damage, last, spans, seen })
    }

    /// What a term is, for each of its series; never nothing.
    pub(super) fn readings(&self, measured: &Measured) -> Result<Vec<Reading>, Trouble> {
        self.check_name(measured)?;
        let cannot_say = |words: String| Err(Trouble::CannotSay(words));
        let readings = match (measured.over, &self.freshness.stale) {
            (None, Some(stale)) => return cannot_say(stale.clone()),
            (None, None) => self.now(measured),
            (Some(over), _) => self.over(measured, over),
        };
        match measured.over {
            _ if !readings.is_empty() => Ok(readings),
            None => cannot_say(format!("no reading of {} in the last sample", measured.series)),
            Some(over) => cannot_say(format!(
                "no reading of {} in the last {}",
                measured.series,
                span::human(over.seconds as f64)
            )),
        }
    }

    /// A metric that nobody knows is a mistake; a label may have been there yesterday.
    fn check_name(&self, measured: &Measured) -> Result<(), Trouble> {
        let pattern = &measured.pattern;
        let is_known = metrics().any(|metric| pattern.matches_metric(metric.name))
            || self.seen.iter().any(|series| pattern.matches_metric(&series.metric));
        Selection::new(std::slice::from_ref(&measured.series)).check(&self.seen).map_err(|error| {
            let words = error.to_string();
            if is_known {
                Trouble::CannotSay(words)
            } else {
                Trouble::Fault(wrong(measured.at, &words))
            }
        })
    }

    fn now(&self, measured: &Measured) -> Vec<Reading> {
        let points = self.last.values.points();
        let points = points.filter(|(metric, label, _)| measured.pattern.matches(metric, *label));
        points
            .map(|(metric, label, value)| reading(Series::new(metric, label), value.as_f64(), None))
            .collect()
    }

    fn over(&self, measured: &Measured, over: Over) -> Vec<Reading> {
        let Some(span) = self.spans.iter().find(|span| span.measured == *measured) else {
            return Vec::new();
        };
        let one = |(series, window): (&Series, &Window)| {
            // The newest is the newest, whatever there was before.
            let shortage = window.shortage().filter(|_| over.function != Function::Last);
            Some(reading(series.clone(), window.value(over.function)?, shortage))
        };
        span.windows.iter().filter_map(one).collect()
    }
}

/// What a comparison measures, on either side.
fn terms(comparison: &Comparison) -> impl Iterator<Item = &Measured> {
    let limit = match &comparison.limit {
        Limit::Measured(measured) => Some(measured),
        Limit::Number(_) => None,
    };
    [&comparison.subject].into_iter().chain(limit)
}

fn reading(series: Series, value: f64, shortage: Option<f64>) -> Reading {
    let unit = collector::find(&series.metric).map_or(Unit::Count, |metric| metric.unit);
    Reading { series, value, unit, shortage }
}
