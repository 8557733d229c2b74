//! Programs of the host's own: no shell in between, nothing of our environment, a process group of their own, so that
//! a program can be killed with all it started.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How often it is looked after.
pub const PACE: Duration = Duration::from_millis(10);
/// For what is left to do after its end; and for its end, after it was killed.
pub const GRACE: Duration = Duration::from_millis(500);
/// How much of its last line is said.
const LINE: usize = 200;

/// The program, with a bare environment.
pub fn bare(argv: &[String], language: &str) -> Command {
    let mut command = Command::new(argv.first().map_or("", String::as_str));
    command.args(argv.get(1..).unwrap_or_default());
    command.env_clear().env("PATH", PATH).env("LANG", language).process_group(0);
    command
}

/// `None`: it did not end in time.
pub fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() >= deadline {
            return Ok(ended);
        }
        thread::sleep(PACE);
    }
}

/// Whether it ended. It still has its number, which so stays that of its group.
pub fn has_ended(child: &Child) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let Some(pid) = pid(child) else { return Ok(true) };
    Ok(waitid(WaitId::Pid(pid), options)?.is_some())
}

/// Kills it and all of its group, and waits for its end. To be called before its end was waited for: until then its
/// number is its own.
pub fn kill(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    if let Some(group) = pid(child) {
        _ = kill_process_group(group, Signal::KILL);
    }
    wait(child, Instant::now() + GRACE)
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// The last line that says something, without what a terminal would act upon.
pub fn last_line(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(LINE).collect())
}

pub fn how(status: ExitStatus) -> String {
    format!("it failed ({status})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_the_last_line_that_holds_any() {
        assert_eq!(last_line(b"first\nno \x1b[31mmodem\n\n  \n").as_deref(), Some("no [31mmodem"));
        assert_eq!(last_line(b" \n"), None);
        assert_eq!(last_line(b"\xff").as_deref(), Some("\u{fffd}"));
    }
}
