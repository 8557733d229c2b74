//! Every lead, word by word.

use super::super::fixture::{about, fact, moment, telling, threshold, told};
use super::super::letter::Background;
use super::*;
use crate::alert::fact::Fact;
use crate::alert::flap::{Flapping, Turn};
use crate::alert::rule::{Levels, Measure, Times};

fn said(fact: &Fact) -> String {
    telling(fact, &Background::default(), |story, clock| lead(story, "gate-pi", clock))
}

fn cpu(value: f64, reason: Reason) -> Fact {
    let mut fact = about("cpu_percent", value, reason);
    let warning = Some(threshold(80.0, 75.0));
    fact.levels = Some(Levels { warning, ..Levels::default() });
    fact
}

fn change(series: &str, value: f64, level: f64, measure: Measure) -> Fact {
    let mut fact = about(series, value, Reason::Raised);
    let warning = Some(threshold(level, level / 2.0));
    fact.levels = Some(Levels { warning, measure, below: level < 0.0, ..Levels::default() });
    fact
}

fn within(minutes: i32, relative: bool) -> Measure {
    Measure::Change { seconds: f64::from(minutes) * 60.0, relative }
}

#[test]
fn a_raise() {
    assert_eq!(
        said(&fact(Reason::Raised)),
        "/data 86.0 % full (level 85) since 00:35. 32.7 GiB of 233.8 GiB left."
    );
    assert_eq!(said(&cpu(91.0, Reason::Raised)), "CPU 91.0 % (level 80) since 00:35.");
    let root = said(&about("disk_percent", 95.0, Reason::Raised));
    assert!(root.ends_with(" 1.4 GiB of 28.9 GiB left."), "{root}");
}

#[test]
fn too_few_are_told_with_their_number() {
    let some = said(&about("watch_missing{gate}", 1.0, Reason::Raised));
    assert_eq!(some, "Only 1 of gate running since 00:35.");
    let none = said(&about("watch_missing{web}", 1.0, Reason::Raised));
    assert_eq!(none, "web is not running since 00:35.");
}

#[test]
fn an_escalation_an_easing_and_a_reminder() {
    let mut escalated = fact(Reason::Escalated);
    (escalated.level, escalated.value) = (Level::Critical, Some(95.2));
    assert_eq!(
        said(&escalated),
        "/data 95.2 % full: now critical (level 95), a warning since 00:35. 32.7 GiB of 233.8 GiB left."
    );
    assert_eq!(
        said(&fact(Reason::Eased)),
        "/data 86.0 % full: no longer critical, but past 85 since 00:35. 32.7 GiB of 233.8 GiB left."
    );
    assert_eq!(said(&cpu(91.0, Reason::Reminder)), "CPU 91.0 % (level 80), still, since 00:35.");
}

#[test]
fn what_began_long_ago_says_its_day() {
    let mut old = cpu(91.0, Reason::Raised);
    old.standing.since = Some(moment(225));
    assert_eq!(said(&old), "CPU 91.0 % (level 80) since Sat 22:40.");
}

#[test]
fn a_recovery() {
    assert_eq!(
        said(&fact(Reason::Recovered)),
        "/data 79.9 % full: fine again (ends at 80). It was past 85 from 00:35 to 02:25 (1 h 50 min)."
    );
    let mut worse = fact(Reason::Recovered);
    worse.level = Level::Critical;
    assert_eq!(
        said(&worse),
        "/data 79.9 % full: fine again (ends at 80). It was past 85, at times past 95, from 00:35 to 02:25 (1 h 50 min)."
    );
}

#[test]
fn what_could_not_be_told_in_time() {
    let mut past = fact(Reason::Past);
    assert_eq!(
        said(&past),
        "/data 79.9 % full: fine again (ends at 80). It was past 85 from 00:35 to 02:25 (1 h 50 min); this could not be told before."
    );
    past.more = 2;
    assert_eq!(
        said(&past),
        "/data 79.9 % full: fine again (ends at 80). It was past 85 three times between 00:35 and 02:25; this could not be told before."
    );
    past.more = 11;
    assert!(said(&past).contains("past 85 12 times between"));
}

#[test]
fn a_series_that_went_away() {
    let mut gone = fact(Reason::Gone);
    gone.value = None;
    assert_eq!(
        said(&gone),
        "filesystem_percent{/data} was past 85 since 00:35 and has not been measured for a day."
    );
}

