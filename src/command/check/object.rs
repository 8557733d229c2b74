//! The answer of `check` as one object.

use serde_json::{Map, Value, json};

use super::Answer;
use crate::alert::Level;
use crate::collector;
use crate::expression::Comparison;
use crate::expression::evaluate::{Bound, Pair, Reading, verdict};
use crate::metric::Unit;
use crate::render::json as shape;

/// The same keys whether somebody can say or not, but for `result`.
pub(super) fn object(
    expression: &str,
    level: Level,
    answer: Result<&Answer, &String>,
) -> Map<String, Value> {
    let mut object = shape::answer();
    let mut put = |key: &str, value: Value| _ = object.insert(key.to_owned(), value);
    put("expression", json!(expression));
    let result = answer.ok().and_then(|answer| verdict(&answer.outcomes));
    if let Some(result) = result {
        put("result", json!(result));
    }
    put("level", json!(level));
    let error = answer.map_or_else(|words| Some(words.clone()), Answer::unknown);
    if let (None, Some(error)) = (result, error) {
        put("error", json!(error));
    }
    if let Ok(answer) = answer {
        put("age_seconds", shape::number(answer.age, Some(Unit::Seconds)));
        let each = answer.comparisons.iter().zip(&answer.outcomes);
        put("comparisons", each.map(|(one, outcome)| comparison(one, outcome)).collect());
    }
    object
}

fn comparison(comparison: &Comparison, outcome: &Result<Vec<Pair>, String>) -> Value {
    let typed = &comparison.typed;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| _ = object.insert(key.to_owned(), value);
    put("left", json!(typed.left));
    put("operator", json!(typed.operator.text()));
    put("right", json!(typed.right));
    let pairs = match outcome {
        Ok(pairs) => pairs,
        Err(words) => {
            put("error", json!(words));
            return Value::Object(object);
        }
    };
    put("result", json!(pairs.iter().all(|pair| pair.holds)));
    let subjects = || pairs.iter().map(|pair| &pair.subject);
    put("values", values(subjects()));
    let limits: Vec<&Reading> = pairs.iter().filter_map(|pair| pair.limit.reading()).collect();
    match pairs.first().map(|pair| &pair.limit) {
        Some(Bound::Number(number)) => put("limit", shape::number(*number, None)),
        _ => put("limits", values(limits.iter().copied())),
    }
    let short = |reading: &Reading| {
        Some((reading.series.to_string(), shape::number(reading.shortage?, Some(Unit::Seconds))))
    };
    let covered: Map<String, Value> =
        subjects().chain(limits.iter().copied()).filter_map(short).collect();
    if !covered.is_empty() {
        put("covered_seconds", Value::Object(covered));
    }
    Value::Object(object)
}

/// Series to number.
fn values<'a>(readings: impl Iterator<Item = &'a Reading>) -> Value {
    let number = |reading: &Reading| {
        let metric = collector::find(&reading.series.metric);
        (reading.series.to_string(), shape::of_metric(reading.value, metric))
    };
    Value::Object(readings.map(number).collect())
}
