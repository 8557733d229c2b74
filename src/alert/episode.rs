//! Episodes as they are shown: from what is firing now, and from the events of the past. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Level;
use super::mute::{Mute, Mutes};
use super::state::{Standing, State};
use crate::event::{Event, epoch_of, kind, rfc3339};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<String>,
    /// The silence ends earlier if it ends.
    #[serde(skip_serializing_if = "is_false")]
    pub until_recovered: bool,
    /// Its level changes too often; what is told is the worst there was.
    #[serde(skip_serializing_if = "is_false")]
    pub flapping: bool,
    #[serde(skip)]
    pub start_epoch: i64,
    /// Who was told, as people call it, and when first.
    #[serde(skip)]
    pub told_to: Vec<(String, i64)>,
    /// Why nothing is told of it now.
    #[serde(skip)]
    pub mute: Option<Mute>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_false(flag: &bool) -> bool {
    !flag
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
            silenced_until: None,
            until_recovered: false,
            flapping: false,
            start_epoch: start,
            told_to: Vec::new(),
            mute: None,
        }
    }

    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether somebody wants to hear nothing of it.
    pub fn is_silenced(&self) -> bool {
        self.silenced_until.is_some()
    }

    /// Notes what mutes it.
    pub fn muted_by(&mut self, mutes: &Mutes, worst: Level) {
        self.mute = mutes.of(&Series::parse(&self.series), worst, false);
        if let Some(Mute::Silenced(silence)) = &self.mute {
            self.silenced_until = Some(rfc3339(silence.until));
            self.until_recovered = silence.until_recovered;
        }
    }

    /// Takes in a value that may be its worst: the one that is farther past the threshold.
    fn deepen(&mut self, value: Option<f64>) {
        let beyond = |value: f64| (value - self.threshold.unwrap_or_default()).abs();
        if let Some(value) = value
            && self.worst.is_none_or(|worst| beyond(value) > beyond(worst))
        {
            self.worst = Some(value);
        }
    }
}

/// What is firing or flaps, the worst first, with the values of the last sample and what mutes it.
pub fn firing(
    state: &State,
    sample: Option<&Sample>,
    mutes: &Mutes,
    threshold: impl Fn(&Standing) -> Option<f64>,
    now: i64,
) -> Vec<Episode> {
    let open = state.standings.iter().filter(|standing| standing.is_open());
    let mut episodes: Vec<Episode> = open
        .map(|standing| {
            let start = standing.start().map_or(now, |start| start.epoch);
            let mut episode = Episode::new(&standing.series, standing.told_level(), start, now);
            episode.value =
                sample.and_then(|sample| sample.values.number(&Series::parse(&standing.series)));
            episode.threshold = threshold(standing);
            episode.worst = match &standing.flapping {
                Some(flapping) => flapping.worst,
                None => standing.worst,
            };
            episode.flapping = standing.flapping.is_some();
            let told = standing.told.iter();
            episode.told_to = told.map(|(name, told)| (name.clone(), told.first)).collect();
            episode.told = episode.told_to.iter().map(|(_, first)| *first).min().map(rfc3339);
            episode.muted_by(mutes, standing.worst_level());
            episode
        })
        .collect();
    episodes.sort_by(|a, b| {
        b.level.cmp(&a.level).then(a.start_epoch.cmp(&b.start_epoch)).then(a.series.cmp(&b.series))
    });
    episodes
}

/// Episodes that the events tell of, in the order of their start. Those without an end are open; a stretch of flapping
/// is one.
pub fn from_events(events: &[Event], now: i64) -> Vec<Episode> {
    let mut course = Course { open: BTreeMap::new(), over: Vec::new(), now };
    for event in events {
        if let Some(series) = event.series.as_deref() {
            course.take(event, series);
        }
    }
    let mut episodes = course.over;
    episodes.extend(course.open.into_values().map(|open| open.episode));
    episodes.sort_by_key(|episode| episode.start_epoch);
    episodes
}

/// An episode without an end so far.
struct Open {
    episode: Episode,
    /// While it flaps: when it was last back, if it still is.
    back: Option<(String, i64)>,
}

struct Course<'a> {
    open: BTreeMap<&'a str, Open>,
    over: Vec<Episode>,
    now: i64,
}

impl<'a> Course<'a> {
    fn take(&mut self, event: &'a Event, series: &'a str) {
        match event.event.as_str() {
            kind::RAISED | kind::ESCALATED | kind::EASED => {
                let open = self.open(event, series);
                open.back = None;
                let episode = &mut open.episode;
                let level = event.level.unwrap_or(Level::Warning);
                // Of two rules about one series the worse one goes with its own limit.
                if event.event != kind::EASED && level >= episode.level {
                    (episode.level, episode.threshold) = (level, event.threshold);
                }
                episode.value = event.value.or(episode.value);
                episode.deepen(event.value);
            }
            kind::FLAPPING => self.flaps(event, series),
            kind::TOLD => {
                if let Some(open) = self.open.get_mut(series) {
                    let told = &mut open.episode;
                    told.told.get_or_insert_with(|| event.timestamp.clone());
                    told.told_to.extend(event.to.clone().map(|to| (to, event.epoch)));
                }
            }
            kind::RECOVERED if self.open.get(series).is_some_and(|open| open.episode.flapping) => {
                let open = self.open(event, series);
                open.back = Some((event.timestamp.clone(), event.epoch));
                open.episode.value = event.value;
                open.episode.deepen(event.worst);
            }
            kind::CALMED => {
                self.flaps(event, series);
                let open = self.open(event, series);
                open.episode.flapping = false;
                if let Some((end, epoch)) = open.back.take() {
                    self.end(series, end, epoch);
                }
            }
            kind::RECOVERED | kind::WITHDRAWN | kind::GONE => {
                let open = self.open(event, series);
                open.episode.value = event.value;
                open.episode.worst = event.worst.or(open.episode.worst);
                self.end(series, event.timestamp.clone(), event.epoch);
            }
            _ => {}
        }
    }