#[test]
fn flapping() {
    let mut flapping = cpu(81.0, Reason::Flapping);
    let turn = |minutes| Turn { at: moment(minutes), to: Level::Warning };
    flapping.standing.changes = [50, 40, 30, 10, 0].map(turn).to_vec();
    flapping.standing.flapping =
        Some(Flapping { since: moment(50), peak: Level::Warning, worst: None, worst_at: None });
    assert_eq!(
        said(&flapping),
        "CPU has crossed its level 5 times in 50 min (now 81 %, level 80). Its changes are not mailed until it has been quiet for 2 h."
    );
    flapping.series = Series::parse("missing{/data}");
    assert_eq!(
        said(&flapping),
        "missing{/data} has changed 5 times in 50 min (now: /data is missing). Its changes are not mailed until it has been quiet for 2 h."
    );
}

#[test]
fn after_flapping() {
    let mut steady = cpu(91.0, Reason::Raised);
    steady.standing.told.insert("email:a@b".into(), told(true));
    assert_eq!(
        said(&steady),
        "CPU 91.0 % (level 80): steadily so for 2 h, after flapping since 00:35."
    );
    let mut over = cpu(12.0, Reason::Recovered);
    over.standing.told.insert("email:a@b".into(), told(true));
    assert_eq!(
        said(&over),
        "CPU 12.0 %: fine again (ends at 75). It was flapping from 00:35 to 02:25, and quiet for 2 h since."
    );
}

#[test]
fn an_absence() {
    let mut absence = about("gap", 6_600.0, Reason::Absence);
    absence.standing.worst = Some(6_600.0);
    absence.standing.cause = Some("power cut (no clean shutdown)".into());
    assert_eq!(
        said(&absence),
        "gate-pi was not watched from 00:35 to 02:25 (1 h 50 min): power cut (no clean shutdown)."
    );
    (absence.more, absence.standing.cause) = (1, None);
    assert_eq!(
        said(&absence),
        "gate-pi was not watched twice between 00:35 and 02:25, for 1 h 50 min at the longest; the last time: unknown cause."
    );
}

#[test]
fn states() {
    assert_eq!(
        said(&about("missing{/data}", 1.0, Reason::Raised)),
        "/data is missing since 00:35."
    );
    assert_eq!(
        said(&about("collector_failed{cpu}", 1.0, Reason::Reminder)),
        "Collector cpu fails, still, since 00:35."
    );
    assert_eq!(
        said(&about("missing{/data}", 0.0, Reason::Recovered)),
        "/data is back after 1 h 50 min, from 00:35 to 02:25."
    );
    let mut past = about("missing{/data}", 0.0, Reason::Past);
    past.more = 1;
    assert_eq!(
        said(&past),
        "/data is back. It was warning twice between 00:35 and 02:25; this could not be told before."
    );
}

#[test]
fn changes() {
    let data = change("filesystem_percent{/data}", 12.0, 10.0, within(60, false));
    assert_eq!(
        said(&data),
        "/data 86.0 % full, 12 points more within 1 h (level 10) since 00:35. 32.7 GiB of 233.8 GiB left."
    );
    assert_eq!(
        said(&change("cpu_temp", -30.4, -20.0, within(10, false))),
        "CPU at 58.9 °C, fell by 30.4 °C within 10 min (level 20) since 00:35."
    );
    assert_eq!(
        said(&change("cpu_percent", -30.0, -25.0, within(10, true))),
        "CPU 38.4 %, fell by 30 % within 10 min (level 25) since 00:35."
    );
}

#[test]
fn often_enough() {
    let mut often = cpu(91.0, Reason::Raised);
    let times = Some(Times { count: 3, of: 5 });
    often.levels = often.levels.map(|levels| Levels { times, ..levels });
    assert_eq!(said(&often), "CPU 91.0 % (level 80, in 3 of the last 5 samples) since 00:35.");
}

#[test]
fn low_is_bad() {
    let mut low = about("memory_available", 94_371_840.0, Reason::Raised);
    let warning = Some(threshold(104_857_600.0, 110_000_000.0));
    low.levels = Some(Levels { below: true, warning, ..Levels::default() });
    assert_eq!(said(&low), "90.0 MiB of memory available (level 100.0 MiB) since 00:35.");
}
