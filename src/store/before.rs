//! The last sample before an instant: what lies between it and a range is told from it.

use chrono::Days;

use super::days::{DayFile, Kind};
use super::{Store, range, tail};
use crate::sample::Sample;
use crate::sample::read::{Wanted, head, line};
use crate::time::Zone;

impl Store {
    /// The newest sample before `epoch`; `None` if there is none.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn before(&self, epoch: i64, wanted: &Wanted) -> anyhow::Result<Option<Sample>> {
        // A name is a local date, in the zone of its time.
        let date = Zone::Local.at_epoch(epoch).date_naive();
        let latest = date.checked_add_days(Days::new(1)).unwrap_or(date);
        let files = self.files()?.iter().rev();
        let mut files = files.filter(|file| file.kind == Kind::Metrics && file.date <= latest);
        Ok(files.find_map(|file| last_before(file, epoch, wanted)))
    }
}

fn last_before(file: &DayFile, epoch: i64, wanted: &Wanted) -> Option<Sample> {
    if file.is_compressed() {
        let (samples, _) = range::read_day(&[file], wanted, None);
        return samples.into_iter().rev().find(|sample| sample.epoch() < epoch);
    }
    let is_before = |text: &Vec<u8>| head(text).is_ok_and(|sample| sample.epoch() < epoch);
    let mut lines = tail::Backwards::open(&file.path)?.filter(is_before);
    lines.find_map(|text| line(&text, wanted).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_345_200;

    fn before(files: &[(&str, &[i64])], epoch: i64) -> Option<i64> {
        let directory = tempfile::tempdir().unwrap();
        for (name, epochs) in files {
            let line = |epoch: &i64| {
                format!(
                    "{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"epoch\":{epoch},\"uptime\":1,\"x\":1}}\n"
                )
            };
            let content: String = epochs.iter().map(line).collect();
            std::fs::write(directory.path().join(name), content + "{\"torn").unwrap();
        }
        let found = Store::new(directory.path()).before(epoch, &Wanted::everything()).unwrap();
        found.map(|sample| sample.epoch())
    }

    #[test]
    fn the_last_line_before_an_instant_is_found_on_its_day_or_long_before() {
        let day: (&str, &[i64]) = ("metrics_2026-11-22.jsonl", &[NOON, NOON + 300, NOON + 600]);
        let old: (&str, &[i64]) = ("metrics_2026-03-28.jsonl", &[NOON - 20_000_000]);
        assert_eq!(before(&[old, day], NOON + 500), Some(NOON + 300));
        assert_eq!(before(&[old, day], NOON + 300), Some(NOON));
        assert_eq!(before(&[old, day], NOON), Some(NOON - 20_000_000));
        assert_eq!(before(&[day], NOON), None);
        assert_eq!(before(&[], NOON), None);
    }
}
