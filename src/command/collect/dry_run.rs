//! `collect --dry-run`: everything but writing and sending, shown.

use super::super::config::rule_path;
use super::super::{Context, standing};
use super::gather::gather;
use super::take::{self, Recent};
use super::tell::Judged;
use super::{judge, lines};
use crate::alert::Level;
use crate::alert::evaluate::SHORTEST_JUDGED;
use crate::alert::mute::Mutes;
use crate::alert::plugin;
use crate::alert::rule::Rule;
use crate::alert::state::State;
use crate::cli::Exit;
use crate::collector;
use crate::config::Config;
use crate::metric::Unit;
use crate::notify::way;
use crate::render::{Cell, Column, View, fit, table};
use crate::sample::Sample;
use crate::store::Store;
use crate::store::runtime::Runtime;

pub(super) fn run(
    as_json: bool,
    context: &mut Context<'_>,
    config: &Config,
    store: &Store,
    host: &str,
) -> anyhow::Result<Exit> {
    let runtime = Runtime::look(context.variable, &store.directory);
    let recent = Recent::read(store, &context.now, config.log_interval);
    let mut taken = take::sample(context, config, host, &recent, &runtime);
    for line in config.fault_lines() {
        context.complain(&line);
    }
    let line = taken.sample.stored_line()?;
    let exit = if config.faults.is_empty() { Exit::Done } else { Exit::Faulty };
    if as_json {
        writeln!(context.out, "{line}")?;
        return Ok(exit);
    }
    writeln!(context.out, "{line}\n")?;
    let all = judge::rules(config.rules.clone());
    let rules = plugin::with_levels(&all, &taken.sample.values);
    let run = judge::Run {
        config,
        rules: &all,
        store,
        runtime: &runtime,
        recent: &recent,
        sample: &taken.sample,
        host,
        failure: None,
    };
    let mut state = standing::current(store, &runtime).unwrap_or_default();
    let channels = way::channels(config);
    state.upgrade(&channels);
    let lines = [&taken.sample];
    let date = taken.sample.timestamp.date_naive();
    let mut window =
        lines::window(store, date, &rules, &lines, Some(&state.standings), recent.interval);
    lines::judge_lines(&lines, &run, &rules, &channels, &mut window, &mut state, &mut Vec::new());
    let shown = verdicts(&rules, &state, &taken.sample, config);
    // The series says it too, but for the few that are judged by two.
    let shown = fit::narrowed(shown, context.stdout.width, &["rule"]);
    write!(context.out, "{}", table::wrapped(&shown, &context.stdout))?;
    let hours = config.quiet_hours.as_ref();
    let mutes = Mutes::at(context.now.utc, &state.silences, hours, &taken.sample, collector::find);
    let judged = Judged { rules: &rules, sample: &taken.sample, window: &window, mutes: &mutes };
    show_messages(&run, &judged, &state, context)?;
    Ok(exit)
}

/// What would be told, to whom.
fn show_messages(
    run: &judge::Run<'_>,
    judged: &Judged<'_>,
    state: &State,
    context: &mut Context<'_>,
) -> anyhow::Result<()> {
    let ways = way::ways(run.config);
    if ways.is_empty() {
        writeln!(context.out, "\nno mail: notifications.email is not configured")?;
        return Ok(());
    }
    let moment = context.now.moment();
    let mut told = false;
    for way in ways {
        let new = judged.telling(&moment, run.recent.interval, |telling| {
            telling.groups(state, &way.channels())
        });
        for (channels, facts) in new {
            let gathered = gather(run, judged, &facts, state);
            let message = gathered.message(way.prefix(), context);
            let to: Vec<&str> = channels.iter().map(|channel| way::shown(channel)).collect();
            writeln!(
                context.out,
                "\nthis would go out:\n\nTo: {}\nSubject: {}\n\n{}",
                to.join(", "),
                message.subject,
                message.text
            )?;
            told = true;
        }
    }
    if !told {
        writeln!(context.out, "\nno mail would go out")?;
    }
    Ok(())
}

/// Each rule with each of its series: value, levels, verdict.
fn verdicts(rules: &[Rule], state: &State, sample: &Sample, config: &Config) -> View {
    let columns = vec![
        Column::name("rule"),
        Column::name("series"),
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
    rows.extend(rules.iter().filter_map(|rule| without_reading(rule, sample, config)));
    View { columns, rows }
}

/// A rule that nothing answers to. The defaults are many, and no host has all that they are for.
fn without_reading(rule: &Rule, sample: &Sample, config: &Config) -> Option<Vec<Cell>> {
    let speaks =
        |(metric, label, _): (&str, Option<&str>, _)| rule.levels_for(metric, label).is_some();
    let is_own = rule_path(rule, config).is_some();
    if !is_own || plugin::is_template(rule) || sample.values.points().any(speaks) {
        return None;
    }
    let seldom = collector::find(&rule.pattern.metric).is_some_and(|metric| metric.seldom);
    let nothing = if seldom {
        "no reading: it is not measured by every run"
    } else {
        "no reading: nothing here has that name"
    };
    let missing = [(); 4].map(|()| Cell::Missing);
    Some([Cell::text(&rule.key)].into_iter().chain(missing).chain([Cell::text(nothing)]).collect())
}

/// Rates over a moment are noise.
fn is_unjudged(metric: &str, sample: &Sample) -> bool {
    let is_rate = collector::find(metric).is_some_and(crate::metric::Metric::is_rate);
    is_rate && sample.interval.is_none_or(|interval| interval < SHORTEST_JUDGED)
}
