//! `due`: is something owed? Compares what stands with what a notifier accepted. Pure.

use serde::{Deserialize, Serialize};

use super::rule::Levels;
use super::state::{Delivery, Standing};
use super::{Channel, Level};
use crate::time::Moment;

const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// Why a message is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    Raised,
    Escalated,
    Eased,
    /// Was told, and is over.
    Recovered,
    /// Rose and ended before anybody could be told.
    Past,
    /// The series went away.
    Gone,
    /// It changes too often to tell every change.
    Flapping,
    /// Nobody watched for a while.
    Absence,
    Reminder,
}

impl Reason {
    /// Whether it tells of an end.
    pub fn is_over(self) -> bool {
        matches!(self, Reason::Recovered | Reason::Past | Reason::Gone | Reason::Absence)
    }

    pub fn name(self) -> &'static str {
        match self {
            Reason::Raised => "raised",
            Reason::Escalated => "escalated",
            Reason::Eased => "eased",
            Reason::Recovered => "recovered",
            Reason::Past => "past",
            Reason::Gone => "gone",
            Reason::Flapping => "flapping",
            Reason::Absence => "absence",
            Reason::Reminder => "reminder",
        }
    }
}

/// What a channel has to hear about a series that is firing or flaps.
pub fn due(
    levels: &Levels,
    standing: &Standing,
    channel: &Channel,
    now: &Moment,
    interval: f64,
) -> Option<Reason> {
    let (level, told) = (standing.told_level(), standing.told.get(&channel.name));
    if level == Level::Ok || (told.is_none() && level < channel.from) {
        return None;
    }
    let Some(told) = told else {
        let flaps = standing.flapping.is_some();
        return Some(if flaps { Reason::Flapping } else { Reason::Raised });
    };
    match (standing.flapping.is_some(), told.flapping) {
        (true, false) => return Some(Reason::Flapping),
        // Muted, unless it becomes worse than was ever told.
        (true, true) => return (level > told.level).then_some(Reason::Escalated),
        (false, true) => return Some(Reason::Raised),
        (false, false) => {}
    }
    if level != told.level {
        return Some(if level > told.level { Reason::Escalated } else { Reason::Eased });
    }
    let waited = now.seconds_since(&told.at) + interval / 2.0 >= repeat(levels, level);
    // Nobody is reminded of what cannot be seen.
    (waited && standing.missing.is_none() && repeat(levels, level) > 0.0)
        .then_some(Reason::Reminder)
}

/// Seconds between reminders.
pub fn repeat(levels: &Levels, level: Level) -> f64 {
    levels.threshold(level).map_or(f64::INFINITY, |threshold| threshold.repeat)
}

/// Whether a channel may be tried now. What is owed is tried again at the next run, then once an hour; what a server
/// refused for good after an hour, then after twice as long each time, up to a day.
pub fn may_try(delivery: Option<&Delivery>, now: &Moment, interval: f64) -> bool {
    delivery.is_none_or(|delivery| {
        now.seconds_since(&delivery.last_try) + interval / 2.0 >= pause(delivery)
    })
}

/// Seconds to wait after the last try.
pub fn pause(delivery: &Delivery) -> f64 {
    match (delivery.permanent, delivery.failures) {
        (false, 0 | 1) => 0.0,
        (false, _) => HOUR,
        (true, failures) => {
            let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(20));
            (HOUR * f64::from(doubled)).min(DAY)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flap::Flapping;
    use super::super::rule::tests::levels;
    use super::super::state::Told;
    use super::*;

    fn moment(seconds: i32) -> Moment {
        Moment { epoch: i64::from(seconds), boot_id: "a".into(), uptime: f64::from(seconds) }
    }

    fn standing(level: Level, told: Option<Level>) -> Standing {
        let mut standing = Standing { level, ..Standing::default() };
        if let Some(level) = told {
            standing.told.insert(
                "email".into(),
                Told { level, at: moment(0), thread: String::new(), first: 0, flapping: false },
            );
        }
        standing
    }

    fn owed(standing: &Standing, seconds: i32) -> Option<Reason> {
        due(&levels(80.0, 90.0), standing, &channel(Warning), &moment(seconds), 300.0)
    }

    fn channel(from: Level) -> Channel {
        Channel { name: "email".into(), from }
    }

    use Level::{Critical, Ok, Warning};

    #[test]
    fn what_was_not_told_is_owed() {
        assert_eq!(owed(&standing(Warning, None), 0), Some(Reason::Raised));
        assert_eq!(owed(&standing(Critical, Some(Warning)), 0), Some(Reason::Escalated));
        assert_eq!(owed(&standing(Warning, Some(Critical)), 0), Some(Reason::Eased));
    }

    #[test]
    fn what_was_told_is_not_told_again_before_its_reminder() {
        assert_eq!(owed(&standing(Warning, Some(Warning)), 86_000), None);
        assert_eq!(owed(&standing(Warning, Some(Warning)), 86_400), Some(Reason::Reminder));
    }

    #[test]
    fn a_channel_may_hear_from_a_level_on_and_then_hears_the_rest() {
        let owed = |level, told| {
            let critical = channel(Critical);
            due(&levels(80.0, 90.0), &standing(level, told), &critical, &moment(0), 300.0)
        };
        assert_eq!(owed(Warning, None), None);
        assert_eq!(owed(Critical, None), Some(Reason::Raised));
        assert_eq!(owed(Warning, Some(Critical)), Some(Reason::Eased));
    }

    #[test]
    fn flapping_is_told_once_and_again_only_when_worse_or_steady() {
        let since = moment(0);
        let flap = Flapping { since, peak: Warning, worst: None, worst_at: None };
        let mut flapping = standing(Ok, Some(Warning));
        flapping.flapping = Some(flap);
        assert_eq!(owed(&flapping, 0), Some(Reason::Flapping));
        flapping.told.values_mut().for_each(|told| told.flapping = true);
        assert_eq!(owed(&flapping, 900_000), None);
        flapping.flapping.as_mut().unwrap().peak = Critical;
        assert_eq!(owed(&flapping, 0), Some(Reason::Escalated));
        (flapping.flapping, flapping.level) = (None, Warning);
        assert_eq!(owed(&flapping, 0), Some(Reason::Raised));
    }

    #[test]
    fn what_is_fine_or_not_seen_is_owed_nothing() {
        assert_eq!(owed(&standing(Ok, None), 0), None);
        let mut unseen = standing(Warning, Some(Warning));
        unseen.missing = Some(moment(10));
        assert_eq!(owed(&unseen, 90_000), None);
    }

    #[test]
    fn tries_come_at_the_next_run_and_then_less_often() {
        let delivery = |failures, permanent| Delivery {
            failures,
            error: String::new(),
            permanent,
            last_try: moment(0),
        };
        let pauses: Vec<f64> = (1..=6).map(|failures| pause(&delivery(failures, false))).collect();
        assert_eq!(pauses, [0.0, 3_600.0, 3_600.0, 3_600.0, 3_600.0, 3_600.0]);
        let pauses: Vec<f64> = (1..=7).map(|failures| pause(&delivery(failures, true))).collect();
        assert_eq!(pauses, [3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0, 86_400.0]);
        assert!(
            may_try(Some(&delivery(1, false)), &moment(300), 300.0)
                && !may_try(Some(&delivery(1, true)), &moment(300), 300.0)
        );
    }
}
