//! What the store knows about the series of some facts: their values, who was busy, what was told, episodes of before.

use super::judge::Run;
use crate::alert::episode::{Episode, from_events};
use crate::alert::fact::Fact;
use crate::collector::formerly;
use crate::continuity::TOLERANCE;
use crate::event::{Event, kind};
use crate::notify::course::shown_from;
use crate::notify::earlier::before;
use crate::notify::letter::Background;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::store::range::Range;

/// One for each fact, in the same order.
pub(super) fn background(
    run: &Run<'_>,
    sample: &Sample,
    facts: &[Fact],
    events: &[Event],
) -> Vec<Background> {
    let episodes = from_events(events, sample.epoch());
    let points = points(run, sample, facts);
    let known = |(fact, points): (&Fact, Vec<(i64, f64)>)| Background {
        points,
        then: then(run, fact),
        told: told(fact, events),
        earlier: earlier(fact, &episodes, sample.epoch()),
    };
    facts.iter().zip(points).map(known).collect()
}

/// The values of each fact's series, as far back as they are shown: the store is read once for all.
fn points(run: &Run<'_>, sample: &Sample, facts: &[Fact]) -> Vec<Vec<(i64, f64)>> {
    let now = sample.epoch();
    let from: Vec<i64> =
        facts.iter().map(|fact| shown_from(fact, now, run.recent.interval)).collect();
    let mut points: Vec<Vec<(i64, f64)>> = vec![Vec::new(); facts.len()];
    let mut add = |line: &Sample| {
        for ((fact, from), points) in facts.iter().zip(&from).zip(&mut points) {
            let until = fact.end.as_ref().map_or(now, |end| end.epoch);
            if (*from..=until).contains(&line.epoch()) {
                points.extend(line.values.number(&fact.series).map(|value| (line.epoch(), value)));
            }
        }
    };
    let wanted = Wanted::names(facts.iter().map(|fact| fact.series.metric.as_str()))
        .with_formerly(formerly());
    let oldest = from.iter().min().copied().unwrap_or(now);
    let range = Range::last(now - oldest, sample.timestamp.to_utc());
    let stored = run.store.samples(range, &wanted).into_iter().flatten();
    stored.filter(|line| line.epoch() != now).for_each(|line| add(&line));
    // It may not be stored.
    add(sample);
    points
}

/// The sample at the worst of an episode that is over, or near before it.
fn then(run: &Run<'_>, fact: &Fact) -> Option<Sample> {
    let worst = fact.standing.worst_at.as_ref().filter(|_| fact.is_over())?;
    let text = Wanted::names(Vec::<String>::new()).with_text();
    let found = run.store.before(worst.epoch + 1, &text).ok()??;
    let age = (worst.epoch - found.epoch()) as f64;
    (age <= TOLERANCE * run.recent.interval).then_some(found)
}

/// When this episode was told, once for each message.
fn told(fact: &Fact, events: &[Event]) -> Vec<i64> {
    let Some(start) = fact.standing.start() else { return Vec::new() };
    let is_told = |event: &&Event| {
        [kind::TOLD, kind::REMINDER].contains(&event.event.as_str())
            && event.series.as_ref() == Some(&fact.standing.series)
            && event.epoch >= start.epoch
    };
    let mut told: Vec<i64> = events.iter().filter(is_told).map(|event| event.epoch).collect();
    told.dedup();
    told
}

fn earlier(fact: &Fact, episodes: &[Episode], now: i64) -> Vec<Episode> {
    let start = fact.standing.start().map_or(now, |start| start.epoch);
    before(episodes, &fact.standing.series, start, now)
}
