//! The names of day files: `metrics_YYYY-MM-DD.jsonl`, compressed `.jsonl.gz`, and the original module's `.json`;
//! `events_YYYY-MM-DD.jsonl` beside them. The date in the name is the local date of the lines.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Metrics,
    Events,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayFile {
    pub date: NaiveDate,
    pub kind: Kind,
    pub path: PathBuf,
}

impl DayFile {
    pub fn is_compressed(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "gz")
    }
}

/// Every day file of a directory, oldest first; `.json` before `.jsonl` before `.jsonl.gz` within a day. A
/// directory that does not exist holds none.
///
/// # Errors
/// The directory cannot be listed.
pub fn list(directory: &Path) -> anyhow::Result<Vec<DayFile>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("could not list {}", directory.display()));
        }
    };
    let mut files: Vec<DayFile> = entries
        .flatten()
        .filter_map(|entry| {
            let (kind, date) = parse(entry.file_name().to_str()?)?;
            Some(DayFile { date, kind, path: entry.path() })
        })
        .collect();
    files.sort();
    Ok(files)
}

fn parse(name: &str) -> Option<(Kind, NaiveDate)> {
    let (kind, rest) = match name.split_once('_')? {
        ("metrics", rest) => (Kind::Metrics, rest),
        ("events", rest) => (Kind::Events, rest),
        _ => return None,
    };
    let (date, ending) = rest.split_once('.')?;
    let known = matches!((kind, ending), (_, "jsonl" | "jsonl.gz") | (Kind::Metrics, "json"));
    let date = iso_date(date)?;
    known.then_some((kind, date))
}

/// `YYYY-MM-DD` and nothing else; a store of years has thousands of names, so no format is interpreted for each.
fn iso_date(text: &str) -> Option<NaiveDate> {
    let is_shaped =
        text.len() == 10 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_shaped = is_shaped && parts.next().is_none() && (year.len(), month.len()) == (4, 2);
    is_shaped.then(|| {
        NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_day_files_are_taken_for_day_files() {
        for name in [
            "metrics_2026-11-22.jsonl",
            "metrics_2026-11-22.jsonl.gz",
            "metrics_2026-11-22.json",
            "events_2026-11-22.jsonl",
        ] {
            assert!(parse(name).is_some(), "{name}");
        }
        for name in [
            "state.json",
            "metrics_2026-11-22.txt",
            "metrics_2026-13-22.jsonl",
            "events_2026-11-22.json",
            "metrics_2026-11-22.jsonl.tmp",
            "metrics_26-1-2.jsonl",
        ] {
            assert!(parse(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_directory_that_does_not_exist_holds_nothing() {
        assert_eq!(list(Path::new("/nonexistent/x")).unwrap(), []);
    }
}
