//! Quiet hours: a part of every day in which only what is critical is told. Pure: the zone's offset is an argument.

use chrono::{DateTime, Duration, NaiveTime, Offset, TimeZone, Timelike, Utc};

use super::Level;
use crate::time::Zone;

/// From `from` (included) to `to` (excluded), across midnight where `to` is the earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct QuietHours {
    pub from: NaiveTime,
    pub to: NaiveTime,
    /// A named zone; `None`: the host's.
    pub zone: Option<NamedZone>,
    /// Whether what is critical is told all the same.
    pub critical_passes: bool,
}

/// A zone of the IANA database, with its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedZone {
    pub name: String,
    pub rules: tz::TimeZone,
}

impl QuietHours {
    /// The end of the quiet hours, if `now` lies in them.
    pub fn until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = (now + self.offset(now)).naive_utc();
        if !self.holds(local.time()) {
            return None;
        }
        let days = i64::from(local.time() >= self.to);
        let end = (local.date() + Duration::days(days)).and_time(self.to);
        // The offset at the end, should the clock change in between.
        let guess = Utc.from_utc_datetime(&(end - self.offset(now)));
        Some(Utc.from_utc_datetime(&(end - self.offset(guess))).max(now + Duration::seconds(1)))
    }

    /// Whether something of this level, at worst, is told at any hour.
    pub fn lets_pass(&self, worst: Level) -> bool {
        self.critical_passes && worst >= Level::Critical
    }

    fn holds(&self, time: NaiveTime) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        }
    }

    fn offset(&self, at: DateTime<Utc>) -> Duration {
        let seconds = match &self.zone {
            None => Zone::Local.at(at).offset().fix().local_minus_utc(),
            Some(zone) => zone
                .rules
                .find_local_time_type(at.timestamp())
                .map_or(0, tz::LocalTimeType::ut_offset),
        };
        Duration::seconds(i64::from(seconds))
    }

    /// `22:00-07:00`, with the zone if one is named.
    pub fn words(&self) -> String {
        let time = |time: NaiveTime| format!("{:02}:{:02}", time.hour(), time.minute());
        let zone = self.zone.as_ref().map(|zone| format!(" {}", zone.name)).unwrap_or_default();
        format!("{}-{}{zone}", time(self.from), time(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central European Time by its rule, as POSIX writes it.
    fn hours(from: u32, to: u32) -> QuietHours {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let rules = tz::TimeZone::from_posix_tz("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let zone = Some(NamedZone { name: "Europe/Berlin".into(), rules });
        QuietHours { from: time(from), to: time(to), zone, critical_passes: true }
    }

    fn until(hours: &QuietHours, now: &str) -> Option<String> {
        let now = DateTime::parse_from_rfc3339(now).unwrap().to_utc();
        hours.until(now).map(|end| end.format("%d %H:%M").to_string())
    }

    #[test]
    fn they_may_cross_midnight_and_begin_included_and_end_excluded() {
        let night = hours(22, 7);
        assert_eq!(until(&night, "2026-11-22T20:59:59Z"), None);
        assert_eq!(until(&night, "2026-11-22T21:00:00Z").as_deref(), Some("23 06:00"));
        assert_eq!(until(&night, "2026-11-23T05:59:00Z").as_deref(), Some("23 06:00"));
        assert_eq!(until(&night, "2026-11-23T06:00:00Z"), None);
        assert_eq!(until(&hours(12, 14), "2026-11-23T12:30:00Z").as_deref(), Some("23 13:00"));
    }

    #[test]
    fn they_follow_the_clock_of_their_zone_through_a_change() {
        assert_eq!(until(&hours(22, 7), "2026-10-24T20:30:00Z").as_deref(), Some("25 06:00"));
        assert_eq!(until(&hours(22, 7), "2026-03-28T21:30:00Z").as_deref(), Some("29 05:00"));
    }

    #[test]
    fn what_is_critical_passes_if_it_may() {
        let mut night = hours(22, 7);
        assert!(night.lets_pass(Level::Critical) && !night.lets_pass(Level::Warning));
        night.critical_passes = false;
        assert!(!night.lets_pass(Level::Critical));
    }
}
