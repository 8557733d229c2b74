//! Moments and zones. Pure: the clock is read in `main` and passed down as a `Now`.

pub mod parse;
pub mod schedule;
pub mod span;

use chrono::{
    DateTime, Duration, FixedOffset, Local, NaiveDate, NaiveDateTime, TimeZone, Timelike, Utc,
};
use serde::{Deserialize, Serialize};

/// The instant of a run: wall clock, and the boot it belongs to.
#[derive(Clone, Debug)]
pub struct Now {
    pub utc: DateTime<Utc>,
    /// 32 hexadecimal digits, from `/proc/sys/kernel/random/boot_id` (random(4)).
    pub boot_id: String,
    /// Seconds since boot, from `/proc/uptime` (proc(5)).
    pub uptime: f64,
    /// Seconds of the uptime that were slept through.
    pub suspended: f64,
}

impl Now {
    pub fn moment(&self) -> Moment {
        Moment { epoch: self.utc.timestamp(), boot_id: self.boot_id.clone(), uptime: self.uptime }
    }
}

/// A point in time that survives clock steps within a boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    pub epoch: i64,
    pub boot_id: String,
    pub uptime: f64,
}

impl Moment {
    /// Whether both lie in one boot. A lower uptime under the same id is a new boot (containers), but for the little by
    /// which runs at the same time may stand out of order.
    pub fn same_boot(&self, earlier: &Moment) -> bool {
        const DISORDER: f64 = 2.0;
        !self.boot_id.is_empty()
            && self.boot_id == earlier.boot_id
            && self.uptime + DISORDER >= earlier.uptime
    }

    /// Seconds from `earlier` to here: by uptime within a boot, else by the wall clock. A wall clock that
    /// went backwards counts by its distance, so that a wait set under a wrong clock still ends.
    pub fn seconds_since(&self, earlier: &Moment) -> f64 {
        if self.same_boot(earlier) {
            (self.uptime - earlier.uptime).max(0.0)
        } else {
            (self.epoch - earlier.epoch).abs() as f64
        }
    }
}

/// Where times are shown and day files are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    Local,
    Utc,
}

impl Zone {
    pub fn at(self, instant: DateTime<Utc>) -> DateTime<FixedOffset> {
        match self {
            Zone::Utc => instant.fixed_offset(),
            Zone::Local => instant.with_timezone(&Local).fixed_offset(),
        }
    }

    pub fn at_epoch(self, epoch: i64) -> DateTime<FixedOffset> {
        self.at(DateTime::from_timestamp(epoch, 0).unwrap_or_default())
    }

    pub fn date(self, instant: DateTime<Utc>) -> NaiveDate {
        self.at(instant).date_naive()
    }

    /// A wall-clock time as an instant: an ambiguous one by `pick`, one that a clock change skipped
    /// is the next that exists.
    pub fn instant(self, wall: NaiveDateTime, pick: Pick) -> DateTime<Utc> {
        if self == Zone::Utc {
            return wall.and_utc();
        }
        let mut candidate = wall;
        for _ in 0..=96 {
            let found = Local.from_local_datetime(&candidate);
            // Some zones report times at the edge of a change that do not read back as themselves.
            let exact = |instant: &DateTime<Local>| {
                instant.to_utc().with_timezone(&Local).naive_local() == candidate
            };
            let both = [found.earliest(), found.latest()]
                .into_iter()
                .flatten()
                .filter(exact)
                .map(|instant| instant.to_utc());
            let chosen = if pick == Pick::Earlier { both.min() } else { both.max() };
            if let Some(instant) = chosen {
                return instant;
            }
            // Clocks change on quarters of an hour.
            candidate += Duration::seconds(
                900 - i64::from(candidate.time().num_seconds_from_midnight() % 900),
            );
        }
        wall.and_utc()
    }

    pub fn midnight(self, date: NaiveDate) -> DateTime<Utc> {
        self.instant(date.and_time(chrono::NaiveTime::MIN), Pick::Earlier)
    }
}

/// Which of two instants a repeated wall-clock time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    Earlier,
    Later,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(epoch: i64, boot_id: &str, uptime: f64) -> Moment {
        Moment { epoch, boot_id: boot_id.into(), uptime }
    }

    #[test]
    fn uptime_judges_within_a_boot_whatever_the_wall_clock_does() {
        assert!(
            (moment(0, "a", 400.0).seconds_since(&moment(9_999_999, "a", 100.0)) - 300.0).abs()
                < 1e-9
        );
    }

    #[test]
    fn the_wall_clock_judges_across_boots() {
        assert!(
            (moment(1_000, "b", 5.0).seconds_since(&moment(400, "a", 100.0)) - 600.0).abs() < 1e-9
        );
    }

    #[test]
    fn a_lower_uptime_under_the_same_boot_id_is_a_new_boot() {
        assert!(!moment(1_000, "a", 5.0).same_boot(&moment(400, "a", 100.0)));
    }

    #[test]
    fn lines_without_a_boot_id_share_no_boot() {
        assert!(!moment(1_000, "", 500.0).same_boot(&moment(400, "", 100.0)));
    }
}
