//! `config show`: what holds, and where it comes from.

use serde_json::{Map, Value, json};

use super::super::Context;
use super::{put, value_of};
use crate::cli::Exit;
use crate::config::key::Key;
use crate::config::{Config, KEYS};
use crate::render::{Cell, Column, View, json as shape, table};

struct Shown {
    value: Value,
    origin: &'static str,
}

fn shown(key: &Key, config: &Config) -> Shown {
    match value_of(&config.document, key) {
        Some(_) if key.secret => Shown { value: json!("***"), origin: "file" },
        Some(value) => Shown { value: value.clone(), origin: "file" },
        None => Shown {
            value: serde_json::from_str(key.default).unwrap_or(Value::Null),
            origin: "default",
        },
    }
}

pub(super) fn run(as_json: bool, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let store = context.store(&config)?;
    let file = config
        .path
        .as_ref()
        .map_or_else(|| "none; built-in defaults".to_owned(), |path| path.display().to_string());
    if as_json {
        let values: Map<String, Value> = KEYS
            .iter()
            .map(|key| {
                let Shown { value, origin } = shown(key, &config);
                let mut shown = Map::new();
                put(&mut shown, "value", value);
                put(&mut shown, "origin", json!(origin));
                (key.path.to_owned(), Value::Object(shown))
            })
            .collect();
        let mut answer = shape::answer();
        put(&mut answer, "file", json!(config.path));
        answer.insert("data_dir".to_owned(), json!(store.directory));
        answer.insert("values".to_owned(), Value::Object(values));
        writeln!(context.out, "{}", Value::Object(answer))?;
        return Ok(Exit::Done);
    }
    writeln!(context.out, "file: {file}\ndata directory: {}", store.directory.display())?;
    let rows = KEYS.iter().map(|key| {
        let Shown { value, origin } = shown(key, &config);
        let text = if value.is_null() { Cell::Missing } else { Cell::text(value.to_string()) };
        vec![Cell::text(key.path), Cell::text(origin), text]
    });
    let columns = vec![Column::left("key"), Column::left("from"), Column::left("value")];
    write!(
        context.out,
        "{}",
        table::render(&View { columns, rows: rows.collect() }, &context.stdout)
    )?;
    Ok(Exit::Done)
}
