//! A stretch without samples, and why: as lines tell it, or better, as the event that was written at its end. Pure.

use serde::{Serialize, Serializer};

use crate::event::{Event, kind};
use crate::time::{Moment, span};

/// Why there are no samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    PowerCut,
    Off,
    Suspended,
    DiskFull,
    NotRunning,
    ClockStep,
    Unknown,
}

impl Cause {
    pub const ALL: [Cause; 7] = [
        Cause::PowerCut,
        Cause::Off,
        Cause::Suspended,
        Cause::DiskFull,
        Cause::NotRunning,
        Cause::ClockStep,
        Cause::Unknown,
    ];

    /// As in files and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Cause::PowerCut => "power_cut",
            Cause::Off => "off",
            Cause::Suspended => "suspended",
            Cause::DiskFull => "disk_full",
            Cause::NotRunning => "not_running",
            Cause::ClockStep => "clock_step",
            Cause::Unknown => "unknown",
        }
    }

    /// `None` for what only a later version knows.
    pub fn from_name(name: &str) -> Option<Self> {
        Cause::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Cause::PowerCut => "power cut (no clean shutdown)",
            Cause::Off => "powered off",
            Cause::Suspended => "suspended",
            Cause::DiskFull => "the disk was full",
            Cause::NotRunning => "hostwatch was not run",
            Cause::ClockStep => "the clock was set",
            Cause::Unknown => "unknown cause",
        }
    }

    /// So many gaps of this cause: `2 power cuts`.
    pub fn counted(self, number: usize) -> String {
        let (one, many) = match self {
            Cause::PowerCut => ("power cut", "power cuts"),
            Cause::Off => ("shutdown", "shutdowns"),
            Cause::Suspended => ("suspension", "suspensions"),
            Cause::DiskFull => ("full disk", "full disks"),
            Cause::NotRunning => ("gap without a run", "gaps without a run"),
            Cause::ClockStep => ("clock step", "clock steps"),
            Cause::Unknown => ("gap of unknown cause", "gaps of unknown cause"),
        };
        format!("{number} {}", if number == 1 { one } else { many })
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A stretch without samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    pub start: String,
    pub end: String,
    pub seconds: i64,
    pub cause: Cause,
    /// The samples on either side.
    #[serde(skip)]
    pub before: Moment,
    #[serde(skip)]
    pub after: Moment,
}

impl Gap {
    /// Whether time went by. Where the clock was set there is a hole on the clock's face alone.
    pub fn is_hole(&self) -> bool {
        self.cause != Cause::ClockStep
    }

    /// As it happened, for the sample that ends it.
    pub fn event(&self, host: &str) -> Event {
        let span = span::human(self.seconds as f64);
        Event {
            since: Some(self.start.clone()),
            cause: Some(self.cause.name().to_owned()),
            value: Some(self.seconds as f64),
            ..Event::new(kind::GAP, host, &self.after)
        }
        .saying(format!("no samples for {span}: {}", self.cause.words()))
    }

    /// Whether an event tells of it.
    pub fn is_told_by(&self, event: &Event) -> bool {
        event.event == kind::GAP && event.epoch == self.after.epoch
    }
}

/// Gives gaps that lines tell the cause that was found at the time, where an event still says it.
pub fn with_causes(mut gaps: Vec<Gap>, events: &[Event]) -> Vec<Gap> {
    for gap in &mut gaps {
        let told = events.iter().find(|event| gap.is_told_by(event));
        let cause = told.and_then(|event| Cause::from_name(event.cause.as_deref()?));
        gap.cause = cause.unwrap_or(gap.cause);
    }
    gaps
}

/// How many gaps of each cause, and their seconds together; the worst first.
pub fn by_cause(gaps: &[Gap]) -> Vec<(Cause, usize, i64)> {
    let sum = |cause: Cause| {
        let alike: Vec<i64> =
            gaps.iter().filter(|gap| gap.cause == cause).map(|gap| gap.seconds).collect();
        (cause, alike.len(), alike.iter().sum())
    };
    Cause::ALL.into_iter().map(sum).filter(|(_, number, _)| *number > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::rfc3339;

    fn moment(epoch: i64) -> Moment {
        Moment { epoch, boot_id: "b".into(), uptime: 60.0 }
    }

    fn event(kind: &str, epoch: i64, cause: &str) -> Event {
        Event { cause: Some(cause.to_owned()), ..Event::new(kind, "host", &moment(epoch)) }
    }

    fn a_gap() -> Gap {
        Gap {
            start: rfc3339(0),
            end: rfc3339(9_000),
            seconds: 9_000,
            cause: Cause::Unknown,
            before: moment(0),
            after: moment(9_000),
        }
    }

    #[test]
    fn a_gap_takes_the_cause_of_the_event_that_ends_with_it() {
        let told = |events: &[Event]| with_causes(vec![a_gap()], events).remove(0).cause;
        assert_eq!(told(&[event("gap", 9_000, "power_cut")]), Cause::PowerCut);
        assert_eq!(told(&[event("gap", 9_001, "power_cut")]), Cause::Unknown, "another gap");
        assert_eq!(told(&[event("reboot", 9_000, "off")]), Cause::Unknown, "no gap");
        assert_eq!(told(&[event("gap", 9_000, "eclipse")]), Cause::Unknown, "a later version");
        assert_eq!(told(&[]), Cause::Unknown);
    }

    #[test]
    fn an_event_of_a_gap_says_all_of_it() {
        let event = Gap { cause: Cause::PowerCut, ..a_gap() }.event("gate-pi");
        assert_eq!(event.text, "no samples for 2 h 30 min: power cut (no clean shutdown)");
        assert_eq!((event.cause.as_deref(), event.value), (Some("power_cut"), Some(9_000.0)));
        assert_eq!((event.since, event.epoch), (Some(rfc3339(0)), 9_000));
        assert!(a_gap().is_told_by(&a_gap().event("gate-pi")));
    }

    #[test]
    fn every_cause_has_a_name_that_reads_back_and_words() {
        for cause in Cause::ALL {
            assert_eq!(Cause::from_name(cause.name()), Some(cause));
            assert_eq!(serde_json::to_string(&cause).unwrap(), format!("\"{}\"", cause.name()));
            assert!(!cause.words().contains('_') && cause.counted(2).starts_with("2 "));
        }
        assert_eq!(Cause::PowerCut.counted(1), "1 power cut");
    }

    #[test]
    fn gaps_are_summed_up_by_cause() {
        let of = |cause: Cause| Gap { cause, ..a_gap() };
        let gaps = [of(Cause::Off), of(Cause::PowerCut), of(Cause::PowerCut)];
        assert_eq!(by_cause(&gaps), [(Cause::PowerCut, 2, 18_000), (Cause::Off, 1, 9_000)]);
        assert_eq!(by_cause(&[]), []);
    }
}
