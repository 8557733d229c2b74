//! What is firing, for commands that read: from the state, or where that is not theirs to read, from the events.

use super::Context;
use crate::alert::episode::{Episode, firing, from_events};
use crate::alert::evaluate::rule_of;
use crate::alert::mute::{self, Mute, Mutes};
use crate::alert::plugin;
use crate::alert::state::{Delivery, Silence, Standing, State};
use crate::collector;
use crate::config::Config;
use crate::notify::way::shown;
use crate::render::wording::Clock;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::store::range::Range;
use crate::store::runtime::Runtime;
use crate::store::{Store, state};
use crate::time::{Zone, span};

/// The state in force: of the data directory, or a newer one kept while that could not be written.
///
/// # Errors
/// The file is there and not ours to read.
pub fn current(store: &Store, runtime: &Runtime) -> std::io::Result<State> {
    let kept = state::peek(&store.directory)?.unwrap_or_default();
    Ok(runtime.state().filter(|other| other.generation > kept.generation).unwrap_or(kept))
}

/// Takes over the levels that plugins gave in the newest sample. Where there are no plugins nothing is read.
pub fn take_over(config: &mut Config, store: &Store, context: &Context<'_>) {
    if !config.rules.iter().any(plugin::is_template) {
        return;
    }
    let last = store.last(Zone::Local.date(context.now.utc), &Wanted::everything());
    if let Some(last) = last.ok().flatten() {
        config.rules = plugin::with_levels(&config.rules, &last.values).into_owned();
    }
}

/// What holds now.
#[derive(Debug, Default)]
pub struct Present {
    /// The worst first.
    pub firing: Vec<Episode>,
    /// Those in force.
    pub silences: Vec<Silence>,
    /// The end of the quiet hours, inside them.
    pub quiet_until: Option<i64>,
}

/// What is firing, and what is told of it.
///
/// # Errors
/// The store cannot be listed.
pub fn present(
    context: &mut Context<'_>,
    config: &Config,
    store: &Store,
    sample: Option<&Sample>,
) -> anyhow::Result<Present> {
    let now = context.now.utc.timestamp();
    let runtime = Runtime::look(context.variable, &store.directory);
    let known = current(store, &runtime);
    let mutes = |silences: &[Silence], context: &Context<'_>| {
        let hours = config.quiet_hours.as_ref();
        let at = |sample| Mutes::at(context.now.utc, silences, hours, sample, collector::find);
        sample.map(at).unwrap_or_default()
    };
    let (firing, mutes) = if let Ok(state) = known {
        let mutes = mutes(&state.silences, context);
        let threshold = |standing: &Standing| {
            rule_of(&config.rules, standing)?
                .threshold(standing.told_level())
                .map(|threshold| threshold.level)
        };
        (firing(&state, sample, &mutes, threshold, now), mutes)
    } else {
        context.note("what is firing is taken from the events: state.json is not yours to read");
        let events = store.events(Range::last(30 * 86_400, context.now.utc))?;
        let mutes = mutes(&mute::from_events(&events, now), context);
        let mut firing = from_events(&events, now);
        firing.retain(|episode| !episode.is_over());
        for episode in &mut firing {
            episode.muted_by(&mutes, episode.level);
        }
        (firing, mutes)
    };
    let quiet_until = mutes.quiet_until();
    Ok(Present { firing, silences: mutes.silences().to_vec(), quiet_until })
}

/// Why nothing is told now, and until when.
pub fn mute_words(mute: &Mute, clock: &Clock<'_>) -> String {
    match mute {
        Mute::Silenced(silence) => {
            let why = bracketed(&silence.reason);
            format!("silenced until {}{why}", end_words(silence, clock))
        }
        Mute::QuietHours(until) => format!("quiet hours until {}", clock.time(*until)),
        Mute::Inhibited(cause) => format!("not told as it follows from {cause}"),
    }
}

/// When a silence ends.
pub fn end_words(silence: &Silence, clock: &Clock<'_>) -> String {
    if silence.until_recovered { "it has recovered".to_owned() } else { clock.time(silence.until) }
}

/// ` (why)`, or nothing.
pub fn bracketed(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// Who was told, by which way and when first: `mailed 02:25`, else `told 02:25 by webhook:ops`.
pub fn told_words(episode: &Episode, clock: &Clock<'_>) -> Option<String> {
    let is_mail = |name: &str| !name.starts_with("webhook:") && !name.starts_with("command:");
    let mut told: Vec<&(String, i64)> = episode.told_to.iter().collect();
    told.sort_by_key(|(name, first)| (!is_mail(name), *first));
    let (name, first) = told.first()?;
    let time = clock.time(*first);
    Some(if is_mail(name) { format!("mailed {time}") } else { format!("told {time} by {name}") })
}

/// What is owed to whom and why, in words; `None` if nothing is, or the state is not ours to read.
pub fn owed(context: &Context<'_>, store: &Store) -> Option<String> {
    let runtime = Runtime::look(context.variable, &store.directory);
    let state = current(store, &runtime).ok()?;
    let mut groups: Vec<(&Delivery, Vec<&str>)> = Vec::new();
    for (channel, delivery) in &state.delivery {
        let same = |other: &Delivery| {
            (&other.error, &other.last_try) == (&delivery.error, &delivery.last_try)
        };
        match groups.iter_mut().find(|(other, _)| same(other)) {
            Some((_, channels)) => channels.push(shown(channel)),
            None => groups.push((delivery, vec![shown(channel)])),
        }
    }
    let now = context.now.moment();
    let words = groups.iter().map(|(delivery, channels)| {
        let since = span::human(now.seconds_since(&delivery.last_try));
        format!("{}, last tried {since} ago: {}", channels.join(", "), delivery.error)
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join("; "))
}
