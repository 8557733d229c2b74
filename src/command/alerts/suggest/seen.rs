//! The course of every series that levels may be suggested for, from one reading of the samples.

use std::collections::BTreeMap;

use anyhow::Result;

use super::super::super::selection::Selection;
use crate::alert::plugin;
use crate::collector;
use crate::config::Config;
use crate::sample::read::Wanted;
use crate::sample::{Entry, Sample};
use crate::series::Series;
use crate::store::Store;
use crate::store::range::{Damage, Range};
use crate::summary::Summariser;

#[derive(Default)]
pub(super) struct Seen {
    metrics: BTreeMap<String, Metric>,
    pub samples: usize,
    /// Epochs of the first sample and of the last.
    ends: Option<(i64, i64)>,
    pub damage: Vec<Damage>,
}

#[derive(Default)]
struct Metric {
    single: Course,
    by_label: BTreeMap<String, Course>,
}

#[derive(Default)]
enum Course {
    #[default]
    Unseen,
    Unasked,
    Of(Summariser),
}

impl Course {
    fn add(&mut self, value: f64, is_asked: impl Fn() -> bool) {
        if let Course::Unseen = self {
            *self = if is_asked() { Course::Of(Summariser::default()) } else { Course::Unasked };
        }
        if let Course::Of(summariser) = self {
            summariser.add(value);
        }
    }

    fn summariser(&self) -> Option<&Summariser> {
        match self {
            Course::Of(summariser) => Some(summariser),
            Course::Unseen | Course::Unasked => None,
        }
    }
}

impl Seen {
    pub(super) fn read(
        store: &Store,
        range: Range,
        typed: &Selection,
        config: &Config,
    ) -> Result<Self> {
        let wanted = wanted(typed, config);
        let mut seen = Seen::default();
        let mut samples = store.samples(range, &wanted)?;
        for sample in samples.by_ref() {
            seen.see(&sample, typed, config);
        }
        seen.damage = samples.damage;
        Ok(seen)
    }

    pub(super) fn see(&mut self, sample: &Sample, typed: &Selection, config: &Config) {
        self.samples += 1;
        let epoch = sample.epoch();
        self.ends = Some(self.ends.map_or((epoch, epoch), |(first, _)| (first, epoch)));
        for (metric, entry) in sample.values.entries() {
            self.add(metric, entry, |label| is_asked(metric, label, typed, config));
        }
    }

    fn add(&mut self, metric: &str, entry: &Entry, is_asked: impl Fn(Option<&str>) -> bool) {
        if !self.metrics.contains_key(metric) {
            self.metrics.insert(metric.to_owned(), Metric::default());
        }
        let Some(known) = self.metrics.get_mut(metric) else { return };
        match entry {
            Entry::Single(value) => known.single.add(value.as_f64(), || is_asked(None)),
            Entry::Labelled(labels) => {
                for (label, value) in labels.iter() {
                    if !known.by_label.contains_key(label) {
                        known.by_label.insert(label.clone(), Course::default());
                    }
                    if let Some(course) = known.by_label.get_mut(label) {
                        course.add(value.as_f64(), || is_asked(Some(label)));
                    }
                }
            }
        }
    }

    pub(super) fn series(&self) -> impl Iterator<Item = (Series, &Summariser)> {
        self.metrics.iter().flat_map(|(name, metric)| {
            let single = metric.single.summariser().into_iter();
            let single = single.map(move |one| (Series::new(name, None), one));
            let labelled = metric.by_label.iter().filter_map(move |(label, course)| {
                Some((Series::new(name, Some(label)), course.summariser()?))
            });
            single.chain(labelled)
        })
    }

    /// From the first sample to the last.
    pub(super) fn seconds(&self) -> f64 {
        self.ends.map_or(0.0, |(first, last)| (last - first) as f64)
    }
}

/// As typed; else what has a rule, and the overview. What only grows, or is on or off, has no usual course.
fn is_asked(metric: &str, label: Option<&str>, typed: &Selection, config: &Config) -> bool {
    let declared = collector::find(metric);
    if declared.is_some_and(|metric| metric.is_cumulative() || metric.is_state())
        || plugin::is_state_name(metric)
    {
        return false;
    }
    if !typed.is_empty() {
        return typed.takes(metric, label);
    }
    declared.is_some_and(|metric| metric.overview)
        || config.rules.iter().any(|rule| rule.levels_for(metric, label).is_some())
}

fn wanted(typed: &Selection, config: &Config) -> Wanted {
    if !typed.is_empty() {
        return typed.wanted();
    }
    let rules = config.rules.iter().map(|rule| rule.pattern.metric.as_str());
    let overview = collector::metrics().filter(|metric| metric.overview).map(|metric| metric.name);
    Wanted::matching(rules.chain(overview)).with_formerly(collector::formerly())
}
