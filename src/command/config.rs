//! `config check`, `show` and `example`.

use serde_json::{Map, Value, json};

use super::Context;
use crate::cli::{ConfigCommand, Exit};
use crate::config::key::Key;
use crate::config::{Config, EXAMPLE, KEYS};
use crate::continuity::usual_spacing;
use crate::render::{Cell, Column, View, json as shape, table};
use crate::store::Store;

/// # Errors
/// The configuration cannot be used at all.
pub fn run(command: &ConfigCommand, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Example => {
            write!(context.out, "{EXAMPLE}")?;
            Ok(Exit::Done)
        }
        ConfigCommand::Check(arguments) => check(arguments.json, context),
        ConfigCommand::Show(arguments) => show(arguments.json, context),
    }
}

/// Every fault is an error here.
fn check(as_json: bool, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let exit = if config.faults.is_empty() { Exit::Done } else { Exit::Failed };
    let warnings: Vec<String> = context
        .store(&config)
        .ok()
        .and_then(|store| spacing_warning(&config, &store, context))
        .into_iter()
        .collect();
    if as_json {
        let faults: Vec<Value> = config
            .faults
            .iter()
            .map(|fault| {
                let (line, column) = fault.place.unzip();
                let mut shown = Map::new();
                put(&mut shown, "key", json!(fault.path.join(".")));
                put(&mut shown, "text", json!(fault.text));
                put(&mut shown, "line", json!(line));
                put(&mut shown, "column", json!(column));
                Value::Object(shown)
            })
            .collect();
        let mut answer = shape::answer();
        put(&mut answer, "file", json!(config.path));
        answer.insert("faults".to_owned(), json!(faults));
        answer.insert("warnings".to_owned(), json!(warnings));
        writeln!(context.out, "{}", Value::Object(answer))?;
        return Ok(exit);
    }
    for line in config.fault_lines() {
        context.complain(&line);
    }
    for warning in &warnings {
        context.note(&format!("warning: {warning}"));
    }
    if exit == Exit::Done {
        let place = config.path.as_ref().map_or_else(
            || "no configuration file: the defaults".to_owned(),
            |path| path.display().to_string(),
        );
        let mail =
            if config.email.is_some() { "mail is configured" } else { "mail is not configured" };
        writeln!(context.out, "{place}: no faults; {} rules, {mail}", config.rules.len())?;
    }
    Ok(exit)
}

/// What there is nothing to say about is absent.
fn put(object: &mut Map<String, Value>, key: &str, value: Value) {
    if !value.is_null() {
        object.insert(key.to_owned(), value);
    }
}

/// Said when the samples come at another pace than the configuration expects.
pub fn spacing_warning(config: &Config, store: &Store, context: &Context<'_>) -> Option<String> {
    let expected = config.log_interval?;
    let spacing = usual_spacing(&super::status::recent_moments(store, context))?;
    ((spacing - expected).abs() > expected / 5.0).then(|| {
        format!("samples come every {spacing:.0} s, monitoring.log_interval expects {expected:.0} s; set one of them, the timer with: systemctl edit hostwatch-collect.timer")
    })
}

struct Shown {
    value: Value,
    origin: &'static str,
}

fn shown(key: &Key, config: &Config) -> Shown {
    match config.stated(key) {
        Some(value) => Shown { value, origin: "file" },
        None => Shown {
            value: serde_json::from_str(key.default).unwrap_or(Value::Null),
            origin: "default",
        },
    }
}

fn show(as_json: bool, context: &mut Context<'_>) -> anyhow::Result<Exit> {
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
