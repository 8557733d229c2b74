//! Paths that a pattern means: `*` and `?` in any component, as a shell has them: neither stands for a slash, nor for
//! the dot at the beginning of a hidden name. The work is bounded.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::series::{glob, is_glob};

/// Entries of directories that are looked at; a pattern that means more means too much.
const MOST: usize = 10_000;

/// What is there under `root`, in no order.
///
/// # Errors
/// A directory cannot be read, or there is too much to look at.
pub(super) fn matches(root: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![root.to_owned()];
    let mut looked_at = 0;
    for component in pattern.split('/').filter(|component| !component.is_empty()) {
        if !is_glob(component) {
            found = found.into_iter().map(|path| path.join(component)).collect();
            continue;
        }
        let mut inside = Vec::new();
        for directory in &found {
            list(directory, component, &mut looked_at, &mut inside)?;
        }
        found = inside;
    }
    // The last components may have been names.
    let mut there = Vec::with_capacity(found.len());
    for path in found {
        if look_at(&path, fs::symlink_metadata)?.is_some() {
            there.push(path);
        }
    }
    Ok(there)
}

/// What is at a path; `None`: nothing, which is not the same as what may not be looked at.
///
/// # Errors
/// Nobody knows.
pub(super) fn look_at(
    path: &Path,
    look: fn(PathBuf) -> io::Result<Metadata>,
) -> anyhow::Result<Option<Metadata>> {
    match look(path.to_owned()) {
        Ok(data) => Ok(Some(data)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

fn list(
    directory: &Path,
    component: &str,
    looked_at: &mut usize,
    found: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    let unread = || format!("could not read {}", directory.display());
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(error).with_context(unread),
    };
    for entry in entries {
        let name = entry.with_context(unread)?.file_name();
        *looked_at += 1;
        if *looked_at > MOST {
            bail!("more than {MOST} entries to look at, the last in {}", directory.display());
        }
        if fits(component, &name) {
            found.push(directory.join(name));
        }
    }
    Ok(())
}

fn fits(component: &str, name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    (component.starts_with('.') || !name.starts_with('.')) && glob(component, &name)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(root: &Path, pattern: &str) -> Vec<String> {
        let paths = matches(root, pattern).unwrap();
        let mut names: Vec<String> = paths
            .iter()
            .map(|path| path.strip_prefix(root).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in ["a/x1.tar", "a/x2.tar", "a/.x3.tar", "a/y.zip", "b/x4.tar", "b/c/x5.tar"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    #[test]
    fn wildcards_stand_in_any_component_and_cross_none() {
        let root = tree();
        assert_eq!(found(root.path(), "/a/*.tar"), ["a/x1.tar", "a/x2.tar"]);
        assert_eq!(found(root.path(), "/*/x?.tar"), ["a/x1.tar", "a/x2.tar", "b/x4.tar"]);
        assert_eq!(found(root.path(), "/*/c/*"), ["b/c/x5.tar"]);
    }

    #[test]
    fn a_hidden_name_is_meant_by_a_dot_alone() {
        assert_eq!(found(tree().path(), "/a/.*"), ["a/.x3.tar"]);
    }

    #[test]
    fn a_plain_path_means_itself_if_it_is_there() {
        let root = tree();
        assert_eq!(found(root.path(), "/a/y.zip"), ["a/y.zip"]);
        for pattern in ["/a/none", "/none/*", "/a/y.zip/*", "/*/none"] {
            assert!(found(root.path(), pattern).is_empty(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_means_too_much_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..101 {
            let inner = root.path().join(format!("d{number}"));
            fs::create_dir(&inner).unwrap();
            for number in 0..100 {
                fs::hard_link(link(root.path()), inner.join(number.to_string())).unwrap();
            }
        }
        let error = matches(root.path(), "/d*/*").unwrap_err().to_string();
        assert!(error.starts_with("more than 10000 entries"), "{error}");
    }

    fn link(root: &Path) -> PathBuf {
        let path = root.join("file");
        if !path.exists() {
            fs::write(&path, "").unwrap();
        }
        path
    }
}
