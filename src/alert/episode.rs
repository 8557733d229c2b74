//! Episodes as they are shown: from what is firing now, and from the events of the past. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Level;
use super::state::{Standing, State};
use crate::event::{Event, kind, rfc3339};
use crate::sample::Sample;
use crate::sample::write::short;
use crate::series::Series;

/// One alert from raise to end. No `end`: not over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    pub series: String,
    pub metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub level: Level,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub threshold: Option<f64>,
    pub start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    pub seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub worst: Option<f64>,
    /// When somebody was first told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    #[serde(skip)]
    pub start_epoch: i64,
}

impl Episode {
    fn new(series: &str, level: Level, start: i64, end: i64) -> Self {
        let parsed = Series::parse(series);
        Episode {
            series: series.to_owned(),
            metric: parsed.metric,
            label: parsed.label,
            level,
            value: None,
            threshold: None,
            start: rfc3339(start),
            end: None,
            seconds: (end - start).max(0),
            worst: None,
            told: None,
            start_epoch: start,
        }
    }

    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }
}

/// What is firing, the worst first, with the values of the last sample.
pub fn firing(
    state: &State,
    sample: Option<&Sample>,
    threshold: impl Fn(&Standing) -> Option<f64>,
    now: i64,
) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = state
        .firing()
        .map(|standing| {
            let start = standing.since.as_ref().map_or(now, |since| since.epoch);
            let mut episode = Episode::new(&standing.series, standing.level, start, now);
            episode.value =
                sample.and_then(|sample| sample.values.number(&Series::parse(&standing.series)));
            episode.threshold = threshold(standing);
            episode.worst = standing.worst;
            episode.told = standing.told.values().map(|told| told.first).min().map(rfc3339);
            episode
        })
        .collect();
    episodes.sort_by(|a, b| {
        b.level.cmp(&a.level).then(a.start_epoch.cmp(&b.start_epoch)).then(a.series.cmp(&b.series))
    });
    episodes
}

/// Episodes that the events tell of, in the order of their start. Those without an end are open.
pub fn from_events(events: &[Event], now: i64) -> Vec<Episode> {
    let mut open: BTreeMap<&str, Episode> = BTreeMap::new();
    let mut episodes = Vec::new();
    for event in events {
        let Some(series) = event.series.as_deref() else { continue };
        let level = event.level.unwrap_or(Level::Warning);
        match event.event.as_str() {
            kind::RAISED | kind::ESCALATED | kind::EASED => {
                let start = event.since.as_deref().and_then(epoch_of).unwrap_or(event.epoch);
                let episode =
                    open.entry(series).or_insert_with(|| Episode::new(series, level, start, now));
                episode.level = episode.level.max(level);
                if event.event != kind::EASED {
                    episode.threshold = event.threshold;
                }
                episode.value = event.value.or(episode.value);
                episode.worst = event.value.or(episode.worst);
            }
            kind::TOLD => {
                if let Some(episode) = open.get_mut(series) {
                    episode.told.get_or_insert_with(|| event.timestamp.clone());
                }
            }
            kind::RECOVERED | kind::WITHDRAWN | kind::GONE => {
                let start = event.since.as_deref().and_then(epoch_of).unwrap_or(event.epoch);
                let mut episode =
                    open.remove(series).unwrap_or_else(|| Episode::new(series, level, start, now));
                episode.end = Some(event.timestamp.clone());
                episode.seconds = (event.epoch - episode.start_epoch).max(0);
                episode.value = event.value;
                episode.worst = event.worst.or(episode.worst);
                episodes.push(episode);
            }
            _ => {}
        }
    }
    episodes.extend(open.into_values());
    episodes.sort_by_key(|episode| episode.start_epoch);
    episodes
}

fn epoch_of(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Moment;

    fn event(kind: &str, epoch: i64, level: Level, value: f64) -> Event {
        let mut event = Event::new(kind, "h", &Moment { epoch, boot_id: "a".into(), uptime: 0.0 })
            .about("x{a}");
        (event.level, event.value, event.threshold) = (Some(level), Some(value), Some(80.0));
        event
    }

    #[test]
    fn a_raise_and_its_end_are_one_episode() {
        let events = [
            event(kind::RAISED, 100, Level::Warning, 85.0),
            event(kind::ESCALATED, 150, Level::Critical, 95.0),
            event(kind::RECOVERED, 400, Level::Ok, 10.0),
        ];
        let episodes = from_events(&events, 1_000);
        assert_eq!(
            (episodes.len(), episodes[0].seconds, episodes[0].level, episodes[0].is_over()),
            (1, 300, Level::Critical, true)
        );
        assert_eq!(
            (episodes[0].metric.as_str(), episodes[0].label.as_deref(), episodes[0].worst),
            ("x", Some("a"), Some(95.0))
        );
    }

    #[test]
    fn a_raise_without_an_end_is_open() {
        let episodes = from_events(&[event(kind::RAISED, 100, Level::Warning, 85.0)], 1_000);
        assert_eq!((episodes[0].seconds, episodes[0].is_over()), (900, false));
    }

    #[test]
    fn an_end_whose_raise_is_not_in_the_range_still_counts() {
        let mut end = event(kind::RECOVERED, 400, Level::Warning, 10.0);
        end.since = Some(rfc3339(100));
        let episodes = from_events(&[end], 1_000);
        assert_eq!((episodes[0].seconds, episodes[0].start_epoch), (300, 100));
    }
}
