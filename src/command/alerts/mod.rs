//! `alerts`: what is firing, what is silenced and what was; why; and what other rules would have done.

mod explain;
mod known;
mod list;
mod past;
mod replay;
mod silence;
mod suggest;

use super::Context;
use crate::cli::{Alerts, AlertsCommand, Exit};
pub use list::view;

/// # Errors
/// What could not be done, to be printed in one line.
pub fn run(arguments: &Alerts, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    match &arguments.command {
        None => list::run(&arguments.list, context),
        Some(AlertsCommand::List(list)) => list::run(list, context),
        Some(AlertsCommand::Silence(silence)) => silence::begin(silence, context),
        Some(AlertsCommand::Unsilence(unsilence)) => silence::end(unsilence, context),
        Some(AlertsCommand::Explain(explain)) => explain::run(explain, context),
        Some(AlertsCommand::Suggest(suggest)) => suggest::run(suggest, context),
        Some(AlertsCommand::Replay(replay)) => replay::run(replay, context),
    }
}
