//! Status for people.

use super::things::{things, top};
use super::{Course, Facts};
use crate::alert::Level;
use crate::alert::episode::Episode;
use crate::alert::plugin;
use crate::collector;
use crate::command::{Context, config as config_command, standing};
use crate::continuity::TOLERANCE;
use crate::event::Event;
use crate::metric::{Metric, Unit};
use crate::render::wording::{Clock, least_spread, phrase_among};
use crate::render::{Cell, Column, View, fit, reason, table};
use crate::sample::Sample;
use crate::series::Series;
use crate::sparkline::{bucketed, sparkline};
use crate::store::{days, range};
use crate::summary::Summary;
use crate::time::span;

/// Faults that are shown before the rest is only counted.
const MOST_FAULTS: usize = 3;

pub(super) fn show(facts: &Facts, context: &mut Context<'_>) -> anyhow::Result<()> {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let mut text = heading(facts, context);
    let mut mark = |word: &str, words: &str| text.push_str(&marked(word, words, context));
    let faults = facts.config.fault_lines();
    faults.iter().take(MOST_FAULTS).for_each(|line| mark("FAULT", line));
    if faults.len() > MOST_FAULTS {
        let more = faults.len() - MOST_FAULTS;
        mark("FAULT", &format!("and {more} more: hostwatch config check"));
    }
    for (collector, why) in &facts.last.errors {
        mark("FAILED", &format!("collector {collector}: {why}"));
    }
    if let Some(warning) = config_command::spacing_warning(&facts.config, &facts.store, context) {
        mark("TIMER", &warning);
    }
    if let Some(owed) = &facts.owed {
        mark("OWED", owed);
    }
    for episode in &facts.firing {
        text.push_str(&firing_line(episode, &facts.last, context, &clock));
    }
    text.push('\n');
    text.push_str(&table::render(&overview(facts, context), &context.stdout));
    let things = things(facts);
    if !things.rows.is_empty() {
        text.push_str(&format!("\n{}", table::wrapped(&things, &context.stdout)));
    }
    if !facts.last.top.is_empty() {
        text.push_str(&format!("\n{}", table::render(&top(&facts.last), &context.stdout)));
    }
    if !facts.events.is_empty() {
        text.push('\n');
        text.push_str(&table::wrapped(&events(&facts.events, context), &context.stdout));
    }
    text.push_str(&footer(facts));
    context.out.write_all(text.as_bytes())?;
    Ok(())
}

/// A line that begins with a word of warning; what goes on stands below its words.
fn marked(word: &str, words: &str, context: &Context<'_>) -> String {
    let begin = word.len() + 3;
    let width = context.stdout.width.map(|width| width.saturating_sub(begin));
    let words = fit::folded(words, width, 0).replace('\n', &format!("\n{}", " ".repeat(begin)));
    format!(" {}  {words}\n", context.stdout.level(Level::Warning, word))
}

fn heading(facts: &Facts, context: &Context<'_>) -> String {
    let level = facts.level();
    let alerts = match facts.counted().count() {
        0 => "no alerts".to_owned(),
        1 => "1 alert".to_owned(),
        many => format!("{many} alerts"),
    };
    let silenced = facts.silenced_words().map(|words| format!(", {words}"));
    let alerts = alerts + &silenced.unwrap_or_default();
    let word = if facts.stale { "STALE".to_owned() } else { level.title() };
    let left = format!("{}: {}, {alerts}", facts.last.host, context.stdout.level(level, &word));
    let plain = facts.last.host.chars().count() + 4 + word.len() + alerts.len();
    let up =
        facts.last.uptime.map(|uptime| format!(", up {}", span::human(uptime))).unwrap_or_default();
    let right = format!(
        "sampled {} ago, every {}{up}",
        span::human(facts.age),
        span::human(facts.interval)
    );
    let gap =
        context.stdout.columns().min(100).saturating_sub(plain + right.chars().count()).max(3);
    format!("{left}{}{right}\n", " ".repeat(gap))
}

