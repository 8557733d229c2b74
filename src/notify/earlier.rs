//! What happened before: earlier episodes of a series, and the gaps and reboots of the last days. Pure.

use super::story::Story;
use crate::alert::episode::Episode;
use crate::event::{Event, kind};
use crate::gap::Cause;
use crate::render::wording::Clock;
use crate::time::span;

/// How far back, in seconds: episodes, and gaps and reboots.
pub const EPISODES: i64 = 30 * 86_400;
pub const HAPPENINGS: i64 = 7 * 86_400;
/// Of each so many are named.
const MOST: usize = 3;

/// `4th time in 30 days; before: Fri 20 Nov 02:10 (1 h 5 min), …`
pub(super) fn episodes(story: &Story<'_>, clock: &Clock<'_>) -> String {
    let earlier = &story.background.earlier;
    if earlier.is_empty() {
        return "first time in 30 days".to_owned();
    }
    let shown: Vec<String> = earlier
        .iter()
        .rev()
        .take(MOST)
        .map(|one| {
            let lasted = span::human(one.seconds as f64);
            format!("{} ({lasted})", dated(one.start_epoch, clock))
        })
        .collect();
    let rest = if earlier.len() > MOST { ", …" } else { "" };
    let nth = ordinal(earlier.len() + 1);
    format!("{nth} time in 30 days; before: {}{rest}", shown.join(", "))
}

/// The episodes of a series before the one that began at `start`, that are over and within 30 days of `now`.
pub fn before(episodes: &[Episode], series: &str, start: i64, now: i64) -> Vec<Episode> {
    let is_earlier = |one: &&Episode| {
        one.series == series && one.is_over() && (now - EPISODES..start).contains(&one.start_epoch)
    };
    episodes.iter().filter(is_earlier).cloned().collect()
}

/// The last gaps and reboots, newest first: `power cut, no samples for 14 min, Sat 09:12`. What ended at `told` is told
/// by the message itself.
pub(super) fn happenings(events: &[Event], told: &[i64], clock: &Clock<'_>) -> Vec<String> {
    let gap_at =
        |epoch: i64| events.iter().any(|event| event.event == kind::GAP && event.epoch == epoch);
    let newest = events.iter().rev().filter(|event| !told.contains(&event.epoch));
    let words = newest.filter_map(|event| match event.event.as_str() {
        kind::GAP => Some(gap(event, clock)),
        kind::REBOOT if !gap_at(event.epoch) => Some(reboot(event, clock)),
        _ => None,
    });
    words.take(MOST).collect()
}

fn gap(event: &Event, clock: &Clock<'_>) -> String {
    let lasted = span::human(event.value.unwrap_or_default());
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let start = event.epoch.saturating_sub(event.value.unwrap_or_default() as i64);
    let cause = cause(event).map(|cause| match cause {
        Cause::PowerCut => "power cut, ",
        Cause::Unknown => "",
        Cause::Off => "powered off, ",
        Cause::Suspended => "suspended, ",
        Cause::DiskFull => "the disk was full, ",
        Cause::NotRunning => "hostwatch was not run, ",
        Cause::ClockStep => "the clock was set, ",
    });
    let cause = cause.unwrap_or_default();
    format!("{cause}no samples for {lasted}, {}", clock.time(start))
}

fn reboot(event: &Event, clock: &Clock<'_>) -> String {
    let how = match cause(event) {
        Some(Cause::PowerCut) => "restarted after a power cut",
        Some(Cause::Off) => "restarted after a clean shutdown",
        _ => "restarted",
    };
    format!("{how}, {}", clock.time(event.epoch))
}

fn cause(event: &Event) -> Option<Cause> {
    Cause::from_name(event.cause.as_deref()?)
}

/// With its date, unless it is today.
fn dated(epoch: i64, clock: &Clock<'_>) -> String {
    let (then, today) = (clock.zone.at_epoch(epoch), clock.zone.date(clock.now.utc));
    let form = if then.date_naive() == today { "%H:%M" } else { "%a %-d %b %H:%M" };
    then.format(form).to_string()
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{fact, moment, telling};
    use super::super::letter::Background;
    use super::*;
    use crate::alert::Level;
    use crate::alert::due::Reason;
    use crate::alert::episode::from_events;

    const DAY: i32 = 24 * 60;

    /// An episode that began so many minutes ago and lasted so long.
    fn episode(series: &str, ago: i32, minutes: i32) -> [Event; 2] {
        let event = |kind, ago| {
            let mut event = Event::new(kind, "h", &moment(ago)).about(series);
            event.level = Some(Level::Warning);
            event
        };
        [event(kind::RAISED, ago), event(kind::RECOVERED, ago - minutes)]
    }

    fn told(ago: &[(i32, i32)]) -> String {
        let series = "filesystem_percent{/data}";
        let events: Vec<Event> =
            ago.iter().flat_map(|(ago, minutes)| episode(series, *ago, *minutes)).collect();
        let found = from_events(&events, moment(0).epoch);
        let earlier = before(&found, series, moment(110).epoch, moment(0).epoch);
        let background = Background { earlier, ..Background::default() };
        telling(&fact(Reason::Raised), &background, episodes)
    }

    #[test]
    fn episodes_of_before_are_counted_and_the_last_ones_named() {
        assert_eq!(told(&[]), "first time in 30 days");
        assert_eq!(told(&[(120, 5)]), "2nd time in 30 days; before: 00:25 (5 min)");
        let four = [(20 * DAY, 30), (9 * DAY, 60), (3 * DAY, 65), (2 * DAY, 1_500)];
        assert_eq!(
            told(&four),
            "5th time in 30 days; before: Fri 20 Nov 02:25 (1 d 1 h), Thu 19 Nov 02:25 (1 h 5 min), \
             Fri 13 Nov 02:25 (1 h), …"
        );
    }

    #[test]
    fn this_episode_and_older_ones_do_not_count() {
        assert_eq!(told(&[(110, 110), (50, 10), (31 * DAY, 60)]), "first time in 30 days");
    }

    fn event(kind: &str, ago: i32, cause: &str, minutes: i32) -> Event {
        Event {
            cause: Some(cause.to_owned()),
            value: Some(f64::from(minutes) * 60.0),
            ..Event::new(kind, "h", &moment(ago))
        }
    }

    fn lately(events: &[Event], told: &[i64]) -> Vec<String> {
        let background = Background::default();
        telling(&fact(Reason::Raised), &background, |_, clock| happenings(events, told, clock))
    }

    #[test]
    fn gaps_and_reboots_are_told_newest_first_and_once() {
        let events = [
            event(kind::REBOOT, 6 * DAY, "off", 0),
            event(kind::REBOOT, 5 * DAY, "unknown", 0),
            event(kind::GAP, 3 * DAY, "not_running", 30),
            event(kind::REBOOT, 1_019, "power_cut", 0),
            event(kind::GAP, 1_019, "power_cut", 14),
        ];
        assert_eq!(
            lately(&events, &[]),
            [
                "power cut, no samples for 14 min, Sat 09:12",
                "hostwatch was not run, no samples for 30 min, Thu 01:55",
                "restarted, Tue 02:25",
            ]
        );
        assert_eq!(lately(&events[..1], &[]), ["restarted after a clean shutdown, Mon 02:25"]);
        assert_eq!(lately(&events[3..], &[moment(1_019).epoch]), [""; 0]);
    }

    #[test]
    fn numbers_of_a_series() {
        let all = [1, 2, 3, 4, 11, 12, 13, 21, 22, 111].map(ordinal);
        assert_eq!(
            all,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "111th"]
        );
    }
}
