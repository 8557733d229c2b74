//! Files that something else writes for us to read: `*.prom` and the like. What is too old is no longer true, and said.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::parse::{Format, Parsed, parse};
use super::run::MOST;
use crate::collector::globbed::matches;
use crate::render::wording::one_line;
use crate::time::span;

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

/// The numbers of all of them. One that cannot be used is named, and the others stand.
///
/// # Errors
/// There is none to read, or none that can be used.
pub(super) fn read(
    file: &Textfile,
    format: Format,
    root: &Path,
    now: i64,
) -> Result<Parsed, String> {
    let mut paths = matches(root, &file.path).map_err(|error| one_line(&format!("{error:#}")))?;
    paths.sort();
    match paths.len() {
        0 => return Err(format!("no file {}", file.path)),
        1..=MOST_FILES => {}
        many => return Err(format!("{many} files {}; {MOST_FILES} are the most", file.path)),
    }
    let mut all = Parsed::default();
    for path in paths {
        match one(&path, file, now).and_then(|text| parse(format, &text)) {
            Ok(parsed) => {
                all.numbers.extend(parsed.numbers);
                parsed.fault.into_iter().for_each(|fault| all.fail(named(&path, &fault)));
            }
            Err(fault) => all.fail(named(&path, &fault)),
        }
    }
    all.checked()
}

fn named(path: &Path, fault: &str) -> String {
    format!("{}: {fault}", path.display())
}

fn one(path: &Path, file: &Textfile, now: i64) -> Result<String, String> {
    let words = |error: std::io::Error| one_line(&error.to_string());
    // A pipe would make us wait for whoever writes to it.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(words)?;
    let data = opened.metadata().map_err(words)?;
    if !data.is_file() {
        return Err("is no file".to_owned());
    }
    let age = now.saturating_sub(data.mtime()).max(0) as f64;
    if let Some(most) = file.max_age.filter(|most| age > *most) {
        return Err(format!("{} old; {} is the most", span::human(age), span::human(most)));
    }
    let mut bytes = Vec::new();
    opened.take(MOST as u64 + 1).read_to_end(&mut bytes).map_err(words)?;
    if bytes.len() > MOST {
        return Err(format!("more than {} KiB", MOST / 1024));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::parse::tests::words;
    use super::*;

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
        words(read(&file, Format::Prometheus, root, now)).join("; ").replace(&root_shown, "")
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
        assert_eq!(read_in(root.path(), None, 0), "b 2; ! 0.prom: is no file");
        let big = tree(&[("a.prom", &"# x\n".repeat(20_000))]);
        assert_eq!(read_in(big.path(), None, 0), "! a.prom: more than 64 KiB");
    }

    #[test]
    fn a_pipe_does_not_make_it_wait() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.prom");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(read_in(root.path(), None, 0), "! a.prom: is no file");
    }

    #[test]
    fn no_file_is_an_error_that_names_it() {
        assert_eq!(read_in(tree(&[]).path(), None, 0), "! no file /*.prom");
    }
}
