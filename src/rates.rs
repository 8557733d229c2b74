//! Two samples to rates. A counter that fell has no rate: the key is absent, never 0 and never a spike.
//! Pure; works on writing and on reading alike.

use std::collections::BTreeMap;

use crate::metric::{Derived, Kind, Metric, Share};
use crate::sample::{Entry, Value, Values};

/// Sets every rate and share that `previous` and `current`, `elapsed` seconds apart, allow.
pub fn derive(
    metrics: impl Iterator<Item = &'static Metric>,
    previous: &Values,
    current: &mut Values,
    elapsed: f64,
) {
    if !(elapsed.is_finite() && elapsed > 0.0) {
        return;
    }
    for metric in metrics {
        match metric.kind {
            Kind::Counter(several) => {
                for derived in several {
                    derive_growth(metric, derived, previous, current, elapsed);
                }
            }
            Kind::Ticks(shares) => derive_shares(metric, shares, previous, current),
            Kind::Gauge | Kind::Rate => {}
        }
    }
}

fn derive_growth(
    metric: &Metric,
    derived: &Derived,
    previous: &Values,
    current: &mut Values,
    elapsed: f64,
) {
    let mut found = Values::default();
    match (previous.entry(metric.name), current.entry(metric.name)) {
        (Some(Entry::Single(before)), Some(Entry::Single(after))) => {
            let grown = growth(*before, *after);
            let number =
                grown.and_then(|grown| derived.of(grown, None, previous, current, elapsed));
            if let Some(number) = number {
                found.set(derived.metric(), number);
            }
        }
        (Some(Entry::Labelled(before)), Some(Entry::Labelled(after))) => {
            for (label, after) in after.iter() {
                let grown = before.get(label).and_then(|before| growth(*before, *after));
                let number = grown
                    .and_then(|grown| derived.of(grown, Some(label), previous, current, elapsed));
                if let Some(number) = number {
                    found.set_for(derived.metric(), label, number);
                }
            }
        }
        _ => {}
    }
    current.merge(found);
}

impl Derived {
    /// What follows from a growth.
    fn of(
        &self,
        grown: f64,
        label: Option<&str>,
        previous: &Values,
        current: &Values,
        elapsed: f64,
    ) -> Option<f64> {
        match self {
            Derived::Rate(_) => Some(grown / elapsed),
            Derived::Summed(_) => None,
            // The clocks of the two differ a little.
            Derived::Busy(_, parts) => {
                Some((100.0 * grown / f64::from(*parts) / elapsed).min(100.0))
            }
            Derived::Each(_, other, scale) => {
                let count = |values: &Values| values.exact(other.name, label);
                let others = growth(count(previous)?, count(current)?)?;
                (others > 0.0).then(|| scale * grown / others)
            }
        }
    }
}

/// What a counter grew by; `None` if it fell (a reset, never taken for a wrap).
fn growth(before: Value, after: Value) -> Option<f64> {
    match (before, after) {
        (Value::Unsigned(before), Value::Unsigned(after)) => {
            after.checked_sub(before).map(|growth| growth as f64)
        }
        _ => Some(after.as_f64() - before.as_f64()).filter(|growth| *growth >= 0.0),
    }
}

/// Whether a count of idle ticks that fell by so much, while others grew, was set back rather than corrected.
pub fn is_reset(fell: f64, grown: f64) -> bool {
    fell > (grown / 100.0).max(10.0)
}

impl Share {
    fn counts(&self, label: &str) -> bool {
        self.of.contains(&label)
    }
}

