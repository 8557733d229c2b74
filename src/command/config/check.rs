//! `config check`: every fault with its place, and what is likely not meant.

use serde_json::{Map, Value, json};

use super::super::Context;
use super::{put, spacing_warning};
use crate::cli::Exit;
use crate::render::json as shape;

/// Every fault is an error here.
pub(super) fn run(as_json: bool, context: &mut Context<'_>) -> anyhow::Result<Exit> {
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
