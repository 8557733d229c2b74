//! `notify test`: one test message by each configured way, and what went wrong.

use anyhow::bail;

use super::Context;
use crate::cli::{Exit, NotifyCommand};
use crate::clock;
use crate::notify::Outcome;
use crate::notify::compose::test_message;
use crate::notify::deliver::{Deadline, deliver};
use crate::notify::message::{Sender, freeze, full_name};

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
    let Some(email) = &config.email else {
        bail!(
            "nobody to tell: the configuration has no notifications.email; hostwatch config example shows one"
        );
    };
    let host = clock::host(context.root);
    let full_name = full_name(context.root, &host);
    let sender = Sender { host: &host, full_name: &full_name, now: &context.now };
    let frozen = freeze(&test_message(&host, &email.subject_prefix), email, &sender, Vec::new())?;
    match deliver(email, &frozen, &full_name, context.variable, &Deadline::after(email.timeout)) {
        Outcome::Accepted { refused } if refused.is_empty() => {
            writeln!(context.out, "test mail accepted for {}", frozen.to.join(", "))?;
            Ok(Exit::Done)
        }
        Outcome::Accepted { refused } => bail!("could not mail everybody: {}", refused.join("; ")),
        Outcome::NotAccepted { error, .. } => {
            bail!("could not mail {}: {error}", frozen.to.join(", "))
        }
        Outcome::Uncertain { error } => bail!(
            "could not tell whether the mail to {} was accepted: {error}",
            frozen.to.join(", ")
        ),
    }
}
