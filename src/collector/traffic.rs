//! How much went over each interface today and in this billing month. Counted on from line to line, so that a reboot, a
//! counter that starts again or a lost cache loses nothing but what went by between the last line and a power cut.

use chrono::{Datelike, NaiveDate};

use super::link::SPEED;
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::{Entry, Sample, Value, Values};

pub static DAY: Metric = Metric::gauge(
    "traffic_day",
    Unit::Bytes,
    "Bytes received and sent since midnight, over reboots.",
)
.labelled("interface")
.phrased("{label} {value} today")
.carried();
pub static MONTH: Metric = Metric::gauge(
    "traffic_month",
    Unit::Bytes,
    "Bytes received and sent since the first day of the billing month, over reboots.",
)
.labelled("interface")
.phrased("{label} {value} this month")
.carried();
static QUOTA: Metric = Metric::gauge(
    "traffic_quota_percent",
    Unit::Percent,
    "Traffic of this month as a share of the quota (monitoring.traffic.quota).",
)
.labelled("interface")
.phrased("{label} {value} of the month's traffic used")
.judged(&[Judged::warning(75.0).and_critical(100.0).until(0.0), Judged::warning(90.0).until(0.0)]);

pub static COLLECTOR: Collector = Collector::new("traffic", &[&DAY, &MONTH, &QUOTA], collect);

/// When a month begins and how much it may carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Billing {
    /// 1 to 28.
    pub first_day: u32,
    /// Bytes in both directions; `None`: as much as one likes.
    pub quota: Option<u64>,
}

impl Default for Billing {
    fn default() -> Self {
        Billing { first_day: 1, quota: None }
    }
}

/// Interfaces that are gone and whose totals are kept: containers leave one each.
const GONE: usize = 16;
/// Where a counter of 32 bits begins again.
const WRAP: u64 = 1 << 32;
/// Bits a second, where the link does not say.
const FASTEST: u64 = 10_000_000_000;

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let billing = &host.settings.billing;
    let month = |date| month_begin(date, billing.first_day);
    let is_of_month = |last: &&Sample| month(last.timestamp.date_naive()) == month(host.today);
    let same_day = host.last.filter(|_| host.last_is_of_today());
    let same_month = host.last.filter(is_of_month);
    for (name, grown) in growths(host, &reading.values, same_month) {
        let so_far = |metric: &Metric, last: Option<&Sample>| {
            last?.values.exact(metric.name, Some(&name))?.count()
        };
        let today = so_far(&DAY, same_day).unwrap_or(0).saturating_add(grown);
        let this_month = so_far(&MONTH, same_month).unwrap_or(0).saturating_add(grown);
        reading.values.set_for(&DAY, &name, today);
        reading.values.set_for(&MONTH, &name, this_month);
        if let Some(quota) = billing.quota.filter(|quota| *quota > 0) {
            let percent = 100.0 * this_month as f64 / quota as f64;
            reading.values.set_for(&QUOTA, &name, percent);
        }
    }
    Ok(())
}

/// The day on which the billing month of a date began.
fn month_begin(date: NaiveDate, first_day: u32) -> Option<NaiveDate> {
    let this_month = date.with_day(first_day)?;
    if this_month <= date {
        return Some(this_month);
    }
    // A day up to the 28th is in every month.
    date.with_day(1)?.pred_opt()?.with_day(first_day)
}