fn firing_line(
    episode: &Episode,
    last: &Sample,
    context: &Context<'_>,
    clock: &Clock<'_>,
) -> String {
    let metric = collector::find(&episode.metric);
    let unit = metric.map_or(Unit::Count, |metric| metric.unit);
    let time = |text: &str| {
        chrono::DateTime::parse_from_rfc3339(text)
            .map_or_else(|_| text.to_owned(), |instant| clock.time(instant.timestamp()))
    };
    let value = episode.value.map_or_else(|| "not measured".to_owned(), |value| unit.human(value));
    let limit = episode
        .threshold
        .map(|threshold| format!(", level {}", unit.level(threshold)))
        .unwrap_or_default();
    let flapping = if episode.flapping { "flapping " } else { "" };
    let told = standing::told_words(episode, clock);
    let mute = episode.mute.as_ref().map(|mute| standing::mute_words(mute, clock));
    let rest: Vec<String> = told.into_iter().chain(mute).collect();
    let rest = if rest.is_empty() { String::new() } else { format!(", {}", rest.join(", ")) };
    let level = context.stdout.level(episode.level, &format!("{:<8}", episode.level.title()));
    let width = context.stdout.width;
    // Half of a line is for the numbers.
    let series = fit::middle(&episode.series, width.map_or(usize::MAX, |width| width / 2));
    let whole = Series::parse(&episode.series);
    // A state is on, whatever its number.
    let what = if metric.is_some_and(Metric::is_state) && episode.value.is_some() {
        phrase_among(&whole, episode.value, false, &last.values)
    } else {
        format!("{value}{limit}")
    };
    let words = format!("{series}  {what}, {flapping}since {}{rest}", time(&episode.start));
    let room = width.map(|width| width.saturating_sub(BEGIN));
    let said = reason::said(&whole, last).map(|said| format!("\n{}", fit::folded(said, room, 2)));
    let words = fit::folded(&words, room, 2) + &said.unwrap_or_default();
    format!(" {level}  {}\n", words.replace('\n', &format!("\n{}", " ".repeat(BEGIN))))
}

/// The level and the blanks around it.
const BEGIN: usize = 11;

/// The series of the overview and those with rules, in the order of the registry.
fn overview(facts: &Facts, context: &Context<'_>) -> View {
    let mut columns = vec![
        Column::name("last 24 hours"),
        Column::right("now"),
        Column::right("level"),
        Column::right("min"),
        Column::right("mean"),
        Column::right("max"),
    ];
    let mut series: Vec<&Series> =
        facts.day.series.keys().filter(|series| tells_something(facts, series)).collect();
    series
        .sort_by_key(|series| collector::metrics().position(|metric| metric.name == series.metric));
    let rows = series.iter().map(|series| overview_row(facts, series)).collect();
    let mut view = View { columns: columns.clone(), rows };
    let width = context.stdout.columns().saturating_sub(fit::width(&view) + 2).clamp(8, 48);
    columns.push(Column::left("course"));
    for (row, series) in view.rows.iter_mut().zip(&series) {
        row.extend(facts.day.series.get(*series).map(|course| bars(facts, series, course, width)));
    }
    View { columns, ..view }
}

/// A state that was never on is left out, unless off is what is bad: who wants to know that all is well has read it in
/// the first line.
fn tells_something(facts: &Facts, series: &Series) -> bool {
    let summary = || facts.day.series.get(series)?.summariser.summary();
    let is_state = collector::find(&series.metric).is_some_and(Metric::is_state)
        || plugin::is_state_name(&series.metric);
    let (metric, label) = (series.metric.as_str(), series.label.as_deref());
    let mut rules = facts.config.rules.iter().filter_map(|rule| rule.levels_for(metric, label));
    !is_state || rules.any(|levels| levels.below) || summary().is_none_or(|all| all.max > 0.0)
}

