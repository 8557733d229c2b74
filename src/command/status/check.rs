//! `status --check`: one line with performance data, as the monitoring plugins guidelines have it.

use super::{Facts, gather};
use crate::alert::Level;
use crate::alert::rule::{Levels, Threshold};
use crate::cli::Exit;
use crate::collector;
use crate::command::Context;
use crate::metric::digits::exact;
use crate::metric::{Metric, Unit};
use crate::render::perfdata;
use crate::render::wording::phrase_among;
use crate::series::Series;
use crate::time::span;

/// # Errors
/// The line cannot be written. That nobody can say how it is, is a result.
pub fn run(context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let (line, exit) = match gather(context) {
        Ok(facts) => (line(&facts), exit(facts.level())),
        Err(error) => (perfdata::line(Level::Unknown, &format!("{error:#}"), []), Exit::Failed),
    };
    writeln!(context.out, "{line}")?;
    Ok(exit)
}

pub fn exit(level: Level) -> Exit {
    match level {
        Level::Ok => Exit::Done,
        Level::Warning => Exit::Warning,
        Level::Critical => Exit::Critical,
        Level::Unknown => Exit::Failed,
    }
}

/// What a last sample that is too old is said to be.
pub fn stale_words(age: f64, interval: f64) -> String {
    format!("the last sample is {} old, expected every {}", span::human(age), span::human(interval))
}

fn line(facts: &Facts) -> String {
    let mut words = vec![facts.last.host.clone()];
    if facts.stale {
        words.push(stale_words(facts.age, facts.interval));
    }
    words.extend(facts.counted().map(|episode| {
        let flapping = if episode.flapping { ", flapping" } else { "" };
        phrase_among(&Series::parse(&episode.series), episode.value, false, &facts.last.values)
            + flapping
    }));
    let is_calm = facts.counted().next().is_none();
    words.extend(is_calm.then(|| "no alerts".to_owned()));
    words.extend(facts.silenced_words());
    words.extend(is_calm.then(|| format!("sampled {} ago", span::human(facts.age))));
    perfdata::line(facts.level(), &words.join(", "), data(facts))
}

/// Of the series that have rules; there is not room for all, and what is on or off draws no curve: it comes last.
fn data(facts: &Facts) -> impl Iterator<Item = String> {
    let is_state = |metric| collector::find(metric).is_some_and(Metric::is_state);
    let (states, numbers): (Vec<_>, Vec<_>) =
        facts.last.values.points().partition(|(metric, ..)| is_state(metric));
    numbers.into_iter().chain(states).filter_map(|(metric, label, value)| {
        let levels = facts.config.rules.iter().find_map(|rule| rule.levels_for(metric, label))?;
        let known = collector::find(metric);
        let unit = known.map_or(Unit::Count, |known| known.unit);
        let value = known.map_or(value.as_f64(), |known| known.round(value.as_f64()));
        Some(datum(&Series::new(metric, label), value, unit, levels))
    })
}

fn datum(series: &Series, value: f64, unit: Unit, levels: &Levels) -> String {
    let limit = |threshold: Option<Threshold>| {
        let colon = if levels.below { ":" } else { "" };
        threshold.map(|threshold| format!("{}{colon}", exact(threshold.level))).unwrap_or_default()
    };
    perfdata::datum(
        &series.to_string(),
        value,
        unit,
        &limit(levels.warning),
        &limit(levels.critical),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(below: bool) -> Levels {
        let limit = Some(Threshold { level: 80.0, clear: 75.0, ..Threshold::default() });
        Levels { below, warning: limit, ..Levels::default() }
    }

    #[test]
    fn levels_are_ranges() {
        assert_eq!(
            datum(&Series::parse("cpu_percent"), 12.5, Unit::Percent, &levels(false)),
            "'cpu_percent'=12.5%;80;;0;100"
        );
        assert_eq!(
            datum(&Series::parse("memory_available"), 5.0, Unit::Bytes, &levels(true)),
            "'memory_available'=5B;80:;"
        );
    }
}
