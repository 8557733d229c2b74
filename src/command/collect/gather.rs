//! What a message about some facts is written from, gathered from the store: only when there is a message to write.

use super::super::Context;
use super::background::background;
use super::judge::Run;
use super::tell::Judged;
use crate::alert::evaluate::rule_of;
use crate::alert::fact::Fact;
use crate::alert::state::{Standing, State};
use crate::event::{Event, kind};
use crate::notify::compose::compose;
use crate::notify::earlier::{EPISODES, HAPPENINGS};
use crate::notify::letter::{Background, Letter, Message, Other};
use crate::render::reason::concerns;
use crate::render::wording::one_line;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::range::Range;

/// What a mail is written from, gathered.
pub(super) struct Gathered<'a> {
    host: &'a str,
    interval: f64,
    sample: &'a Sample,
    facts: &'a [Fact],
    background: Vec<Background>,
    before: Option<Sample>,
    happenings: Vec<Event>,
    reasons: Vec<String>,
    others: Vec<Other>,
}

/// Gathers what a message about some facts speaks of. What cannot be read is not told.
pub(super) fn gather<'a>(
    run: &Run<'a>,
    judged: &Judged<'a>,
    facts: &'a [Fact],
    state: &State,
) -> Gathered<'a> {
    let sample = judged.sample;
    let range = Range::last(EPISODES, sample.timestamp.to_utc());
    let events = run.store.events(range).unwrap_or_default();
    let background = background(run, sample, facts, &events);
    let text = Wanted::names(Vec::<String>::new()).with_text();
    let before = run.store.before(sample.epoch(), &text).ok().flatten();
    let is_meant =
        |name: &str| facts.iter().any(|fact| !fact.is_over() && concerns(name, &fact.series));
    let errors = sample.errors.iter().filter(|(name, _)| is_meant(name));
    let collectors = errors.map(|(name, why)| format!("{name}: {why}"));
    let reasons =
        run.failure.iter().cloned().chain(collectors).map(|reason| one_line(&reason)).collect();
    let since = sample.epoch() - HAPPENINGS;
    let is_shown = |event: &Event| {
        event.epoch >= since && [kind::GAP, kind::REBOOT].contains(&event.event.as_str())
    };
    Gathered {
        host: run.host,
        interval: run.recent.interval,
        sample,
        facts,
        background,
        before,
        happenings: events.into_iter().filter(is_shown).collect(),
        reasons,
        others: others(judged, facts, state),
    }
}

impl Gathered<'_> {
    pub(super) fn message(self, prefix: &str, context: &Context<'_>) -> Message {
        compose(&Letter {
            host: self.host,
            now: &context.now,
            zone: context.zone(),
            prefix,
            interval: self.interval,
            sample: self.sample,
            before: self.before.as_ref(),
            facts: self.facts,
            background: &self.background,
            reasons: self.reasons,
            happenings: &self.happenings,
            others: self.others,
        })
    }
}

/// What fires and is not among the facts, with why nobody is told of it now.
fn others(judged: &Judged<'_>, facts: &[Fact], state: &State) -> Vec<Other> {
    let is_other = |standing: &&Standing| {
        rule_of(judged.rules, standing).is_some()
            && !facts.iter().any(|fact| fact.standing.series == standing.series)
    };
    let other = |standing: &Standing| {
        let series = Series::parse(&standing.series);
        Other {
            level: standing.level,
            value: judged.sample.values.number(&series),
            mute: judged.mutes.of(&series, standing.worst_level(), false),
            series,
        }
    };
    state.firing().filter(is_other).map(other).collect()
}
