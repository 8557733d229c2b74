//! `metrics`: the registry.

use serde_json::{Value, json};

use super::Context;
use crate::cli::{Exit, Plain};
use crate::collector;
use crate::metric::Metric;
use crate::render::{Cell, Column, View, json, table};

/// Below so many columns the kind is left out, and the unit stands behind the meaning.
const WIDE: usize = 110;

/// # Errors
/// The result cannot be written.
pub fn run(arguments: &Plain, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    // It declares metrics of its own; without it there are the others.
    if let Err(error) = context.config() {
        context.note(&format!("{error:#}"));
    }
    if arguments.json {
        let mut answer = json::answer();
        answer.insert("metrics".to_owned(), collector::metrics().map(object).collect());
        writeln!(context.out, "{}", Value::Object(answer))?;
    } else {
        let is_narrow = context.stdout.width.is_some_and(|width| width < WIDE);
        let titles: &[&str] =
            if is_narrow { &["name", "meaning"] } else { &["name", "unit", "kind", "meaning"] };
        let columns = titles.iter().map(|title| Column::left(*title)).collect();
        let rows = collector::metrics().map(|metric| {
            let name = metric.label.map_or_else(
                || metric.name.to_owned(),
                |label| format!("{}{{{label}}}", metric.name),
            );
            let unit = metric.unit.name().replace('_', " ");
            if is_narrow {
                return vec![Cell::text(name), Cell::text(format!("{} ({unit})", metric.help))];
            }
            let kind = metric.kind_name();
            [name.as_str(), &unit, kind, metric.help].map(Cell::text).to_vec()
        });
        write!(
            context.out,
            "{}",
            table::wrapped(&View { columns, rows: rows.collect() }, &context.stdout)
        )?;
    }
    Ok(Exit::Done)
}

fn object(metric: &Metric) -> Value {
    let mut object =
        json!({"name": metric.name, "unit": metric.unit.name(), "kind": metric.kind_name()});
    if let (Some(label), Some(object)) = (metric.label, object.as_object_mut()) {
        object.insert("label".to_owned(), json!(label));
    }
    if let Some(object) = object.as_object_mut() {
        object.insert("help".to_owned(), json!(metric.help));
    }
    object
}
