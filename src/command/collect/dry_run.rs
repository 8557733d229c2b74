//! `collect --dry-run`: everything but writing and sending, shown.

use super::super::{Context, standing};
use super::take::{self, Recent};
use super::{judge, tell};
use crate::alert::Level;
use crate::alert::evaluate::{SHORTEST_JUDGED, evaluate};
use crate::alert::rule::Rule;
use crate::alert::state::State;
use crate::alert::step::At;
use crate::cli::Exit;
use crate::collector;
use crate::config::Config;
use crate::metric::Unit;
use crate::notify::message::full_name;
use crate::render::{Cell, Column, View, table};
use crate::sample::Sample;
use crate::store::Store;
use crate::store::runtime::Runtime;

pub(super) fn run(
    context: &mut Context<'_>,
    config: &Config,
    store: &Store,
    host: &str,
) -> anyhow::Result<Exit> {
    let runtime = Runtime::look(context.variable, &store.directory);
    let recent = Recent::read(store, &context.now, config.log_interval);
    let taken = take::sample(context, config, host, &recent, &runtime);
    for line in config.fault_lines() {
        context.complain(&line);
    }
    writeln!(context.out, "{}\n", taken.sample.to_line()?)?;
    let exit = if config.faults.is_empty() { Exit::Done } else { Exit::Faulty };
    let rules = judge::rules(config);
    let mut state = standing::current(store, &runtime).unwrap_or_default();
    let moment = context.now.moment();
    let at = At { now: moment.clone(), interval: recent.interval, after_gap: false };
    let is_rate = |name: &str| collector::find(name).is_some_and(crate::metric::Metric::is_rate);
    let evaluation =
        evaluate(&rules, &state.standings, &taken.sample, &at, is_rate, &judge::notifiers(config));
    state.standings = evaluation.standings;
    state.past.extend(evaluation.past);
    write!(
        context.out,
        "{}",
        table::render(&verdicts(&rules, &state, &taken.sample), &context.stdout)
    )?;
    let Some(email) = &config.email else {
        writeln!(context.out, "\nno mail: notifications.email is not configured")?;
        return Ok(exit);
    };
    let facts = tell::facts(&state, &rules, &taken.sample, &moment, recent.interval);
    if !tell::is_worth_a_mail(&facts) {
        writeln!(context.out, "\nno mail would go out")?;
        return Ok(exit);
    }
    let run = judge::Run {
        config,
        store,
        runtime: &runtime,
        recent: &recent,
        sample: &taken.sample,
        host,
        failure: None,
    };
    let full_name = full_name(context.root, host);
    let letter = tell::letter(&run, &rules, &taken.sample, &facts, &state);
    let message = letter.message(email, context);
    let from = email.from.clone().unwrap_or_else(|| format!("hostwatch@{full_name}"));
    writeln!(
        context.out,
        "\nthis mail would go out:\n\nFrom: {from}\nTo: {}\nSubject: {}\n\n{}",
        email.to.join(", "),
        message.subject,
        message.text
    )?;
    Ok(exit)
}

/// Each rule with each of its series: value, levels, verdict.
fn verdicts(rules: &[Rule], state: &State, sample: &Sample) -> View {
    let columns = vec![
        Column::left("rule"),
        Column::left("series"),
        Column::right("value"),
        Column::right("warning"),
        Column::right("critical"),
        Column::left("verdict"),
    ];
    let mut rows = Vec::new();
    for rule in rules {
        for (metric, label, value) in sample.values.points() {
            let Some(levels) = rule.levels_for(metric, label) else { continue };
            let series = crate::series::Series::new(metric, label).to_string();
            let unit = collector::find(metric).map_or(Unit::Count, |metric| metric.unit);
            let limit = |threshold: Option<crate::alert::rule::Threshold>| {
                threshold.map_or(Cell::Missing, |threshold| Cell::text(unit.level(threshold.level)))
            };
            let standing = state
                .standings
                .iter()
                .find(|standing| standing.rule == rule.key && standing.series == series);
            let verdict = match standing {
                Some(standing) if standing.level != Level::Ok => Cell::Level(standing.level),
                Some(_) => Cell::text("past its level, not yet for long enough"),
                None if is_unjudged(metric, sample) => {
                    Cell::text("not judged: the rate covers too short a time")
                }
                None => Cell::text("fine"),
            };
            rows.push(vec![
                Cell::text(&rule.key),
                Cell::text(series),
                Cell::Number(value.as_f64(), unit),
                limit(levels.warning),
                limit(levels.critical),
                verdict,
            ]);
        }
    }
    for rule in rules.iter().filter(|rule| rule.key != collector::STORE_FAILED.name) {
        let speaks =
            |(metric, label, _): (&str, Option<&str>, _)| rule.levels_for(metric, label).is_some();
        if !sample.values.points().any(speaks) {
            let nothing = Cell::text("no reading: nothing here has that name");
            rows.push(vec![
                Cell::text(&rule.key),
                Cell::Missing,
                Cell::Missing,
                Cell::Missing,
                Cell::Missing,
                nothing,
            ]);
        }
    }
    View { columns, rows }
}

/// Rates over a moment are noise.
fn is_unjudged(metric: &str, sample: &Sample) -> bool {
    let is_rate = collector::find(metric).is_some_and(crate::metric::Metric::is_rate);
    is_rate && sample.interval.is_none_or(|interval| interval < SHORTEST_JUDGED)
}