fn bars(facts: &Facts, series: &Series, course: &Course, width: usize) -> Cell {
    let unit = collector::find(&series.metric).map_or(Unit::Count, |metric| metric.unit);
    let mean = course.summariser.summary().map_or(0.0, |summary| summary.mean);
    let (start, end) = (facts.range.since.timestamp(), facts.range.until.timestamp());
    let points = bucketed(&course.points, start, end, width);
    Cell::text(sparkline(&points, least_spread(unit, mean)))
}

fn overview_row(facts: &Facts, series: &Series) -> Vec<Cell> {
    let unit = collector::find(&series.metric).map_or(Unit::Count, |metric| metric.unit);
    let now = facts.last.values.number(series);
    let limit = facts
        .config
        .rules
        .iter()
        .find_map(|rule| rule.levels_for(&series.metric, series.label.as_deref()));
    let firing = facts.firing.iter().find(|episode| episode.series == series.to_string());
    let level = firing.map_or(Level::Warning, |episode| episode.level);
    let limit =
        limit.and_then(|levels| levels.threshold(level)).map_or(Cell::Missing, |threshold| {
            let mark = if firing.is_some() { "! " } else { "" };
            Cell::text(format!("{mark}{}", unit.level(threshold.level)))
        });
    let summary = facts.day.series.get(series).and_then(|course| course.summariser.summary());
    let short = |pick: fn(&Summary) -> f64| {
        summary.as_ref().map_or(Cell::Missing, |summary| Cell::Bare(pick(summary), unit))
    };
    vec![
        Cell::text(series.to_string()),
        now.map_or(Cell::Missing, |now| Cell::Number(now, unit)),
        limit,
        short(|summary| summary.min),
        short(|summary| summary.mean),
        short(|summary| summary.max),
    ]
}

fn events(events: &[Event], context: &Context<'_>) -> View {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let rows = events.iter().map(|event| {
        vec![
            Cell::text(clock.time(event.epoch)),
            Cell::text(event.event.replace('_', " ")),
            Cell::text(event_words(event, context.stdout.width)),
        ]
    });
    View {
        columns: vec![Column::left(""), Column::left(""), Column::left("")],
        rows: rows.collect(),
    }
}

/// The series and the words; where an older program wrote none, the value.
fn event_words(event: &Event, width: Option<usize>) -> String {
    let series = event.series.as_deref().unwrap_or_default();
    let unit = collector::find(&Series::parse(series).metric).map(|metric| metric.unit);
    let value = || event.value.zip(unit).map(|(value, unit)| unit.human(value)).unwrap_or_default();
    let text = if event.text.is_empty() { value() } else { event.text.clone() };
    // A long label stands in both.
    let most = width.map_or(usize::MAX, |width| width / 3);
    let label = Series::parse(series).label.filter(|label| fit::length(label) > most);
    let text = label.map_or(text.clone(), |label| text.replace(&label, &fit::middle(&label, most)));
    let series = if series == "*" { "everything".to_owned() } else { fit::middle(series, most) };
    [series, text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

fn footer(facts: &Facts) -> String {
    let since = facts
        .day
        .first
        .map_or(facts.range.seconds(), |first| (facts.range.until.timestamp() - first) as f64);
    // A store younger than a day is not held to a whole one.
    let covered = if since > facts.range.seconds() - TOLERANCE * facts.interval {
        facts.range.seconds()
    } else {
        since
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and saturates"
    )]
    let expected = (covered / facts.interval).round() as usize;
    let damage =
        range::damage_words(&facts.day.damage).unwrap_or_else(|| "0 damaged lines".to_owned());
    let files = facts.store.files().unwrap_or_default();
    let mut dates: Vec<_> = files
        .iter()
        .filter(|file| file.kind == days::Kind::Metrics)
        .map(|file| file.date)
        .collect();
    dates.dedup();
    let days = if dates.len() == 1 { "1 day".to_owned() } else { format!("{} days", dates.len()) };
    format!(
        "\n {} of {} samples, {damage}; {days} in {}\n",
        facts.day.samples,
        expected.max(facts.day.samples),
        facts.store.directory.display()
    )
}
