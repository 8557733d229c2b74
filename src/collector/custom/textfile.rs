//! Files that something else writes for us to read: `*.prom` and the like. What is too old is no longer true, and said.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::parse::{Format, Parsed, parse};
use super::run::MOST;
use crate::collector::apart;
use crate::collector::globbed::matches;
use crate::collector::{Host, Reading};
use crate::regular;
use crate::render::wording::one_line;
use crate::time::span;

/// A mount that is dead holds nobody up for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More files than this make no line of a sample.
const MOST_FILES: usize = 100;

/// Which files, of when.
#[derive(Clone, Debug, PartialEq)]
pub struct Textfile {
    /// Absolute, perhaps with wildcards.
    pub path: String,
    /// Seconds.
    pub max_age: Option<f64>,
}

/// What a process is started with to answer.
pub const WORD: &str = "textfile";

/// One file as it was found.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Found {
    path: String,
    text: Result<Text, String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Text {
    /// Seconds of the clock.
    changed: i64,
    content: String,
}

/// The files of each, or why there are none.
pub(super) fn all(
    host: &Host<'_>,
    files: &[&Textfile],
    reading: &mut Reading,
) -> Vec<Result<Vec<Found>, String>> {
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    apart::find_each(host, reading, WORD, &paths, find, PATIENCE)
}

/// What a process says that was started to read.
pub fn answer(path: &Path) -> String {
    apart::words(&find(Path::new("/"), &path.to_string_lossy()))
}

fn find(root: &Path, pattern: &str) -> Result<Vec<Found>, String> {
    let mut paths = matches(root, pattern).map_err(|error| one_line(&format!("{error:#}")))?;
    paths.sort();
    if paths.len() > MOST_FILES {
        return Err(format!("{} files {pattern}; {MOST_FILES} are the most", paths.len()));
    }
    let found = |path: PathBuf| Found { path: path.display().to_string(), text: one(&path) };
    Ok(paths.into_iter().map(found).collect())
}

/// The numbers of all of them. One that cannot be used is named, and the others stand.
///
/// # Errors
/// There is none, or none that can be used.
pub(super) fn read(
    file: &Textfile,
    format: Format,
    found: Vec<Found>,
    now: i64,
) -> Result<Parsed, String> {
    if found.is_empty() {
        return Err(format!("no file {}", file.path));
    }
    let mut all = Parsed::default();
    for Found { path, text } in found {
        let young = text.and_then(|text| young(text, file.max_age, now));
        // Without a label it looks like lines, and a time stamp like the number.
        let is_prom =
            format == Format::Auto && Path::new(&path).extension().is_some_and(|end| end == "prom");
        let format = if is_prom { Format::Prometheus } else { format };
        match young.and_then(|content| parse(format, &content)) {
            Ok(parsed) => {
                all.numbers.extend(parsed.numbers);
                parsed.fault.into_iter().for_each(|fault| all.fail(format!("{path}: {fault}")));
            }
            Err(fault) => all.fail(format!("{path}: {fault}")),
        }
    }
    all.checked()
}

fn young(text: Text, max_age: Option<f64>, now: i64) -> Result<String, String> {
    let age = now.saturating_sub(text.changed).max(0) as f64;
    match max_age.filter(|most| age > *most) {
        Some(most) => Err(format!("{} old; {} is the most", span::human(age), span::human(most))),
        None => Ok(text.content),
    }
}

