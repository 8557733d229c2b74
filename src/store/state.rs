//! `state.json`: what is firing, what was told, what is owed. Replaced atomically, and only when it changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::append::give_to_owner;
use crate::alert::state::{SCHEMA, State};

/// A state as found, and what had to be done to get it.
#[derive(Debug, Default)]
pub struct Loaded {
    pub state: State,
    /// A file that was no use and is set aside, with the reason.
    pub set_aside: Option<String>,
}

pub fn path(directory: &Path) -> PathBuf {
    directory.join("state.json")
}

/// Reads the state without touching it; `None` if there is none that reads.
///
/// # Errors
/// The file is there and may not be read.
pub fn peek(directory: &Path) -> io::Result<Option<State>> {
    match fs::read(path(directory)) {
        Ok(content) => Ok(parse(&content).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the state; a damaged one, or one of a later version, is set aside as `.bad` and a new one begun.
///
/// # Errors
/// The file is there and cannot be read.
pub fn load(directory: &Path) -> anyhow::Result<Loaded> {
    let path = path(directory);
    let content = match fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::default()),
        Err(error) => {
            return Err(error).with_context(|| format!("could not read {}", path.display()));
        }
    };
    match parse(&content) {
        Ok(state) => Ok(Loaded { state, set_aside: None }),
        Err(reason) => {
            let bad = path.with_extension("json.bad");
            // Where it cannot be moved it is overwritten by the next save; alerts go on either way.
            let moved = fs::rename(&path, &bad).map_or_else(
                |error| format!("could not be moved: {error}"),
                |()| format!("is now {}", bad.display()),
            );
            Ok(Loaded {
                state: State::default(),
                set_aside: Some(format!("could not use {}: {reason}; it {moved}", path.display())),
            })
        }
    }
}

fn parse(content: &[u8]) -> Result<State, String> {
    if !content.trim_ascii_start().starts_with(b"{") {
        return Err("it is no JSON object".to_owned());
    }
    let state: State = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if state.schema > SCHEMA {
        return Err(format!("it is of version {}, this program knows {SCHEMA}", state.schema));
    }
    Ok(state)
}

/// Replaces the state so that a power cut leaves the old or the new one.
///
/// # Errors
/// The directory cannot be written.
pub fn save(directory: &Path, state: &State) -> anyhow::Result<()> {
    let path = path(directory);
    replace(directory, &path, &serde_json::to_vec(state)?)
        .with_context(|| format!("could not write {}", path.display()))
}

fn replace(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("json.tmp");
    // A fixed name leaves no litter; one left by a power cut, or planted, is removed and not written through.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&temporary)?;
    let written = give_to_owner(&file, directory)
        .and_then(|()| file.write_all(content))
        .and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_as_it_was_saved() {
        let directory = tempfile::tempdir().unwrap();
        save(directory.path(), &State::default()).unwrap();
        let loaded = load(directory.path()).unwrap();
        assert_eq!((loaded.state, loaded.set_aside), (State::default(), None));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_state_is_set_aside_and_a_new_one_begun() {
        for content in ["{\"sche", "", "[]", "{\"schema\":99}"] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(path(directory.path()), content).unwrap();
            let loaded = load(directory.path()).unwrap();
            assert_eq!(loaded.state, State::default(), "{content}");
            assert!(
                loaded.set_aside.is_some_and(|words| words.contains("state.json.bad")),
                "{content}"
            );
            assert_eq!(
                fs::read_to_string(directory.path().join("state.json.bad")).unwrap(),
                content
            );
        }
    }

    #[test]
    fn a_link_planted_for_the_temporary_file_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, directory.path().join("state.json.tmp")).unwrap();
        save(directory.path(), &State::default()).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }
}
