//! Suggestions for people: a table, what to know about it, and what to paste.

use serde_json::{Map, Value, json};

use super::super::super::Context;
use super::Row;
use crate::alert::rule::Threshold;
use crate::collector::filesystem;
use crate::metric::Unit;
use crate::render::{Cell, Column, View, table};

pub(super) fn text(
    rows: &[Row<'_>],
    snippet: &Map<String, Value>,
    context: &Context<'_>,
) -> String {
    if rows.is_empty() {
        return "nothing to suggest levels for in this range\n".to_owned();
    }
    let mut text = table::render(&view(rows), &context.stdout);
    text.push_str("\n mails: in 30 days, by that level alone\n");
    let space = filesystem::COLLECTOR.metrics;
    if rows.iter().any(|row| space.iter().any(|metric| metric.name == row.series.metric)) {
        text.push_str(
            " file systems: how fast they fill matters more than where they were; see hostwatch report\n",
        );
    }
    let not_written =
        |row: &&Row<'_>| row.suggested.is_some() && row.entry.is_none() && !row.is_as_it_is();
    for row in rows.iter().filter(not_written) {
        let key = row.today.map_or("", |(rule, _)| rule.key.as_str());
        text.push_str(&format!(" {}: held by \"{key}\", which speaks of others too\n", row.series));
    }
    if !snippet.is_empty() {
        let shown = json!({ "alert_thresholds": snippet });
        let pretty = serde_json::to_string_pretty(&shown).unwrap_or_default();
        // Without the braces around: it is to stand among other keys.
        let lines = pretty.lines().filter(|line| !matches!(*line, "{" | "}"));
        let lines: Vec<&str> = lines.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        text.push_str(&format!("\n{}\n", lines.join("\n")));
    }
    text
}

fn view(rows: &[Row<'_>]) -> View {
    let columns = vec![
        Column::left("series"),
        Column::right("n"),
        Column::right("p50"),
        Column::right("p99"),
        Column::right("max"),
        Column::right("level"),
        Column::right("mails"),
        Column::right("suggested"),
        Column::right("mails"),
    ];
    View { columns, rows: rows.iter().map(cells).collect() }
}

fn cells(row: &Row<'_>) -> Vec<Cell> {
    let Row { unit, summary, .. } = row;
    let (usual, extreme) = if row.is_below() {
        let least = |value, name| Cell::text(format!("{} ({name})", unit.human(value)));
        (least(row.p1, "p1"), least(summary.min, "min"))
    } else {
        (Cell::Number(summary.p99, *unit), Cell::Number(summary.max, *unit))
    };
    let today = row.today.map(|(_, levels)| {
        let level = |threshold: Option<Threshold>| threshold.map(|one| one.level);
        levels_words(*unit, level(levels.warning), level(levels.critical))
    });
    let suggested = match row.suggested {
        None => "none helps".to_owned(),
        Some(_) if row.is_as_it_is() => "as it is".to_owned(),
        Some(one) => levels_words(*unit, Some(one.warning), one.critical),
    };
    vec![
        Cell::text(row.series.to_string()),
        Cell::text(summary.count.to_string()),
        Cell::Number(summary.p50, *unit),
        usual,
        extreme,
        today.map_or(Cell::Missing, Cell::Text),
        mails(row.mails[0]),
        Cell::Text(suggested),
        mails(row.mails[1]),
    ]
}

/// `85, critical 95`.
fn levels_words(unit: Unit, warning: Option<f64>, critical: Option<f64>) -> String {
    let warning = warning.map(|level| unit.level(level));
    let critical = critical.map(|level| format!("critical {}", unit.level(level)));
    warning.into_iter().chain(critical).collect::<Vec<_>>().join(", ")
}

/// Whole numbers: more digits would promise too much.
fn mails(number: Option<f64>) -> Cell {
    match number {
        None => Cell::Missing,
        Some(number) if number > 0.0 && number < 0.5 => Cell::text("<1"),
        Some(number) => Cell::text(format!("{number:.0}")),
    }
}
