//! Mounts whose server may be gone. A call on such a mount may never return, and a process that waits in it can often
//! not be killed. So processes of their own ask, this program once more: they are waited for for a few seconds, then left
//! alone, and while one lives its mount is not asked again.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::earlier::Stuck;
use super::space::{self, Space};

/// For all of them together.
pub const PATIENCE: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_millis(5);
/// The first argument of a process that asks; the second is the mount. For no one to type.
const WORD: &str = "statvfs";

/// What came of asking.
#[derive(Debug)]
pub enum Answer {
    Space(io::Result<Space>),
    /// None in time; the process that waits for it, and when that began in clock ticks after boot.
    Silence {
        pid: u32,
        start: u64,
    },
}

/// What this program prints if it was started to ask.
pub fn answer(arguments: &[OsString]) -> Option<String> {
    match arguments {
        [_, word, path] if word == WORD => Some(space::answer(Path::new(path))),
        _ => None,
    }
}

/// Asks all of them at once.
pub fn ask(paths: &[PathBuf]) -> Vec<Answer> {
    let deadline = Instant::now() + PATIENCE;
    let mut children: Vec<io::Result<Child>> = paths.iter().map(|path| start(path)).collect();
    let waits = |child: &mut io::Result<Child>| {
        child.as_mut().is_ok_and(|child| matches!(child.try_wait(), Ok(None)))
    };
    while children.iter_mut().any(waits) && Instant::now() < deadline {
        sleep(PACE);
    }
    children.into_iter().map(outcome).collect()
}

fn start(path: &Path) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(WORD).arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // What ends this run with a signal to its group is not to be waited for.
    command.process_group(0).spawn()
}

fn outcome(child: io::Result<Child>) -> Answer {
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let text = format!("could not start a process to ask: {error}");
            return Answer::Space(Err(io::Error::other(text)));
        }
    };
    if matches!(child.try_wait(), Ok(None)) {
        let pid = child.id();
        return Answer::Silence { pid, start: started(pid).unwrap_or_default() };
    }
    let mut text = String::new();
    let read = child.stdout.take().map(|mut stdout| stdout.read_to_string(&mut text));
    Answer::Space(read.transpose().and_then(|_| space::heard(&text)))
}

/// Whether it still waits.
pub fn lives(stuck: &Stuck) -> bool {
    started(stuck.pid).is_some_and(|start| start == stuck.start)
}

/// When a process began, in clock ticks after boot; `None` if it ended, even if nobody has asked how.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let pid = std::process::id();
        let start = started(pid).unwrap();
        let stuck = |start| Stuck { pid, start, mount: "/nas".to_owned() };
        assert!(lives(&stuck(start)) && !lives(&stuck(start + 1)));
    }

    #[test]
    fn one_that_ended_waits_no_more_even_if_nobody_asked_how() {
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        // Its end of the pipe is closed when it is over.
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while started(child.id()).is_some() && Instant::now() < deadline {
            sleep(PACE);
        }
        assert_eq!(started(child.id()), None);
        child.wait().unwrap();
    }

    #[test]
    fn only_who_was_started_to_ask_answers() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(answer(&words(&["hostwatch", "statvfs", "/"])).is_some());
        assert!(answer(&words(&["hostwatch", "collect"])).is_none());
        assert!(answer(&words(&["hostwatch", "collect", "statvfs", "/"])).is_none());
    }
}
