//! `config show`: what holds, and where it comes from: every key, and every rule with its levels.

use serde_json::{Map, Value, json};

use super::super::Context;
use super::effective::{self, Row};
use super::put;
use crate::alert::rule::{Measure, Threshold};
use crate::cli::Exit;
use crate::config::key::Key;
use crate::config::monitoring::ALERT_THRESHOLDS;
use crate::config::{Config, KEYS};
use crate::metric::Unit;
use crate::render::{Cell, Column, View, json as shape, table};

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

pub(super) fn run(as_json: bool, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let store = context.store(&config)?;
    let rules = effective::rows(&config);
    if as_json {
        let mut answer = shape::answer();
        put(&mut answer, "file", json!(config.path));
        answer.insert("data_dir".to_owned(), json!(store.directory));
        answer.insert("values".to_owned(), values(&config));
        answer.insert("rules".to_owned(), rules.iter().map(object).collect());
        writeln!(context.out, "{}", Value::Object(answer))?;
        return Ok(Exit::Done);
    }
    let file = config
        .path
        .as_ref()
        .map_or_else(|| "none; built-in defaults".to_owned(), |path| path.display().to_string());
    writeln!(context.out, "file: {file}\ndata directory: {}", store.directory.display())?;
    write!(context.out, "{}", table::wrapped(&keys(&config), &context.stdout))?;
    if rules.is_empty() {
        writeln!(context.out, "\nno rules")?;
    } else {
        write!(context.out, "\n{}", table::render(&table_of(&rules), &context.stdout))?;
    }
    Ok(Exit::Done)
}

fn values(config: &Config) -> Value {
    let values = KEYS.iter().map(|key| {
        let Shown { value, origin } = shown(key, config);
        let mut shown = Map::new();
        put(&mut shown, "value", value);
        put(&mut shown, "origin", json!(origin));
        (key.path.to_owned(), Value::Object(shown))
    });
    Value::Object(values.collect())
}

fn keys(config: &Config) -> View {
    let rows = KEYS.iter().map(|key| {
        let Shown { value, origin } = shown(key, config);
        let text = match value {
            Value::Null => Cell::Missing,
            // They follow, resolved.
            _ if key.path == ALERT_THRESHOLDS.path => Cell::text("the rules below"),
            value => Cell::text(value.to_string()),
        };
        vec![Cell::text(key.path), Cell::text(origin), text]
    });
    let columns = vec![Column::left("key"), Column::left("from"), Column::left("value")];
    View { columns, rows: rows.collect() }
}

fn object(row: &Row<'_>) -> Value {
    let mut object = Map::new();
    put(&mut object, "rule", json!(row.rule));
    put(&mut object, "series", json!(row.series.to_string()));
    object.extend(shape::series_head(&row.series, row.unit));
    put(&mut object, "origin", json!(row.origin()));
    let Some(levels) = row.levels else {
        put(&mut object, "off", json!(true));
        return Value::Object(object);
    };
    put(&mut object, "below", json!(levels.below));
    if let Measure::Change { seconds, relative } = levels.measure {
        put(&mut object, "change", json!({"seconds": seconds, "relative": relative}));
    }
    if let Some(times) = levels.times {
        put(&mut object, "times", json!({"count": times.count, "of": times.of}));
    }
    // As it is judged by.
    let number = |value: f64| shape::number(value, None);
    let threshold = |threshold: &Threshold| {
        json!({
            "level": number(threshold.level),
            "clear": number(threshold.clear),
            "for": number(threshold.hold),
            "clear_for": number(threshold.clear_hold),
            "repeat": number(threshold.repeat),
        })
    };
    put(&mut object, "warning", levels.warning.as_ref().map_or(Value::Null, threshold));
    put(&mut object, "critical", levels.critical.as_ref().map_or(Value::Null, threshold));
    Value::Object(object)
}

fn table_of(rows: &[Row<'_>]) -> View {
    let columns = vec![
        Column::left("rule"),
        Column::right("warning"),
        Column::right("critical"),
        Column::right("clear"),
        Column::right("for"),
        Column::right("repeat"),
        Column::left("from"),
    ];
    View { columns, rows: rows.iter().map(cells).collect() }
}

fn cells(row: &Row<'_>) -> Vec<Cell> {
    let series = row.series.to_string();
    let own_name = row.rule.filter(|rule| rule.split('#').next() != Some(series.as_str()));
    let is_part = row.is_label;
    let name = match own_name {
        Some(rule) if !is_part => format!("{rule}: {series}"),
        _ => row.rule.filter(|_| !is_part).map_or_else(|| series.clone(), str::to_owned),
    };
    let name = Cell::text(name);
    let origin = Cell::text(row.origin());
    let Some(levels) = row.levels else {
        let missing = || Cell::Missing;
        return vec![name, Cell::text("off"), missing(), missing(), missing(), missing(), origin];
    };
    let sign = if levels.below { "≤ " } else { "" };
    let unit = row.unit.unwrap_or(Unit::Count);
    let amount = |value: f64| match levels.measure {
        Measure::Value => format!("{sign}{}", unit.level(value)),
        Measure::Change { seconds, relative } => {
            let unit = if relative { Unit::Percent } else { unit };
            let sign = if relative { "%" } else { "" };
            format!("{}{sign}/{}", unit.level(value), typed(seconds, "0"))
        }
    };
    let level = |threshold: &Option<Threshold>| {
        threshold.map_or(Cell::Missing, |threshold| Cell::text(amount(threshold.level)))
    };
    let both = |show: &dyn Fn(&Threshold) -> String| {
        let mut texts: Vec<String> =
            [&levels.warning, &levels.critical].into_iter().flatten().map(show).collect();
        texts.dedup();
        Cell::text(texts.join("/"))
    };
    vec![
        name,
        level(&levels.warning),
        level(&levels.critical),
        both(&|threshold| match threshold.clear_hold {
            0.0 => unit.level(threshold.clear),
            hold => format!("{} for {}", unit.level(threshold.clear), typed(hold, "0")),
        }),
        both(&|threshold| match levels.times {
            Some(times) => format!("{}/{}", times.count, times.of),
            None => typed(threshold.hold, "0"),
        }),
        both(&|threshold| typed(threshold.repeat, "never")),
        origin,
    ]
}

/// A span as one would type it.
fn typed(seconds: f64, nothing: &str) -> String {
    let units = [("d", 86_400.0, 2.0), ("h", 3_600.0, 1.0), ("m", 60.0, 1.0)];
    let fits = |size: f64, least: f64| seconds >= size * least && seconds % size == 0.0;
    match units.into_iter().find(|(_, size, least)| fits(*size, *least)) {
        _ if seconds == 0.0 => nothing.to_owned(),
        Some((unit, size, _)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_shown_as_one_would_type_them() {
        for (seconds, text) in [
            (0.0, "-"),
            (90.0, "90s"),
            (600.0, "10m"),
            (14_400.0, "4h"),
            (86_400.0, "24h"),
            (172_800.0, "2d"),
            (5_400.0, "90m"),
        ] {
            assert_eq!(typed(seconds, "-"), text);
        }
    }
}
