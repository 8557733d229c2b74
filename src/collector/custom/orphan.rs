//! What commands leave behind although their group was killed: children that made a session of their own. While
//! commands run such orphans come to us instead of to init, and none outlives the run.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, set_child_subreaper,
    waitid, waitpid,
};

/// What cannot be killed, because the kernel holds it, is not waited for longer.
const LONGEST: Duration = Duration::from_millis(500);
const PACE: Duration = Duration::from_millis(2);

/// From here on orphans come to us.
pub(super) struct Orphans {
    /// Children that were there before, of whoever became this program: not ours to kill.
    before: Vec<Pid>,
}

impl Orphans {
    pub(super) fn gather() -> Self {
        let before = if has_children() { children() } else { Vec::new() };
        // A kernel that cannot leaves it to init, as ever.
        _ = set_child_subreaper(Some(getpid()));
        Orphans { before }
    }

    /// Kills them, and theirs as they come to us, until none is left.
    pub(super) fn end(self) {
        let deadline = Instant::now() + LONGEST;
        while has_children() && Instant::now() < deadline {
            let left: Vec<Pid> =
                children().into_iter().filter(|pid| !self.before.contains(pid)).collect();
            // With children from before it is their list that tells.
            if left.is_empty() && !self.before.is_empty() {
                break;
            }
            for pid in left {
                _ = kill_process(pid, Signal::KILL);
                _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
            thread::sleep(PACE);
        }
        _ = set_child_subreaper(None);
    }
}

fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, options).err() != Some(Errno::CHILD)
}

/// By the parent that each process names: a list that the kernel keeps of them may leave some out while others end.
fn children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero().to_string();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &i32| {
        let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        parent(&String::from_utf8_lossy(&stat)) == Some(own.as_str())
    };
    pids.filter(is_ours).filter_map(Pid::from_raw).collect()
}

/// The name may hold anything, so what follows is counted from its end.
fn parent(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_hides_no_parent() {
        assert_eq!(parent("812 (a) b (c)) S 640 812 1 0 -1"), Some("640"));
        assert_eq!(parent(""), None);
    }

    #[test]
    fn a_child_is_found_and_those_of_others_are_not() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(has_children() && children().contains(&pid) && !children().contains(&Pid::INIT));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
