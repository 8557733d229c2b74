//! The last samples that hold a metric, where few do: only their lines are read as samples.

use chrono::{Days, NaiveDate};

use super::days::{DayFile, Kind};
use super::{Store, range};
use crate::sample::Sample;
use crate::sample::read::{Wanted, line};

impl Store {
    /// The newest samples that hold `metric`, newest first, at most so many and of at most so many days up to `today`.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn holding(
        &self,
        metric: &str,
        most: usize,
        days: u64,
        today: NaiveDate,
        wanted: &Wanted,
    ) -> anyhow::Result<Vec<Sample>> {
        let oldest = today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
        let files = self.files()?.iter().rev();
        let mut files = files.filter(|file| file.kind == Kind::Metrics && file.date >= oldest);
        let key = format!("\"{metric}\":");
        let mut found: Vec<Sample> = Vec::new();
        while found.len() < most
            && let Some(file) = files.next()
        {
            found.extend(in_file(file, &key, wanted));
        }
        // Files of one day, and lines of runs at the same time, may stand out of order.
        found.sort_by_key(|sample| std::cmp::Reverse(sample.epoch()));
        found.truncate(most);
        Ok(found)
    }
}

/// From the last to the first.
fn in_file(file: &DayFile, key: &str, wanted: &Wanted) -> Vec<Sample> {
    let Ok(content) = range::content(file) else { return Vec::new() };
    // Damaged bytes cost their own line alone.
    let text = String::from_utf8_lossy(&content);
    if !text.contains(key) {
        return Vec::new();
    }
    let lines = text.lines().rev().filter(|text| text.contains(key));
    lines.filter_map(|text| line(text.as_bytes(), wanted).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_345_200; // 22 November 2026

    fn text(epoch: i64, rest: &str) -> String {
        format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"epoch\":{epoch},\"uptime\":1{rest}}}\n")
    }

    fn found(files: &[(&str, String)], most: usize, days: u64) -> Vec<i64> {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let today = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let wanted = Wanted::names(["speed"]);
        let store = Store::new(directory.path());
        let samples = store.holding("speed", most, days, today, &wanted).unwrap();
        samples.iter().map(Sample::epoch).collect()
    }

    #[test]
    fn only_lines_with_the_metric_are_found_the_newest_first() {
        let day = text(NOON, ",\"speed\":1")
            + &text(NOON + 300, ",\"other\":1")
            + &text(NOON + 600, ",\"speed\":2");
        let before = ("metrics_2026-11-21.jsonl", text(NOON - 86_400, ",\"speed\":3"));
        let files = [before, ("metrics_2026-11-22.jsonl", day)];
        assert_eq!(found(&files, 9, 9), [NOON + 600, NOON, NOON - 86_400]);
        assert_eq!(found(&files, 1, 9), [NOON + 600]);
    }

    #[test]
    fn days_too_long_ago_are_not_looked_at() {
        let old = [("metrics_2026-11-12.jsonl", text(NOON - 864_000, ",\"speed\":3"))];
        assert_eq!((found(&old, 9, 9).len(), found(&old, 9, 10).len()), (0, 1));
    }

    #[test]
    fn damaged_lines_are_passed_over() {
        let torn = "{\"speed\":1,\"tor\n".to_owned() + &text(NOON, ",\"speed\":1");
        assert_eq!(found(&[("metrics_2026-11-22.jsonl", torn)], 9, 9), [NOON]);
    }

    #[test]
    fn an_empty_store_holds_nothing() {
        assert_eq!(found(&[], 9, 9), [0_i64; 0]);
    }
}
