//! Whole messages, word by word.

use super::super::fixture::{Draft, about, day, fact, moment, points, sample, told};
use super::super::letter::{Background, Other};
use super::*;
use crate::alert::Level;
use crate::alert::fact::Fact;
use crate::alert::rule::{Levels, Measure};
use crate::event::{Event, kind};
use crate::sample::Sample;
use crate::series::Series;

fn at(minutes_ago: i32) -> Sample {
    let instant = chrono::DateTime::from_timestamp(moment(minutes_ago).epoch, 0).unwrap();
    Sample { timestamp: instant.into(), ..sample() }
}

fn power_cut(minutes_ago: i32) -> Event {
    let cut = Event::new(kind::GAP, "gate-pi", &moment(minutes_ago));
    Event { cause: Some("power_cut".into()), value: Some(840.0), ..cut }
}

fn subject_of(fact: Fact) -> String {
    Draft::of(&[fact], &[]).message().subject
}

#[test]
fn a_raise() {
    let mut draft = Draft::of(&[fact(Reason::Raised)], &[day()]);
    (draft.before, draft.happenings) = (Some(at(5)), vec![power_cut(1_019)]);
    let message = draft.message();
    assert_eq!(message.subject, "gate-pi WARNING: /data 86 % full");
    assert_eq!(
        message.text,
        "\
/data 86.0 % full (level 85) since 00:35. 32.7 GiB of 233.8 GiB left.
If it goes on, critical (95) at about 02:45.

 WARNING   filesystem_percent{/data}   86.0 %, warning 85, critical 95
 Course    79.8 ▁▁▁▁▁▁▁▁▁▁▃▅ 86.0   one bar = 5 min, 01:30 to 02:25
 24 hours  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▅   min 79.8, max 86.0 since Sat 02:30
 Earlier   first time in 30 days

 Busy now  rsync (backup, pid 20117) 96 % of one core, 1.0 MiB
           recognizer (gate, pid 812) 48 % of one core, 296.0 MiB
 Before    at 02:20: rsync (backup, pid 20117) 96 % of one core, 1.0 MiB
           recognizer (gate, pid 812) 48 % of one core, 296.0 MiB
 Otherwise CPU 38 %, memory 43 % used, CPU at 59 °C, up 16 h 59 min
 Lately    power cut, no samples for 14 min, Sat 09:12

Next reminder Mon 02:25; sooner only if it turns critical. A mail follows when
it ends.

Quiet until it ends:
  sudo hostwatch alerts silence 'filesystem_percent{/data}' --until-recovered
Why, and who was told:
  hostwatch alerts explain 'filesystem_percent{/data}'
"
    );
}

#[test]
fn a_reminder_says_how_often_it_was_told() {
    let told = vec![moment(100).epoch, moment(60).epoch];
    let background = Background { points: points(&[86.0; 20]), told, ..Background::default() };
    let message = Draft::of(&[fact(Reason::Reminder)], &[background]).message();
    assert_eq!(message.subject, "gate-pi WARNING: /data 86 % full, still");
    assert!(
        message.text.starts_with(
            "\
/data 86.0 % full (level 85), still, since 00:35. 32.7 GiB of 233.8 GiB left.

 WARNING   filesystem_percent{/data}   86.0 %, warning 85, critical 95
 Worst     92.8 % at 01:25
 Course    86.0 ▁▁▁▁▁▁▁▁▁▁▁▁ 86.0   one bar = 5 min, 01:30 to 02:25
 Told      twice before, from 00:45 to 01:25
 Earlier   first time in 30 days
"
        ),
        "{}",
        message.text
    );
}

#[test]
fn a_recovery() {
    let mut values = [91.0; 25];
    (values[0], values[1], values[13], values[24]) = (79.0, 82.0, 92.8, 79.9);
    let background =
        Background { points: points(&values), then: Some(at(60)), ..Background::default() };
    let message = Draft::of(&[fact(Reason::Recovered)], &[background]).message();
    assert_eq!(message.subject, "gate-pi RECOVERED: /data 80 % full after 1 h 50 min");
    assert_eq!(message.level, "ok");
    assert_eq!(
        message.text,
        "\
/data 79.9 % full: fine again (ends at 80). It was past 85 from 00:35 to 02:25
(1 h 50 min).

 OK        filesystem_percent{/data}   79.9 %, warning 85, critical 95
 Worst     92.8 % at 01:25; critical (95) was never reached
 Busy then at 01:25: rsync (backup, pid 20117) 96 % of one core, 1.0 MiB
           recognizer (gate, pid 812) 48 % of one core, 296.0 MiB
 Course    79.0 ▁▇▇▇▇▇▇█▇▇▇▇▇▁ 79.9   one bar = 10 min, 00:25 to 02:25
 Earlier   first time in 30 days

 Otherwise CPU 38 %, memory 43 % used, CPU at 59 °C, up 16 h 59 min

Nothing else is firing on gate-pi.
"
    );
}

