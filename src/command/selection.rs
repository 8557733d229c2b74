//! The series that a person asked for: which names to read, and what to say to a name that nobody knows.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::collector::{self, find};
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::{Pattern, Series, did_you_mean, is_glob};

/// Series as typed; none: all, or the overview.
#[derive(Clone, Debug)]
pub struct Selection {
    patterns: Vec<Pattern>,
}

impl Selection {
    pub fn new(typed: &[String]) -> Self {
        Selection { patterns: typed.iter().map(|text| Pattern::parse(text)).collect() }
    }

    /// What `status` and `history` show unless told: the metrics that declare it.
    pub fn overview() -> Self {
        let names = collector::metrics()
            .filter(|metric| metric.overview)
            .map(|metric| metric.name.to_owned());
        Selection::new(&names.collect::<Vec<_>>())
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// The names to read from the lines: all, if any pattern is open.
    pub fn wanted(&self) -> Wanted {
        let open = self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| is_glob(&pattern.metric));
        let mut wanted = if open {
            Wanted::everything()
        } else {
            Wanted::names(self.patterns.iter().map(|pattern| pattern.metric.as_str()))
        };
        wanted.text = self.patterns.is_empty();
        wanted.formerly = collector::formerly();
        wanted
    }

    pub fn takes(&self, metric: &str, label: Option<&str>) -> bool {
        self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| pattern.matches(metric, label))
    }

    /// The numbers of a sample that were asked for.
    pub fn points<'a>(&'a self, sample: &'a Sample) -> impl Iterator<Item = (Series, f64)> + 'a {
        let points = sample.values.points().filter(|(metric, label, _)| self.takes(metric, *label));
        points.map(|(metric, label, value)| (Series::new(metric, label), value.as_f64()))
    }

    /// Where a series stands in what was asked for, then in the registry.
    pub fn position(&self, series: &Series) -> (usize, usize, Series) {
        let asked = self
            .patterns
            .iter()
            .position(|pattern| pattern.matches(&series.metric, series.label.as_deref()));
        let declared = collector::metrics().position(|metric| metric.name == series.metric);
        (asked.unwrap_or(usize::MAX), declared.unwrap_or(usize::MAX), series.clone())
    }

    /// Every name must be known: to the registry, or from the lines that were read.
    ///
    /// # Errors
    /// Names the unknown one and the nearest known ones.
    pub fn check(&self, seen: &BTreeSet<Series>) -> Result<()> {
        for pattern in &self.patterns {
            let in_lines =
                seen.iter().any(|series| pattern.matches(&series.metric, series.label.as_deref()));
            let declared = collector::metrics().any(|metric| pattern.matches_metric(metric.name));
            let known = || {
                collector::metrics()
                    .map(|metric| metric.name)
                    .chain(seen.iter().map(|series| series.metric.as_str()))
            };
            if !in_lines && !declared {
                bail!(
                    "no series \"{}\"{}; hostwatch metrics lists them",
                    pattern.metric,
                    did_you_mean(&pattern.metric, known())
                );
            }
            if let (false, Some(label), Some(metric)) =
                (in_lines, &pattern.label, find(&pattern.metric))
            {
                if metric.label.is_none() {
                    bail!(
                        "no series \"{}{{{label}}}\": {} has no labels",
                        metric.name,
                        metric.name
                    );
                }
                let labels: Vec<&str> = seen
                    .iter()
                    .filter(|series| series.metric == pattern.metric)
                    .filter_map(|series| series.label.as_deref())
                    .collect();
                if !labels.is_empty() || !is_glob(label) {
                    let offer = if labels.is_empty() {
                        "none in this range".to_owned()
                    } else {
                        labels.join(", ")
                    };
                    bail!(
                        "no series \"{}{{{label}}}\" in this range; its labels: {offer}",
                        metric.name
                    );
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, seen: &[&str]) -> Result<()> {
        Selection::new(&[typed.to_owned()])
            .check(&seen.iter().map(|text| Series::parse(text)).collect())
    }

    #[test]
    fn known_names_pass_with_or_without_data() {
        for typed in ["cpu_percent", "memory_*", "filesystem_percent"] {
            assert!(check(typed, &[]).is_ok(), "{typed}");
        }
        assert!(check("later_metric", &["later_metric"]).is_ok());
    }

    #[test]
    fn an_unknown_name_is_offered_the_nearest() {
        assert!(
            check("cpu_precent", &[])
                .is_err_and(|error| error.to_string().contains("\"cpu_percent\""))
        );
        assert!(check("xyz*", &[]).is_err());
    }

    #[test]
    fn an_unknown_label_is_told_the_known_ones() {
        let error = check(
            "filesystem_percent{/dat}",
            &["filesystem_percent{/}", "filesystem_percent{/data}"],
        )
        .unwrap_err();
        assert!(error.to_string().contains("/, /data"));
        assert!(check("cpu_percent{x}", &[]).is_err());
    }
}