fn one(path: &Path) -> Result<Text, String> {
    let words = |error: std::io::Error| one_line(&error.to_string());
    let opened = regular::open(path).map_err(words)?;
    let data = opened.metadata().map_err(words)?;
    let mut bytes = Vec::new();
    opened.take(MOST as u64 + 1).read_to_end(&mut bytes).map_err(words)?;
    if bytes.len() > MOST {
        return Err(format!("more than {} KiB", MOST / 1024));
    }
    let content = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Text { changed: data.mtime(), content })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::parse::tests::words;
    use super::*;
    use crate::collector::apart::{Answer, Question};
    use crate::collector::tests::fixture;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        root
    }

    fn read_in(root: &Path, max_age: Option<f64>, later: i64) -> String {
        let file = Textfile { path: "/*.prom".to_owned(), max_age };
        let written = fs::read_dir(root).unwrap().flatten().next();
        let now = written.map_or(0, |entry| entry.metadata().unwrap().mtime()) + later;
        let root_shown = format!("{}/", root.display());
        words(find(root, &file.path).and_then(|found| read(&file, Format::Prometheus, found, now)))
            .join("; ")
            .replace(&root_shown, "")
    }

    #[test]
    fn beside_a_mount_that_may_never_answer_another_process_reads() {
        let root = tree(&[("a.prom", "a 1\n"), ("b.prom", "b x\n")]);
        let file = Textfile { path: "/*.prom".to_owned(), max_age: None };
        let reads = |questions: &[Question], _| -> Vec<Answer> {
            let said = |one: &Question| Answer::Said(Ok(answer(Path::new(&one.path))));
            questions.iter().map(said).collect()
        };
        let found = |apart| {
            let host = Host { apart, ..fixture(root.path()) };
            let mut reading = Reading { served: true, ..Reading::default() };
            all(&host, &[&file], &mut reading).remove(0)
        };
        let parsed = read(&file, Format::Prometheus, found(reads).unwrap(), 0).unwrap();
        assert_eq!((parsed.numbers.len(), parsed.fault.is_some()), (1, true));
        let silent = found(|_, _| vec![Answer::Silence { pid: 7, start: 8 }]);
        assert_eq!(silent.unwrap_err(), "no answer within 5 s");
    }

    #[test]
    fn all_files_that_are_meant_are_read() {
        let root = tree(&[("a.prom", "a 1\n"), ("b.prom", "b 2\n"), ("c.prom.tmp", "c 3\n")]);
        assert_eq!(read_in(root.path(), Some(60.0), 10), "a 1; b 2");
    }

    #[test]
    fn what_is_too_old_is_not_used() {
        let root = tree(&[("a.prom", "a 1\n")]);
        assert_eq!(
            read_in(root.path(), Some(600.0), 7_200),
            "! a.prom: 2 h old; 10 min is the most"
        );
        assert_eq!(read_in(root.path(), None, 7_200), "a 1");
    }

    #[test]
    fn one_that_cannot_be_used_is_named_and_the_others_stand() {
        let root = tree(&[("a.prom", "<html>"), ("b.prom", "b 2\n")]);
        assert_eq!(read_in(root.path(), None, 0), "b 2; ! a.prom: \"<html>\" is no sample");
        fs::create_dir(root.path().join("0.prom")).unwrap();
        assert_eq!(read_in(root.path(), None, 0), "b 2; ! 0.prom: it is no regular file");
        let big = tree(&[("a.prom", &"# x\n".repeat(20_000))]);
        assert_eq!(read_in(big.path(), None, 0), "! a.prom: more than 64 KiB");
    }

    #[test]
    fn its_name_tells_the_format_unless_that_is_named() {
        let root = tree(&[("a.prom", "a 1 1700000000000\n"), ("b.txt", "b 2\n")]);
        let as_format = |name: &str, format: Format| {
            let file = Textfile { path: format!("/{name}"), max_age: None };
            let found = find(root.path(), &file.path);
            words(found.and_then(|found| read(&file, format, found, 0))).join("; ")
        };
        assert_eq!(as_format("*.prom", Format::Auto), "a 1");
        assert_eq!(as_format("*.prom", Format::Lines), "a 1 1700000000000");
        assert_eq!(as_format("*.txt", Format::Auto), "b 2");
    }

    #[test]
    fn a_pipe_does_not_make_it_wait() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.prom");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(read_in(root.path(), None, 0), "! a.prom: it is no regular file");
    }

    #[test]
    fn no_file_is_an_error_that_names_it() {
        assert_eq!(read_in(tree(&[]).path(), None, 0), "! no file /*.prom");
    }
}
