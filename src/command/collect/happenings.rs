//! Events other than alerts: between the last line and this one, in the collectors, in the configuration. Pure.

use std::collections::BTreeMap;

use crate::alert::state::State;
use crate::continuity::Break;
use crate::event::{Event, kind};
use crate::gap::{Cause, Gap};
use crate::render::wording::one_line;
use crate::sample::Sample;
use crate::store::append::says_full;
use crate::time::span;

/// What tells of an absence besides the lines.
pub(super) struct Evidence<'a> {
    /// Why samples could not be stored before this one.
    pub store_failure: Option<&'a str>,
    /// How the boot of the newest line ended, if that is not this boot.
    pub ended: Cause,
}

/// What was found between the newest stored line and this one.
pub(super) fn since(
    newest: &Sample,
    sample: &Sample,
    found: Break,
    evidence: &Evidence<'_>,
) -> Vec<Event> {
    let moment = sample.moment();
    let new = |kind: &str| Event::new(kind, &sample.host, &moment);
    let mut events = Vec::new();
    if found.reboot {
        let how = match evidence.ended {
            Cause::Off => " after a clean shutdown",
            Cause::PowerCut => " after a power cut",
            _ => "",
        };
        let cause = Some(evidence.ended.name().to_owned());
        let event = new(kind::REBOOT).saying(format!("the host was started again{how}"));
        events.push(Event { cause, ..event });
    }
    events.extend(found.gap.map(|gap| gap_event(gap, &sample.host, found.reboot, evidence)));
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

/// What the host is by now: another kernel, system or model than it was.
pub(super) fn facts<'a>(
    earlier: &'a BTreeMap<String, String>,
    sample: &'a Sample,
) -> impl Iterator<Item = Event> + 'a {
    sample.facts.iter().filter_map(|(name, fact)| {
        let before = earlier.get(name).filter(|before| *before != fact)?;
        let event = Event::new(kind::HOST_CHANGED, &sample.host, &sample.moment());
        Some(event.saying(format!("{name}: {fact}, before {before}")))
    })
}

