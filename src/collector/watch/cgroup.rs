//! The processes of a unit of systemd, from its control group: whether the host has version 2, version 1 or both.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::io::Errno;

use super::super::{Host, read_whole};

/// Where systemd keeps its own hierarchy: the whole of it, beside version 1, or as a part of version 1.
const HIERARCHIES: &[&str] = &["sys/fs/cgroup", "sys/fs/cgroup/unified", "sys/fs/cgroup/systemd"];
const PROCESSES: &str = "cgroup.procs";
/// Slices may be inside slices, and groups inside a unit; no host has so many.
const DEEPEST: usize = 16;

/// None where the unit does not run.
///
/// # Errors
/// A group is there and cannot be read.
pub(super) fn pids(host: &Host<'_>, unit: &str) -> anyhow::Result<BTreeSet<u32>> {
    let mut pids = BTreeSet::new();
    let hierarchies = HIERARCHIES.iter().map(|path| host.path(path));
    for hierarchy in hierarchies.filter(|path| path.join(PROCESSES).exists()) {
        if let Some(group) = find(&hierarchy, unit, DEEPEST) {
            read(&group, DEEPEST, &mut pids)?;
        }
    }
    Ok(pids)
}

/// The unit's group is in a slice: what runs in a container or for a user may have the same name and is not meant.
fn find(slice: &Path, unit: &str, deepest: usize) -> Option<PathBuf> {
    // Where a name could be taken for a file of the hierarchy's own, systemd puts a line before it.
    for name in [unit.to_owned(), format!("_{unit}")] {
        let group = slice.join(name);
        if group.is_dir() {
            return Some(group);
        }
    }
    let inner = fs::read_dir(slice).ok().filter(|_| deepest > 0)?.flatten();
    let slices = inner.filter(|entry| entry.file_name().to_string_lossy().ends_with(".slice"));
    slices.map(|entry| entry.path()).find_map(|inner| find(&inner, unit, deepest - 1))
}

/// Of a group and those inside.
fn read(group: &Path, deepest: usize, pids: &mut BTreeSet<u32>) -> anyhow::Result<()> {
    let path = group.join(PROCESSES);
    match read_whole(&path) {
        Ok(content) => {
            let text = String::from_utf8_lossy(&content);
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        }
        // It ended meanwhile, or holds threads, whose processes are in the group around it.
        Err(error) if is_none(&error) => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("could not read {}", path.display()));
        }
    }
    let inner = fs::read_dir(group).into_iter().flatten().flatten();
    let groups = inner.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups.filter(|_| deepest > 0).try_for_each(|entry| read(&entry.path(), deepest - 1, pids))
}

fn is_none(error: &io::Error) -> bool {
    let none = [Errno::NODEV, Errno::OPNOTSUPP].map(Errno::raw_os_error);
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error().is_some_and(|code| none.contains(&code))
}
