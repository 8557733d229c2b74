//! What the tests of messages share: a host at night, its disk filling up, and letters about it.

use chrono::DateTime;

use super::compose::compose;
use super::letter::{Background, Letter, Message, Other};
use super::story::Story;
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::alert::fact::Fact;
use crate::alert::rule::{Levels, Threshold};
use crate::alert::state::{Standing, Told};
use crate::event::Event;
use crate::render::wording::Clock;
use crate::sample::Sample;
use crate::sample::read::{Wanted, line};
use crate::series::Series;
use crate::time::{Moment, Now, Zone};

/// 02:25 on Sunday, 22 November 2026.
pub(super) fn now() -> Now {
    Now {
        utc: DateTime::parse_from_rfc3339("2026-11-22T02:25:00Z").unwrap().to_utc(),
        boot_id: "a".into(),
        uptime: 61_140.0,
        suspended: 0.0,
    }
}

pub(super) fn moment(minutes_ago: i32) -> Moment {
    Moment {
        epoch: now().utc.timestamp() - i64::from(minutes_ago) * 60,
        boot_id: "a".into(),
        uptime: 61_140.0 - f64::from(minutes_ago) * 60.0,
    }
}

pub(super) fn sample() -> Sample {
    let text = r#"{"timestamp":"2026-11-22T02:25:00Z","uptime":61140,"cpu_percent":38.4,"memory_percent":43.1,"cpu_temp":58.9,
        "filesystem_percent":{"/data":86},"watch_processes":{"gate":1},"filesystem_available":{"/":1500000000,"/data":35111550000},"filesystem_total":{"/":31000000000,"/data":251000000000},
        "top":[{"pid":20117,"name":"rsync","user":"backup","cpu_percent":96.4,"memory":1048576},
               {"pid":812,"name":"recognizer","user":"gate","cpu_percent":48,"memory":310378496},
               {"pid":640,"name":"postgres","user":"postgres","cpu_percent":0.4,"memory":145752064}]}"#;
    line(text.as_bytes(), &Wanted::everything()).unwrap()
}

pub(super) fn threshold(level: f64, clear: f64) -> Threshold {
    Threshold { level, clear, repeat: 86_400.0, ..Threshold::default() }
}

pub(super) fn levels() -> Levels {
    Levels {
        warning: Some(threshold(85.0, 80.0)),
        critical: Some(threshold(95.0, 90.0)),
        ..Levels::default()
    }
}

/// `/data` at 86 %, a warning for 110 minutes; over now if the reason says so.
pub(super) fn fact(reason: Reason) -> Fact {
    let standing = Standing {
        rule: "filesystem_percent".into(),
        series: "filesystem_percent{/data}".into(),
        level: Level::Warning,
        since: Some(moment(110)),
        worst: Some(92.8),
        worst_at: Some(moment(60)),
        peak: Level::Warning,
        ..Standing::default()
    };
    let is_over = reason.is_over();
    Fact {
        reason,
        series: Series::parse(&standing.series),
        standing,
        level: Level::Warning,
        value: Some(if is_over { 79.9 } else { 86.0 }),
        levels: Some(levels()),
        end: is_over.then(|| moment(0)),
        more: 0,
    }
}

/// The same about another series.
pub(super) fn about(series: &str, value: f64, reason: Reason) -> Fact {
    let mut fact = fact(reason);
    (fact.series, fact.value) = (Series::parse(series), Some(value));
    series.clone_into(&mut fact.standing.series);
    fact
}

pub(super) fn told(flapping: bool) -> Told {
    let thread = "<1@x>".into();
    Told { level: Level::Warning, at: moment(100), thread, first: 0, flapping }
}

/// Values five minutes apart, the last one now.
pub(super) fn points(values: &[f64]) -> Vec<(i64, f64)> {
    let ages = (0..).step_by(5).map(|minutes| moment(minutes).epoch);
    let mut points: Vec<(i64, f64)> = ages.zip(values.iter().rev().copied()).collect();
    points.reverse();
    points
}

/// The last day: 79.8 %, and 86 % in the end.
pub(super) fn day() -> Background {
    let mut values = [79.8; 288];
    (values[286], values[287]) = (82.0, 86.0);
    Background { points: points(&values), ..Background::default() }
}

/// A letter with what a test adds to it.
#[derive(Default)]
pub(super) struct Draft {
    pub facts: Vec<Fact>,
    pub background: Vec<Background>,
    pub before: Option<Sample>,
    pub reasons: Vec<String>,
    pub happenings: Vec<Event>,
    pub others: Vec<Other>,
}

impl Draft {
    pub(super) fn of(facts: &[Fact], background: &[Background]) -> Self {
        let background =
            (0..facts.len()).map(|at| background.get(at).cloned().unwrap_or_default()).collect();
        Draft { facts: facts.to_vec(), background, ..Draft::default() }
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&Letter<'_>) -> T) -> T {
        let (now, sample) = (now(), sample());
        work(&Letter {
            host: "gate-pi",
            now: &now,
            zone: Zone::Utc,
            prefix: "",
            interval: 300.0,
            sample: &sample,
            before: self.before.as_ref(),
            facts: &self.facts,
            background: &self.background,
            reasons: self.reasons.clone(),
            happenings: &self.happenings,
            others: self.others.clone(),
        })
    }

    pub(super) fn message(&self) -> Message {
        self.with(compose)
    }
}

/// What a function makes of a fact by itself.
pub(super) fn telling<T>(
    fact: &Fact,
    background: &Background,
    work: impl FnOnce(&Story<'_>, &Clock<'_>) -> T,
) -> T {
    let (now, sample) = (now(), sample());
    let clock = Clock { now: &now, zone: Zone::Utc };
    work(&Story { fact, background, sample: &sample }, &clock)
}
