//! What collectors are given: where to read, what the configuration says, and what was there before. All reading of
//! procfs and sysfs goes through here, below a root that a test may choose.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chrono::NaiveDate;

use super::apart::{self, Answer, Question};
use super::earlier::{Earlier, Stuck};
use super::own::Cost;
use super::patience::Patience;
use super::space::{self, Space};
use super::traffic::Billing;
use super::watch::Watch;
use super::{custom, file};
use crate::sample::Sample;
use crate::series::glob;
use crate::time::{Now, Zone};

/// What a collector is given: where to read, and what to leave out.
pub struct Host<'a> {
    /// `/`, or a tree with `proc` and `sys` to read instead.
    pub root: &'a Path,
    pub boot_id: &'a str,
    pub uptime: f64,
    /// Seconds of it that were slept through.
    pub suspended: f64,
    /// The wall clock, for what is as old as its files say.
    pub epoch: i64,
    /// The local date, for what is counted by the day.
    pub today: NaiveDate,
    pub settings: &'a Settings,
    /// The newest stored line, of this boot or another: what is counted on goes on from it.
    pub last: Option<&'a Sample>,
    /// What an earlier run of this boot left.
    pub earlier: Option<&'a Earlier>,
    /// What the run before cost.
    pub cost: Option<Cost>,
    /// statvfs(3), or what a test puts in its place.
    pub space: fn(&Path) -> io::Result<Space>,
    /// Other processes, for what may never be answered.
    pub apart: fn(&[Question], Duration) -> Vec<Answer>,
    /// Those of which an earlier run got no answer.
    pub stuck: &'a [Stuck],
    pub patience: Patience,
}

impl<'a> Host<'a> {
    /// A host at one moment, with nothing known of it before.
    pub fn new(root: &'a Path, now: &'a Now, settings: &'a Settings) -> Self {
        Host {
            root,
            boot_id: &now.boot_id,
            uptime: now.uptime,
            suspended: now.suspended,
            epoch: now.utc.timestamp(),
            today: Zone::Local.date(now.utc),
            settings,
            last: None,
            earlier: None,
            cost: None,
            space: space::statvfs,
            apart: apart::ask_all,
            stuck: &[],
            patience: Patience::new(),
        }
    }

    /// Reads a file of procfs or sysfs whole.
    pub fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let full = self.root.join(path);
        read_whole(&full).with_context(|| format!("could not read {}", full.display()))
    }

    /// The same for a file that not every kernel has: without it, it is empty.
    pub fn read_if_there(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let full = self.root.join(path);
        match read_whole(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.with_context(|| format!("could not read {}", full.display())),
        }
    }

    /// The newest stored line, if it is of this boot.
    pub fn last_of_this_boot(&self) -> Option<&Sample> {
        let is_ours = |last: &&Sample| {
            last.boot_id == self.boot_id && last.uptime.is_some_and(|uptime| uptime <= self.uptime)
        };
        self.last.filter(is_ours)
    }

    /// Whether there is a stored line of today: what is read once a day is known.
    pub fn last_is_of_today(&self) -> bool {
        self.last.is_some_and(|last| last.timestamp.date_naive() == self.today)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// What the configuration says about sources.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub filesystems: Filter,
    pub devices: Filter,
    pub interfaces: Filter,
    pub billing: Billing,
    pub watch: Vec<Watch>,
    pub files: Vec<file::Watched>,
    pub custom: Vec<custom::Custom>,
}

/// Files of procfs say that they are empty, so the usual way would first ask for their size and then read them in
/// many small steps.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut content = Vec::with_capacity(4 * 1024);
    while rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content))? > 0 {
        content.reserve(content.capacity() / 2);
    }
    Ok(content)
}

/// The trimmed text of a small file; `None` if it cannot be read or is no text.
pub fn read_text(path: &Path) -> Option<String> {
    // The kernel gives such a file whole in one read; asking again for its end would cost as much.
    let mut content = Vec::with_capacity(4 * 1024);
    rustix::io::read(&File::open(path).ok()?, rustix::buffer::spare_capacity(&mut content)).ok()?;
    let text = String::from_utf8(content).ok()?;
    Some(text.trim().to_owned())
}

/// Which labels to measure: an include wins over every reason to leave one out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    pub fn includes(&self, label: &str) -> bool {
        self.include.iter().any(|pattern| glob(pattern, label))
    }

    pub fn excludes(&self, label: &str) -> bool {
        self.exclude.iter().any(|pattern| glob(pattern, label))
    }
}
