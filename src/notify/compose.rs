//! Facts to a message: the fact first, so that it reads on a lock screen. Text and HTML are one content. Pure.

use super::body::Body;
use super::letter::{Letter, Message};
use super::payload;
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::alert::fact::Fact;
use crate::render::wording::phrase;
use crate::time::span;

/// The message about some facts, the worst first.
pub fn compose(letter: &Letter<'_>) -> Message {
    let mut facts: Vec<&Fact> = letter.facts.iter().collect();
    facts.sort_by(|a, b| a.is_over().cmp(&b.is_over()).then(b.level.cmp(&a.level)));
    let body = Body::new(letter, &facts);
    let mut follows: Vec<String> = facts
        .iter()
        .flat_map(|fact| fact.standing.told.values().map(|told| told.thread.clone()))
        .collect();
    follows.dedup();
    let series: Vec<&str> = facts.iter().map(|fact| fact.standing.series.as_str()).collect();
    let level = facts
        .iter()
        .filter(|fact| !fact.is_over())
        .map(|fact| fact.level)
        .max()
        .unwrap_or(Level::Ok);
    let (subject, text) = (subject(letter, &facts), body.text());
    let payload = payload::payload(letter, &facts, level, &subject, &text);
    Message {
        subject,
        text,
        html: body.html(letter.host),
        level: level.name().to_owned(),
        series: series.join(", "),
        follows,
        facts: payload,
    }
}

/// What `notify test` sends.
pub fn test_message(host: &str, prefix: &str, now: i64) -> Message {
    let body = Body {
        leads: vec![format!("This is a test message of hostwatch on {host}.")],
        rows: vec![(
            "Meaning".to_owned(),
            "messages from this host arrive; alerts will look like this".to_owned(),
        )],
        closing: Vec::new(),
    };
    let subject = format!("{}{host} test: mail from hostwatch works", spaced(prefix));
    let text = body.text();
    let facts = payload::test(host, now, &subject, &text);
    Message {
        subject,
        facts,
        text,
        html: body.html(host),
        level: "ok".to_owned(),
        series: "-".to_owned(),
        follows: Vec::new(),
    }
}

fn subject(letter: &Letter<'_>, facts: &[&Fact]) -> String {
    let Some(first) = facts.first() else { return letter.host.to_owned() };
    let more =
        if facts.len() > 1 { format!(", and {} more", facts.len() - 1) } else { String::new() };
    let what = phrase(&first.series, first.value.or(first.standing.worst), true);
    let lasted = || span::human(lasted(first));
    let (word, text) = match first.reason {
        Reason::Raised | Reason::Escalated | Reason::Eased | Reason::Absence => {
            (first.level.title(), what)
        }
        Reason::Reminder => (first.level.title(), format!("{what}, still")),
        Reason::Recovered => ("RECOVERED".to_owned(), format!("{what} after {}", lasted())),
        Reason::Past => {
            ("RECOVERED".to_owned(), format!("{what}; was {} for {}", first.level.name(), lasted()))
        }
        Reason::Gone => ("GONE".to_owned(), format!("{} is no longer measured", first.series)),
        Reason::Flapping => (first.level.title(), format!("{what}, flapping")),
    };
    format!("{}{} {word}: {text}{more}", spaced(letter.prefix), letter.host)
}

fn spaced(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{} ", prefix.trim()) }
}

