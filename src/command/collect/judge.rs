//! Judging and telling, under a lock that is never waited for: a run that does not get it leaves its line to the one
//! that has it, which judges every line since the last one judged.

use super::super::Context;
use super::keeper::Keeper;
use super::lines::{in_order, judge_lines, unjudged};
use super::take::Recent;
use super::{absence, happenings, heartbeat, lines, tell};
use crate::alert::ledger::keep_only;
use crate::alert::mute::{self, Mutes};
use crate::alert::plugin;
use crate::alert::rule::{Levels, Rule, Threshold};
use crate::cli::Exit;
use crate::collector::{self, STORE_FAILED};
use crate::config::Config;
use crate::event::{Event, kind};
use crate::notify::way;
use crate::sample::Sample;
use crate::series::Pattern;
use crate::store::runtime::Runtime;
use crate::store::{Store, lock};

/// What a run of `collect` has done so far.
pub(super) struct Run<'a> {
    pub config: &'a Config,
    pub rules: &'a [Rule],
    pub store: &'a Store,
    pub runtime: &'a Runtime,
    pub recent: &'a Recent,
    /// With what is judged of this run itself, which is not stored.
    pub sample: &'a Sample,
    pub host: &'a str,
    /// Why the sample could not be stored.
    pub failure: Option<String>,
}

impl Run<'_> {
    /// How it ends, if something is still `owed` to somebody or not.
    pub(super) fn exit(&self, owed: bool) -> Exit {
        match (&self.failure, self.config.faults.is_empty(), owed) {
            (Some(_), ..) => Exit::Failed,
            (None, false, _) => Exit::Faulty,
            (None, true, true) => Exit::Owed,
            (None, true, false) => Exit::Done,
        }
    }
}

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
    // Before it is forgotten why samples were not stored.
    let mut events = absence::since(run, &keeper.state, context);
    print_failures(run, &mut keeper, context);
    let (state, faults) = (&mut keeper.state, run.config.fault_lines());
    events.extend(happenings::collectors(state, run.sample));
    events.extend(happenings::configuration(state, &faults, run.sample));
    let owed = judge_and_tell(run, &mut keeper, &mut events, context);
    heartbeat::end(run, run.exit(owed), &mut keeper, context);
    keeper.keep();
    write_events(run, &mut events, context);
    drop(lock);
    owed
}

/// Judges this run's line and those that were left, also by runs that come while something is told.
fn judge_and_tell(
    run: &Run<'_>,
    keeper: &mut Keeper<'_>,
    events: &mut Vec<Event>,
    context: &mut Context<'_>,
) -> bool {
    let channels = way::channels(run.config);
    keeper.state.upgrade(&channels);
    keep_only(&mut keeper.state, &channels);
    let mut owed = false;
    for round in 0..MOST_ROUNDS {
        let others = unjudged(run);
        let lines = in_order(others.iter().chain((round == 0).then_some(run.sample)));
        let Some(last) = lines.last().copied() else { break };
        let date = run.sample.timestamp.date_naive();
        let rules = plugin::with_levels(run.rules, &last.values);
        let standings = Some(keeper.state.standings.as_slice());
        let interval = run.recent.interval;
        let window = &mut lines::window(run.store, date, &rules, &lines, standings, interval);
        judge_lines(&lines, run, &rules, &channels, window, &mut keeper.state, events);
        events.extend(end_silences(run, &rules, keeper));
        let (silences, hours) = (&keeper.state.silences, run.config.quiet_hours.as_ref());
        let mutes = Mutes::at(context.now.utc, silences, hours, last, collector::find);
        mute::mark(&mut keeper.state, &mutes, &last.moment());
        // Telling may take long and be cut off; what happened is then written already.
        write_events(run, events, context);
        let told = keeper.state.generation;
        let judged = tell::Judged { rules: &rules, sample: last, window, mutes: &mutes };
        owed = tell::everything(run, &judged, keeper, events, context);
        // Nothing was told, so no time went by in which others could have left lines.
        if keeper.state.generation == told {
            break;
        }
    }
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
pub(in crate::command) fn rules(mut configured: Vec<Rule>) -> Vec<Rule> {
    let critical = Threshold { level: 1.0, repeat: f64::INFINITY, ..Threshold::default() };
    let own = Rule {
        key: STORE_FAILED.name.to_owned(),
        pattern: Pattern::parse(STORE_FAILED.name),
        levels: Some(Levels { critical: Some(critical), ..Levels::default() }),
        labels: Vec::new(),
    };
    configured.push(own);
    configured
}

/// Silences that are over, as events.
fn end_silences(run: &Run<'_>, rules: &[Rule], keeper: &mut Keeper<'_>) -> Vec<Event> {
    let moment = run.sample.moment();
    let over = mute::expire(&mut keeper.state, rules, moment.epoch);
    let event = |silence: &crate::alert::state::Silence| {
        let why = if moment.epoch < silence.until {
            "what it covered is over"
        } else {
            "its time is over"
        };
        Event::new(kind::UNSILENCED, run.host, &moment).about(&silence.series).saying(why)
    };
    over.iter().map(event).collect()
}