    fn open(&mut self, event: &Event, series: &'a str) -> &mut Open {
        let start = event.since.as_deref().and_then(epoch_of).unwrap_or(event.epoch);
        let level = event.level.unwrap_or(Level::Warning);
        let now = self.now;
        self.open.entry(series).or_insert_with(|| Open {
            episode: Episode::new(series, level, start, now),
            back: None,
        })
    }

    /// It turns out that what ended since its beginning had not ended.
    fn flaps(&mut self, event: &Event, series: &'a str) {
        let since = event.since.as_deref().and_then(epoch_of).unwrap_or(event.epoch);
        let known = self.open.get(series).map(|open| open.episode.start_epoch);
        let start = known.map_or(since, |known| known.min(since));
        let is_part = |episode: &Episode| episode.series == series && episode.start_epoch >= start;
        let parts: Vec<Episode> = self.over.extract_if(.., |episode| is_part(episode)).collect();
        let now = self.now;
        let open = self.open(event, series);
        let whole = &mut open.episode;
        (whole.flapping, whole.threshold) = (true, event.threshold.or(whole.threshold));
        (whole.start, whole.start_epoch) = (rfc3339(start), start);
        whole.seconds = (now - start).max(0);
        for part in parts {
            whole.level = whole.level.max(part.level);
            whole.deepen(part.worst);
            whole.told = part.told.or(whole.told.take());
            whole.told_to.splice(..0, part.told_to);
        }
        if event.level == Some(Level::Ok) {
            open.back.get_or_insert_with(|| (event.timestamp.clone(), event.epoch));
        }
    }

    fn end(&mut self, series: &str, end: String, epoch: i64) {
        if let Some(Open { mut episode, .. }) = self.open.remove(series) {
            episode.end = Some(end);
            episode.seconds = (epoch - episode.start_epoch).max(0);
            self.over.push(episode);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flap::Flapping;
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
    fn the_worst_level_goes_with_its_own_limit() {
        let critical = event(kind::RAISED, 100, Level::Critical, 100.2);
        let milder =
            Event { threshold: Some(70.0), ..event(kind::RAISED, 100, Level::Warning, 100.2) };
        for events in [[critical.clone(), milder.clone()], [milder, critical]] {
            let episodes = from_events(&events, 1_000);
            let shape: Vec<_> = episodes.iter().map(|one| (one.level, one.threshold)).collect();
            assert_eq!(shape, [(Level::Critical, Some(80.0))]);
        }
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

    #[test]
    fn a_stretch_of_flapping_is_one_episode_that_began_with_what_had_not_ended() {
        let changes = [
            event(kind::RAISED, 100, Level::Warning, 85.0),
            event(kind::RECOVERED, 200, Level::Ok, 10.0),
            event(kind::RAISED, 300, Level::Critical, 95.0),
            event(kind::RECOVERED, 400, Level::Ok, 10.0),
            event(kind::RAISED, 500, Level::Warning, 82.0),
            Event { since: Some(rfc3339(300)), ..event(kind::FLAPPING, 500, Level::Warning, 82.0) },
            event(kind::RECOVERED, 600, Level::Ok, 10.0),
            event(kind::CALMED, 7_800, Level::Ok, 10.0),
        ];
        let flapping = from_events(&changes[..7], 700);
        let shape = |episode: &Episode| {
            (episode.start_epoch, episode.seconds, episode.is_over(), episode.flapping)
        };
        assert_eq!(
            flapping.iter().map(shape).collect::<Vec<_>>(),
            [(100, 100, true, false), (300, 400, false, true)]
        );
        assert_eq!((flapping[1].level, flapping[1].worst), (Level::Critical, Some(95.0)));
        let calm = from_events(&changes, 9_000);
        assert_eq!(
            calm.iter().map(shape).collect::<Vec<_>>(),
            [(100, 100, true, false), (300, 300, true, false)]
        );
    }

    #[test]
    fn what_flaps_is_firing_from_its_beginning_on_at_its_worst() {
        let moment = |epoch| Moment { epoch, boot_id: "a".into(), uptime: 0.0 };
        let flapping = Flapping {
            since: moment(300),
            peak: Level::Critical,
            worst: Some(95.0),
            worst_at: None,
        };
        let standing =
            Standing { series: "x".into(), flapping: Some(flapping), ..Standing::default() };
        let state = State { standings: vec![standing], ..State::default() };
        let episodes = firing(&state, None, &Mutes::default(), |_| None, 1_000);
        assert_eq!(
            (episodes[0].level, episodes[0].start_epoch, episodes[0].worst, episodes[0].flapping),
            (Level::Critical, 300, Some(95.0), true)
        );
    }
}
