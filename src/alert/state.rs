//! What must be remembered between runs: what is firing and since when, what was told to whom, what is owed. Never
//! windows or counts: those are in the stored lines. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::flap::{Flapping, Turn};
use super::{Channel, Level};
use crate::time::Moment;

/// 2: told to each recipient on its own.
pub const SCHEMA: u64 = 2;

/// The content of `state.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub schema: u64,
    /// Rises with every change; of two copies the higher is the newer.
    pub generation: u64,
    pub standings: Vec<Standing>,
    /// Episodes that ended and are still owed to somebody.
    pub past: Vec<Past>,
    /// Messages whose fate is unknown: sent again as they are before anything new.
    pub outbox: Vec<Frozen>,
    /// Channel → how telling it goes, while it does not go well.
    pub delivery: BTreeMap<String, Delivery>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
    /// Failures that were printed, so that cron does not mail them at every run.
    pub printed: BTreeMap<String, Printed>,
    /// Collector → why it fails.
    pub failing: BTreeMap<String, String>,
    /// The faults of the configuration at the last run, one a line.
    pub faults: String,
}

impl Default for State {
    fn default() -> Self {
        State {
            schema: SCHEMA,
            generation: 0,
            standings: Vec::new(),
            past: Vec::new(),
            outbox: Vec::new(),
            delivery: BTreeMap::new(),
            silences: Vec::new(),
            printed: BTreeMap::new(),
            failing: BTreeMap::new(),
            faults: String::new(),
        }
    }
}

impl State {
    /// Whether anything but its generation differs.
    pub fn differs(&self, other: &State) -> bool {
        State { generation: 0, ..self.clone() } != State { generation: 0, ..other.clone() }
    }

    /// A state of an earlier version in today's terms: mail was told to all recipients as one.
    pub fn upgrade(&mut self, channels: &[Channel]) {
        if self.schema >= SCHEMA {
            return;
        }
        let one = "email";
        let names = channels.iter().map(|channel| &channel.name);
        let mail: Vec<&String> = names.filter(|name| name.starts_with("email:")).collect();
        let standings = self.standings.iter_mut();
        for standing in standings.chain(self.past.iter_mut().map(|past| &mut past.standing)) {
            if let Some(told) = standing.told.remove(one) {
                standing.told.extend(mail.iter().map(|channel| ((*channel).clone(), told.clone())));
            }
        }
        for past in self.past.iter_mut().filter(|past| past.owed.iter().any(|owed| owed == one)) {
            past.owed = mail.iter().map(|channel| (*channel).clone()).collect();
        }
        for frozen in self.outbox.iter_mut().filter(|frozen| frozen.channels.is_empty()) {
            frozen.channels = frozen.to.iter().map(|to| format!("email:{to}")).collect();
        }
        if let Some(delivery) = self.delivery.remove(one) {
            self.delivery.extend(mail.iter().map(|channel| ((*channel).clone(), delivery.clone())));
        }
        self.schema = SCHEMA;
    }

    pub fn firing(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| standing.level != Level::Ok)
    }
}

/// A series under a rule that is, may soon be, or lately was past its levels. What is fine has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    pub rule: String,
    pub series: String,
    pub level: Level,
    /// The numbers it is judged by (`Levels::fingerprint`).
    pub levels: String,
    /// When the episode was raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Past the warning, but not yet for long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_warning: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_critical: Option<Moment>,
    /// Inside the clear level, but not yet for long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside_warning: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside_critical: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_at: Option<Moment>,
    /// The worst level of the episode.
    pub peak: Level,
    /// No reading since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Moment>,
    /// When its level changed, as far as it counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Turn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
    /// Muted ever since it was raised: nobody is owed its end.
    #[serde(skip_serializing_if = "is_false")]
    pub muted: bool,
    /// Why, where the series itself does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Channel → what it accepted last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, Told>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Standing {
    /// Whether it fires, or flaps.
    pub fn is_open(&self) -> bool {
        self.level != Level::Ok || self.flapping.is_some()
    }

    /// When what is told of it began; it tells one episode of a series from the next.
    pub fn start(&self) -> Option<&Moment> {
        self.flapping.as_ref().map(|flapping| &flapping.since).or(self.since.as_ref())
    }

    /// The level to tell: while it flaps, the worst there was.
    pub fn told_level(&self) -> Level {
        self.flapping.as_ref().map_or(self.level, |flapping| flapping.peak)
    }

    /// The worst level so far.
    pub fn worst_level(&self) -> Level {
        self.flapping.as_ref().map_or(self.peak, |flapping| flapping.peak.max(self.peak))
    }
}

/// What a channel accepted about an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub level: Level,
    pub at: Moment,
    /// Message-ID of the mail that told of the raise; the thread of the rest.
    pub thread: String,
    /// When the raise was told.
    pub first: i64,
    /// Told that it flaps.
    #[serde(default, skip_serializing_if = "is_false")]
    pub flapping: bool,
}

/// An episode that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// The standing as it was before the end.
    pub standing: Standing,
    pub end: Moment,
    /// The value that ended it; none if the series went away.
    pub value: Option<f64>,
    /// Channels that still have to hear of it.
    pub owed: Vec<String>,
    /// It may be a step of flapping, and is told only once it lasted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unsettled: bool,
    /// Earlier episodes of the series that nobody could be told of either: they are told as one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u32,
}

/// A message that may or may not have been accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// The section of the configuration that says how: `email`, `webhook:NAME`, `command:NAME`.
    pub notifier: String,
    /// Who hears it.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The same when it is sent again, so that a receiver can drop the twin.
    pub message_id: String,
    /// Of a mail: envelope and message, byte for byte. Else the facts as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    pub content: String,
    /// What is told once it is accepted.
    pub facts: Vec<Claim>,
}

/// What a message says about one episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub rule: String,
    pub series: String,
    pub reason: super::due::Reason,
    pub level: Level,
    /// The episode's start, which tells it from the next one of the series.
    pub since: Option<Moment>,
}

/// Somebody wants to hear nothing of some series for a while. Measuring and episodes go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// A series, a metric or a glob; `*` is everything.
    pub series: String,
    /// Epochs.
    pub since: i64,
    pub until: i64,
    /// It ends once nothing that it covers is firing: the acknowledgement.
    #[serde(default, skip_serializing_if = "is_false")]
    pub until_recovered: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// How telling a channel goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Failures in a row.
    pub failures: u32,
    pub error: String,
    /// The server refused for good (5xx).
    pub permanent: bool,
    pub last_try: Moment,
}

/// A failure as it was last printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Printed {
    pub text: String,
    pub at: Moment,
}
