//! `alerts list`: what is firing, what is silenced, and the episodes of the past.

use chrono::Datelike;
use serde_json::{Map, Value, json};

use super::super::standing::{self, Present, end_words, mute_words};
use super::super::{Context, standing::told_words};
use crate::alert::episode::{Episode, from_events};
use crate::alert::state::Silence;
use crate::cli::{AlertsList, Exit};
use crate::collector;
use crate::event::rfc3339;
use crate::render::wording::Clock;
use crate::render::{Cell, Column, View, fit, json as shape, table};
use crate::sample::read::Wanted;
use crate::time::{Zone, span};

/// # Errors
/// There is no store, or a time does not parse.
pub(super) fn run(list: &AlertsList, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let mut config = context.config()?;
    let range = context.range(list.since.as_deref(), None, "30d")?;
    let store = context.store_to_read(&config)?;
    standing::take_over(&mut config, &store, context);
    let sample = store.last(Zone::Local.date(context.now.utc), &Wanted::everything())?;
    let present = standing::present(context, &config, &store, sample.as_ref())?;
    let mut episodes = present.firing.clone();
    let past = from_events(&store.events(range)?, context.now.utc.timestamp());
    episodes.extend(past.into_iter().rev().filter(Episode::is_over));
    if list.json {
        let mut answer = shape::answer();
        shape::add_range(&mut answer, range);
        answer.insert("alerts".to_owned(), json!(episodes));
        let silences: Vec<Value> = present.silences.iter().map(object).collect();
        answer.insert("silences".to_owned(), json!(silences));
        if let Some(until) = present.quiet_until {
            answer.insert("quiet_hours".to_owned(), json!({"until": rfc3339(until)}));
        }
        writeln!(context.out, "{}", Value::Object(answer))?;
    } else {
        let text = text(&episodes, &present, context);
        context.out.write_all(text.as_bytes())?;
    }
    Ok(Exit::Done)
}

/// A silence for scripts.
pub(super) fn object(silence: &Silence) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| _ = object.insert(key.to_owned(), value);
    put("series", json!(silence.series));
    put("since", json!(rfc3339(silence.since)));
    put("until", json!(rfc3339(silence.until)));
    if silence.until_recovered {
        put("until_recovered", json!(true));
    }
    if !silence.reason.is_empty() {
        put("reason", json!(silence.reason));
    }
    Value::Object(object)
}

fn text(episodes: &[Episode], present: &Present, context: &Context<'_>) -> String {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let mut text = if episodes.is_empty() {
        "nothing is firing, and nothing was in this range\n".to_owned()
    } else {
        table::wrapped(&view(episodes, context), &context.stdout)
    };
    if !present.silences.is_empty() {
        let silences = silences(&present.silences, &clock);
        text.push_str(&format!("\n{}", table::wrapped(&silences, &context.stdout)));
    }
    if let Some(until) = present.quiet_until {
        text.push_str(&format!("\n quiet hours until {}\n", clock.time(until)));
    }
    text
}

fn silences(silences: &[Silence], clock: &Clock<'_>) -> View {
    let rows = silences.iter().map(|silence| {
        let latest = format!("{}, at the latest", end_words(silence, clock));
        let until = if silence.until_recovered {
            format!("{latest} {}", clock.time(silence.until))
        } else {
            end_words(silence, clock)
        };
        let reason = Some(&silence.reason).filter(|reason| !reason.is_empty());
        vec![
            Cell::text(&silence.series),
            Cell::text(clock.time(silence.since)),
            Cell::text(until),
            reason.map_or(Cell::Missing, Cell::text),
        ]
    });
    let mut columns = vec![Column::name("silenced")];
    columns.extend(["since", "until", "reason"].map(Column::left));
    View { columns, rows: rows.collect() }
}

/// Episodes as a table, open ones first.
pub fn view(episodes: &[Episode], context: &Context<'_>) -> View {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let is_any_muted = episodes.iter().any(|episode| episode.mute.is_some());
    let is_narrow = fit::is_narrow(context.stdout.width);
    let rows = episodes.iter().map(|episode| {
        let mut row = cells(episode, &clock, is_narrow);
        if is_any_muted {
            let mute = episode.mute.as_ref().map(|mute| mute_words(mute, &clock));
            row.push(mute.map_or(Cell::Missing, Cell::text));
        }
        row
    });
    let mut columns = vec![
        Column::left("level"),
        Column::name("series"),
        Column::left("from"),
        Column::left("to"),
        Column::right("for"),
        Column::right("worst"),
        Column::right("limit"),
        Column::left("told"),
    ];
    if is_any_muted {
        columns.push(Column::left("muted"));
    }
    let view = View { columns, rows: rows.collect() };
    fit::narrowed(view, context.stdout.width, &["for", "limit", "muted"])
}

fn cells(episode: &Episode, clock: &Clock<'_>, is_narrow: bool) -> Vec<Cell> {
    let time = |text: &str| {
        chrono::DateTime::parse_from_rfc3339(text)
            .map_or_else(|_| text.to_owned(), |instant| clock.time(instant.timestamp()))
    };
    // Of a time this year the year is known.
    let year = format!("{}-", clock.zone.date(clock.now.utc).year());
    let time = |text: &str| match time(text).strip_prefix(&year) {
        Some(rest) if is_narrow => rest.to_owned(),
        _ => time(text),
    };
    let unit = collector::find(&episode.metric).map(|metric| metric.unit);
    let number = |value: Option<f64>| {
        value.zip(unit).map_or(Cell::Missing, |(value, unit)| Cell::Number(value, unit))
    };
    let going_on = match (episode.flapping, is_narrow && episode.mute.is_some()) {
        (true, false) => "flapping",
        (false, false) => "firing",
        (true, true) => "flapping, muted",
        (false, true) => "firing, muted",
    };
    let end = episode.end.as_deref().map_or_else(|| going_on.to_owned(), time);
    let limit = episode.threshold.zip(unit);
    vec![
        Cell::Level(episode.level),
        Cell::text(&episode.series),
        Cell::text(time(&episode.start)),
        Cell::text(end),
        Cell::text(span::human(episode.seconds as f64)),
        number(episode.worst),
        limit.map_or(Cell::Missing, |(value, unit)| Cell::text(unit.level(value))),
        told_words(episode, clock).map_or(Cell::Missing, Cell::text),
    ]
}
