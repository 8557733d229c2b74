//! Which of the processes are meant. This program is never among them, nor are kernel threads and what has ended.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use regex_lite::Regex;

use super::super::scan::Stat;
use super::super::{Host, read_whole};
use super::{Found, Watch, cgroup, own_pid};
use crate::regular;
use crate::series::label_text;

/// What the processes are known by.
#[derive(Clone, Debug)]
pub enum By {
    /// The name that the kernel keeps.
    Process(String),
    /// In the command line.
    Match(Regex),
    /// A file with the number.
    PidFile(PathBuf),
    /// A unit of systemd.
    Unit(String),
}

/// The kernel keeps no more of a name.
const NAME_BYTES: usize = 15;
/// A number and its newline are shorter.
const PID_BYTES: usize = 256;
const OURSELVES: &str = env!("CARGO_PKG_NAME");

/// # Errors
/// Says in a few words why it is none.
pub fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("is no regular expression: {error}"))
}

/// Those that can be meant.
pub(super) struct Processes<'a> {
    host: &'a Host<'a>,
    stats: Vec<&'a Stat>,
    /// Only if some watch asks for them.
    lines: HashMap<u32, String>,
}

impl<'a> Processes<'a> {
    pub(super) fn new(host: &'a Host<'a>, stats: &'a [Stat], watches: &[Watch]) -> Self {
        let own = own_pid(host);
        let is_meant = |stat: &&Stat| {
            !stat.kernel && !stat.is_zombie() && stat.name != OURSELVES && Some(stat.pid) != own
        };
        let stats: Vec<&Stat> = stats.iter().filter(is_meant).collect();
        let are_asked_for = watches.iter().any(|watch| matches!(watch.by, By::Match(_)));
        let lines = if are_asked_for {
            stats.iter().filter_map(|stat| Some((stat.pid, line(host, stat.pid)?))).collect()
        } else {
            HashMap::new()
        };
        Processes { host, stats, lines }
    }

    pub(super) fn of(&self, by: &By) -> Found<'a> {
        let found = |pids: BTreeSet<u32>| self.filtered(|stat| pids.contains(&stat.pid));
        match by {
            By::Process(name) => {
                let kept = label_text(name.as_bytes().get(..NAME_BYTES).unwrap_or(name.as_bytes()));
                Found::of(self.filtered(|stat| stat.name == kept))
            }
            By::Match(regex) => {
                let is_match = |line: &String| regex.is_match(line);
                Found::of(self.filtered(|stat| self.lines.get(&stat.pid).is_some_and(is_match)))
            }
            By::PidFile(path) => match pid(self.host, path) {
                Ok(pid) => Found::of(found(pid.into_iter().collect())),
                Err(fault) => {
                    Found { stats: fault.is_nobody.then(Vec::new), fault: Some(fault.why) }
                }
            },
            By::Unit(unit) => match cgroup::pids(self.host, unit) {
                Ok(pids) => Found::of(found(pids)),
                Err(why) => Found { stats: None, fault: Some(why) },
            },
        }
    }

    fn filtered(&self, is_meant: impl Fn(&Stat) -> bool) -> Vec<&'a Stat> {
        self.stats.iter().copied().filter(|stat| is_meant(stat)).collect()
    }
}

/// The command line with a space between the arguments; `None` if the process ended or may not be read.
fn line(host: &Host<'_>, pid: u32) -> Option<String> {
    let content = read_whole(&host.path(&format!("proc/{pid}/cmdline"))).ok()?;
    Some(String::from_utf8_lossy(&content).trim_end_matches('\0').replace('\0', " "))
}

/// What is wrong with a file that should hold a number, and whether it surely names nobody.
struct Wrong {
    is_nobody: bool,
    why: anyhow::Error,
}

/// The number in a file; none where there is no file.
fn pid(host: &Host<'_>, path: &Path) -> Result<Option<u32>, Wrong> {
    let full = host.path(path.to_string_lossy().trim_start_matches('/'));
    let content = match regular::head(&full, PID_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let is_nobody = error.kind() == io::ErrorKind::Other;
            let why =
                anyhow::Error::new(error).context(format!("could not read {}", full.display()));
            return Err(Wrong { is_nobody, why });
        }
        Ok(content) => content,
    };
    let text = String::from_utf8_lossy(&content);
    // It is being written, or was left behind without one.
    let Some(word) = text.split_whitespace().next() else { return Ok(None) };
    let none = || anyhow!("could not understand {}: no number of a process", full.display());
    word.parse().map(Some).map_err(|_| Wrong { is_nobody: true, why: none() })
}
