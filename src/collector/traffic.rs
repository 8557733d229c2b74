//! How much went over each interface today and in this billing month. Counted on from line to line, so that a reboot, a
//! counter that starts again or a lost cache loses nothing but what went by between the last line and a power cut.

use chrono::{Datelike, NaiveDate};

use super::link::SPEED;
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::{Entry, Sample, Values};

static DAY: Metric = Metric::gauge(
    "traffic_day",
    Unit::Bytes,
    "Bytes received and sent since midnight, over reboots.",
)
.labelled("interface")
.phrased("{label} {value} today")
.carried();
static MONTH: Metric = Metric::gauge(
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

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let billing = &host.settings.billing;
    let month = |date| month_begin(date, billing.first_day);
    let before = host.last.map(|last| last.timestamp.date_naive());
    let same_day = host.last_is_of_today();
    let same_month = before.map(month) == Some(month(host.today));
    for (name, grown) in growths(host, &reading.values) {
        let so_far = |metric: &Metric, is_same: bool| {
            host.last.filter(|_| is_same)?.values.exact(metric.name, Some(&name))?.count()
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

/// What went over each interface since the last line. One that was counted then and is gone now keeps its totals.
fn growths(host: &Host<'_>, values: &Values) -> Vec<(String, u64)> {
    let names = |values: &Values, metric: &str| match values.entry(metric) {
        Some(Entry::Labelled(labels)) => labels.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    let present = names(values, "interface_received");
    let counted = host.last.map(|last| names(&last.values, MONTH.name)).unwrap_or_default();
    let gone = counted.into_iter().filter(|name| !present.contains(name));
    let gone: Vec<_> = gone.map(|name| (name, 0)).collect();
    let grown = |name: String| {
        let grown = host.last.and_then(|last| growth(host, last, values, &name)).unwrap_or(0);
        (name, grown)
    };
    present.into_iter().map(grown).chain(gone).collect()
}

fn growth(host: &Host<'_>, last: &Sample, values: &Values, name: &str) -> Option<u64> {
    let total = |values: &Values| {
        let of = |metric| values.exact(metric, Some(name))?.count();
        Some(of("interface_received")?.saturating_add(of("interface_sent")?))
    };
    let is_this_boot = last.boot_id == host.boot_id;
    let now = total(values)?;
    let (grown, seconds) = match total(&last.values).filter(|_| is_this_boot) {
        Some(before) if before <= now => (now - before, host.uptime - last.uptime?),
        // Nothing was counted then: nobody knows how much of it is new.
        None if is_this_boot && last.values.entry("interface_received").is_none() => return None,
        // A counter that starts again, or came since, has counted since it did.
        _ => (now, host.uptime),
    };
    let speed = values.get(SPEED.name, Some(name));
    let most = speed.map(|bits| 2.0 * bits / 8.0 * (seconds + 1.0));
    // More than the link can carry in both directions is a driver's fancy.
    (most.is_none_or(|most| grown as f64 <= most)).then_some(grown)
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
        for (boot, received) in [("a", 999_999), ("a", 400), ("b", 1_001)] {
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
