//! One command: run to its end or to its limit, never longer, and never with more output than can be meant. Its group
//! is killed however it ended. Nothing here waits for a pipe, so that nobody who keeps one open holds anything up.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::child::{PACE, bare, has_ended, kill};
use crate::render::wording::one_line;

/// More output than this is a mistake.
pub(super) const MOST: usize = 64 * 1024;
/// How much of what it complains of is kept.
const COMPLAINT: usize = 4 * 1024;
/// A quick one is not waited for longer than it takes.
const FIRST_PACE: Duration = Duration::from_millis(1);
/// What it may know of where it runs.
const PASSED_ON: &[&str] = &["HOME", "TZ"];

#[derive(Debug)]
pub(super) struct Ran {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub complaint: Vec<u8>,
}

/// # Errors
/// Why there is no result, in words.
pub(super) fn run(argv: &[String], limit: Duration) -> Result<Ran, String> {
    let program = argv.first().map_or("", String::as_str);
    let deadline = Instant::now() + limit;
    let mut child = command(argv, |name| std::env::var_os(name))
        .spawn()
        .map_err(|error| format!("could not start {program}: {}", words(&error)))?;
    let mut pipes = Pipes::of(&mut child);
    let outcome = follow(&child, &mut pipes, deadline, limit);
    // Its end was not waited for yet.
    let status = kill(&mut child);
    outcome?;
    // What it wrote before its end, and those of its group before theirs.
    pipes.drain()?;
    match status {
        Ok(Some(status)) => Ok(Ran { status, output: pipes.output, complaint: pipes.complaint }),
        Ok(None) => Err("it cannot be killed".to_owned()),
        Err(error) => Err(words(&error)),
    }
}

fn command(argv: &[String], variable: impl Fn(&str) -> Option<OsString>) -> Command {
    let mut command = bare(argv, "C");
    for name in PASSED_ON {
        command.envs(variable(name).map(|value| (name, value)));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Until it ends.
fn follow(
    child: &Child,
    pipes: &mut Pipes,
    deadline: Instant,
    limit: Duration,
) -> Result<(), String> {
    let mut pace = FIRST_PACE;
    loop {
        // The order tells: what it wrote before its end is there once it ended.
        let ended = has_ended(child).map_err(|error| words(&error))?;
        pipes.drain()?;
        if ended {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(format!("no end within {} s", limit.as_secs_f64()));
        }
        thread::sleep(pace);
        pace = (pace * 2).min(PACE);
    }
}

fn words(error: &io::Error) -> String {
    one_line(&error.to_string())
}

struct Pipes {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    output: Vec<u8>,
    complaint: Vec<u8>,
}

impl Pipes {
    fn of(child: &mut Child) -> Self {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // One that would block is not read from.
        let stdout = stdout.filter(never_blocks);
        let stderr = stderr.filter(never_blocks);
        Pipes { stdout, stderr, output: Vec::new(), complaint: Vec::new() }
    }

    /// Takes what is there.
    fn drain(&mut self) -> Result<(), String> {
        take(&mut self.stdout, &mut self.output);
        take(&mut self.stderr, &mut self.complaint);
        let surplus = self.complaint.len().saturating_sub(COMPLAINT);
        self.complaint.drain(..surplus);
        if self.output.len() > MOST {
            return Err(format!("more than {} KiB of output", MOST / 1024));
        }
        Ok(())
    }
}

fn never_blocks(pipe: &impl AsFd) -> bool {
    fcntl_getfl(pipe).and_then(|flags| fcntl_setfl(pipe, flags | OFlags::NONBLOCK)).is_ok()
}

/// No more at a time than a flood fills in the meantime.
fn take(pipe: &mut Option<impl Read>, kept: &mut Vec<u8>) {
    let mut part = [0; 8 * 1024];
    for _ in 0..=MOST / part.len() {
        let Some(open) = pipe.as_mut() else { return };
        match open.read(&mut part) {
            Ok(length @ 1..) => kept.extend_from_slice(part.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => *pipe = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, seconds: f64) -> Result<Ran, String> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&argv, Duration::from_secs_f64(seconds))
    }

    fn output(script: &str) -> String {
        String::from_utf8(shell(script, 20.0).unwrap().output).unwrap()
    }

    #[test]
    fn its_output_its_complaint_and_its_end_are_kept_apart() {
        let ran = shell("echo 5; echo no >&2; exit 3", 20.0).unwrap();
        assert_eq!((ran.output, ran.complaint), (b"5\n".to_vec(), b"no\n".to_vec()));
        assert_eq!(ran.status.code(), Some(3));
    }

    #[test]
    fn it_knows_little_of_where_it_runs() {
        let names: Vec<String> = output("env")
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
            .filter(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(&name.as_str()))
            .collect();
        assert!(names.iter().all(|name| ["PATH", "LANG", "HOME", "TZ"].contains(&&**name)));
        assert!(output("echo $LANG $PATH").starts_with("C /usr/local/sbin:"));
        assert_eq!(output("cat"), "");
    }

    #[test]
    fn at_its_limit_it_is_killed_with_its_group() {
        let directory = tempfile::tempdir().unwrap();
        let late = directory.path().join("late");
        let began = Instant::now();
        let script = format!("(sleep 1; touch {}) & sleep 60", late.display());
        assert_eq!(shell(&script, 0.3).unwrap_err(), "no end within 0.3 s");
        assert!(began.elapsed() < Duration::from_secs(3));
        thread::sleep(Duration::from_millis(1_200));
        assert!(!late.exists());
    }

    #[test]
    fn what_closes_its_output_and_goes_on_has_not_ended() {
        assert!(shell("echo 1; exec >&- 2>&-; sleep 60", 0.3).is_err());
    }

    #[test]
    fn a_child_that_keeps_the_pipe_holds_nobody_up() {
        let began = Instant::now();
        assert_eq!(output("sleep 60 & echo 7"), "7\n");
        assert!(began.elapsed() < Duration::from_secs(3));
    }

    #[test]
    fn a_flood_ends_it() {
        let began = Instant::now();
        assert_eq!(shell("yes", 20.0).unwrap_err(), "more than 64 KiB of output");
        assert!(shell("yes >&2", 0.3).unwrap_err().starts_with("no end"));
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(output("head -c 65536 /dev/zero").len(), MOST);
    }

    #[test]
    fn what_cannot_be_started_is_named() {
        let error = |path: &str| run(&[path.to_owned()], Duration::from_secs(1)).unwrap_err();
        assert_eq!(error("/no/such"), "could not start /no/such: No such file or directory");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(error(file), format!("could not start {file}: Permission denied"));
        assert_eq!(error("/tmp"), "could not start /tmp: Permission denied");
    }
}
