//! `status --check`: one line with performance data, as the monitoring plugins guidelines have it.

use super::Context;
use super::status::{Facts, gather};
use crate::alert::Level;
use crate::alert::rule::{Levels, Threshold};
use crate::cli::Exit;
use crate::collector;
use crate::metric::Unit;
use crate::render::wording::phrase;
use crate::series::Series;
use crate::time::span;

/// Receivers cut longer ones.
const MOST_BYTES: usize = 1_024;

/// # Errors
/// The line cannot be written. That nobody can say how it is, is a result.
pub fn run(context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let (line, exit) = match gather(context) {
        Ok(facts) => (line(&facts), exit(facts.level())),
        Err(error) => (format!("UNKNOWN: {error:#}").replace('|', "/"), Exit::Failed),
    };
    writeln!(context.out, "{line}")?;
    Ok(exit)
}

fn exit(level: Level) -> Exit {
    match level {
        Level::Ok => Exit::Done,
        Level::Warning => Exit::Warning,
        Level::Critical => Exit::Critical,
        Level::Unknown => Exit::Failed,
    }
}

fn line(facts: &Facts) -> String {
    let level = facts.level();
    let mut words = vec![facts.last.host.clone()];
    if facts.stale {
        words.push(format!(
            "the last sample is {} old, expected every {}",
            span::human(facts.age),
            span::human(facts.interval)
        ));
    }
    words.extend(
        facts
            .firing
            .iter()
            .map(|episode| phrase(&Series::parse(&episode.series), episode.value, false)),
    );
    if facts.firing.is_empty() {
        words.push(format!("no alerts, sampled {} ago", span::human(facts.age)));
    }
    let word = if level == Level::Ok { "OK".to_owned() } else { level.title() };
    let text =
        cut(&format!("{word}: {}", words.join(", ")).replace(['|', '\n'], "/"), MOST_BYTES / 2);
    with_perfdata(text, facts)
}

fn with_perfdata(mut text: String, facts: &Facts) -> String {
    let mut separator = " | ";
    for (metric, label, value) in facts.last.values.points() {
        let Some(levels) =
            facts.config.rules.iter().find_map(|rule| rule.levels_for(metric, label))
        else {
            continue;
        };
        let unit = collector::find(metric).map_or(Unit::Count, |metric| metric.unit);
        let one = perfdata(&Series::new(metric, label), value.as_f64(), unit, levels);
        if text.len() + separator.len() + one.len() > MOST_BYTES {
            break;
        }
        text.push_str(separator);
        text.push_str(&one);
        separator = " ";
    }
    text
}

/// `'label'=value[UOM];warn;crit;min;max`; quotes are doubled, and `=` may not stand in a label.
fn perfdata(series: &Series, value: f64, unit: Unit, levels: &Levels) -> String {
    let label = series.to_string().replace('\'', "''").replace(['=', '|', '\n'], "_");
    let limit = |threshold: Option<Threshold>| {
        let colon = if levels.below { ":" } else { "" };
        threshold
            .map(|threshold| format!("{}{colon}", unit.round(threshold.level)))
            .unwrap_or_default()
    };
    let range = if unit == Unit::Percent { ";0;100" } else { "" };
    format!(
        "'{label}'={}{};{};{}{range}",
        unit.round(value),
        unit.perfdata(),
        limit(levels.warning),
        limit(levels.critical)
    )
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end =
        (0..=most.saturating_sub(3)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(below: bool) -> Levels {
        let limit = Some(Threshold { level: 80.0, clear: 75.0, ..Threshold::default() });
        Levels { below, warning: limit, ..Levels::default() }
    }

    #[test]
    fn performance_data_follow_the_guidelines() {
        assert_eq!(
            perfdata(&Series::parse("cpu_percent"), 12.5, Unit::Percent, &levels(false)),
            "'cpu_percent'=12.5%;80;;0;100"
        );
        assert_eq!(
            perfdata(&Series::parse("memory_available"), 5.0, Unit::Bytes, &levels(true)),
            "'memory_available'=5B;80:;"
        );
        assert_eq!(
            perfdata(&Series::parse("t{it's=x}"), 1.0, Unit::Count, &levels(false)),
            "'t{it''s_x}'=1;80;"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "ä".repeat(600);
        assert!(cut(&text, 512).len() <= 512 && cut("short", 512) == "short");
    }
}
