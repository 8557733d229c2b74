//! The small files in which the kernel says one thing each. What is not there is absent, and what is there but cannot be
//! read or understood is an error that names it.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use rustix::io::Errno;

use super::read_whole;

/// What is in a directory, sorted; nothing if there is none.
pub(super) fn names(directory: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("could not list {}", directory.display()));
        }
    };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

pub(super) fn number(path: &Path, read: fn(&str) -> Option<u64>) -> anyhow::Result<Option<u64>> {
    let Some(text) = text(path)? else { return Ok(None) };
    read(&text).map(Some).with_context(|| not_understood(path))
}

/// `None`: this host lacks it.
pub(super) fn text(path: &Path) -> anyhow::Result<Option<String>> {
    match read_whole(path) {
        Ok(content) => Ok(Some(String::from_utf8_lossy(&content).trim().to_owned())),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Never there, or unplugged just now.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::NODEV | Errno::NXIO)
    )
}

pub(super) fn not_understood(path: &Path) -> String {
    format!("could not understand {}", path.display())
}

pub(super) fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

pub(super) fn decimal(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}
