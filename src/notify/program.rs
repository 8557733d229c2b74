//! Telling by a program of the host's own: the facts as one line of JSON on its standard input, the most of them in
//! its environment. Whatever it does, the run goes on in time: it and all it started are killed at the limit, what it
//! says is kept to the last 4 KiB, and nobody waits for a pipe that its children hold.

use std::io::{self, PipeReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::watchdog::{no_end, within};
use super::{Outcome, failure};
use crate::child::{GRACE, bare, how, kill, last_line, wait};
use crate::config::program::Program;
use crate::render::wording::one_line;

/// The facts that stand in the environment, as `HOSTWATCH_` and their name in capitals.
pub const VARIABLES: &[&str] = &["host", "level", "series", "subject", "kind"];
/// How much of what it says is kept.
const SAID: usize = 4096;

/// Runs it with these facts.
pub fn run(program: &Program, facts: &Value, left: Duration) -> Outcome {
    let limit = Duration::try_from_secs_f64(program.timeout).unwrap_or(Duration::MAX).min(left);
    let Some(name) = program.argv.first().cloned() else {
        return Outcome::NotAccepted { error: "no program to run".to_owned(), permanent: true };
    };
    let (command, input) = (command(&program.argv, facts), format!("{facts}\n"));
    // It is killed at the limit; this is for what cannot be killed.
    within(
        limit.saturating_add(GRACE * 2),
        &name.clone(),
        move |handing_over| tell(&name, command, input, limit, handing_over),
        std::convert::identity,
    )
}

fn command(argv: &[String], facts: &Value) -> Command {
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    let mut command = bare(argv, "C.UTF-8");
    command.env("HOME", home);
    for name in VARIABLES {
        let value = facts.get(name).and_then(Value::as_str).unwrap_or_default();
        command.env(format!("HOSTWATCH_{}", name.to_uppercase()), value.replace('\0', ""));
    }
    command
}

fn tell(
    name: &str,
    command: Command,
    input: String,
    limit: Duration,
    handing_over: &AtomicBool,
) -> Outcome {
    let not_accepted = |words: &str| {
        let error = one_line(&format!("{name}: {words}"));
        Outcome::NotAccepted { error, permanent: false }
    };
    let began = Instant::now();
    let (mut child, said) = match start(command, input) {
        Ok(started) => started,
        Err(error) => {
            return not_accepted(&format!("could not start it: {}", failure::of_io(&error)));
        }
    };
    handing_over.store(true, Ordering::SeqCst);
    match wait(&mut child, began + limit) {
        Ok(Some(status)) if status.success() => Outcome::Accepted,
        Ok(Some(status)) => not_accepted(&said.last_line().unwrap_or_else(|| how(status))),
        Ok(None) => {
            _ = kill(&mut child);
            Outcome::Uncertain { error: no_end(name, limit) }
        }
        Err(error) => Outcome::Uncertain { error: format!("{name}: {}", failure::of_io(&error)) },
    }
}

/// Starts it; what it reads and says goes on in threads of their own.
fn start(mut command: Command, input: String) -> io::Result<(Child, Said)> {
    let (reader, writer) = io::pipe()?;
    let errors = writer.try_clone()?;
    command.stdin(Stdio::piped()).stdout(writer).stderr(errors);
    let mut child = command.spawn()?;
    // Our ends of the pipe: with them open its end would never be seen.
    drop(command);
    if let Some(mut stdin) = child.stdin.take() {
        // It need not read.
        spawn(move || _ = stdin.write_all(input.as_bytes()))?;
    }
    Ok((child, Said::listen(reader)?))
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("tell".to_owned()).spawn(work).map(drop)
}

/// What it says, as far as it has come.
struct Said {
    tail: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Said {
    fn listen(mut reader: PipeReader) -> io::Result<Self> {
        let tail = Arc::new(Mutex::new(Vec::new()));
        let (sender, ended) = channel();
        let kept = Arc::clone(&tail);
        spawn(move || {
            let mut part = [0; SAID];
            while let Ok(length @ 1..) = reader.read(&mut part) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(part.get(..length).unwrap_or_default());
                let surplus = kept.len().saturating_sub(SAID);
                kept.drain(..surplus);
            }
            // Nobody listens any more once the program ended.
            _ = sender.send(());
        })?;
        Ok(Said { tail, ended })
    }

    /// Once it ended, or what it left behind keeps the pipe.
    fn last_line(&self) -> Option<String> {
        _ = self.ended.recv_timeout(GRACE);
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        last_line(&tail)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::alert::Level;

    const LONG: Duration = Duration::from_secs(30);

    fn shell(script: &str, timeout: f64) -> Outcome {
        let argv = ["/bin/sh", "-c", script, "tell"].map(str::to_owned).to_vec();
        let program = Program { channel: "command:x".into(), argv, level: Level::Warning, timeout };
        let facts = json!({"host": "pi", "level": "warning", "series": "cpu_percent", "subject": "s\0 ä\nb", "kind": "raised"});
        run(&program, &facts, LONG)
    }

    fn accepted() -> Outcome {
        Outcome::Accepted
    }

    fn not_accepted(words: &str) -> Outcome {
        Outcome::NotAccepted { error: format!("/bin/sh: {words}"), permanent: false }
    }

    #[test]
    fn it_gets_one_line_of_json_and_a_bare_environment() {
        let directory = tempfile::tempdir().unwrap();
        let shown = directory.path().display();
        assert_eq!(shell(&format!("cat >{shown}/in; env >{shown}/env"), 10.0), accepted());
        let read = |name| std::fs::read_to_string(directory.path().join(name)).unwrap();
        let input = read("in");
        assert_eq!(input.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&input).unwrap()["series"], "cpu_percent");
        let env = read("env");
        assert!(
            env.contains("HOSTWATCH_SUBJECT=s ä\nb\n") && env.contains("PATH=/usr/local/sbin:")
        );
        assert!(env.contains("HOSTWATCH_KIND=raised\n") && !env.contains("CARGO"), "{env}");
    }

    #[test]
    fn a_failure_is_told_in_its_last_words() {
        assert_eq!(
            shell("echo first; echo 'no modem' >&2; echo; exit 3", 10.0),
            not_accepted("no modem")
        );
        assert_eq!(shell("exit 3", 10.0), not_accepted("it failed (exit status: 3)"));
        assert_eq!(shell("kill -9 $$", 10.0), not_accepted("it failed (signal: 9 (SIGKILL))"));
    }

    #[test]
    fn what_cannot_be_started_is_not_accepted() {
        let program = Program {
            channel: "command:x".into(),
            argv: vec!["/no/such".into()],
            level: Level::Warning,
            timeout: 1.0,
        };
        let Outcome::NotAccepted { error, .. } = run(&program, &json!({}), LONG) else { panic!() };
        assert_eq!(error, "/no/such: could not start it: No such file or directory");
    }

    #[test]
    fn at_the_limit_it_is_killed_with_all_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let late = directory.path().join("late");
        let began = Instant::now();
        let outcome = shell(&format!("(sleep 2; touch {}) & sleep 60", late.display()), 0.5);
        assert!(
            matches!(outcome, Outcome::Uncertain { ref error } if error.contains("no end within"))
        );
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        thread::sleep(Duration::from_secs(2));
        assert!(!late.exists());
    }

    #[test]
    fn a_flood_neither_blocks_nor_hides_the_last_line() {
        assert_eq!(shell("yes | head -c 3000000; echo end; exit 1", 20.0), not_accepted("end"));
    }

    #[test]
    fn it_need_not_read_and_its_children_may_keep_the_pipe() {
        assert_eq!(shell("exec 0<&-", 10.0), accepted());
        let began = Instant::now();
        assert_eq!(shell("sleep 5 & echo said; exit 1", 20.0), not_accepted("said"));
        assert!(began.elapsed() < Duration::from_secs(4));
    }
}
