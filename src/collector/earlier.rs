//! What one run leaves to the next of the same boot: too much for a line, and nothing is lost with it but one reading.
//! A line of text each, so that a half-written file or one of another version reads as far as it is understood. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::clock::Said;
use crate::sample::{Value, Values};
use crate::series::Series;

/// The readings of an earlier run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    pub uptime: f64,
    /// Counts the runs of this boot.
    pub turn: u32,
    pub limits: Option<Limits>,
    pub clock: Option<Said>,
    /// PID, start in clock ticks after boot, and CPU time in clock ticks; sorted. Keyed by both, as PIDs are used again.
    pub processes: Vec<(u32, u64, u64)>,
    /// Core, its busy clock ticks, and all of them.
    pub cores: Vec<(u32, u64, u64)>,
    pub stuck: Vec<Stuck>,
    /// Counters that are not stored.
    pub counters: Values,
    /// What the host was.
    pub facts: BTreeMap<String, String>,
}

/// How many the kernel allows; 0: it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub threads: u64,
    pub files: u64,
}

/// A process that waits for an answer from a mount.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stuck {
    pub pid: u32,
    /// In clock ticks after boot.
    pub start: u64,
    /// What was asked about.
    pub about: String,
}

/// Kernel threads that did nothing since boot, mostly half of all there is.
const IDLE: &str = "idle ";
/// Ends the list; what follows is of an older, longer one.
const END: &str = "\nend\n";

impl Earlier {
    /// The CPU time of a process, if it was there.
    pub fn process(&self, pid: u32, start: u64) -> Option<u64> {
        let found = self
            .processes
            .binary_search_by(|(known, since, _)| (known, since).cmp(&(&pid, &start)));
        found.ok().and_then(|at| self.processes.get(at)).map(|(_, _, ticks)| *ticks)
    }

    /// The text that is kept.
    pub fn format(&self, boot_id: &str) -> String {
        let mut text = String::with_capacity(64 + 24 * self.processes.len());
        // Writing to a String cannot fail.
        _ = writeln!(text, "{boot_id} {}", self.uptime);
        _ = writeln!(text, "turn {}", self.turn);
        if let Some(Limits { threads, files }) = self.limits {
            _ = writeln!(text, "limits {threads} {files}");
        }
        if let Some(Said { until, synchronized }) = self.clock {
            _ = writeln!(text, "clock {until} {}", synchronized.map_or("?", yes));
        }
        for (core, busy, all) in &self.cores {
            _ = writeln!(text, "core {core} {busy} {all}");
        }
        for Stuck { pid, start, about } in &self.stuck {
            _ = writeln!(text, "stuck {pid} {start} {about}");
        }
        for (metric, label, value) in self.counters.points() {
            if let Value::Unsigned(count) = value {
                _ = writeln!(text, "count {count} {}", Series::new(metric, label));
            }
        }
        for (name, fact) in &self.facts {
            _ = writeln!(text, "fact {name} {fact}");
        }
        text.push_str(IDLE.trim_end());
        for (pid, start, ticks) in &self.processes {
            if (*start, *ticks) == (0, 0) {
                _ = write!(text, " {pid}");
            }
        }
        text.push('\n');
        for (pid, start, ticks) in &self.processes {
            if (*start, *ticks) != (0, 0) {
                _ = writeln!(text, "{pid} {start} {ticks}");
            }
        }
        text.push_str(END.trim_start());
        text
    }

    /// `None` for another boot or a half-written text.
    pub fn parse(text: &str, boot_id: &str) -> Option<Self> {
        let (body, _) = text.split_once(END)?;
        let mut lines = body.lines();
        let (boot, uptime) = lines.next()?.split_once(' ')?;
        if boot != boot_id {
            return None;
        }
        let mut earlier = Earlier { uptime: uptime.parse().ok()?, ..Earlier::default() };
        for line in lines {
            if let Some(turn) = line.strip_prefix("turn ") {
                earlier.turn = turn.parse().unwrap_or_default();
            } else if let Some((threads, files)) = two(line, "limits ") {
                let limits = threads.parse().ok().zip(files.parse().ok());
                earlier.limits = limits.map(|(threads, files)| Limits { threads, files });
            } else if let Some((until, synchronized)) = two(line, "clock ") {
                let synchronized = [true, false].into_iter().find(|is| yes(*is) == synchronized);
                earlier.clock = until.parse().ok().map(|until| Said { until, synchronized });
            } else if let Some(core) = line.strip_prefix("core ") {
                earlier.cores.extend(three(core));
            } else if let Some(stuck) = line.strip_prefix("stuck ") {
                earlier.stuck.extend(stuck_of(stuck));
            } else if let Some((count, series)) = two(line, "count ") {
                if let Ok(count) = count.parse::<u64>() {
                    earlier.counters.put(Series::parse(series), Value::Unsigned(count));
                }
            } else if let Some((name, fact)) = two(line, "fact ") {
                earlier.facts.insert(name.to_owned(), fact.to_owned());
            } else if let Some(idle) = line.strip_prefix(IDLE) {
                let pids = idle.split(' ').filter_map(|pid| pid.parse().ok());
                earlier.processes.extend(pids.map(|pid| (pid, 0, 0)));
            } else {
                earlier.processes.extend(three(line));
            }
        }
        earlier.processes.sort_unstable();
        Some(earlier)
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// A word and the rest, after what says which line it is.
fn two<'a>(line: &'a str, begin: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(begin)?.split_once(' ')
}

fn three(line: &str) -> Option<(u32, u64, u64)> {
    let mut fields = line.split(' ');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn stuck_of(line: &str) -> Option<Stuck> {
    let mut fields = line.splitn(3, ' ');
    let (pid, start) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Stuck { pid, start, about: fields.next()?.to_owned() })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn earlier() -> Earlier {
        let mut counters = Values::default();
        counters.put(Series::new("forks", None), Value::Unsigned(u64::MAX));
        counters.put(Series::new("device_busy", Some("my disk")), Value::Unsigned(7));
        let facts = [("kernel", "6.12"), ("system", "Debian GNU/Linux 12")];
        Earlier {
            counters,
            facts: facts.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into(),
            uptime: 12.5,
            turn: 7,
            limits: Some(Limits { threads: 9, files: u64::MAX }),
            clock: Some(Said { until: 7.25, synchronized: Some(false) }),
            processes: vec![(1, 2, 3), (2, 0, 0), (3, 0, 9), (4, 0, 0), (40, 5, 6)],
            cores: vec![(0, 7, 8), (3, 9, 10)],
            stuck: vec![Stuck { pid: 40, start: 5, about: "/mnt/my nas".to_owned() }],
        }
    }

    #[test]
    fn it_reads_back_within_its_boot() {
        let text = earlier().format("boot");
        assert_eq!(Earlier::parse(&text, "boot"), Some(earlier()));
        assert_eq!(Earlier::parse(&text, "other"), None);
    }

    #[test]
    fn a_half_written_text_is_none() {
        let text = earlier().format("boot");
        assert!((0..text.len()).all(|end| Earlier::parse(&text[..end], "boot").is_none()));
        assert_eq!(Earlier::parse(&(text + "40 5 6\nend\n"), "boot"), Some(earlier()));
    }

    #[test]
    fn what_another_version_left_is_passed_over() {
        let text = "boot 1\ncard mmcblk0 3\ncore x 1 2\n7 8 9\nend\n";
        assert_eq!(Earlier::parse(text, "boot").map(|one| one.processes), Some(vec![(7, 8, 9)]));
    }
}
