//! Times as people type them after `--since` and `--until`, and the buckets of `--every`. Pure.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Timelike, Utc};

use super::{Pick, Zone, span};

/// Which end of a range a time stands for; it decides ambiguous times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Since,
    /// Holds the already known start of the range: `14:00` is the first after it.
    Until(DateTime<Utc>),
}

const FORMS: &str = "RFC 3339, @EPOCH, 2026-11-22, \"2026-11-22 14:00\", 14:00, today, yesterday, \"yesterday 14:00\", now, or a span back: 90s 15m 2h 3d 2w 1h30m";

/// The instant that `text` means at `now` in `zone`.
///
/// # Errors
/// Words that name the accepted forms.
pub fn time(
    text: &str,
    edge: Edge,
    now: DateTime<Utc>,
    zone: Zone,
) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    let pick = if edge == Edge::Since { Pick::Earlier } else { Pick::Later };
    let unknown = || format!("\"{text}\" is not a time; use {FORMS}");
    if text == "now" {
        return Ok(now);
    }
    if let Some(epoch) = text.strip_prefix('@') {
        return epoch
            .parse()
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or_else(unknown);
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let back = text.strip_suffix("ago").unwrap_or(text).trim();
    if let Ok(seconds) = span::parse(back.strip_prefix('-').unwrap_or(back)) {
        let seconds = i64::try_from(seconds).map_err(|_| unknown())?;
        return Duration::try_seconds(seconds)
            .and_then(|ago| now.checked_sub_signed(ago))
            .ok_or_else(unknown);
    }
    let today = zone.date(now);
    if let Some(clock) = clock_time(text) {
        return Ok(nearest_occurrence(clock, edge, now, zone, pick));
    }
    let (day, rest) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let date = match day {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        other => NaiveDate::parse_from_str(other, "%Y-%m-%d").ok(),
    };
    let clock = if rest.is_empty() { Some(NaiveTime::MIN) } else { clock_time(rest.trim()) };
    match (date, clock) {
        (Some(date), Some(clock)) => Ok(zone.instant(date.and_time(clock), pick)),
        _ => Err(unknown()),
    }
}

/// `14:00`: its last occurrence; as the end of a range the first after the start.
fn nearest_occurrence(
    clock: NaiveTime,
    edge: Edge,
    now: DateTime<Utc>,
    zone: Zone,
    pick: Pick,
) -> DateTime<Utc> {
    let on = |date: NaiveDate| zone.instant(date.and_time(clock), pick);
    match edge {
        Edge::Since => {
            let today = on(zone.date(now));
            if today <= now { today } else { zone.date(now).pred_opt().map_or(today, on) }
        }
        Edge::Until(since) => {
            let same_day = on(zone.date(since));
            if same_day > since {
                same_day
            } else {
                zone.date(since).succ_opt().map_or(same_day, on)
            }
        }
    }
}

