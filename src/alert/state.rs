//! What must be remembered between runs: what is firing and since when, what was told to whom, what is owed. Never
//! windows or counts: those are in the stored lines. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Level;
use crate::time::Moment;

pub const SCHEMA: u64 = 1;

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
    /// Mails whose fate is unknown: sent again as they are before anything new.
    pub outbox: Vec<Frozen>,
    pub delivery: BTreeMap<String, Delivery>,
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

    pub fn firing(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| standing.level != Level::Ok)
    }
}

/// A series under a rule that is, or may soon be, past its levels. What is fine has none.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_at: Option<Moment>,
    /// The worst level of the episode.
    pub peak: Level,
    /// No reading since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Moment>,
    /// Notifier → what it accepted last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, Told>,
}

/// What a notifier accepted about an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub level: Level,
    pub at: Moment,
    /// Message-ID of the mail that told of the raise; the thread of the rest.
    pub thread: String,
    /// When the raise was told.
    pub first: i64,
}

/// An episode that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// The standing as it was before the end.
    pub standing: Standing,
    pub end: Moment,
    /// The value that ended it; none if the series went away.
    pub value: Option<f64>,
    /// Notifiers that still have to hear of it.
    pub owed: Vec<String>,
}

/// A mail that may or may not have been accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub notifier: String,
    pub message_id: String,
    /// Envelope and message, byte for byte.
    pub from: String,
    pub to: Vec<String>,
    pub content: String,
    /// What is told once it is accepted.
    pub facts: Vec<Claim>,
}

/// What a mail says about one episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub rule: String,
    pub series: String,
    pub reason: super::due::Reason,
    pub level: Level,
    /// The episode's start, which tells it from the next one of the series.
    pub since: Option<Moment>,
}

/// How telling a notifier goes.
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