fn derive_shares(metric: &Metric, shares: &[Share], previous: &Values, current: &mut Values) {
    let (Some(Entry::Labelled(before)), Some(Entry::Labelled(after))) =
        (previous.entry(metric.name), current.entry(metric.name))
    else {
        return;
    };
    let grown: BTreeMap<&str, Option<f64>> = after
        .iter()
        .filter_map(|(mode, after)| {
            before.get(mode).map(|before| (mode.as_str(), growth(*before, *after)))
        })
        .collect();
    // iowait and idle may fall a little within a boot (proc(5)): that mode alone is then unknown.
    let total: f64 = grown.values().flatten().sum();
    let rest = after.iter().filter(|(mode, _)| !shares.iter().any(|share| share.counts(mode)));
    let fell = |(mode, after): (&String, &Value)| {
        before.get(mode).map_or(0.0, |before| growth(*after, *before).unwrap_or(0.0))
    };
    // After a resume, or where a core went, idle may fall far: then nobody knows what the others are a share of.
    if total <= 0.0 || rest.map(fell).any(|fell| is_reset(fell, total)) {
        return;
    }
    let mut derived = Values::default();
    for share in shares {
        let parts: Option<Vec<f64>> =
            share.of.iter().filter_map(|mode| grown.get(mode).copied()).collect();
        if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
            derived.set(share.metric, 100.0 * parts.iter().sum::<f64>() / total);
        }
    }
    current.merge(derived);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Unit;

    static SENT_RATE: Metric = Metric::rate("sent_rate", Unit::BytesPerSecond, "Test.");
    static SENT: Metric = Metric::counter(
        "sent",
        Unit::Bytes,
        &[
            Derived::Rate(&SENT_RATE),
            Derived::Busy(&BUSY, 1_000),
            Derived::Each(&WAIT, &PACKETS, 0.001),
        ],
        "Test.",
    );
    static PACKETS: Metric = Metric::counter("packets", Unit::Count, &[], "Test.");
    static BUSY: Metric = Metric::rate("busy", Unit::Percent, "Test.");
    static WAIT: Metric = Metric::rate("wait", Unit::Percent, "Test.");
    static TICKS: Metric = Metric::ticks(
        "ticks",
        &[
            Share { metric: &BUSY, of: &["user", "system"] },
            Share { metric: &WAIT, of: &["iowait"] },
        ],
        "Test.",
    );

    fn rate_of(before: u64, after: u64, elapsed: f64) -> Option<f64> {
        let (mut previous, mut current) = (Values::default(), Values::default());
        previous.set(&SENT, before);
        current.set(&SENT, after);
        derive([&SENT].into_iter(), &previous, &mut current, elapsed);
        current.get("sent_rate", None)
    }

    fn shares_of(before: [u64; 4], after: [u64; 4]) -> (Option<f64>, Option<f64>) {
        let fill = |ticks: [u64; 4]| {
            let mut values = Values::default();
            for (mode, count) in ["user", "system", "idle", "iowait"].iter().zip(ticks) {
                values.set_for(&TICKS, mode, count);
            }
            values
        };
        let (previous, mut current) = (fill(before), fill(after));
        derive([&TICKS].into_iter(), &previous, &mut current, 300.0);
        (current.get("busy", None), current.get("wait", None))
    }

    #[test]
    fn a_counter_becomes_a_rate_per_second() {
        assert_eq!(rate_of(1_000, 4_000, 300.0), Some(10.0));
    }

    #[test]
    fn a_counter_that_fell_has_no_rate() {
        assert_eq!(rate_of(4_000, 1_000, 300.0), None);
    }

    #[test]
    fn a_counter_near_its_end_is_subtracted_exactly() {
        assert_eq!(rate_of(u64::MAX - 300, u64::MAX, 300.0), Some(1.0));
    }

    #[test]
    fn a_time_becomes_a_share_of_the_time_that_passed_and_never_more_than_all() {
        let busy = |grown: u64| {
            let (mut previous, mut current) = (Values::default(), Values::default());
            previous.set(&SENT, 7_u64);
            current.set(&SENT, 7 + grown);
            derive([&SENT].into_iter(), &previous, &mut current, 10.0);
            current.get("busy", None)
        };
        assert_eq!((busy(2_500), busy(10_020)), (Some(25.0), Some(100.0)));
    }

    #[test]
    fn growth_for_each_of_another_counter_is_absent_while_that_one_stands_still() {
        let each = |packets: u64| {
            let (mut previous, mut current) = (Values::default(), Values::default());
            previous.set(&SENT, 0_u64);
            current.set(&SENT, 8_000_u64);
            previous.set(&PACKETS, 5_u64);
            current.set(&PACKETS, 5 + packets);
            derive([&SENT].into_iter(), &previous, &mut current, 10.0);
            current.get("wait", None)
        };
        assert_eq!((each(4), each(0)), (Some(2.0), None));
    }

    #[test]
    fn no_time_gives_no_rate() {
        assert_eq!(rate_of(1, 2, 0.0), None);
        assert_eq!(rate_of(1, 2, f64::NAN), None);
    }

    #[test]
    fn shares_are_of_all_ticks_between_two_lines() {
        assert_eq!(shares_of([0, 0, 0, 0], [20, 10, 60, 10]), (Some(30.0), Some(10.0)));
    }

    #[test]
    fn a_mode_that_fell_is_unknown_and_the_others_stand() {
        assert_eq!(shares_of([0, 0, 0, 5], [50, 0, 50, 4]), (Some(50.0), None));
    }

    #[test]
    fn where_idle_fell_far_there_is_no_share_and_where_it_fell_a_little_it_stood_still() {
        assert_eq!(shares_of([0, 0, 5_000, 0], [30, 20, 1_000, 0]), (None, None));
        let (busy, wait) = shares_of([0, 0, 5_000, 0], [100, 50, 4_999, 50]);
        assert_eq!((busy, wait), (Some(75.0), Some(25.0)));
    }

    #[test]
    fn no_ticks_give_no_share() {
        assert_eq!(shares_of([1, 1, 1, 1], [1, 1, 1, 1]), (None, None));
    }
}
