//! Reports that a run took place, in the manner of Healthchecks: `/start` when it begins, the address itself when it
//! ended well, `/` and the exit code when it did not. A report that fails is no failure of the run.

use std::ffi::OsString;
use std::time::Duration;

use super::http::{self, Request};
use super::{Outcome, webhook};
use crate::config::heartbeat::Heartbeat;

/// Longest report in bytes; receivers cut off what is longer.
const LONGEST: usize = 10_000;

/// Reports that a run begins, if that is wanted.
///
/// # Errors
/// Why it was not taken, in words for the journal.
pub fn start(
    heartbeat: &Heartbeat,
    variable: &dyn Fn(&str) -> Option<OsString>,
    left: Duration,
) -> Result<(), String> {
    if heartbeat.start { report(heartbeat, Some("start"), "", variable, left) } else { Ok(()) }
}

/// Reports how a run ended.
///
/// # Errors
/// Why it was not taken, in words for the journal.
pub fn finish(
    heartbeat: &Heartbeat,
    exit: u8,
    summary: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
    left: Duration,
) -> Result<(), String> {
    let code = exit.to_string();
    report(heartbeat, Some(code.as_str()).filter(|_| exit != 0), summary, variable, left)
}

fn report(
    heartbeat: &Heartbeat,
    step: Option<&str>,
    text: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
    left: Duration,
) -> Result<(), String> {
    let target = &heartbeat.target;
    let url = webhook::url(target, variable).map_err(|error| format!("{error:#}"))?;
    let request = Request {
        url: step.map_or_else(|| url.clone(), |step| url.below(step)),
        headers: vec![
            ("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned()),
            ("User-Agent".to_owned(), webhook::AGENT.to_owned()),
        ],
        body: cut(text).to_owned(),
        ca_file: target.ca_file.clone(),
    };
    match http::post(request, left.min(webhook::timeout(target))) {
        Outcome::Accepted => Ok(()),
        Outcome::NotAccepted { error, .. }
        | Outcome::Rejected { error }
        | Outcome::Uncertain { error } => Err(error),
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_report_is_cut_between_characters() {
        assert_eq!(cut("ä"), "ä");
        assert_eq!(cut(&format!("a{}", "ä".repeat(9000))).len(), 9999);
    }
}
