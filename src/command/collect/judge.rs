//! Judging and telling, under a lock that is never waited for: a run that does not get it leaves its line to the one
//! that has it, which judges every line since the last one judged.

use std::cmp::Ordering;

use super::super::Context;
use super::keeper::Keeper;
use super::take::Recent;
use super::{happenings, tell};
use crate::alert::Level;
use crate::alert::evaluate::{Change, evaluate};
use crate::alert::rule::{Levels, Rule, Threshold};
use crate::alert::state::State;
use crate::alert::step::At;
use crate::collector::{self, STORE_FAILED};
use crate::config::Config;
use crate::continuity::between;
use crate::event::{Event, kind, rfc3339};
use crate::notify::EMAIL;
use crate::render::wording::phrase;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::{Pattern, Series};
use crate::store::runtime::Runtime;
use crate::store::{Store, lock, tail};
use crate::time::Moment;

/// What a run of `collect` has done so far.
pub(super) struct Run<'a> {
    pub config: &'a Config,
    pub store: &'a Store,
    pub runtime: &'a Runtime,
    pub recent: &'a Recent,
    pub sample: &'a Sample,
    pub host: &'a str,
    /// Why the sample could not be stored.
    pub failure: Option<String>,
}

/// Most lines of other runs that are judged in one go.
const MOST_LINES: usize = 200;
/// Times to look for lines that came while telling.
const MOST_ROUNDS: usize = 3;

/// Returns whether something is still owed to somebody.
pub(super) fn and_tell(run: &Run<'_>, context: &mut Context<'_>) -> bool {
    let held = lock::notify(&run.store.directory).or_else(|error| run.runtime.lock().ok_or(error));
    let lock = match held {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            leave(run, context);
            return false;
        }
        Err(error) => {
            context.complain(
                run.failure.as_deref().unwrap_or(&format!("could not judge the sample: {error}")),
            );
            return false;
        }
    };
    let mut keeper = match Keeper::load(run.store, run.runtime) {
        Ok(keeper) => keeper,
        Err(error) => {
            context.complain(&run.failure.clone().unwrap_or_else(|| format!("{error:#}")));
            return true;
        }
    };
    if let Some(remark) = keeper.remark.take() {
        context.complain(&remark);
    }
    print_failures(run, &mut keeper, context);
    let mut events = happenings::since(run.recent.newest.as_ref(), run.sample, run.recent.interval);
    events.extend(happenings::collectors(&mut keeper.state, run.sample));
    events.extend(happenings::configuration(
        &mut keeper.state,
        &run.config.fault_lines(),
        run.sample,
    ));
    let rules = rules(run.config);
    let notifiers = notifiers(run.config);
    let mut owed = false;
    for round in 0..MOST_ROUNDS {
        let lines = unjudged(run, round == 0);
        let Some(last) = lines.last() else { break };
        judge_lines(&lines, run, &rules, &notifiers, &mut keeper.state, &mut events);
        // Telling may take long and be cut off; what happened is then written already.
        write_events(run, &mut events, context);
        let told = keeper.state.generation;
        owed = tell::everything(run, &rules, last, &mut keeper, &mut events, context);
        // Nothing was told, so no time went by in which others could have left lines.
        if keeper.state.generation == told {
            break;
        }
    }
    keeper.keep();
    write_events(run, &mut events, context);
    drop(lock);
    owed
}

/// Appends what happened so far. While samples cannot be stored, events cannot either, and that was said.
fn write_events(run: &Run<'_>, events: &mut Vec<Event>, context: &mut Context<'_>) {
    let date = run.sample.timestamp.date_naive();
    let appended = run.store.append_events(date, &std::mem::take(events), run.config.sync);
    if let (Err(error), None) = (appended, &run.failure) {
        context.complain(&format!("{error:#}"));
    }
}

/// Leaves the line to the run that judges now, or to the next one.
fn leave(run: &Run<'_>, context: &mut Context<'_>) {
    let left = lock::leave_unjudged(&run.store.directory, &run.sample.moment());
    if let Some(failure) =
        run.failure.clone().or_else(|| left.err().map(|error| format!("{error:#}")))
    {
        context.complain(&failure);
    }
}

