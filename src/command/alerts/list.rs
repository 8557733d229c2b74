//! `alerts list`: what is firing, and the episodes of the past.

use serde_json::{Value, json};

use super::super::{Context, standing};
use crate::alert::episode::{Episode, from_events};
use crate::cli::{AlertsList, Exit};
use crate::collector;
use crate::render::wording::Clock;
use crate::render::{Cell, Column, View, json as shape, table};
use crate::sample::read::Wanted;
use crate::time::{Zone, span};

/// # Errors
/// There is no store, or a time does not parse.
pub(super) fn run(list: &AlertsList, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let range = context.range(list.since.as_deref(), None, "30d")?;
    let store = context.store_to_read(&config)?;
    let sample = store.last(Zone::Local.date(context.now.utc), &Wanted::everything())?;
    let mut episodes = standing::now_firing(context, &config, &store, sample.as_ref())?;
    let past = from_events(&store.events(range)?, context.now.utc.timestamp());
    episodes.extend(past.into_iter().rev().filter(Episode::is_over));
    if list.json {
        let mut answer = shape::answer();
        shape::add_range(&mut answer, range);
        answer.insert("alerts".to_owned(), json!(episodes));
        writeln!(context.out, "{}", Value::Object(answer))?;
    } else if episodes.is_empty() {
        writeln!(context.out, "nothing is firing, and nothing was in this range")?;
    } else {
        write!(context.out, "{}", table::render(&view(&episodes, context), &context.stdout))?;
    }
    Ok(Exit::Done)
}

/// Episodes as a table, open ones first.
pub fn view(episodes: &[Episode], context: &Context<'_>) -> View {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let time = |text: &str| {
        chrono::DateTime::parse_from_rfc3339(text)
            .map_or_else(|_| text.to_owned(), |instant| clock.time(instant.timestamp()))
    };
    let rows = episodes.iter().map(|episode| {
        let unit = collector::find(&episode.metric).map(|metric| metric.unit);
        let number = |value: Option<f64>| {
            value.zip(unit).map_or(Cell::Missing, |(value, unit)| Cell::Number(value, unit))
        };
        vec![
            Cell::Level(episode.level),
            Cell::text(&episode.series),
            Cell::text(time(&episode.start)),
            episode
                .end
                .as_deref()
                .map_or_else(|| Cell::text("firing"), |end| Cell::text(time(end))),
            Cell::text(span::human(episode.seconds as f64)),
            number(episode.worst),
            episode
                .threshold
                .zip(unit)
                .map_or(Cell::Missing, |(value, unit)| Cell::text(unit.level(value))),
            episode.told.as_deref().map_or(Cell::Missing, |told| Cell::text(time(told))),
        ]
    });
    let columns = vec![
        Column::left("level"),
        Column::left("series"),
        Column::left("from"),
        Column::left("to"),
        Column::right("for"),
        Column::right("worst"),
        Column::right("limit"),
        Column::left("mailed"),
    ];
    View { columns, rows: rows.collect() }
}
