//! Who is not told now, and why: silences, quiet hours, and what follows from something else. Measuring and episodes go
//! on meanwhile. Pure.

use chrono::{DateTime, Utc};

use super::Level;
use super::evaluate::rule_of;
use super::quiet::QuietHours;
use super::rule::Rule;
use super::state::{Silence, Standing, State};
use crate::event::{Event, epoch_of, kind};
use crate::metric::Metric;
use crate::sample::{Entry, Sample};
use crate::series::{Pattern, Series};

/// How the event of a silence names its cause if that is an acknowledgement.
pub const UNTIL_RECOVERED: &str = "until_recovered";

/// Why something is not told.
#[derive(Clone, Debug, PartialEq)]
pub enum Mute {
    Silenced(Silence),
    /// Until when.
    QuietHours(i64),
    /// What it follows from.
    Inhibited(Series),
}

/// Everything that mutes at one moment.
#[derive(Clone, Debug, Default)]
pub struct Mutes {
    silences: Vec<Silence>,
    quiet: Option<(QuietHours, i64)>,
    inhibitors: Vec<Series>,
    /// The descriptor of a metric.
    find: Option<fn(&str) -> Option<&'static Metric>>,
}

impl Mutes {
    pub fn at(
        now: DateTime<Utc>,
        silences: &[Silence],
        hours: Option<&QuietHours>,
        sample: &Sample,
        find: fn(&str) -> Option<&'static Metric>,
    ) -> Self {
        let lasting = silences.iter().filter(|silence| now.timestamp() < silence.until);
        let quiet = hours.and_then(|hours| Some((hours.clone(), hours.until(now)?.timestamp())));
        Mutes {
            silences: lasting.cloned().collect(),
            quiet,
            inhibitors: inhibitors(sample, find),
            find: Some(find),
        }
    }

    /// Why nothing is told of a series now whose worst level is `worst`; an end passes an acknowledgement.
    pub fn of(&self, series: &Series, worst: Level, is_over: bool) -> Option<Mute> {
        self.all(series, worst, is_over).into_iter().next()
    }

    /// Every reason for it.
    pub fn all(&self, series: &Series, worst: Level, is_over: bool) -> Vec<Mute> {
        let silences = self
            .silences
            .iter()
            .filter(|silence| !(silence.until_recovered && is_over))
            .filter(|silence| silence.covers(series));
        let metric = self.find.and_then(|find| find(&series.metric));
        let label = series.label.as_deref().or_else(|| metric?.of_label);
        // What explains others is told itself.
        let is_cause = metric.is_some_and(|metric| metric.inhibits);
        let follows = |cause: &&Series| !is_cause && cause.label.as_deref() == label;
        let causes = self.inhibitors.iter().filter(follows);
        let quiet = self.quiet.iter().filter(|(hours, _)| !hours.lets_pass(worst));
        let silences = silences.map(|silence| Mute::Silenced(silence.clone()));
        let causes = causes.map(|cause| Mute::Inhibited(cause.clone()));
        silences.chain(causes).chain(quiet.map(|(_, until)| Mute::QuietHours(*until))).collect()
    }

    /// Those in force.
    pub fn silences(&self) -> &[Silence] {
        &self.silences
    }

    /// The end of the quiet hours, inside them.
    pub fn quiet_until(&self) -> Option<i64> {
        self.quiet.as_ref().map(|(_, until)| *until)
    }
}

impl Silence {
    pub fn covers(&self, series: &Series) -> bool {
        let pattern = Pattern::parse(&self.series);
        self.series == "*" || pattern.matches(&series.metric, series.label.as_deref())
    }
}

/// The series that explain others of their label: a mount that is gone or read-only cannot fill.
fn inhibitors(sample: &Sample, find: fn(&str) -> Option<&'static Metric>) -> Vec<Series> {
    let mut found = Vec::new();
    for (metric, entry) in sample.values.entries() {
        let Entry::Labelled(labels) = entry else { continue };
        let mut set = labels.iter().filter(|(_, value)| value.as_f64() >= 1.0).peekable();
        if set.peek().is_some() && find(metric).is_some_and(|metric| metric.inhibits) {
            found.extend(set.map(|(label, _)| Series::new(metric, Some(label))));
        }
    }
    found
}

/// Notes which standings nobody could have been told of yet.
pub fn mark(state: &mut State, mutes: &Mutes, now: &crate::time::Moment) {
    for standing in &mut state.standings {
        let begins = standing.start() == Some(now);
        let series = Series::parse(&standing.series);
        let is_muted =
            standing.is_open() && mutes.of(&series, standing.worst_level(), false).is_some();
        standing.muted = is_muted && (begins || standing.muted);
    }
}

/// The series that fire or flap under a rule that holds.
pub fn open(state: &State, rules: &[Rule]) -> Vec<Series> {
    let is_open = |standing: &&Standing| standing.is_open() && rule_of(rules, standing).is_some();
    let open = state.standings.iter().filter(is_open);
    open.map(|standing| Series::parse(&standing.series)).collect()
}

