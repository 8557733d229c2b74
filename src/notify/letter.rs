//! What a message is written from, and the message itself. Pure data.

use crate::alert::Level;
use crate::alert::episode::Episode;
use crate::alert::fact::Fact;
use crate::alert::mute::Mute;
use crate::event::Event;
use crate::sample::Sample;
use crate::series::Series;
use crate::time::{Now, Zone};

/// What is known about the series of a fact besides the fact itself.
#[derive(Clone, Debug, Default)]
pub struct Background {
    /// Its values, oldest first, from `course::shown_from` on.
    pub points: Vec<(i64, f64)>,
    /// The sample at the worst of an episode that is over.
    pub then: Option<Sample>,
    /// When this episode was told so far.
    pub told: Vec<i64>,
    /// Earlier episodes of the series that ended in the last 30 days, oldest first.
    pub earlier: Vec<Episode>,
}

/// A series that fires and is not among the facts.
#[derive(Clone, Debug)]
pub struct Other {
    pub series: Series,
    pub level: Level,
    /// As it was measured last.
    pub value: Option<f64>,
    /// Why nobody is told of it now.
    pub mute: Option<Mute>,
}

/// Everything that a message may speak of.
pub struct Letter<'a> {
    pub host: &'a str,
    pub now: &'a Now,
    pub zone: Zone,
    pub prefix: &'a str,
    /// Expected seconds between samples.
    pub interval: f64,
    pub sample: &'a Sample,
    /// The sample before it.
    pub before: Option<&'a Sample>,
    pub facts: &'a [Fact],
    /// One for each fact, in the same order.
    pub background: &'a [Background],
    /// Why samples could not be stored or collectors failed.
    pub reasons: Vec<String>,
    /// Gaps and reboots of the last days, oldest first.
    pub happenings: &'a [Event],
    pub others: Vec<Other>,
}

/// A message, not yet addressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub subject: String,
    pub text: String,
    pub html: String,
    pub level: String,
    pub series: String,
    /// Message-IDs of what it follows.
    pub follows: Vec<String>,
    /// The same for programs.
    pub facts: serde_json::Value,
}
