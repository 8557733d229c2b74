//! `notifications.quiet_hours`: when only what is critical is told. A named zone is read from the system's database.

use std::path::Path;

use chrono::NaiveTime;
use serde_json::{Map, Value};

use super::KEYS;
use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use crate::alert::quiet::{NamedZone, QuietHours};

const PREFIX: &str = "notifications.quiet_hours";

pub(super) static QUIET_HOURS: Key = Key::new(
    "notifications.quiet_hours",
    Form::Object,
    "",
    "A part of every day in which only what is critical is told; one message about what still fires follows at its end. `\"22:00-07:00\"` for short, `false` for none.",
);
pub(super) static FROM: Key =
    Key::new("notifications.quiet_hours.from", Form::Text, "", "Their begin, such as `22:00`.");
pub(super) static TO: Key = Key::new(
    "notifications.quiet_hours.to",
    Form::Text,
    "",
    "Their end, such as `07:00`; earlier than the begin: on the next day.",
);
pub(super) static ZONE: Key = Key::new(
    "notifications.quiet_hours.zone",
    Form::Text,
    "",
    "The zone they are in, such as `Europe/Berlin`. Default: the host's.",
);
pub(super) static PASS: Key = Key::new(
    "notifications.quiet_hours.critical",
    Form::Boolean,
    "true",
    "Whether what is critical is told all the same.",
);

/// `None`: no quiet hours, or a fault in them.
pub(super) fn read(value: Option<&Value>, faults: &mut Vec<Fault>) -> Option<QuietHours> {
    let section = match value? {
        Value::Null | Value::Bool(false) => return None,
        Value::String(text) => {
            let Some((from, to)) = text.split_once('-') else {
                miss(faults, &[], &format!("must be such as \"22:00-07:00\", not \"{text}\""));
                return None;
            };
            Map::from_iter([
                ("from".to_owned(), Value::String(from.trim().to_owned())),
                ("to".to_owned(), Value::String(to.trim().to_owned())),
            ])
        }
        Value::Object(section) => section.clone(),
        other => {
            let text =
                format!("must be such as \"22:00-07:00\", an object {{…}} or false, not {other}");
            miss(faults, &[], &text);
            return None;
        }
    };
    let before = faults.len();
    let hours = read_section(&section, faults);
    hours.filter(|_| faults.len() == before)
}

fn read_section(section: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<QuietHours> {
    let mut reader = Reader::new(PREFIX, section, faults);
    let (from, to) = (reader.text(&FROM), reader.text(&TO));
    let zone = reader.text(&ZONE);
    let critical_passes = reader.boolean(&PASS);
    reader.report_unknown(KEYS);
    let from = time(from.as_deref(), "from", faults);
    let to = time(to.as_deref(), "to", faults);
    let zone = match zone {
        None => None,
        Some(name) => Some(named(&name).or_else(|| {
            miss(
                faults,
                &["zone"],
                &format!("no zone \"{name}\" in /usr/share/zoneinfo; such as \"Europe/Berlin\""),
            );
            None
        })?),
    };
    let (from, to) = (from?, to?);
    if from == to {
        miss(faults, &["to"], "the hours end when they begin");
    }
    Some(QuietHours { from, to, zone, critical_passes })
}

fn time(text: Option<&str>, key: &str, faults: &mut Vec<Fault>) -> Option<NaiveTime> {
    let parsed = text.and_then(|text| NaiveTime::parse_from_str(text, "%H:%M").ok());
    if parsed.is_none() {
        let words =
            text.map_or_else(|| "is missing".to_owned(), |text| format!("\"{text}\" is no time"));
        miss(faults, &[key], &format!("{words}; write it such as \"22:00\""));
    }
    parsed
}

/// Only a name: what looks like a path is not followed out of the database.
fn named(name: &str) -> Option<NamedZone> {
    let is_name = !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    let content =
        std::fs::read(Path::new("/usr/share/zoneinfo").join(name)).ok().filter(|_| is_name)?;
    let rules = tz::TimeZone::from_tz_data(&content).ok()?;
    Some(NamedZone { name: name.to_owned(), rules })
}

fn miss(faults: &mut Vec<Fault>, keys: &[&str], text: &str) {
    let path: Vec<&str> = ["notifications", "quiet_hours"].iter().chain(keys).copied().collect();
    faults.push(Fault::new(&path, text));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hours(value: &Value) -> (Option<String>, String) {
        let mut faults = Vec::new();
        let hours = read(Some(value), &mut faults);
        let faults: Vec<String> = faults.iter().map(|fault| fault.line("f")).collect();
        (hours.map(|hours| hours.words()), faults.join("\n"))
    }

    #[test]
    fn they_may_be_short_or_long_or_none() {
        assert_eq!(hours(&json!("22:00-07:00")), (Some("22:00-07:00".into()), String::new()));
        assert_eq!(
            hours(&json!({"from": "22:30", "to": "6:00", "critical": false})).0.as_deref(),
            Some("22:30-06:00")
        );
        assert_eq!(hours(&json!(false)), (None, String::new()));
    }

    #[test]
    fn each_slip_is_named() {
        for (value, words) in [
            (json!("at night"), "must be such as"),
            (json!({"from": "25:00", "to": "07:00"}), "quiet_hours.from: \"25:00\" is no time"),
            (json!({"from": "22:00"}), "quiet_hours.to: is missing"),
            (json!("07:00-07:00"), "the hours end when they begin"),
            (json!({"from": "22:00", "to": "07:00", "zone": "Mars/Base"}), "no zone \"Mars/Base\""),
            (json!({"from": "22:00", "to": "07:00", "zone": "../../etc/passwd"}), "no zone"),
            (json!({"form": "22:00", "to": "07:00"}), "did you mean \"from\""),
            (json!(7), "an object"),
        ] {
            let (hours, faults) = hours(&value);
            assert!(hours.is_none() && faults.contains(words), "{value}: {faults}");
        }
    }
}