#[test]
fn an_absence() {
    let mut absence = about("gap", 6_600.0, Reason::Absence);
    (absence.standing.worst, absence.levels) = (Some(6_600.0), None);
    absence.standing.cause = Some("power cut (no clean shutdown)".into());
    let mut draft = Draft::of(&[absence], &[]);
    draft.happenings = vec![power_cut(1_019), power_cut(0)];
    let (series, level) = (Series::parse("cpu_temp"), Level::Critical);
    draft.others = vec![Other { series, level, value: Some(91.0), mute: None }];
    let message = draft.message();
    assert_eq!(message.subject, "gate-pi WARNING: no samples for 1 h 50 min (power cut)");
    assert_eq!(message.level, "warning");
    assert_eq!(
        message.text,
        "\
gate-pi was not watched from 00:35 to 02:25 (1 h 50 min): power cut (no clean
shutdown).

 Up        16 h 59 min, since Sat 09:26
 Otherwise CPU 38 %, memory 43 % used, CPU at 59 °C
 Lately    power cut, no samples for 14 min, Sat 09:12

Also firing on gate-pi: CPU at 91.0 °C (critical).
"
    );
    assert_eq!(message.facts["alerts"][0]["cause"], "power cut (no clean shutdown)");
}

#[test]
fn what_is_only_on_or_off_has_neither_levels_nor_a_course() {
    let mut draft = Draft::of(&[about("missing{/srv}", 1.0, Reason::Raised)], &[day()]);
    draft.reasons = vec!["filesystem: could not read /proc/1/mountinfo".into()];
    let message = draft.message();
    assert_eq!(message.subject, "gate-pi WARNING: /srv is missing");
    assert!(
        message.text.starts_with(
            "\
/srv is missing since 00:35.

 WARNING   missing{/srv}
 Earlier   first time in 30 days

 Reason    filesystem: could not read /proc/1/mountinfo
 Busy now  rsync"
        ),
        "{}",
        message.text
    );
}

#[test]
fn several_facts_are_one_message_the_worst_first_and_the_last_ones_in_brief() {
    let mut critical = about("cpu_temp", 91.0, Reason::Raised);
    critical.level = Level::Critical;
    let more = ["load1", "swap_percent"].map(|series| about(series, 90.0, Reason::Raised));
    let facts =
        [&[fact(Reason::Recovered), fact(Reason::Raised), critical][..], &more[..]].concat();
    let message = Draft::of(&facts, &[]).message();
    assert_eq!(message.subject, "gate-pi CRITICAL: CPU at 91 °C, and 4 more");
    assert_eq!(message.level, "critical");
    assert!(
        message.text.contains(
            "

 CRITICAL  cpu_temp   91.0 °C, warning 85, critical 95
 Earlier   first time in 30 days

 WARNING   filesystem_percent{/data}   86.0 %, warning 85, critical 95
 Earlier   first time in 30 days

 WARNING   load1   90.00, warning 85, critical 95
 Earlier   first time in 30 days

 WARNING   swap_percent   90.0 %, warning 85, critical 95
 OK        filesystem_percent{/data}   79.9 %, warning 85, critical 95
 Worst     92.8 % at 01:25; critical (95) was never reached

"
        ),
        "{}",
        message.text
    );
}

#[test]
fn subjects() {
    let mut past = fact(Reason::Past);
    assert_eq!(
        subject_of(past.clone()),
        "gate-pi RECOVERED: /data 80 % full; was warning for 1 h 50 min"
    );
    past.more = 2;
    assert_eq!(
        Draft::of(&[past.clone()], &[]).message().facts["alerts"][0]["times"],
        serde_json::json!(3)
    );
    assert_eq!(subject_of(past), "gate-pi RECOVERED: /data 80 % full; was warning 3 times");
    assert_eq!(
        subject_of(about("cpu_percent", 81.0, Reason::Flapping)),
        "gate-pi WARNING: CPU 81 %, flapping"
    );
    let mut gone = fact(Reason::Gone);
    gone.value = None;
    assert_eq!(subject_of(gone), "gate-pi GONE: filesystem_percent{/data} is no longer measured");
}

#[test]
fn the_subject_of_a_change_has_it_until_it_is_over() {
    let measure = Measure::Change { seconds: 3_600.0, relative: false };
    let changed = |reason, value| {
        let levels = Levels { measure, ..Levels::default() };
        Fact { value: Some(value), levels: Some(levels), ..fact(reason) }
    };
    assert_eq!(
        subject_of(changed(Reason::Raised, 12.0)),
        "gate-pi WARNING: /data 86 % full, 12 points more within 1 h"
    );
    assert_eq!(
        subject_of(changed(Reason::Recovered, 1.0)),
        "gate-pi RECOVERED: /data 86 % full after 1 h 50 min"
    );
}

#[test]
fn what_follows_a_raise_refers_to_it() {
    let mut reminder = fact(Reason::Reminder);
    reminder.standing.told.insert("email:a@b".into(), told(false));
    assert_eq!(Draft::of(&[reminder], &[]).message().follows, ["<1@x>"]);
}

#[test]
fn no_line_is_wider_than_a_terminal_but_commands() {
    let long = "/srv/a-mount-with-a-long-name/below-another";
    let series = format!("filesystem_percent{{{long}}}");
    let facts = [about(&series, 86.0, Reason::Raised), fact(Reason::Recovered)];
    let message = Draft::of(&facts, &[day(), day()]).message();
    for line in message.text.lines().filter(|line| !line.starts_with("  ")) {
        assert!(line.chars().count() <= 78, "{line}");
    }
}

#[test]
fn a_test_message_says_what_it_means() {
    let message = test_message("gate-pi", "[home]", 0);
    assert_eq!(message.subject, "[home] gate-pi test: mail from hostwatch works");
    assert_eq!(
        message.text,
        "\
This is a test message of hostwatch on gate-pi.

 Meaning   messages from this host arrive; alerts will look like this
"
    );
}
