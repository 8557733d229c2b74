//! Files that must be there and new: backups, dumps, heartbeats. Of each entry the newest match is measured.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use super::apart;
use super::globbed::{look_at, matches};
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Values;

pub static AGE: Metric = Metric::gauge(
    "file_age_seconds",
    Unit::Seconds,
    "Time since the newest file of an entry of `files` was changed.",
)
.labelled("file")
.phrased("newest file of {label} {value} old");
pub static SIZE: Metric = Metric::gauge("file_size", Unit::Bytes, "Size of that newest file.")
    .labelled("file")
    .phrased("newest file of {label} {value}");
static COUNT: Metric =
    Metric::gauge("file_count", Unit::Count, "Files that an entry of `files` means.")
        .labelled("file")
        .phrased("{value} files of {label}");
static MISSING: Metric = Metric::gauge(
    "file_missing",
    Unit::Count,
    "1 if an entry of `files` means no file that is there, else 0.",
)
.labelled("file")
.phrased_as_state("no file of {label} is there", "a file of {label} is there again")
.judged(&[Judged::critical(1.0).until(0.0)]);

pub static COLLECTOR: Collector = Collector::new("file", &[&AGE, &SIZE, &COUNT, &MISSING], collect);

/// What to look at, under its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    pub name: String,
    /// Absolute, perhaps with wildcards.
    pub path: String,
}

