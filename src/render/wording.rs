//! Facts in words, the same in tables and in mail. Pure.

use crate::collector;
use crate::metric::Unit;
use crate::metric::digits::shown;
use crate::sample::Values;
use crate::series::Series;
use crate::time::{Now, Zone};

/// "/data 86 % full".
pub fn phrase(series: &Series, value: Option<f64>, short: bool) -> String {
    let metric = collector::find(&series.metric);
    let unit = metric.map_or(Unit::Count, |metric| metric.unit);
    let shown = match (value, unit, short) {
        (None, ..) => "not measured".to_owned(),
        (Some(value), Unit::Percent, true) => format!("{} %", shown(value, 0)),
        (Some(value), Unit::Celsius, true) => format!("{} °C", shown(value, 0)),
        (Some(value), ..) => unit.human(value),
    };
    let template = match metric {
        Some(metric) if metric.is_state() && value.is_some_and(|value| value < 1.0) => {
            metric.phrase_over
        }
        Some(metric) => metric.phrase,
        None => "{name} {value}",
    };
    template
        .replace("{name}", &series.to_string())
        .replace("{label}", series.label.as_deref().unwrap_or_default())
        .replace("{value}", &shown)
}

/// The same, where another number of the sample says more than that a state lasts.
pub fn phrase_among(series: &Series, value: Option<f64>, short: bool, values: &Values) -> String {
    let lasts = value.is_some_and(|value| value >= 1.0);
    let beside = collector::find(&series.metric).and_then(|metric| metric.phrase_beside);
    let beside = beside.filter(|_| lasts).and_then(|(metric, template)| {
        let beside = values.get(metric.name, series.label.as_deref())?;
        (beside > 0.0).then(|| template.replace("{value}", &metric.unit.human(beside)))
    });
    beside.map_or_else(
        || phrase(series, value, short),
        |words| words.replace("{label}", series.label.as_deref().unwrap_or_default()),
    )
}

/// Times as people say them: today without a date, this week by the day's name.
pub struct Clock<'a> {
    pub now: &'a Now,
    pub zone: Zone,
}

impl Clock<'_> {
    pub fn time(&self, epoch: i64) -> String {
        let (then, today) = (self.zone.at_epoch(epoch), self.zone.date(self.now.utc));
        let days = (today - then.date_naive()).num_days();
        let form = match days {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        then.format(form).to_string()
    }
}

/// Moves smaller than this are drawn as calm.
pub fn least_spread(unit: Unit, typical: f64) -> f64 {
    match unit {
        Unit::Percent | Unit::Celsius => 10.0,
        _ => typical.abs() * 0.1,
    }
}

/// An error as one line, without the system's numbers ("os error 2"), which say nothing to people.
pub fn one_line(text: &str) -> String {
    let mut line = text.replace('\n', "; ");
    while let Some(start) = line.find(" (os error ") {
        let Some(length) = line.get(start..).and_then(|rest| rest.find(')')) else { break };
        line.replace_range(start..=start + length, "");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_line_without_numbers() {
        assert_eq!(
            one_line("could not x: No such file (os error 2)\ny (os error 13)."),
            "could not x: No such file; y."
        );
    }

    #[test]
    fn a_phrase_names_the_series_and_its_value() {
        let series = Series::parse("filesystem_percent{/data}");
        assert_eq!(phrase(&series, Some(85.96), false), "/data 86.0 % full");
        assert_eq!(phrase(&Series::parse("later_metric"), Some(3.0), true), "later_metric 3");
    }

    #[test]
    fn a_state_is_told_with_the_number_beside_it() {
        let told = |series: &str, value: f64, processes: u64| {
            let mut values = Values::default();
            values.put(Series::parse("watch_processes{gate}"), processes.into());
            phrase_among(&Series::parse(series), Some(value), true, &values)
        };
        assert_eq!(told("watch_missing{gate}", 1.0, 0), "gate is not running");
        assert_eq!(told("watch_missing{gate}", 1.0, 1), "only 1 of gate running");
        assert_eq!(told("watch_missing{gate}", 0.0, 2), "gate runs again");
        assert_eq!(told("watch_excess{gate}", 1.0, 5), "too many of gate running (5)");
        assert_eq!(told("watch_missing{web}", 1.0, 5), "web is not running");
    }
}
