//! The results for people, beside what is usual here, and for programs.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value, json};

use super::super::Context;
use crate::bench::METHOD;
use crate::bench::drift::Compared;
use crate::metric::Unit;
use crate::render::{Cell, Column, View, json as shape, table};
use crate::series::Series;

pub(super) struct Shown {
    pub results: Vec<Compared>,
    /// How many earlier ones there are.
    pub earlier: usize,
    pub notes: Vec<String>,
    pub host: String,
    pub timestamp: DateTime<FixedOffset>,
}

impl Shown {
    pub(super) fn write(&self, as_json: bool, context: &mut Context<'_>) -> anyhow::Result<()> {
        if as_json {
            writeln!(context.out, "{}", Value::Object(self.object()))?;
            return Ok(());
        }
        write!(context.out, "{}", table::render(&self.view(), &context.stdout))?;
        for note in &self.notes {
            writeln!(context.out, " note: {note}")?;
        }
        Ok(())
    }

    /// With the median only where there is one.
    fn view(&self) -> View {
        let compares = self.results.iter().any(|result| result.median.is_some());
        let mut columns = vec![Column::left("part"), Column::right("result")];
        if compares {
            columns.push(Column::right(format!("median of {}", self.earlier)));
            columns.push(Column::right("deviation"));
        }
        let row = |result: &Compared| {
            let unit = result.outcome.metric.unit;
            let number =
                |value: Option<f64>| value.map_or(Cell::Missing, |value| Cell::Number(value, unit));
            let mut row = vec![Cell::text(result.outcome.title), number(Some(result.value))];
            if compares {
                row.push(number(result.median));
                row.push(result.deviation().map_or(Cell::Missing, |deviation| {
                    Cell::text(format!("{:+.1} %", Unit::Percent.round(deviation)))
                }));
            }
            row
        };
        View { columns, rows: self.results.iter().map(row).collect() }
    }

    fn object(&self) -> Map<String, Value> {
        let mut answer = shape::answer();
        answer.insert("host".to_owned(), json!(self.host));
        answer.insert("timestamp".to_owned(), json!(self.timestamp.to_rfc3339()));
        answer.insert("epoch".to_owned(), json!(self.timestamp.timestamp()));
        answer.insert("method".to_owned(), json!(METHOD));
        let result = |result: &Compared| {
            let unit = result.outcome.metric.unit;
            let series = Series::new(result.outcome.metric.name, result.outcome.label);
            let number = |value: f64| shape::number(value, Some(unit));
            let deviation = result.deviation();
            let object = json!({
                "value": number(result.value),
                "unit": unit.name(),
                "median": result.median.map(number),
                "deviation_percent":
                    deviation.map(|deviation| shape::number(deviation, Some(Unit::Percent))),
            });
            (series.to_string(), shape::present(object))
        };
        let results: Map<String, Value> = self.results.iter().map(result).collect();
        answer.insert("results".to_owned(), Value::Object(results));
        answer.insert("notes".to_owned(), json!(self.notes));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::drift::compare;
    use crate::bench::metrics::{CPU_SINGLE, FSYNC};
    use crate::render::Terminal;
    use crate::sample::Values;

    fn shown(earlier: usize) -> Shown {
        let result = |rate: f64, fsync: f64| {
            let mut values = Values::default();
            values.set(&CPU_SINGLE, rate);
            values.set_for(&FSYNC, "p50", fsync);
            values
        };
        Shown {
            results: compare(&result(900.0, 0.25), &vec![result(1_000.0, 0.2); earlier]),
            earlier,
            notes: vec!["load 0.10 on 4 cores".to_owned()],
            host: "gate-pi".to_owned(),
            timestamp: DateTime::parse_from_rfc3339("2026-11-22T09:41:06+01:00").unwrap(),
        }
    }

    #[test]
    fn results_stand_beside_what_is_usual() {
        let terminal = Terminal { is_terminal: false, width: None, color: false };
        let text = table::render(&shown(3).view(), &terminal);
        assert!(text.contains("median of 3  deviation"), "{text}");
        assert!(text.contains("900/s       1000/s    -10.0 %"), "{text}");
        assert!(text.contains("0.25 ms      0.20 ms    +25.0 %"), "{text}");
    }

    #[test]
    fn without_earlier_ones_the_results_stand_alone() {
        assert_eq!(shown(2).view().columns.len(), 2);
    }

    #[test]
    fn programs_are_given_raw_numbers() {
        let object = Value::Object(shown(5).object());
        assert_eq!((&object["host"], &object["epoch"]), (&json!("gate-pi"), &json!(1_795_336_866)));
        let fsync = &object["results"]["bench_fsync_milliseconds{p50}"];
        let expected =
            json!({"value": 0.25, "unit": "milliseconds", "median": 0.2, "deviation_percent": 25});
        assert_eq!(*fsync, expected);
    }

    #[test]
    fn what_nobody_knows_is_absent() {
        let object = Value::Object(shown(0).object());
        let rate = json!({"value": 900, "unit": "per_second"});
        assert_eq!(object["results"]["bench_cpu_single_rate"], rate);
    }
}
