//! Flapping: an alert that changes too often is announced once, and its changes are muted until it calms. An end that
//! may be the next step of it is believed only once it lasted. Pure.

use serde::{Deserialize, Serialize};

use super::Level;
use super::rule::Levels;
use super::state::Standing;
use crate::time::Moment;

/// More changes than so many within `WITHIN` are flapping.
pub const MOST_CHANGES: usize = 4;
/// Seconds.
pub const WITHIN: f64 = 6.0 * 3_600.0;
/// Seconds without a change after which it has calmed.
pub const CALM: f64 = 2.0 * 3_600.0;

/// A change of the level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub at: Moment,
    /// What it became.
    pub to: Level,
}

/// A stretch of flapping: one long episode to those who are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flapping {
    /// When the episode began that turned out to be its beginning.
    pub since: Moment,
    pub peak: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_at: Option<Moment>,
}

impl Standing {
    /// Notes a change of the level; returns whether flapping begins with it.
    pub(super) fn note_change(&mut self, now: &Moment) -> bool {
        self.changes.retain(|change| now.seconds_since(&change.at) <= WITHIN);
        self.changes.push(Turn { at: now.clone(), to: self.level });
        if self.flapping.is_some() || self.changes.len() <= MOST_CHANGES {
            let surplus = self.changes.len().saturating_sub(MOST_CHANGES + 1);
            self.changes.drain(..surplus);
            return false;
        }
        self.flapping = Some(Flapping {
            since: self.since.clone().unwrap_or_else(|| now.clone()),
            peak: self.peak,
            worst: self.worst,
            worst_at: self.worst_at.clone(),
        });
        true
    }

    /// Whether the end that was noted last may not last: it ended before, and one more change would be flapping.
    pub(super) fn is_unsettled(&self) -> bool {
        let ends = self.changes.iter().filter(|change| change.to == Level::Ok).count();
        self.changes.len() >= MOST_CHANGES && ends > 1
    }

    /// Carries the running episode's worst into the stretch of flapping.
    pub(super) fn deepen(&mut self, levels: &Levels) {
        let Some(flapping) = &mut self.flapping else { return };
        flapping.peak = flapping.peak.max(self.peak);
        if let Some(value) = self.worst
            && flapping.worst.is_none_or(|worst| levels.is_worse(value, worst))
        {
            flapping.worst = Some(value);
            flapping.worst_at.clone_from(&self.worst_at);
        }
    }

    /// Whether it flaps no more: no change for long enough.
    pub(super) fn has_calmed(&self, now: &Moment) -> bool {
        self.flapping.is_some()
            && self.changes.last().is_none_or(|last| now.seconds_since(&last.at) >= CALM)
    }

    /// Whether its changes still count.
    pub(super) fn changed_lately(&self, now: &Moment) -> bool {
        self.changes.iter().any(|change| now.seconds_since(&change.at) <= WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i32) -> Moment {
        Moment {
            epoch: i64::from(minute) * 60,
            boot_id: "a".into(),
            uptime: f64::from(minute) * 60.0,
        }
    }

    fn changed(minutes: &[i32]) -> (Standing, Vec<bool>) {
        let mut standing = Standing::default();
        let mut change = |minute: &i32| {
            standing.level = if standing.level == Level::Ok { Level::Warning } else { Level::Ok };
            standing.note_change(&at(*minute))
        };
        let begins = minutes.iter().map(&mut change).collect();
        (standing, begins)
    }

    #[test]
    fn the_fifth_change_within_six_hours_is_flapping() {
        assert_eq!(changed(&[0, 10, 20, 30, 40, 50]).1, [false, false, false, false, true, false]);
        assert_eq!(changed(&[0, 100, 200, 300, 361, 470]).1, [false; 6]);
    }

    #[test]
    fn it_calms_two_hours_after_the_last_change() {
        let standing = changed(&[0, 10, 20, 30, 40]).0;
        assert!(!standing.has_calmed(&at(159)) && standing.has_calmed(&at(160)));
        assert!(!changed(&[0]).0.has_calmed(&at(900)));
    }

    #[test]
    fn a_second_end_is_unsettled_and_one_after_an_escalation_is_not() {
        assert!(!changed(&[0, 10]).0.is_unsettled() && changed(&[0, 10, 20, 30]).0.is_unsettled());
        let mut standing = Standing::default();
        for (minute, level) in
            [Level::Warning, Level::Critical, Level::Warning, Level::Ok].into_iter().enumerate()
        {
            standing.level = level;
            standing.note_change(&at(i32::try_from(minute).unwrap()));
        }
        assert!(!standing.is_unsettled());
    }

    #[test]
    fn only_the_changes_that_count_are_kept() {
        assert_eq!(changed(&[0, 10, 20, 30, 40, 50, 60]).0.changes.len(), 5);
        assert_eq!(changed(&[0, 400]).0.changes.len(), 1);
    }
}