fn clock_time(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// The bucket of `--every` that holds `instant`: start and end, cut in local time (`1h` on the hour,
/// `1d` midnight to midnight, `1w` from Monday).
pub fn bucket(instant: DateTime<Utc>, every: u64, zone: Zone) -> (DateTime<Utc>, DateTime<Utc>) {
    const DAY: u64 = 86_400;
    const HOUR: u64 = 3_600;
    let every = every.max(1);
    if every.is_multiple_of(DAY) {
        let days = i64::try_from(every / DAY).unwrap_or(1);
        let date = zone.date(instant);
        // Day 0 of the count is a Monday, so that weeks begin on Mondays.
        let number = i64::from(date.num_days_from_ce()) - 1;
        let first = date - Duration::days(number.rem_euclid(days));
        return (zone.midnight(first), zone.midnight(first + Duration::days(days)));
    }
    let length = i64::try_from(every).unwrap_or(i64::MAX);
    if DAY.is_multiple_of(every) && every.is_multiple_of(HOUR) && every > HOUR {
        // Parts of a day follow the wall clock, whatever the clock does in between.
        let local = zone.at(instant).naive_local();
        let into = i64::from(local.time().num_seconds_from_midnight()).rem_euclid(length);
        let wall = local.with_nanosecond(0).unwrap_or(local) - Duration::seconds(into);
        let at = |wall| zone.instant(wall, Pick::Earlier);
        return (at(wall), at(wall + Duration::seconds(length)));
    }
    // Hours and their parts are counted from midnight: a repeated hour is two buckets, a missing one is none.
    let midnight = zone.midnight(zone.date(instant));
    let next = zone.midnight(zone.date(instant) + Duration::days(1));
    let into = (instant - midnight).num_seconds().rem_euclid(length);
    let start = instant.with_nanosecond(0).unwrap_or(instant) - Duration::seconds(into);
    (start, start.checked_add_signed(Duration::seconds(length)).map_or(next, |end| end.min(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn since(text: &str) -> Result<DateTime<Utc>, String> {
        time(text, Edge::Since, utc("2026-11-22T12:30:00Z"), Zone::Utc)
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, meant) in [
            ("2026-11-22T09:41:06+01:00", "2026-11-22T08:41:06Z"),
            ("@1795336866", "2026-11-22T08:41:06Z"),
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("2026-11-21 14:00", "2026-11-21T14:00:00Z"),
            ("11:00", "2026-11-22T11:00:00Z"),
            ("14:00", "2026-11-21T14:00:00Z"),
            ("today", "2026-11-22T00:00:00Z"),
            ("yesterday", "2026-11-21T00:00:00Z"),
            ("yesterday 14:00", "2026-11-21T14:00:00Z"),
            ("now", "2026-11-22T12:30:00Z"),
            ("2h", "2026-11-22T10:30:00Z"),
            ("2h ago", "2026-11-22T10:30:00Z"),
            ("-1h30m", "2026-11-22T11:00:00Z"),
            ("1w", "2026-11-15T12:30:00Z"),
        ] {
            assert_eq!(since(text), Ok(utc(meant)), "{text}");
        }
    }

    #[test]
    fn until_takes_the_first_such_time_after_since() {
        let edge = Edge::Until(utc("2026-11-20T15:00:00Z"));
        assert_eq!(
            time("14:00", edge, utc("2026-11-22T12:30:00Z"), Zone::Utc),
            Ok(utc("2026-11-21T14:00:00Z"))
        );
    }

    #[test]
    fn what_does_not_parse_is_told_the_accepted_forms() {
        for text in
            ["tomorrowish", "", "25:00", "2026-13-01", "7", "@x", "yesterday noon", "99999999999w"]
        {
            assert!(
                since(text)
                    .is_err_and(|words| words.contains("RFC 3339") && words.contains("1h30m")),
                "{text}"
            );
        }
    }

    #[test]
    fn buckets_follow_hours_days_and_weeks() {
        let instant = utc("2026-11-22T12:34:56Z");
        assert_eq!(
            bucket(instant, 3_600, Zone::Utc),
            (utc("2026-11-22T12:00:00Z"), utc("2026-11-22T13:00:00Z"))
        );
        assert_eq!(
            bucket(instant, 900, Zone::Utc),
            (utc("2026-11-22T12:30:00Z"), utc("2026-11-22T12:45:00Z"))
        );
        assert_eq!(
            bucket(instant, 86_400, Zone::Utc),
            (utc("2026-11-22T00:00:00Z"), utc("2026-11-23T00:00:00Z"))
        );
        assert_eq!(
            bucket(instant, 604_800, Zone::Utc),
            (utc("2026-11-16T00:00:00Z"), utc("2026-11-23T00:00:00Z"))
        );
        assert_eq!(
            bucket(instant, 420, Zone::Utc).1 - bucket(instant, 420, Zone::Utc).0,
            Duration::seconds(420)
        );
    }
}
