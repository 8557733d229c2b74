//! The locks: of the directory, held for an append alone, `notify.lock`, held while judging and telling, and
//! `bench.lock`, held while measuring. All are flock(2): they end with the process that holds them.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::append::{Sync, append, open_for_writing};
use super::range::lines;
use crate::time::Moment;

/// How long a run waits for another run's append.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Locks the directory for an append.
///
/// # Errors
/// The directory cannot be opened, or another process held it for as long as `patience`.
pub fn directory(directory: &Path, patience: Duration) -> anyhow::Result<File> {
    let handle = File::open(directory)
        .with_context(|| format!("could not open the data directory {}", directory.display()))?;
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match handle.try_lock() {
            Ok(()) => return Ok(handle),
            Err(TryLockError::Error(error)) => {
                return Err(error)
                    .with_context(|| format!("could not lock {}", directory.display()));
            }
            Err(TryLockError::WouldBlock) if started.elapsed() >= patience => {
                bail!(
                    "could not lock {}: another hostwatch has held it for {} s",
                    directory.display(),
                    patience.as_secs()
                )
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        }
    }
}

/// The right to judge and tell; `None` if another run has it.
///
/// # Errors
/// The lock file cannot be made or opened.
pub fn notify(directory: &Path) -> io::Result<Option<File>> {
    alone(directory, "notify.lock")
}

/// The right to measure the machine; `None` if another run has it.
///
/// # Errors
/// The lock file cannot be made or opened.
pub fn bench(directory: &Path) -> io::Result<Option<File>> {
    alone(directory, "bench.lock")
}

fn alone(directory: &Path, name: &str) -> io::Result<Option<File>> {
    let (file, _) = open_for_writing(&directory.join(name), 0o640)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Where runs that did not get to judge leave word of their lines.
fn unjudged(directory: &Path) -> std::path::PathBuf {
    directory.join("unjudged")
}

/// Leaves word that the line of `moment` was stored and not judged.
///
/// # Errors
/// The file cannot be written.
pub fn leave_unjudged(directory: &Path, moment: &Moment) -> anyhow::Result<()> {
    append(&unjudged(directory), &[serde_json::to_string(moment)?], Sync::Never)?;
    Ok(())
}

/// Takes over the lines that others left, by their moments; nearly always none.
pub fn take_unjudged(directory: &Path) -> Vec<Moment> {
    let path = unjudged(directory);
    let Ok(content) = std::fs::read(&path) else { return Vec::new() };
    // Who leaves word after this is found by the next run.
    _ = std::fs::remove_file(&path);
    lines(&content).filter_map(|(_, text, _)| serde_json::from_slice(text).ok()).collect()
}