/// What goes wrong again and again is printed when it begins and once a day; to a person at a terminal, always.
fn print_failures(run: &Run<'_>, keeper: &mut Keeper<'_>, context: &mut Context<'_>) {
    let moment = context.now.moment();
    let faults = run.config.fault_lines();
    let collectors: Vec<String> =
        run.sample.errors.iter().map(|(name, why)| format!("collector {name}: {why}")).collect();
    let failure: Vec<String> = run.failure.clone().into_iter().collect();
    for (what, lines) in [("store", failure), ("config", faults), ("collectors", collectors)] {
        let text = lines.join("\n");
        let news =
            keeper.announces(what, Some(text.as_str()).filter(|text| !text.is_empty()), &moment);
        if news || context.stderr_is_terminal {
            for line in &lines {
                context.complain(line);
            }
        }
    }
}

/// The configured rules, and one of our own: nobody would look where nothing arrives.
pub(super) fn rules(config: &Config) -> Vec<Rule> {
    let critical = Some(Threshold { level: 1.0, clear: 0.0, hold: 0.0, repeat: f64::INFINITY });
    let own = Rule {
        key: STORE_FAILED.name.to_owned(),
        pattern: Pattern::parse(STORE_FAILED.name),
        levels: Some(Levels { below: false, warning: None, critical }),
        labels: Vec::new(),
    };
    config.rules.iter().cloned().chain([own]).collect()
}

pub(super) fn notifiers(config: &Config) -> Vec<String> {
    config.email.iter().map(|_| EMAIL.to_owned()).collect()
}

/// The lines to judge, oldest first: this run's, and those that other runs stored and left to us.
fn unjudged(run: &Run<'_>, first_round: bool) -> Vec<Sample> {
    let mut own = run.sample.clone();
    own.values.set(&STORE_FAILED, u64::from(run.failure.is_some()));
    let left = lock::take_unjudged(&run.store.directory);
    let mut lines = if left.is_empty() { Vec::new() } else { stored(run, &left) };
    if first_round {
        lines.push(own);
    }
    lines.sort_by(|a, b| {
        (a.epoch(), a.uptime).partial_cmp(&(b.epoch(), b.uptime)).unwrap_or(Ordering::Equal)
    });
    lines
}

/// The stored lines of some moments, among the last ones.
fn stored(run: &Run<'_>, moments: &[Moment]) -> Vec<Sample> {
    let date = run.sample.timestamp.date_naive();
    let paths = [Some(date), date.pred_opt()]
        .into_iter()
        .flatten()
        .map(|date| run.store.metrics_file(date));
    let wanted = Wanted::everything();
    let last = paths.flat_map(|path| tail::samples(&path, &wanted)).take(MOST_LINES);
    last.filter(|line| moments.iter().any(|moment| is_same(moment, &line.moment()))).collect()
}

/// Stored uptimes have two decimals.
fn is_same(a: &Moment, b: &Moment) -> bool {
    a.boot_id == b.boot_id && a.epoch == b.epoch && (a.uptime - b.uptime).abs() < 0.006
}

fn judge_lines(
    lines: &[Sample],
    run: &Run<'_>,
    rules: &[Rule],
    notifiers: &[String],
    state: &mut State,
    events: &mut Vec<Event>,
) {
    let is_rate = |name: &str| collector::find(name).is_some_and(crate::metric::Metric::is_rate);
    let mut before = run.recent.newest.as_ref().map(Sample::moment);
    for line in lines {
        let now = line.moment();
        let earlier = before.filter(|earlier| !earlier.same_boot(&now) || is_same(earlier, &now));
        let after_gap = earlier
            .is_some_and(|earlier| between(&earlier, &now, run.recent.interval).gap.is_some());
        let at = At { now: now.clone(), interval: run.recent.interval, after_gap };
        let evaluation = evaluate(rules, &state.standings, line, &at, is_rate, notifiers);
        state.standings = evaluation.standings;
        state.past.extend(evaluation.past);
        events.extend(evaluation.changes.iter().map(|change| event(change, run.host, &now)));
        before = Some(now);
    }
}

fn event(change: &Change, host: &str, now: &Moment) -> Event {
    let standing = &change.standing;
    let series = Series::parse(&standing.series);
    let unit = collector::find(&series.metric).map(|metric| metric.unit);
    let is_over =
        standing.level == Level::Ok || matches!(change.kind, kind::WITHDRAWN | kind::GONE);
    let limit =
        change.threshold.zip(unit).map(|(level, unit)| format!(", level {}", unit.level(level)));
    Event {
        level: Some(standing.level),
        value: change.value,
        threshold: change.threshold,
        worst: standing.worst.filter(|_| is_over),
        since: standing.since.as_ref().map(|since| rfc3339(since.epoch)),
        ..Event::new(change.kind, host, now).about(&standing.series)
    }
    .saying(phrase(&series, change.value, false) + &limit.unwrap_or_default())
}
