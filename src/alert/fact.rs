//! One thing to tell about one episode. Pure data.

use super::Level;
use super::absence::GAP;
use super::due::Reason;
use super::rule::Levels;
use super::state::{Claim, Past, Standing};
use crate::series::Series;
use crate::time::Moment;

#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub reason: Reason,
    pub standing: Standing,
    pub series: Series,
    /// Of now; for what is over, the worst there was.
    pub level: Level,
    /// As it is judged: the value, or its change.
    pub value: Option<f64>,
    /// What it is held to; none once its rule is gone.
    pub levels: Option<Levels>,
    pub end: Option<Moment>,
    /// Further episodes that are told with it as one.
    pub more: u32,
}

impl Fact {
    pub fn firing(
        reason: Reason,
        standing: &Standing,
        levels: &Levels,
        value: Option<f64>,
    ) -> Self {
        Fact {
            reason,
            standing: standing.clone(),
            level: standing.told_level(),
            value,
            levels: Some(levels.clone()),
            end: None,
            more: 0,
            series: Series::parse(&standing.series),
        }
    }

    /// An episode that ended: recovered if it was told, else told as past.
    pub fn over(past: &Past, channel: &str, levels: Option<&Levels>) -> Self {
        let told = past.standing.told.contains_key(channel);
        let reason = match (past.value, told) {
            _ if past.standing.series == GAP.name => Reason::Absence,
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
            more: past.more,
            series: Series::parse(&standing.series),
            standing,
        }
    }

    pub fn claim(&self) -> Claim {
        Claim {
            rule: self.standing.rule.clone(),
            series: self.standing.series.clone(),
            reason: self.reason,
            level: if self.is_over() { self.standing.level } else { self.level },
            since: self.standing.start().cloned(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }
}
