//! Hands a mail over within a deadline: lettre's timeout is for each step, so a server that drips could hold a run for
//! ever.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::smtp::{Sent, Session, send};
use super::watchdog::within;
use super::{Outcome, Refused, failure, secret};
use crate::alert::state::Frozen;
use crate::config::email::{Email, Transport};
use crate::render::wording::one_line;

/// The time that all telling of a run has together.
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(seconds: f64) -> Self {
        Deadline(Instant::now() + Duration::from_secs_f64(seconds))
    }

    /// What one of `sharers` may take, so that a way that hangs does not cost the others theirs.
    pub fn share(&self, sharers: usize, most: f64) -> Duration {
        let left = self.0.saturating_duration_since(Instant::now());
        let sharers = u32::try_from(sharers.max(1)).unwrap_or(1);
        (left / sharers).min(Duration::from_secs_f64(most))
    }
}

/// Sends a mail by the configured way; returns who was refused although others were not.
pub fn deliver(
    email: &Email,
    frozen: &Frozen,
    hello: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
    left: Duration,
) -> (Outcome, Vec<Refused>) {
    let mail = frozen.clone();
    match &email.transport {
        Transport::Smtp(smtp) => match secret::password(smtp, email.config.as_deref(), variable) {
            Err(error) => {
                alone(Outcome::NotAccepted { error: format!("{error:#}"), permanent: false })
            }
            Ok(password) => {
                let session = Session {
                    smtp: smtp.clone(),
                    password,
                    hello: hello.to_owned(),
                    timeout: left,
                };
                let name = format!("{}:{}", smtp.server, smtp.port);
                let work = move |handing_over: &AtomicBool| send(&session, &mail, handing_over);
                within(left, &name, work, Sent::alone).take_leave()
            }
        },
        Transport::Sendmail(path) => {
            let program = path.clone();
            let work = move |handing_over: &AtomicBool| {
                handing_over.store(true, Ordering::SeqCst);
                alone(sendmail(&program, &mail))
            };
            within(left, &path.display().to_string(), work, alone)
        }
    }
}

/// An outcome for all recipients alike.
fn alone(outcome: Outcome) -> (Outcome, Vec<Refused>) {
    (outcome, Vec::new())
}

/// The host's own mail program, by the interface that every one of them has. It may end before it has read the mail,
/// and then its own words are the reason, not the pipe that broke.
fn sendmail(program: &Path, frozen: &Frozen) -> Outcome {
    let not_accepted = |error: &str| {
        let error = one_line(&format!("{}: {error}", program.display()));
        Outcome::NotAccepted { error, permanent: false }
    };
    let spawned = Command::new(program)
        .args(["-i", "-f", &frozen.from, "--"])
        .args(&frozen.to)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return not_accepted(&failure::of_io(&error)),
    };
    // Dropped at the end of the statement: that is the end of the mail.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(frozen.content.as_bytes()));
    let ended = match child.wait_with_output() {
        Ok(ended) => ended,
        Err(error) => {
            return Outcome::Uncertain {
                error: format!("{}: {}", program.display(), failure::of_io(&error)),
            };
        }
    };
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    match (ended.status.success(), written) {
        (true, Some(Ok(()))) => Outcome::Accepted,
        (true, _) => not_accepted("it ended without reading the mail"),
        (false, _) if said.is_empty() => not_accepted(&format!("it failed ({})", ended.status)),
        (false, _) => not_accepted(&said),
    }
}
