//! Removing old days: promise 6 of the store. The date in the name decides, never the file's time.

use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};

use super::days::{self, DayFile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub days: u64,
    /// Bytes of all day files together.
    pub size: u64,
}

/// Removes what is past its time; returns what could not be removed.
pub fn prune(directory: &Path, retention: Retention, today: NaiveDate) -> Vec<String> {
    let files = match days::list(directory) {
        Ok(files) => files,
        Err(error) => return vec![format!("{error:#}")],
    };
    let sized: Vec<(DayFile, u64)> = files
        .into_iter()
        .map(|file| {
            let size = std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
            (file, size)
        })
        .collect();
    let remove = |path: PathBuf| match std::fs::remove_file(&path) {
        Ok(()) => None,
        Err(error) => Some(format!("could not remove {}: {error}", path.display())),
    };
    expired(&sized, retention, today).into_iter().filter_map(remove).collect()
}

/// The files to remove, oldest first. Dates that a host without a clock may write go only by size.
fn expired(files: &[(DayFile, u64)], retention: Retention, today: NaiveDate) -> Vec<PathBuf> {
    let tomorrow = today.succ_opt().unwrap_or(today);
    let oldest_kept = today.checked_sub_days(Days::new(retention.days)).unwrap_or(NaiveDate::MIN);
    let believable = |date: NaiveDate| {
        NaiveDate::from_ymd_opt(2020, 1, 1).is_some_and(|first| first <= date) && date <= tomorrow
    };
    let mut total: u64 = files.iter().map(|(_, size)| size).sum();
    let mut removed = Vec::new();
    for (file, size) in files.iter().filter(|(file, _)| file.date != today) {
        let too_old = believable(file.date) && file.date < oldest_kept;
        if too_old || total > retention.size {
            total = total.saturating_sub(*size);
            removed.push(file.path.clone());
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::days::Kind;

    fn removed(files: &[(&str, u64)], days: u64, size: u64) -> Vec<String> {
        let today = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let files: Vec<_> = files
            .iter()
            .map(|(date, size)| {
                (
                    DayFile {
                        date: date.parse().unwrap(),
                        kind: Kind::Metrics,
                        path: (*date).into(),
                    },
                    *size,
                )
            })
            .collect();
        expired(&files, Retention { days, size }, today)
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn promise_6_days_past_their_time_go() {
        assert_eq!(
            removed(&[("2026-11-01", 1), ("2026-11-12", 1), ("2026-11-22", 1)], 10, 100),
            ["2026-11-01"]
        );
    }

    #[test]
    fn promise_6_above_the_size_the_oldest_go_first_and_never_today() {
        assert_eq!(
            removed(&[("2026-11-20", 40), ("2026-11-21", 40), ("2026-11-22", 90)], 400, 100),
            ["2026-11-20", "2026-11-21"]
        );
        assert!(removed(&[("2026-11-22", 900)], 400, 100).is_empty());
    }

    #[test]
    fn promise_6_dates_of_a_host_without_a_clock_go_only_by_size() {
        assert!(
            removed(&[("1970-01-01", 1), ("2026-11-24", 1), ("2026-11-22", 1)], 10, 100).is_empty()
        );
        assert_eq!(removed(&[("1970-01-01", 90), ("2026-11-22", 50)], 10, 100), ["1970-01-01"]);
    }
}
