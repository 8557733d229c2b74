//! `due`: is something owed? Compares what stands with what a notifier accepted. Pure.

use serde::{Deserialize, Serialize};

use super::Level;
use super::rule::Levels;
use super::state::{Delivery, Standing};
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
    Reminder,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::Raised => "raised",
            Reason::Escalated => "escalated",
            Reason::Eased => "eased",
            Reason::Recovered => "recovered",
            Reason::Past => "past",
            Reason::Gone => "gone",
            Reason::Reminder => "reminder",
        }
    }
}

/// What a notifier has to hear about a series that is firing.
pub fn due(
    levels: &Levels,
    standing: &Standing,
    notifier: &str,
    now: &Moment,
    interval: f64,
) -> Option<Reason> {
    if standing.level == Level::Ok {
        return None;
    }
    let Some(told) = standing.told.get(notifier) else { return Some(Reason::Raised) };
    if standing.level > told.level {
        return Some(Reason::Escalated);
    }
    if standing.level < told.level {
        return Some(Reason::Eased);
    }
    let repeat =
        levels.threshold(standing.level).map_or(f64::INFINITY, |threshold| threshold.repeat);
    let waited = now.seconds_since(&told.at) + interval / 2.0 >= repeat;
    // Nobody is reminded of what cannot be seen.
    (waited && standing.missing.is_none() && repeat > 0.0).then_some(Reason::Reminder)
}

/// Whether a notifier may be tried now. What is owed is tried again at the next run, then once an hour; what a server
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
                Told { level, at: moment(0), thread: String::new(), first: 0 },
            );
        }
        standing
    }

    fn owed(standing: &Standing, seconds: i32) -> Option<Reason> {
        due(&levels(80.0, 90.0), standing, "email", &moment(seconds), 300.0)
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
