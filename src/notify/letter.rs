//! What a message is written from, and the message itself. Pure data.

use crate::alert::fact::Fact;
use crate::sample::Sample;
use crate::series::Series;
use crate::time::{Now, Zone};

/// The course of a series before now: the values of the last samples, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Course {
    pub points: Vec<(i64, f64)>,
}

/// Everything that a message may speak of.
pub struct Letter<'a> {
    pub host: &'a str,
    pub now: &'a Now,
    pub zone: Zone,
    pub prefix: &'a str,
    pub sample: &'a Sample,
    /// The sample before it.
    pub before: Option<&'a Sample>,
    pub facts: &'a [Fact],
    pub courses: &'a [(Series, Course)],
    /// Why samples could not be stored or collectors failed.
    pub reasons: Vec<String>,
    /// Series that fire and are not among the facts.
    pub others: Vec<String>,
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
