//! What is firing, for commands that read: from the state, or where that is not theirs to read, from the events.

use crate::alert::episode::{Episode, firing, from_events};
use crate::alert::evaluate::rule_of;
use crate::alert::state::{Standing, State};
use crate::config::Config;
use crate::sample::Sample;
use crate::store::range::Range;
use crate::store::runtime::Runtime;
use crate::store::{Store, state};
use crate::time::span;

use super::Context;

/// The state in force: of the data directory, or a newer one kept while that could not be written.
///
/// # Errors
/// The file is there and not ours to read.
pub fn current(store: &Store, runtime: &Runtime) -> std::io::Result<State> {
    let kept = state::peek(&store.directory)?.unwrap_or_default();
    Ok(runtime.state().filter(|other| other.generation > kept.generation).unwrap_or(kept))
}

/// What is firing, the worst first.
///
/// # Errors
/// The store cannot be listed.
pub fn now_firing(
    context: &mut Context<'_>,
    config: &Config,
    store: &Store,
    sample: Option<&Sample>,
) -> anyhow::Result<Vec<Episode>> {
    let now = context.now.utc.timestamp();
    let runtime = Runtime::look(context.variable, &store.directory);
    if let Ok(state) = current(store, &runtime) {
        let threshold = |standing: &Standing| {
            rule_of(&config.rules, standing)?
                .threshold(standing.level)
                .map(|threshold| threshold.level)
        };
        Ok(firing(&state, sample, threshold, now))
    } else {
        context.note("what is firing is taken from the events: state.json is not yours to read");
        let range = Range::last(30 * 86_400, context.now.utc);
        Ok(from_events(&store.events(range)?, now)
            .into_iter()
            .filter(|episode| !episode.is_over())
            .collect())
    }
}

/// What is owed to whom and why, in words; `None` if nothing is, or the state is not ours to read.
pub fn owed(context: &Context<'_>, store: &Store) -> Option<String> {
    let runtime = Runtime::look(context.variable, &store.directory);
    let state = current(store, &runtime).ok()?;
    let (notifier, delivery) = state.delivery.iter().next()?;
    let since = context.now.moment().seconds_since(&delivery.last_try);
    Some(format!("{notifier}, last tried {} ago: {}", span::human(since), delivery.error))
}
