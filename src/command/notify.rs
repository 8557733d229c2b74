//! `notify test`: one test message by each configured way, and what went wrong.

use std::time::Duration;

use anyhow::bail;

use super::Context;
use crate::cli::{Exit, NotifyCommand};
use crate::clock;
use crate::notify::Outcome;
use crate::notify::compose::test_message;
use crate::notify::message::{Sender, full_name};
use crate::notify::way::ways;

/// # Errors
/// A fault in the configuration, nothing configured, or a message that was not accepted.
pub fn run(command: &NotifyCommand, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let NotifyCommand::Test = command;
    let config = context.config()?;
    if !config.faults.is_empty() {
        for line in config.fault_lines() {
            context.complain(&line);
        }
        return Ok(Exit::Failed);
    }
    let ways = ways(&config);
    if ways.is_empty() {
        bail!(
            "nobody to tell: the configuration has no notifications.email, webhook or command; hostwatch config example shows one"
        );
    }
    let host = clock::host(context.root);
    let full_name = full_name(context.root, &host);
    let mut all_well = true;
    for (number, way) in ways.into_iter().enumerate() {
        let sender = Sender { host: &host, full_name: &full_name, now: &context.now, number };
        let channels: Vec<String> =
            way.channels().into_iter().map(|channel| channel.name).collect();
        let message = test_message(&host, way.prefix(), context.now.utc.timestamp());
        let frozen = way.freeze(&message, &sender, Vec::new(), &channels)?;
        let left = Duration::from_secs_f64(way.timeout());
        let (outcome, refused) = way.deliver(&frozen, &full_name, context.variable, left);
        let words = way.words(&frozen);
        match outcome {
            Outcome::Accepted => writeln!(context.out, "accepted: test {}", way.done(&frozen))?,
            Outcome::NotAccepted { error, .. } | Outcome::Rejected { error } => {
                context.complain(&format!("could not {words}: {error}"));
                all_well = false;
            }
            Outcome::Uncertain { error } => {
                context.complain(&format!(
                    "could not tell whether it was accepted to {words}: {error}"
                ));
                all_well = false;
            }
        }
        for refused in refused {
            context.complain(&format!("could not mail {}: {}", refused.address, refused.error));
            all_well = false;
        }
    }
    Ok(if all_well { Exit::Done } else { Exit::Failed })
}