/// What a process is started with to answer.
pub const WORD: &str = "files";
/// A mount that is dead holds nobody up for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many there are, and the newest.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Found {
    count: usize,
    newest: Option<Newest>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Newest {
    /// Seconds of the clock.
    changed: i64,
    /// Bytes; that of a directory says nothing about what is in it.
    size: Option<u64>,
}

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let watched = &host.settings.files;
    if watched.is_empty() {
        return Ok(());
    }
    let paths: Vec<&str> = watched.iter().map(|watched| watched.path.as_str()).collect();
    let outcomes = apart::find_each(host, reading, WORD, &paths, look, PATIENCE);
    let mut failed = Vec::new();
    for (watched, outcome) in watched.iter().zip(outcomes) {
        match outcome {
            Ok(found) => set(&watched.name, &found, host.epoch, &mut reading.values),
            Err(why) => failed.push(format!("{}: {why}", watched.name)),
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
}

/// What a process says that was started to look.
pub fn answer(path: &Path) -> String {
    apart::words(&look(Path::new("/"), &path.to_string_lossy()))
}

fn look(root: &Path, path: &str) -> Result<Found, String> {
    let words = |error: anyhow::Error| format!("{error:#}");
    let mut there = Vec::new();
    for path in matches(root, path).map_err(words)? {
        // What went away meanwhile, or leads nowhere, is not there.
        there.extend(look_at(&path, fs::metadata).map_err(words)?);
    }
    let count = there.len();
    let newest = there.into_iter().max_by_key(|file| (file.mtime(), file.mtime_nsec()));
    let newest = newest.map(|newest| Newest {
        changed: newest.mtime(),
        size: newest.is_file().then_some(newest.len()),
    });
    Ok(Found { count, newest })
}

fn set(name: &str, found: &Found, now: i64, values: &mut Values) {
    values.set_for(&MISSING, name, u64::from(found.newest.is_none()));
    values.set_for(&COUNT, name, found.count as u64);
    let Some(newest) = &found.newest else { return };
    // A time ahead of the clock is no age.
    let age = now.saturating_sub(newest.changed).max(0);
    values.set_for(&AGE, name, age.unsigned_abs());
    if let Some(size) = newest.size {
        values.set_for(&SIZE, name, size);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::Settings;
    use super::super::apart::{Answer, Question};
    use super::super::tests::fixture;
    use super::*;

    const NOW: i64 = 1_000_000;

    fn write(root: &Path, name: &str, bytes: usize, age: i64) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![b'x'; bytes]).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs((NOW - age).unsigned_abs());
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn measured(root: &Path, path: &str) -> (Values, String) {
        let files = vec![Watched { name: "backup".into(), path: path.into() }];
        let settings = Settings { files, ..Settings::default() };
        let mut reading = Reading::default();
        let host = Host { settings: &settings, epoch: NOW, ..fixture(root) };
        let outcome = collect(&host, &mut reading);
        let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
        (reading.values, error)
    }

    fn number(values: &Values, name: &str) -> Option<f64> {
        values.get(name, Some("backup"))
    }

    #[test]
    fn the_newest_of_them_is_measured() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "backup/old.tar", 10, 90_000);
        write(root.path(), "backup/new.tar", 20, 3_600);
        let (values, error) = measured(root.path(), "/backup/*.tar");
        assert_eq!(error, "");
        let expected = [("age_seconds", 3_600.0), ("size", 20.0), ("count", 2.0), ("missing", 0.0)];
        for (name, value) in expected {
            assert_eq!(number(&values, &format!("file_{name}")), Some(value), "{name}");
        }
    }

    #[test]
    fn beside_a_mount_that_may_never_answer_another_process_looks() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "backup/new.tar", 20, 3_600);
        let files = vec![Watched { name: "backup".into(), path: "/backup/*.tar".into() }];
        let settings = Settings { files, ..Settings::default() };
        let looks = |questions: &[Question], _| -> Vec<Answer> {
            let said = |question: &Question| {
                assert_eq!((question.word, question.about.as_str()), (WORD, "files:/backup/*.tar"));
                Answer::Said(Ok(answer(Path::new(&question.path))))
            };
            questions.iter().map(said).collect()
        };
        let collected = |apart| {
            let host = Host { settings: &settings, epoch: NOW, apart, ..fixture(root.path()) };
            let mut reading = Reading { served: true, ..Reading::default() };
            let outcome = collect(&host, &mut reading);
            (reading, outcome.err().map(|error| error.to_string()))
        };
        let (reading, error) = collected(looks);
        assert_eq!((number(&reading.values, "file_age_seconds"), error), (Some(3_600.0), None));
        let (reading, error) = collected(|_, _| vec![Answer::Silence { pid: 7, start: 8 }]);
        assert_eq!(error.as_deref(), Some("backup: no answer within 2 s"));
        assert!(reading.values.is_empty() && reading.earlier.stuck.len() == 1);
    }

    #[test]
    fn where_none_is_there_that_is_all_that_is_known() {
        let root = tempfile::tempdir().unwrap();
        let (values, error) = measured(root.path(), "/backup/*.tar");
        assert_eq!((number(&values, "file_missing"), error.as_str()), (Some(1.0), ""));
        assert_eq!(number(&values, "file_age_seconds"), None);
    }

    #[test]
    fn a_file_of_the_future_is_new_and_a_directory_has_no_size() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "a/later", 1, -50);
        assert_eq!(number(&measured(root.path(), "/a/later").0, "file_age_seconds"), Some(0.0));
        assert_eq!(number(&measured(root.path(), "/a").0, "file_size"), None);
    }

    #[test]
    fn what_may_not_be_looked_at_is_not_missing() {
        let root = tempfile::tempdir().unwrap();
        let name = "x".repeat(300);
        for path in [format!("/{name}"), format!("/{name}/*")] {
            let (values, error) = measured(root.path(), &path);
            assert!(error.starts_with("backup: could not read"), "{error}");
            assert_eq!(number(&values, "file_missing"), None);
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("link")).unwrap();
        assert_eq!(number(&measured(root.path(), "/link").0, "file_missing"), Some(1.0));
    }

    #[test]
    fn without_entries_nothing_is_done() {
        let mut reading = Reading::default();
        collect(&fixture(Path::new("/")), &mut reading).unwrap();
        assert!(reading.values.is_empty());
    }
}
