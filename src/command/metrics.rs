//! `metrics`: the registry.

use serde_json::{Value, json};

use super::Context;
use crate::cli::{Exit, Plain};
use crate::collector;
use crate::metric::Metric;
use crate::render::{Cell, Column, View, json, table};

/// # Errors
/// The result cannot be written.
pub fn run(arguments: &Plain, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    if arguments.json {
        let mut answer = json::answer();
        answer.insert("metrics".to_owned(), collector::metrics().map(object).collect());
        writeln!(context.out, "{}", Value::Object(answer))?;
    } else {
        let columns = ["name", "unit", "kind", "label", "meaning"].map(Column::left).to_vec();
        let rows = collector::metrics().map(|metric| {
            let texts = [
                metric.name,
                metric.unit.name(),
                metric.kind_name(),
                metric.label.unwrap_or("-"),
                metric.help,
            ];
            texts.map(Cell::text).to_vec()
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
