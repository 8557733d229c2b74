//! What a message is written from, and the message itself. Pure data.

use crate::alert::Level;
use crate::alert::due::Reason;
use crate::alert::rule::Levels;
use crate::alert::state::{Claim, Past, Standing};
use crate::sample::Sample;
use crate::series::Series;
use crate::time::{Moment, Now, Zone};

/// One thing to tell.
#[derive(Clone, Debug)]
pub struct Fact {
    pub reason: Reason,
    pub standing: Standing,
    pub series: Series,
    /// Of now; for what is over, the worst there was.
    pub level: Level,
    pub value: Option<f64>,
    /// What it is held to; none once its rule is gone.
    pub levels: Option<Levels>,
    pub end: Option<Moment>,
}

impl Fact {
    pub fn firing(
        reason: Reason,
        standing: &Standing,
        levels: Option<&Levels>,
        sample: &Sample,
    ) -> Self {
        let series = Series::parse(&standing.series);
        let value = sample.values.number(&series);
        Fact {
            reason,
            standing: standing.clone(),
            level: standing.level,
            value,
            levels: levels.cloned(),
            end: None,
            series,
        }
    }

    /// An episode that ended: recovered if it was told, else told as past.
    pub fn over(past: &Past, notifier: &str, levels: Option<&Levels>) -> Self {
        let told = past.standing.told.contains_key(notifier);
        let reason = match (past.value, told) {
            (None, _) => Reason::Gone,
            (Some(_), true) => Reason::Recovered,
            (Some(_), false) => Reason::Past,
        };
        let standing = past.standing.clone();
        Fact {
            reason,
            level: standing.peak,
            value: past.value,
            levels: levels.cloned(),
            end: Some(past.end.clone()),
            series: Series::parse(&standing.series),
            standing,
        }
    }

    pub fn claim(&self) -> Claim {
        Claim {
            rule: self.standing.rule.clone(),
            series: self.standing.series.clone(),
            reason: self.reason,
            level: self.standing.level,
            since: self.standing.since.clone(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }
}

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
}
