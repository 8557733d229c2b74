//! Events other than alerts: between the last line and this one, in the collectors, in the configuration. Pure.

use crate::alert::state::State;
use crate::continuity::between;
use crate::event::{Event, kind};
use crate::sample::Sample;
use crate::time::span;

/// What lies between the newest stored line and this one.
pub(super) fn since(newest: Option<&Sample>, sample: &Sample, interval: f64) -> Vec<Event> {
    let Some(newest) = newest else { return Vec::new() };
    let moment = sample.moment();
    let new = |kind: &str| Event::new(kind, &sample.host, &moment);
    let found = between(&newest.moment(), &moment, interval);
    let mut events = Vec::new();
    if found.reboot {
        events.push(new(kind::REBOOT).saying("the host was started again"));
    }
    if let Some(gap) = found.gap {
        events.push(Event {
            since: Some(gap.start.clone()),
            cause: Some(gap.cause.to_owned()),
            value: Some(gap.seconds as f64),
            ..new(kind::GAP).saying(format!("no samples for {}", span::human(gap.seconds as f64)))
        });
    }
    if let Some(seconds) = found.clock_step {
        let way = if seconds < 0 { "back" } else { "forward" };
        let text = format!("the clock was set {way} by {}", span::human(seconds.abs() as f64));
        events.push(Event { value: Some(seconds as f64), ..new(kind::CLOCK_STEP).saying(text) });
    }
    if !newest.host.is_empty() && newest.host != sample.host {
        events.push(new(kind::HOST_CHANGED).saying(format!("the host was named {}", newest.host)));
    }
    events
}

/// Collectors that began to fail, or work again.
pub(super) fn collectors(state: &mut State, sample: &Sample) -> Vec<Event> {
    let moment = sample.moment();
    let new = |kind: &str, name: &str| {
        Event::new(kind, &sample.host, &moment).about(&format!("collector_failed{{{name}}}"))
    };
    let begun = sample
        .errors
        .iter()
        .filter(|(name, _)| !state.failing.contains_key(*name))
        .map(|(name, why)| new(kind::COLLECTOR_FAILED, name).saying(why));
    let ended = state
        .failing
        .keys()
        .filter(|name| !sample.errors.contains_key(*name))
        .map(|name| new(kind::COLLECTOR_BACK, name).saying("works again"));
    let events = begun.chain(ended).collect();
    state.failing.clone_from(&sample.errors);
    events
}

/// Faults of the configuration that came or went.
pub(super) fn configuration(state: &mut State, faults: &[String], sample: &Sample) -> Vec<Event> {
    let text = faults.join("\n");
    if text == state.faults {
        return Vec::new();
    }
    let kind = if text.is_empty() { kind::CONFIG_OK } else { kind::CONFIG_ERROR };
    let event = Event::new(kind, &sample.host, &sample.moment());
    let words = if text.is_empty() { "no faults any more".to_owned() } else { faults.join("; ") };
    state.faults = text;
    vec![event.saying(words)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::read::{Wanted, line};

    fn sample(epoch: i64, boot: &str, uptime: i64, host: &str) -> Sample {
        let text = format!(
            "{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"epoch\":{epoch},\"boot_id\":\"{boot}\",\"uptime\":{uptime},\"host\":\"{host}\"}}"
        );
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    fn kinds(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.event.as_str()).collect()
    }

    #[test]
    fn a_reboot_after_a_hole_is_both() {
        let events = since(Some(&sample(0, "a", 900, "h")), &sample(9_000, "b", 60, "h"), 300.0);
        assert_eq!(kinds(&events), ["reboot", "gap"]);
    }

    #[test]
    fn a_first_line_and_a_neighbour_are_no_news() {
        assert!(since(None, &sample(0, "a", 900, "h"), 300.0).is_empty());
        assert!(
            since(Some(&sample(0, "a", 900, "h")), &sample(300, "a", 1_200, "h"), 300.0).is_empty()
        );
    }

    #[test]
    fn a_collector_is_news_when_it_fails_and_when_it_is_back() {
        let (mut state, mut failing) = (State::default(), sample(0, "a", 1, "h"));
        failing.errors.insert("cpu".into(), "why".into());
        assert_eq!(kinds(&collectors(&mut state, &failing)), ["collector_failed"]);
        assert!(collectors(&mut state, &failing).is_empty());
        assert_eq!(kinds(&collectors(&mut state, &sample(1, "a", 2, "h"))), ["collector_back"]);
    }

    #[test]
    fn faults_are_news_when_they_change() {
        let (mut state, sample) = (State::default(), sample(0, "a", 1, "h"));
        assert_eq!(kinds(&configuration(&mut state, &["x".into()], &sample)), ["config_error"]);
        assert!(configuration(&mut state, &["x".into()], &sample).is_empty());
        assert_eq!(kinds(&configuration(&mut state, &[], &sample)), ["config_ok"]);
    }
}
