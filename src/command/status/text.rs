//! Status for people.

use super::{Course, Facts};
use crate::alert::Level;
use crate::alert::episode::Episode;
use crate::collector;
use crate::command::{Context, config as config_command, standing};
use crate::continuity::TOLERANCE;
use crate::event::Event;
use crate::metric::{Metric, Unit};
use crate::render::wording::{Clock, least_spread, phrase_among};
use crate::render::{Cell, Column, View, reason, table};
use crate::sample::Sample;
use crate::series::Series;
use crate::sparkline::{bucketed, sparkline};
use crate::store::{days, range};
use crate::time::span;

/// Faults that are shown before the rest is only counted.
const MOST_FAULTS: usize = 3;

pub(super) fn show(facts: &Facts, context: &mut Context<'_>) -> anyhow::Result<()> {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let mut text = heading(facts, context);
    let faults = facts.config.fault_lines();
    for line in faults.iter().take(MOST_FAULTS) {
        text.push_str(&format!(" {}  {line}\n", context.stdout.level(Level::Warning, "FAULT")));
    }
    if faults.len() > MOST_FAULTS {
        text.push_str(&format!(
            " and {} more: hostwatch config check\n",
            faults.len() - MOST_FAULTS
        ));
    }
    for (collector, why) in &facts.last.errors {
        text.push_str(&format!(
            " {}  collector {collector}: {why}\n",
            context.stdout.level(Level::Warning, "FAILED")
        ));
    }
    if let Some(warning) = config_command::spacing_warning(&facts.config, &facts.store, context) {
        text.push_str(&format!(" {}  {warning}\n", context.stdout.level(Level::Warning, "TIMER")));
    }
    if let Some(owed) = &facts.owed {
        text.push_str(&format!(" {}  {owed}\n", context.stdout.level(Level::Warning, "OWED")));
    }
    for episode in &facts.firing {
        text.push_str(&firing_line(episode, &facts.last, context, &clock));
    }
    text.push('\n');
    text.push_str(&table::render(&overview(facts, context), &context.stdout));
    if !facts.last.top.is_empty() {
        text.push_str(&format!("\n top  {}\n", top(&facts.last, context.stdout.columns())));
    }
    if !facts.events.is_empty() {
        text.push('\n');
        text.push_str(&table::render(&events(&facts.events, &clock), &context.stdout));
    }
    text.push_str(&footer(facts));
    context.out.write_all(text.as_bytes())?;
    Ok(())
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
    let (series, start) = (&episode.series, time(&episode.start));
    // A state is on, whatever its number.
    let what = if metric.is_some_and(Metric::is_state) && episode.value.is_some() {
        let values = &last.values;
        format!("{series}  {}", phrase_among(&Series::parse(series), episode.value, false, values))
    } else {
        format!("{series}  {value}{limit}")
    };
    let said = reason::said(&Series::parse(series), last);
    let said = said.map(|said| format!("           {said}\n")).unwrap_or_default();
    format!(" {level}  {what}, {flapping}since {start}{rest}\n{said}")
}

/// The series of the overview and those with rules, in the order of the registry.
fn overview(facts: &Facts, context: &Context<'_>) -> View {
    let columns = vec![
        Column::left("last 24 hours"),
        Column::right("now"),
        Column::right("level"),
        Column::right("min"),
        Column::right("mean"),
        Column::right("max"),
        Column::left("course"),
    ];
    let mut series: Vec<&Series> = facts.day.series.keys().collect();
    series
        .sort_by_key(|series| collector::metrics().position(|metric| metric.name == series.metric));
    let longest = series.iter().map(|series| series.to_string().chars().count()).max().unwrap_or(0);
    let width = context.stdout.columns().saturating_sub(longest.max(13) + 49).clamp(8, 48);
    let rows = series
        .into_iter()
        .filter_map(|series| {
            Some(overview_row(facts, series, facts.day.series.get(series)?, width))
        })
        .collect();
    View { columns, rows }
}

fn overview_row(facts: &Facts, series: &Series, course: &Course, width: usize) -> Vec<Cell> {
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
    let Some(summary) = course.summariser.summary() else { return Vec::new() };
    let (start, end) = (facts.range.since.timestamp(), facts.range.until.timestamp());
    let bars =
        sparkline(&bucketed(&course.points, start, end, width), least_spread(unit, summary.mean));
    let short = |value: f64| Cell::Bare(value, unit);
    vec![
        Cell::text(series.to_string()),
        now.map_or(Cell::Missing, |now| Cell::Number(now, unit)),
        limit,
        short(summary.min),
        short(summary.mean),
        short(summary.max),
        Cell::text(bars),
    ]
}

/// The busiest first, as many as fit.
fn top(last: &Sample, width: usize) -> String {
    const OF_ONE_CORE: &str = "   (of one core)";
    let with_cpu = last.top.iter().any(|process| process.cpu_percent.is_some());
    let note = if with_cpu { OF_ONE_CORE } else { "" };
    let mut text = String::new();
    for process in last.top.iter().take(5) {
        let memory = Unit::Bytes.human(process.memory as f64);
        let cpu = process.cpu_percent.map(|percent| format!(" {percent:.0} %")).unwrap_or_default();
        let comma = if text.is_empty() { "" } else { ", " };
        let one = format!("{comma}{}{cpu} {memory}", process.name);
        if !text.is_empty() && 6 + text.chars().count() + one.chars().count() + note.len() > width {
            break;
        }
        text.push_str(&one);
    }
    text + note
}

fn events(events: &[Event], clock: &Clock<'_>) -> View {
    let rows = events.iter().map(|event| {
        vec![
            Cell::text(clock.time(event.epoch)),
            Cell::text(event.event.replace('_', " ")),
            Cell::text(event_words(event)),
        ]
    });
    View {
        columns: vec![Column::left(""), Column::left(""), Column::left("")],
        rows: rows.collect(),
    }
}

/// The series and the words; where an older program wrote none, the value.
fn event_words(event: &Event) -> String {
    const LONGEST: usize = 120;
    let series = event.series.as_deref().unwrap_or_default();
    let unit = collector::find(&Series::parse(series).metric).map(|metric| metric.unit);
    let value = || event.value.zip(unit).map(|(value, unit)| unit.human(value)).unwrap_or_default();
    let text = if event.text.is_empty() { value() } else { event.text.clone() };
    let series = if series == "*" { "everything" } else { series };
    let words =
        [series, &text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    let cut: String = words.chars().take(LONGEST).collect();
    if cut.len() < words.len() { cut + "…" } else { words }
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