/// The silences in force as the events tell of them, for those who may not read the state.
pub fn from_events(events: &[Event], now: i64) -> Vec<Silence> {
    let mut silences: Vec<Silence> = Vec::new();
    for event in events {
        let Some(series) = &event.series else { continue };
        if [kind::SILENCED, kind::UNSILENCED].contains(&event.event.as_str()) {
            silences.retain(|silence| silence.series != *series);
        }
        let until = event.until.as_deref().and_then(epoch_of).filter(|until| now < *until);
        if let (kind::SILENCED, Some(until)) = (event.event.as_str(), until) {
            silences.push(Silence {
                series: series.clone(),
                since: event.epoch,
                until,
                until_recovered: event.cause.as_deref() == Some(UNTIL_RECOVERED),
                reason: String::new(),
            });
        }
    }
    silences
}

/// Takes out the silences that are over: their time has come, or what they waited for has ended.
pub fn expire(state: &mut State, rules: &[Rule], now: i64) -> Vec<Silence> {
    let open = open(state, rules);
    let lasts = |silence: &Silence| {
        now < silence.until
            && (!silence.until_recovered || open.iter().any(|series| silence.covers(series)))
    };
    let (lasting, over) = std::mem::take(&mut state.silences).into_iter().partition(lasts);
    state.silences = lasting;
    over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::expect::MISSING;
    use crate::sample::read::{Wanted, line};

    fn sample(values: &str) -> Sample {
        let text = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\"{values}}}");
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    fn silence(series: &str, until: i64, until_recovered: bool) -> Silence {
        Silence { series: series.into(), since: 0, until, until_recovered, reason: String::new() }
    }

    fn mutes(silences: &[Silence], values: &str) -> Mutes {
        let now = DateTime::from_timestamp(100, 0).unwrap();
        let find = |name: &str| (name == MISSING.name).then_some(&MISSING);
        Mutes::at(now, silences, None, &sample(values), find)
    }

    fn is_muted(mutes: &Mutes, series: &str) -> bool {
        mutes.of(&Series::parse(series), Level::Warning, false).is_some()
    }

    #[test]
    fn a_silence_covers_a_series_a_metric_or_everything_until_its_time() {
        for (covers, about) in [("x{a}", "x{a}"), ("x", "x{a}"), ("x{*}", "x{b}"), ("*", "y")] {
            assert!(is_muted(&mutes(&[silence(covers, 101, false)], ""), about), "{covers}");
        }
        assert!(!is_muted(&mutes(&[silence("x{a}", 101, false)], ""), "x{b}"));
        assert!(!is_muted(&mutes(&[silence("x", 100, false)], ""), "x"));
    }

    #[test]
    fn the_end_of_what_was_acknowledged_is_told() {
        let (acknowledged, silenced) =
            (mutes(&[silence("x", 101, true)], ""), mutes(&[silence("x", 101, false)], ""));
        let end = |mutes: &Mutes| mutes.of(&Series::parse("x"), Level::Warning, true).is_some();
        assert!(!end(&acknowledged) && end(&silenced));
    }

    #[test]
    fn a_mount_that_is_gone_explains_its_percentages_and_not_itself() {
        let gone = mutes(&[], r#","missing":{"/data":1,"/srv":0}"#);
        assert!(is_muted(&gone, "filesystem_percent{/data}"));
        assert!(!is_muted(&gone, "missing{/data}") && !is_muted(&gone, "filesystem_percent{/srv}"));
    }

    #[test]
    fn every_reason_is_known_and_the_first_is_the_one_that_is_named() {
        let both = mutes(&[silence("*", 101, false)], r#","missing":{"/data":1}"#);
        let series = Series::parse("filesystem_percent{/data}");
        let all = both.all(&series, Level::Warning, false);
        assert!(matches!(all.as_slice(), [Mute::Silenced(_), Mute::Inhibited(_)]), "{all:?}");
        assert_eq!(both.of(&series, Level::Warning, false).as_ref(), all.first());
    }

    #[test]
    fn the_events_tell_of_the_silences_in_force() {
        let moment = |epoch| crate::time::Moment { epoch, boot_id: "a".into(), uptime: 0.0 };
        let event = |kind, series: &str, epoch, until| Event {
            until: Some(crate::event::rfc3339(until)),
            ..Event::new(kind, "h", &moment(epoch)).about(series)
        };
        let events = [
            event(kind::SILENCED, "x", 10, 500),
            event(kind::SILENCED, "y", 20, 500),
            event(kind::SILENCED, "z", 30, 90),
            event(kind::SILENCED, "x", 40, 600),
            event(kind::UNSILENCED, "y", 50, 0),
        ];
        assert_eq!(from_events(&events, 100), [Silence { since: 40, ..silence("x", 600, false) }]);
    }

    #[test]
    fn a_silence_ends_by_its_time_or_with_what_it_waited_for() {
        let mut state = State {
            silences: vec![
                silence("x", 50, false),
                silence("y", 500, true),
                silence("z", 500, false),
            ],
            ..State::default()
        };
        let over = expire(&mut state, &[], 100);
        assert_eq!((over.len(), state.silences.len()), (2, 1));
    }
}
