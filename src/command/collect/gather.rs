//! What a message about some facts is written from, gathered from the store.

use super::super::Context;
use super::judge::Run;
use super::tell::Judged;
use crate::alert::evaluate::rule_of;
use crate::alert::fact::Fact;
use crate::alert::state::State;
use crate::notify::compose::compose;
use crate::notify::letter::{Course, Letter, Message};
use crate::render::wording::one_line;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::tail;

/// Bars in the course of a series.
const COURSE: usize = 12;

/// What a mail is written from, gathered.
pub(super) struct Gathered<'a> {
    host: &'a str,
    sample: &'a Sample,
    facts: &'a [Fact],
    before: Option<Sample>,
    courses: Vec<(Series, Course)>,
    reasons: Vec<String>,
    others: Vec<String>,
}

/// Gathers what a message about some facts speaks of.
pub(super) fn gather<'a>(
    run: &Run<'a>,
    judged: &Judged<'a>,
    facts: &'a [Fact],
    state: &State,
) -> Gathered<'a> {
    let sample = judged.sample;
    let tail = tail_of(run, facts);
    let courses = facts
        .iter()
        .map(|fact| (fact.series.clone(), course(&tail, &fact.series, sample)))
        .collect();
    let before = tail
        .into_iter()
        .rev()
        .find(|other| other.epoch() < sample.epoch() && !other.top.is_empty());
    let others = state.firing().filter(|standing| {
        rule_of(judged.rules, standing).is_some()
            && !facts.iter().any(|fact| fact.standing.series == standing.series)
    });
    let others =
        others.map(|standing| format!("{} ({})", standing.series, standing.level.name())).collect();
    let collectors = sample.errors.iter().map(|(name, why)| format!("{name}: {why}"));
    let reasons =
        run.failure.iter().cloned().chain(collectors).map(|reason| one_line(&reason)).collect();
    Gathered { host: run.host, sample, facts, before, courses, reasons, others }
}

impl Gathered<'_> {
    pub(super) fn message(self, prefix: &str, context: &Context<'_>) -> Message {
        compose(&Letter {
            host: self.host,
            now: &context.now,
            zone: context.zone(),
            prefix,
            sample: self.sample,
            before: self.before.as_ref(),
            facts: self.facts,
            courses: &self.courses,
            reasons: self.reasons,
            others: self.others,
        })
    }
}

/// The last samples with what the facts are about, oldest first.
fn tail_of(run: &Run<'_>, facts: &[Fact]) -> Vec<Sample> {
    let wanted = Wanted::names(facts.iter().map(|fact| fact.series.metric.as_str())).with_text();
    let date = run.sample.timestamp.date_naive();
    let paths = [Some(date), date.pred_opt()]
        .into_iter()
        .flatten()
        .map(|date| run.store.metrics_file(date));
    let mut samples: Vec<Sample> =
        paths.flat_map(|path| tail::samples(&path, &wanted)).take(COURSE).collect();
    samples.reverse();
    samples
}

fn course(tail: &[Sample], series: &Series, sample: &Sample) -> Course {
    let mut points: Vec<(i64, f64)> = tail
        .iter()
        .filter_map(|other| Some((other.epoch(), other.values.number(series)?)))
        .collect();
    if points.last().is_none_or(|(epoch, _)| *epoch < sample.epoch()) {
        points.extend(sample.values.number(series).map(|value| (sample.epoch(), value)));
    }
    Course { points }
}