fn lasted(fact: &Fact) -> f64 {
    match (&fact.end, &fact.standing.since) {
        (Some(end), Some(since)) => end.seconds_since(since),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::letter::Course;
    use super::*;
    use crate::alert::rule::{Levels, Threshold};
    use crate::alert::state::{Standing, Told};
    use crate::sample::Sample;
    use crate::sample::read::{Wanted, line};
    use crate::series::Series;
    use crate::time::Moment;
    use crate::time::{Now, Zone};

    fn now() -> Now {
        Now {
            utc: DateTime::parse_from_rfc3339("2026-11-22T02:25:00Z").unwrap().to_utc(),
            boot_id: "a".into(),
            uptime: 61_140.0,
            suspended: 0.0,
        }
    }

    fn moment(minutes_ago: i32) -> Moment {
        Moment {
            epoch: now().utc.timestamp() - i64::from(minutes_ago) * 60,
            boot_id: "a".into(),
            uptime: 61_140.0 - f64::from(minutes_ago) * 60.0,
        }
    }

    fn sample() -> Sample {
        let text = r#"{"timestamp":"2026-11-22T02:25:00Z","uptime":61140,"cpu_percent":38.4,"memory_percent":43.1,"filesystem_percent":{"/data":86},
            "filesystem_available":{"/data":35111550000},"filesystem_total":{"/data":251000000000},
            "top":[{"pid":20117,"name":"rsync","user":"backup","cpu_percent":96,"memory":1048576}]}"#;
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    fn fact(reason: Reason, end: Option<Moment>) -> Fact {
        let limit = |level: f64| {
            Some(Threshold { level, clear: level - 5.0, repeat: 86_400.0, ..Threshold::default() })
        };
        let standing = Standing {
            rule: "filesystem_percent".into(),
            series: "filesystem_percent{/data}".into(),
            level: Level::Warning,
            since: Some(moment(110)),
            worst: Some(92.8),
            worst_at: Some(moment(60)),
            peak: Level::Warning,
            ..Standing::default()
        };
        let levels = Levels { warning: limit(85.0), critical: limit(95.0), ..Levels::default() };
        Fact {
            reason,
            series: Series::parse(&standing.series),
            standing,
            level: Level::Warning,
            value: Some(if end.is_some() { 79.9 } else { 86.0 }),
            levels: Some(levels),
            end,
        }
    }

    fn composed(facts: &[Fact]) -> Message {
        let (now, sample) = (now(), sample());
        let course = Course {
            points: vec![
                (moment(10).epoch, 79.8),
                (moment(5).epoch, 82.0),
                (moment(0).epoch, 86.0),
            ],
        };
        let courses = [(Series::parse("filesystem_percent{/data}"), course)];
        compose(&Letter {
            host: "gate-pi",
            now: &now,
            zone: Zone::Utc,
            prefix: "",
            sample: &sample,
            before: None,
            facts,
            courses: &courses,
            reasons: Vec::new(),
            others: Vec::new(),
        })
    }

    #[test]
    fn a_raise_puts_the_fact_first() {
        let message = composed(&[fact(Reason::Raised, None)]);
        assert_eq!(message.subject, "gate-pi WARNING: /data 86 % full");
        assert!(
            message.text.starts_with(
                "/data 86.0 % full (level 85) since 00:35. 32.7 GiB of 233.8 GiB left.\n"
            ),
            "{}",
            message.text
        );
        assert!(
            message.text.contains(
                " WARNING   filesystem_percent{/data}   86.0 %, warning 85, critical 95\n"
            ),
            "{}",
            message.text
        );
        assert!(message.text.contains("one bar = 5 min, 02:15 to 02:25"), "{}", message.text);
        assert!(
            message.text.contains("rsync (backup, pid 20117) 96 %")
                && message.text.contains("Next reminder Mon 02:25"),
            "{}",
            message.text
        );
    }

    #[test]
    fn a_recovery_says_how_long_and_how_bad() {
        let message = composed(&[fact(Reason::Recovered, Some(moment(0)))]);
        assert_eq!(
            (message.subject.as_str(), message.level.as_str()),
            ("gate-pi RECOVERED: /data 80 % full after 1 h 50 min", "ok")
        );
        assert!(
            message.text.contains("92.8 % at 01:25; critical (95) was never reached"),
            "{}",
            message.text
        );
        assert!(message.text.contains("Nothing else is firing on gate-pi."), "{}", message.text);
    }

    #[test]
    fn what_could_not_be_told_in_time_is_told_as_past() {
        let message = composed(&[fact(Reason::Past, Some(moment(0)))]);
        assert!(
            message.text.contains("from 00:35 to 02:25; this could not be told before"),
            "{}",
            message.text
        );
    }

    #[test]
    fn several_facts_are_one_message_the_worst_first() {
        let mut critical = fact(Reason::Raised, None);
        (critical.level, critical.series, critical.value) =
            (Level::Critical, Series::parse("cpu_temp"), Some(91.0));
        let message = composed(&[
            fact(Reason::Recovered, Some(moment(0))),
            fact(Reason::Raised, None),
            critical,
        ]);
        assert_eq!(message.subject, "gate-pi CRITICAL: CPU at 91 °C, and 2 more");
    }

    #[test]
    fn what_follows_a_raise_refers_to_it() {
        let mut reminder = fact(Reason::Reminder, None);
        reminder.standing.told.insert(
            "email:a@b".into(),
            Told {
                level: Level::Warning,
                at: moment(100),
                thread: "<1@x>".into(),
                first: 0,
                flapping: false,
            },
        );
        assert_eq!(composed(&[reminder]).follows, ["<1@x>"]);
    }

    #[test]
    fn html_is_escaped() {
        let mut odd = fact(Reason::Raised, None);
        odd.series = Series::parse("filesystem_percent{/<b>}");
        assert!(!composed(&[odd]).html.contains("<b>"));
    }
}
