//! The series that a person may mean, and what to say to a name that nobody knows.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::alert::rule::Rule;
use crate::alert::state::State;
use crate::collector::metrics;
use crate::config::Config;
use crate::event::Event;
use crate::sample::Sample;
use crate::series::{Pattern, Series, did_you_mean, glob, is_glob};

/// Names from the registry, the configuration, the last sample, the state and the events.
pub(super) struct Known<'a> {
    rules: &'a [Rule],
    expected: &'a [String],
    seen: BTreeSet<Series>,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        config: &'a Config,
        sample: Option<&Sample>,
        state: &State,
        events: &[Event],
    ) -> Self {
        let points = sample.iter().flat_map(|sample| sample.values.points());
        let in_sample = points.map(|(metric, label, _)| Series::new(metric, label));
        let past = state.past.iter().map(|past| &past.standing);
        let remembered = state.standings.iter().chain(past).map(|standing| &standing.series);
        let told = events.iter().filter_map(|event| event.series.as_ref());
        let named = remembered.chain(told).filter(|name| !is_glob(name));
        let known = named.map(|name| Series::parse(name));
        let seen = in_sample.chain(known);
        Known { rules: &config.rules, expected: &config.expect, seen: seen.collect() }
    }

    /// The series that a text means, in the order of the registry; one that is known by name alone stands for itself.
    ///
    /// # Errors
    /// Nothing has that name: says what was probably meant.
    pub(super) fn matching(&self, typed: &str) -> Result<Vec<Series>> {
        self.check(typed)?;
        let pattern = Pattern::parse(typed);
        let fits = |series: &&Series| pattern.matches(&series.metric, series.label.as_deref());
        let mut found: Vec<Series> = self.seen.iter().filter(fits).cloned().collect();
        let place = |series: &Series| metrics().position(|metric| metric.name == series.metric);
        found.sort_by_key(|series| place(series).unwrap_or(usize::MAX));
        if found.is_empty() && !is_glob(typed) {
            found.push(Series::parse(typed));
        }
        Ok(found)
    }

    /// # Errors
    /// Nothing has that name: says what was probably meant.
    pub(super) fn check(&self, typed: &str) -> Result<()> {
        let pattern = Pattern::parse(typed);
        let matches = |series: &Series| pattern.matches(&series.metric, series.label.as_deref());
        let declared: Vec<_> =
            metrics().filter(|metric| pattern.matches_metric(metric.name)).collect();
        let is_configured = !declared.is_empty() && self.is_configured(typed, &pattern);
        if typed == "*" || self.seen.iter().any(matches) || is_configured {
            return Ok(());
        }
        let Some(label) = pattern.label.as_deref() else {
            return if declared.is_empty() { self.unknown(typed) } else { Ok(()) };
        };
        if !declared.is_empty() && declared.iter().all(|metric| metric.label.is_none()) {
            bail!("{} has no labels", pattern.metric);
        }
        let has_any = |name: &str| self.seen.iter().any(|series| series.metric == name);
        // Before its first sample nobody knows the labels of a metric.
        if !is_glob(label) && declared.iter().any(|metric| !has_any(metric.name)) {
            return Ok(());
        }
        self.unknown(typed)
    }

    /// Whether the configuration speaks of just that.
    fn is_configured(&self, typed: &str, pattern: &Pattern) -> bool {
        let Some(label) = pattern.label.as_deref() else { return false };
        let is_said = |said: &str| said == label || (said != "*" && glob(said, label));
        let said_by = |rule: &Rule| {
            let own = rule.pattern.label.iter();
            let mut labels = own.chain(rule.labels.iter().map(|(label, _)| label));
            glob(&rule.pattern.metric, &pattern.metric) && labels.any(|said| is_said(said))
        };
        self.rules.iter().any(said_by)
            || self.expected.iter().any(|name| name == label || name == typed)
    }

    fn unknown(&self, typed: &str) -> Result<()> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.key == typed) {
            let Pattern { metric, label } = rule.pattern.clone();
            bail!("the rule of that name is about {}; name that", Series { metric, label });
        }
        if is_glob(typed) {
            bail!("no series matches it; hostwatch metrics lists what there is");
        }
        let seen = self.seen.iter().map(Series::to_string);
        let keys = self.rules.iter().map(|rule| rule.key.clone());
        let names: Vec<String> =
            metrics().map(|metric| metric.name.to_owned()).chain(seen).chain(keys).collect();
        let offer = did_you_mean(typed, names.iter().map(String::as_str));
        bail!("no series of that name{offer}; hostwatch metrics lists them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_text;
    use crate::sample::read::{Wanted, line};

    const CONFIG: &str = r#"{"monitoring": {"expect": ["/backup"], "alert_thresholds": {
        "hot": {"metric": "cpu_temp", "warning": 50}, "filesystem_percent": {"warning": 80, "labels": {"/media/*": 90}}}}}"#;

    fn check(typed: &str, values: &str) -> String {
        let text = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\"{values}}}");
        let sample = line(text.as_bytes(), &Wanted::everything()).unwrap();
        let config = from_text(CONFIG, None).unwrap();
        let known = Known::new(&config, Some(&sample), &State::default(), &[]);
        known.check(typed).err().map(|error| error.to_string()).unwrap_or_default()
    }

    const MOUNTS: &str = r#","filesystem_percent":{"/":3,"/data":4},"solar_watts":9"#;

    #[test]
    fn what_is_declared_configured_or_seen_is_known() {
        for typed in [
            "*",
            "cpu_percent",
            "memory_*",
            "solar_watts",
            "filesystem_percent",
            "filesystem_percent{/data}",
            "filesystem_percent{/d*}",
            "filesystem_percent{/media/usb}",
            "filesystem_percent{/media/*}",
            "filesystem_percent{/backup}",
            "missing{/backup}",
            "interface_received{eth0}",
        ] {
            assert_eq!(check(typed, MOUNTS), "", "{typed}");
        }
        assert_eq!(check("filesystem_percent{/any}", ""), "");
    }

    #[test]
    fn what_nobody_knows_is_offered_the_nearest() {
        for (typed, words) in [
            ("cpu_precent", "did you mean \"cpu_percent\""),
            ("filesystem_percent{/dat}", "\"filesystem_percent{/data}\""),
            ("solar_wats", "\"solar_watts\""),
            ("xyz*", "no series matches it"),
            ("filesystem_percent{/x*}", "no series matches it"),
            ("cpu_percent{x}", "has no labels"),
            ("hot", "is about cpu_temp"),
            ("", "no series of that name"),
        ] {
            let said = check(typed, MOUNTS);
            assert!(said.contains(words), "{typed}: {said}");
        }
    }
}
