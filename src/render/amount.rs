//! What a rule judges, in words: a value, or how much it changed. Pure.

use crate::alert::rule::Measure;
use crate::metric::Unit;
use crate::metric::digits::shown;
use crate::time::span;

/// `86.0 %`, or `12 points more within 1 h`.
pub fn amount(measure: Measure, unit: Unit, value: f64) -> String {
    let Measure::Change { seconds, relative } = measure else { return unit.human(value) };
    let size = value.abs();
    let size = match (relative, unit) {
        (true, _) => format!("{} %", plain(size)),
        (false, Unit::Percent) if plain(size) == "1" => "1 point".to_owned(),
        (false, Unit::Percent) => format!("{} points", plain(size)),
        (false, Unit::Celsius) => format!("{} °C", plain(size)),
        (false, unit) => unit.human(size),
    };
    let within = span::human(seconds);
    if plain(value.abs()) == "0" {
        format!("unchanged within {within}")
    } else if value < 0.0 {
        format!("fell by {size} within {within}")
    } else {
        format!("{size} more within {within}")
    }
}

/// A level as people set it; that of a fall is told by its size.
pub fn limit(measure: Measure, unit: Unit, level: f64) -> String {
    match measure {
        Measure::Change { relative: true, .. } => plain(level.abs()),
        Measure::Change { .. } => unit.level(level.abs()),
        Measure::Value => unit.level(level),
    }
}

/// With one decimal where it has one.
fn plain(value: f64) -> String {
    let text = shown(value, 1);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