/// What the lines are sure of stands. Else a failure to store explains the gap, and then the end of the boot.
fn gap_event(mut gap: Gap, host: &str, is_new_boot: bool, evidence: &Evidence<'_>) -> Event {
    let is_sure = matches!(gap.cause, Cause::Suspended | Cause::ClockStep);
    let failure = evidence.store_failure.filter(|_| !is_sure);
    let is_off = is_new_boot && gap.cause == Cause::Unknown;
    gap.cause = match failure {
        Some(text) if says_full(text) => Cause::DiskFull,
        _ if is_off => evidence.ended,
        Some(_) => Cause::Unknown,
        None => gap.cause,
    };
    let event = gap.event(host);
    match failure.filter(|_| gap.cause == Cause::Unknown) {
        Some(text) => event.saying(format!(
            "no samples for {}: {}",
            span::human(gap.seconds as f64),
            one_line(text)
        )),
        None => event,
    }
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
    use crate::continuity::between;
    use crate::sample::Entry;
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

    const FULL: &str = "could not store the sample in /x: No space left on device (os error 28); free some space, or lower monitoring.retention.size";
    const FIXED: &str = "could not store the sample in /x: Read-only file system (os error 30)";
    const NOTHING: Evidence<'_> = Evidence { store_failure: None, ended: Cause::Unknown };

    fn ended(ended: Cause) -> Evidence<'static> {
        Evidence { ended, ..NOTHING }
    }

    fn failed(text: &str) -> Evidence<'_> {
        Evidence { store_failure: Some(text), ..NOTHING }
    }

    fn found(newest: &Sample, sample: &Sample, evidence: &Evidence<'_>) -> Vec<Event> {
        since(newest, sample, between(&newest.into(), &sample.into(), 300.0), evidence)
    }

    /// An hour without a line in one boot, or with the next one in another.
    fn an_hour(boot: &str, evidence: &Evidence<'_>) -> Vec<Event> {
        let uptime = if boot == "a" { 4_500 } else { 60 };
        found(&sample(0, "a", 900, "h"), &sample(3_600, boot, uptime, "h"), evidence)
    }

    fn cause(event: Option<&Event>) -> Option<&str> {
        event.and_then(|event| event.cause.as_deref())
    }

    #[test]
    fn a_reboot_after_a_hole_is_both_and_both_say_how_it_ended() {
        let events = an_hour("b", &ended(Cause::PowerCut));
        assert_eq!(kinds(&events), ["reboot", "gap"]);
        assert_eq!(events[0].text, "the host was started again after a power cut");
        assert_eq!(events[1].text, "no samples for 1 h: power cut (no clean shutdown)");
        assert!(events.iter().all(|event| event.cause.as_deref() == Some("power_cut")));
    }

    #[test]
    fn a_host_that_was_shut_down_was_off() {
        let events = an_hour("b", &ended(Cause::Off));
        assert_eq!(events[0].text, "the host was started again after a clean shutdown");
        assert_eq!(
            (cause(events.get(1)), &*events[1].text),
            (Some("off"), "no samples for 1 h: powered off")
        );
    }

    #[test]
    fn without_evidence_a_reboot_has_no_known_cause() {
        let events = an_hour("b", &NOTHING);
        assert_eq!(
            (&*events[0].text, cause(events.first())),
            ("the host was started again", Some("unknown"))
        );
        assert_eq!(events[1].text, "no samples for 1 h: unknown cause");
    }

    #[test]
    fn a_quick_reboot_says_how_it_came_without_a_gap() {
        let events =
            found(&sample(0, "a", 900, "h"), &sample(300, "b", 60, "h"), &ended(Cause::PowerCut));
        assert_eq!((kinds(&events), cause(events.first())), (vec!["reboot"], Some("power_cut")));
    }

    #[test]
    fn a_boot_that_went_on_unwatched_is_not_blamed_on_the_end_of_the_one_before() {
        let evidence = ended(Cause::Off);
        let events = found(&sample(0, "a", 900, "h"), &sample(9_000, "b", 8_000, "h"), &evidence);
        assert_eq!(
            (cause(events.first()), cause(events.get(1))),
            (Some("off"), Some("not_running"))
        );
    }

    #[test]
    fn a_gap_while_the_disk_was_full_is_that() {
        for boot in ["a", "b"] {
            let events = an_hour(boot, &Evidence { ended: Cause::Off, ..failed(FULL) });
            assert_eq!(
                events.last().unwrap().text,
                "no samples for 1 h: the disk was full",
                "{boot}"
            );
            assert_eq!(cause(events.last()), Some("disk_full"));
        }
    }

    #[test]
    fn another_failure_to_store_is_told_in_its_own_words() {
        let events = an_hour("a", &failed(FIXED));
        let words = "no samples for 1 h: could not store the sample in /x: Read-only file system";
        assert_eq!((cause(events.first()), &*events[0].text), (Some("unknown"), words));
        let cut = an_hour("b", &Evidence { ended: Cause::PowerCut, ..failed(FIXED) });
        assert_eq!(cause(cut.get(1)), Some("power_cut"), "what is known of the host comes first");
    }

    #[test]
    fn what_the_lines_are_sure_of_needs_no_evidence() {
        let mut slept = sample(3_600, "a", 4_500, "h");
        let newest = line(
            br#"{"timestamp":"2026-11-22T00:00:00Z","epoch":0,"boot_id":"a","uptime":900,"host":"h","suspended":0}"#,
            &Wanted::everything(),
        )
        .unwrap();
        slept.values.insert("suspended".into(), Entry::Single(3_500.0.into()));
        assert_eq!(cause(found(&newest, &slept, &failed(FULL)).first()), Some("suspended"));
        let set = found(&newest, &sample(9_000, "a", 1_200, "h"), &failed(FULL));
        assert_eq!(
            (kinds(&set), cause(set.first())),
            (vec!["gap", "clock_step"], Some("clock_step"))
        );
        assert_eq!(cause(an_hour("a", &NOTHING).first()), Some("not_running"));
    }

    #[test]
    fn a_neighbour_is_no_news_and_a_host_that_changed_is() {
        let newest = sample(0, "a", 900, "h");
        assert!(found(&newest, &sample(300, "a", 1_200, "h"), &NOTHING).is_empty());
        let renamed = found(&newest, &sample(300, "a", 1_200, "i"), &NOTHING);
        assert_eq!(kinds(&renamed), ["host_changed"]);
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

    #[test]
    fn another_kernel_is_news_and_the_first_one_is_not() {
        let of = |kernel: Option<&str>| {
            let mut sample = sample(0, "a", 1, "pi");
            sample.facts.extend(kernel.map(|text| ("kernel".to_owned(), text.to_owned())));
            sample
        };
        let changed = |before| -> Vec<_> {
            let (earlier, sample) = (of(before), of(Some("6.12")));
            facts(&earlier.facts, &sample).map(|event| event.text).collect()
        };
        assert_eq!(changed(Some("6.6")), ["kernel: 6.12, before 6.6"]);
        assert!(changed(None).is_empty() && changed(Some("6.12")).is_empty());
    }
}
