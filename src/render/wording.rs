//! Facts in words, the same in tables and in mail. Pure.

use crate::collector;
use crate::metric::Unit;
use crate::series::Series;
use crate::time::{Now, Zone};

/// "/data 86 % full".
pub fn phrase(series: &Series, value: Option<f64>, short: bool) -> String {
    let metric = collector::find(&series.metric);
    let unit = metric.map_or(Unit::Count, |metric| metric.unit);
    let shown = match (value, unit, short) {
        (None, ..) => "not measured".to_owned(),
        (Some(value), Unit::Percent, true) => format!("{value:.0} %"),
        (Some(value), Unit::Celsius, true) => format!("{value:.0} °C"),
        (Some(value), ..) => unit.human(value),
    };
    let template = metric.map_or("{name} {value}", |metric| metric.phrase);
    template
        .replace("{name}", &series.to_string())
        .replace("{label}", series.label.as_deref().unwrap_or_default())
        .replace("{value}", &shown)
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
