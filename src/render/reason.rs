//! Why a number is what it is, in the words of who measured it. Pure.

use crate::alert::expect::MISSING;
use crate::alert::plugin;
use crate::collector::custom::declared::rate_name;
use crate::collector::{COLLECTOR_FAILED, COLLECTORS, known};
use crate::metric::CUSTOM;
use crate::sample::Sample;
use crate::series::Series;

/// Beside other words.
const BRIEF: usize = 80;

/// Whether a source, as `errors` names it, has to do with a series.
pub fn concerns(source: &str, series: &Series) -> bool {
    let metric = series.metric.as_str();
    if metric == COLLECTOR_FAILED.name {
        return series.label.as_deref() == Some(source);
    }
    if let Some(name) = source.strip_prefix("custom:") {
        let value = format!("{CUSTOM}{name}");
        let beside = [plugin::state_name(&value), plugin::level_name(&value), rate_name(&value)];
        return metric == value || beside.iter().any(|name| name == metric);
    }
    let collector = known(metric).and_then(|known| COLLECTORS.get(known.collector?));
    metric == MISSING.name || collector.is_some_and(|collector| collector.name == source)
}

/// What the plugin says that measured it.
pub fn said<'a>(series: &Series, sample: &'a Sample) -> Option<&'a str> {
    sample.said().find(|(source, _)| concerns(source, series)).map(|(_, words)| words)
}

/// `: ` and why, where a state alone says little: that something fails, or what a plugin found.
pub fn suffix(series: &Series, sample: &Sample) -> String {
    let failed = || sample.errors.get(series.label.as_deref()?).map(String::as_str);
    let words = match series.metric.as_str() {
        name if name == COLLECTOR_FAILED.name => failed(),
        name if plugin::is_state_name(name) => said(series, sample),
        _ => None,
    };
    let Some(words) = words else { return String::new() };
    let more = if words.chars().nth(BRIEF).is_some() { "…" } else { "" };
    format!(": {}{more}", words.chars().take(BRIEF).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::read::{Wanted, line};

    fn sample() -> Sample {
        let text = r#"{"timestamp":"2026-11-22T00:00:00Z","errors":{"custom:dns":"no answer"},
            "said":{"custom:http":"HTTP CRITICAL - Socket timeout"}}"#;
        line(text.replace('\n', "").as_bytes(), &Wanted::everything()).unwrap()
    }

    #[test]
    fn a_source_concerns_what_it_measures_and_that_it_fails() {
        for (source, series, expected) in [
            ("custom:http", "custom_http", true),
            ("custom:http", "custom_http{time}", true),
            ("custom:http", "custom_http_state", true),
            ("custom:http", "custom_http_rate{time}", true),
            ("custom:http", "custom_https", false),
            ("custom:http", "cpu_percent", false),
            ("custom:http", "collector_failed{custom:http}", true),
            ("custom:dns", "collector_failed{custom:http}", false),
            ("watch", "watch_missing{gate}", true),
            ("watch", "cpu_percent", false),
            ("filesystem", "missing{/srv}", true),
        ] {
            assert_eq!(concerns(source, &Series::parse(series)), expected, "{source} {series}");
        }
    }

    #[test]
    fn a_state_is_told_with_the_words_of_who_measured_it() {
        let of = |series: &str| suffix(&Series::parse(series), &sample());
        assert_eq!(of("custom_http_state"), ": HTTP CRITICAL - Socket timeout");
        assert_eq!(of("collector_failed{custom:dns}"), ": no answer");
        assert_eq!((of("custom_http{time}"), of("custom_x_state")), (String::new(), String::new()));
        let series = Series::parse("custom_http{time}");
        assert_eq!(said(&series, &sample()), Some("HTTP CRITICAL - Socket timeout"));
    }
}