/// What went over each interface since the last line. One that is gone keeps what it carried this month.
fn growths(host: &Host<'_>, values: &Values, same_month: Option<&Sample>) -> Vec<(String, u64)> {
    let present: Vec<String> = match values.entry("interface_received") {
        Some(Entry::Labelled(present)) => present.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    let gone = same_month.map(|last| gone(last, values)).unwrap_or_default();
    let grown = |name: String| {
        let grown = growth(host, values, &name).unwrap_or(0);
        (name, grown)
    };
    present.into_iter().map(grown).chain(gone.into_iter().map(|name| (name, 0))).collect()
}

fn gone(last: &Sample, values: &Values) -> Vec<String> {
    let Some(Entry::Labelled(totals)) = last.values.entry(MONTH.name) else { return Vec::new() };
    let is_gone = |name: &str| values.exact("interface_received", Some(name)).is_none();
    let mut gone: Vec<(u64, &String)> = totals
        .iter()
        .filter(|(name, _)| is_gone(name))
        .filter_map(|(name, total)| Some((total.count().filter(|total| *total > 0)?, name)))
        .collect();
    gone.sort_unstable_by(|one, other| other.cmp(one));
    gone.into_iter().take(GONE).map(|(_, name)| name.clone()).collect()
}

/// Bytes received and sent.
fn counted(values: &Values, name: &str) -> Option<(u64, u64)> {
    let of = |metric| values.exact(metric, Some(name))?.count();
    Some((of("interface_received")?, of("interface_sent")?))
}

fn growth(host: &Host<'_>, values: &Values, name: &str) -> Option<u64> {
    host.last?;
    let now = counted(values, name)?;
    let (before, since) = match host.last_of_this_boot() {
        // Not counted then: nobody knows how much of it is new. What was plugged in since loses no more than this.
        Some(last) => (counted(&last.values, name)?, last.uptime?),
        None => ((0, 0), 0.0),
    };
    let speed = values.exact(SPEED.name, Some(name)).and_then(Value::count);
    let most = capacity(speed.unwrap_or(FASTEST), host.uptime - since);
    let carried = |way: Way, other: Way| {
        let grown = grown(way, other, most);
        // More than the link can carry is a driver's fancy.
        if speed.is_some() { grown.min(most) } else { grown }
    };
    let (received, sent) = ((before.0, now.0), (before.1, now.1));
    Some(carried(received, sent).saturating_add(carried(sent, received)))
}

/// What a link carries one way, in bytes.
fn capacity(bits: u64, seconds: f64) -> u64 {
    // Counters and clock are not read at once.
    let bytes = bits as f64 / 8.0 * (seconds + 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let bytes = bytes as u64;
    bytes
}

/// The counter of one way, before and now.
type Way = (u64, u64);

fn grown((before, now): Way, other: Way, most: u64) -> u64 {
    if let Some(grown) = now.checked_sub(before) {
        return grown;
    }
    // A driver that corrects itself a little is no reset.
    if before - now <= before / 100 {
        return 0;
    }
    // A reset would have set back the other way too; one that never counted anything does not tell. And a counter of 32
    // bits has come near their end before it wraps.
    let alone = other.1 > 0 && other.1 >= other.0 && before > WRAP / 2;
    let wrapped = WRAP.checked_sub(before).map(|left| left.saturating_add(now));
    wrapped.filter(|grown| alone && *grown <= most).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::super::tests::fixture;
    use super::*;
    use crate::sample::read::{Wanted, line};
    use std::path::Path;

    static RECEIVED: Metric =
        Metric::counter("interface_received", Unit::Bytes, &[], "Test.").labelled("interface");
    static SENT: Metric =
        Metric::counter("interface_sent", Unit::Bytes, &[], "Test.").labelled("interface");

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn last(date: &str, boot: &str, received: u64, month: u64) -> Sample {
        let text = format!(
            r#"{{"timestamp":"{date}T12:00:00Z","boot_id":"{boot}","uptime":900,"interface_received":{{"eth0":{received}}},"interface_sent":{{"eth0":0}},"traffic_day":{{"eth0":50}},"traffic_month":{{"eth0":{month}}}}}"#
        );
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    /// Today's and this month's bytes on the 20th, 1,000 s after boot `b`, with 1,000 bytes received since.
    fn counted(last: Option<&Sample>, billing: Billing) -> (f64, f64) {
        let settings = Settings { billing, ..Settings::default() };
        let today = date("2026-11-20");
        let host =
            Host { last, today, settings: &settings, boot_id: "b", ..fixture(Path::new("/")) };
        let mut reading = Reading::default();
        reading.values.set_for(&RECEIVED, "eth0", 1_000_u64);
        reading.values.set_for(&SENT, "eth0", 0_u64);
        collect(&host, &mut reading).unwrap();
        let of = |name| reading.values.get(name, Some("eth0")).unwrap();
        (of("traffic_day"), of("traffic_month"))
    }

    #[test]
    fn it_counts_on_within_a_boot() {
        let counted = counted(Some(&last("2026-11-20", "b", 400, 7_000)), Billing::default());
        assert_eq!(counted, (650.0, 7_600.0));
    }

    #[test]
    fn after_a_reboot_or_a_reset_all_that_the_counter_shows_is_new() {
        for (boot, received) in [("a", 999_999), ("a", 400), ("b", 5_000)] {
            let last = last("2026-11-20", boot, received, 7_000);
            assert_eq!(counted(Some(&last), Billing::default()), (1_050.0, 8_000.0));
        }
    }

    #[test]
    fn a_new_day_and_a_new_month_begin_at_nothing() {
        let yesterday = last("2026-11-19", "b", 400, 7_000);
        assert_eq!(counted(Some(&yesterday), Billing::default()), (600.0, 7_600.0));
        let from_the_20th = Billing { first_day: 20, quota: None };
        assert_eq!(counted(Some(&yesterday), from_the_20th), (600.0, 600.0));
    }

    #[test]
    fn the_first_line_of_all_begins_at_nothing() {
        assert_eq!(counted(None, Billing::default()), (0.0, 0.0));
    }

    #[test]
    fn a_billing_month_begins_on_its_day_of_this_month_or_the_last() {
        assert_eq!(month_begin(date("2026-11-20"), 1), Some(date("2026-11-01")));
        assert_eq!(month_begin(date("2026-11-20"), 25), Some(date("2026-10-25")));
        assert_eq!(month_begin(date("2026-01-03"), 28), Some(date("2025-12-28")));
    }

    /// What goes over eth0 in 100 s of one boot, from and to so many bytes received and sent.
    fn gone_over(before: [u64; 2], now: [u64; 2], megabits: Option<u64>) -> Option<f64> {
        let mut last = last("2026-11-20", "b", before[0], 0);
        last.values.set_for(&SENT, "eth0", before[1]);
        let today = date("2026-11-20");
        let host = Host { last: Some(&last), today, boot_id: "b", ..fixture(Path::new("/")) };
        let mut reading = Reading::default();
        reading.values.set_for(&RECEIVED, "eth0", now[0]);
        reading.values.set_for(&SENT, "eth0", now[1]);
        if let Some(megabits) = megabits {
            reading.values.set_for(&SPEED, "eth0", megabits * 1_000_000);
        }
        collect(&host, &mut reading).unwrap();
        reading.values.get("traffic_month", Some("eth0"))
    }

    #[test]
    fn of_more_than_the_link_can_carry_what_it_can_is_counted() {
        let most = 101_000_000;
        assert_eq!(gone_over([0, 0], [most, most], Some(8)), Some(2.0 * most as f64));
        assert_eq!(gone_over([0, 0], [most + 9, 5], Some(8)), Some(most as f64 + 5.0));
        assert_eq!(gone_over([0, 0], [most + 9, 5], None), Some(most as f64 + 14.0));
    }

    #[test]
    fn a_counter_of_32_bits_that_wrapped_goes_on() {
        let end = 1 << 32;
        assert_eq!(gone_over([end - 100, 5], [50, 6], None), Some(151.0));
        assert_eq!(gone_over([5, end - 100], [5, 50], Some(8)), Some(150.0));
    }

    #[test]
    fn an_interface_that_was_made_anew_has_not_wrapped() {
        assert_eq!(gone_over([1_000_000, 50_000], [500_000, 80_000], None), Some(530_000.0));
    }

    #[test]
    fn a_counter_that_fell_a_little_has_not_begun_anew() {
        let far = 5_000_000_000_000;
        assert_eq!(gone_over([far, 1_000], [far - 1_000, 9_000], None), Some(8_000.0));
    }

    #[test]
    fn a_counter_that_fell_otherwise_has_begun_anew() {
        let end = 1 << 32;
        assert_eq!(gone_over([end - 100, 7], [50, 6], None), Some(56.0), "both ways");
        assert_eq!(gone_over([end + 100, 5], [50, 6], None), Some(51.0), "has more bits");
        assert_eq!(
            gone_over([1_000, 5], [50, 6], Some(8)),
            Some(51.0),
            "more than the link carries"
        );
        assert_eq!(gone_over([1_000, 0], [50, 0], None), Some(50.0), "the other way says nothing");
    }

    #[test]
    fn an_interface_that_is_measured_from_now_on_begins_at_nothing() {
        for (boot, day, month) in [("b", 50.0, 7_000.0), ("a", 1_050.0, 8_000.0)] {
            let mut last = last("2026-11-20", boot, 0, 7_000);
            last.values.remove("interface_received");
            last.values.set_for(&RECEIVED, "wlan0", 9_u64);
            assert_eq!(counted(Some(&last), Billing::default()), (day, month));
        }
    }

    /// The interfaces of the 20th's line, of which none is left, after one in which they had these totals.
    fn left_of(date_before: &str, totals: &[(&str, u64)]) -> Vec<String> {
        let mut last = last(date_before, "b", 0, 0);
        for (name, total) in totals {
            last.values.set_for(&MONTH, name, *total);
        }
        let today = date("2026-11-20");
        let host = Host { last: Some(&last), today, boot_id: "b", ..fixture(Path::new("/")) };
        let mut reading = Reading::default();
        collect(&host, &mut reading).unwrap();
        let months = reading.values.points().filter(|(name, ..)| *name == MONTH.name);
        months.filter_map(|(_, label, _)| label.map(str::to_owned)).collect()
    }

    #[test]
    fn an_interface_that_is_gone_is_forgotten_with_its_month() {
        assert_eq!(left_of("2026-11-19", &[("usb0", 1), ("usb1", 0)]), ["usb0"]);
        assert!(left_of("2026-10-31", &[("usb0", 1)]).is_empty());
    }

    #[test]
    fn of_many_that_are_gone_those_that_carried_most_are_kept() {
        let names: Vec<String> = (10..40).map(|number| format!("ve{number}")).collect();
        let totals: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(1..).collect();
        assert_eq!(left_of("2026-11-20", &totals), names[14..]);
    }

    #[test]
    fn an_interface_that_is_gone_keeps_its_totals() {
        let last = last("2026-11-20", "b", 400, 7_000);
        let today = date("2026-11-20");
        let host = Host { last: Some(&last), today, boot_id: "b", ..fixture(Path::new("/")) };
        let mut reading = Reading::default();
        collect(&host, &mut reading).unwrap();
        assert_eq!(reading.values.get("traffic_month", Some("eth0")), Some(7_000.0));
    }
}
