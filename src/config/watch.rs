//! `monitoring.watch`: processes that must run, each with a name of its own. A fault leaves out only the one it is in.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::KEYS;
use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use crate::collector::watch::find::{By, pattern};
use crate::collector::watch::{Watch, unit_name};

pub(super) static WATCH: Key = Key::new(
    "monitoring.watch",
    Form::Json,
    "[]",
    "Processes that must run: a list of objects with a `name` and one of `process`, `match`, `pid_file` and `unit`.",
);
pub(super) static NAME: Key = Key::new(
    "monitoring.watch.name",
    Form::Text,
    "",
    "What it is called, as the label of its numbers.",
);
pub(super) static PROCESS: Key = Key::new(
    "monitoring.watch.process",
    Form::Text,
    "",
    "The name of a process, as `ps -o comm` shows it; compared as far as the kernel keeps it (15 bytes).",
);
pub(super) static MATCH: Key = Key::new(
    "monitoring.watch.match",
    Form::Text,
    "",
    "A regular expression that is found in the command line, its arguments separated by a space.",
);
pub(super) static PID_FILE: Key = Key::new(
    "monitoring.watch.pid_file",
    Form::Text,
    "",
    "The absolute path of a file with the number of the process.",
);
pub(super) static UNIT: Key = Key::new(
    "monitoring.watch.unit",
    Form::Text,
    "",
    "A unit of systemd: all processes in its control group.",
);
pub(super) static MIN: Key =
    Key::new("monitoring.watch.min", Form::Count, "1", "Fewer of them is an alert.");
pub(super) static MAX: Key =
    Key::new("monitoring.watch.max", Form::Count, "", "More of them is an alert. Default: none.");

pub(super) static ENABLED: Key =
    Key::new("monitoring.watch.enabled", Form::Boolean, "true", "`false` leaves the entry out.");

const PREFIX: &str = "monitoring.watch";
const LONGEST_NAME: usize = 64;

/// Those without a fault.
pub(super) fn read(value: Option<&Value>, faults: &mut Vec<Fault>) -> Vec<Watch> {
    let sections: Vec<(Option<usize>, &Value)> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => {
            list.iter().enumerate().map(|(index, section)| (Some(index), section)).collect()
        }
        Some(other) => vec![(None, other)],
    };
    let mut found: Vec<Watch> = Vec::new();
    for (index, section) in sections {
        let Value::Object(section) = section else {
            let number = index.map(|index| index.to_string());
            let path: Vec<&str> = PREFIX.split('.').chain(number.as_deref()).collect();
            let text = format!("must be an object {{…}}, or a list of them, not {section}");
            faults.push(Fault::new(&path, text));
            continue;
        };
        let before = faults.len();
        let mut reader = Reader::new(PREFIX, section, faults);
        reader.index = index;
        let is_enabled = reader.boolean(&ENABLED);
        let name = name(&mut reader, &found);
        let by = by(&mut reader);
        let (min, max) = (count(&mut reader, &MIN).unwrap_or(1), count(&mut reader, &MAX));
        if let Some(max) = max.filter(|max| *max < min) {
            reader.fault(&["max"], format!("{max} is below \"min\", which is {min}"));
        }
        reader.report_unknown(KEYS);
        let watch = by.map(|by| Watch { name, by, min, max });
        found.extend(watch.filter(|_| is_enabled && faults.len() == before));
    }
    found
}

fn name(reader: &mut Reader<'_>, taken: &[Watch]) -> String {
    let has_any = reader.has(&NAME);
    let name = reader.text(&NAME).unwrap_or_default();
    if name.is_empty() {
        if !has_any {
            reader.fault(&["name"], "is missing: what it is called in alerts");
        }
    } else if name.chars().any(char::is_control) {
        reader.fault(&["name"], "must be a text without control characters");
    } else if name.chars().count() > LONGEST_NAME {
        reader.fault(&["name"], format!("must have at most {LONGEST_NAME} characters"));
    } else if taken.iter().any(|watch| watch.name == name) {
        reader.fault(&["name"], format!("\"{name}\" is taken; names are unique"));
    }
    name
}

/// What its processes are known by; `None` is a fault.
fn by(reader: &mut Reader<'_>) -> Option<By> {
    let ways = [&PROCESS, &MATCH, &PID_FILE, &UNIT];
    let mut given = ways.into_iter().filter(|key| reader.has(key));
    let (Some(key), None) = (given.next(), given.next()) else {
        reader.fault(
            &[],
            "must have exactly one of \"process\", \"match\", \"pid_file\" and \"unit\"",
        );
        return None;
    };
    let text = reader.text(key)?;
    let by = match key.path {
        path if path == PROCESS.path && text.contains('/') => Err(format!(
            "\"{text}\" is no name of a process; to find it in the command line use \"match\""
        )),
        path if path == PROCESS.path => Ok(By::Process(text)),
        path if path == MATCH.path => pattern(&text).map(By::Match),
        path if path == PID_FILE.path && Path::new(&text).is_absolute() => {
            Ok(By::PidFile(PathBuf::from(text)))
        }
        path if path == PID_FILE.path => {
            Err(format!("\"{text}\" must be an absolute path, such as \"/run/sshd.pid\""))
        }
        _ if text.contains('/') => {
            Err(format!("\"{text}\" must be the name of a unit, such as \"ssh.service\""))
        }
        _ => Ok(By::Unit(unit_name(&text))),
    };
    let last = key.path.rsplit('.').next().unwrap_or_default();
    by.map_err(|reason| reader.fault(&[last], reason)).ok()
}

/// A whole number, or zero.
fn count(reader: &mut Reader<'_>, key: &Key) -> Option<u64> {
    let value = reader.json(key)?;
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    if number.is_none() {
        let last = key.path.rsplit('.').next().unwrap_or_default();
        reader.fault(&[last], format!("must be {}, not {value}", key.form.words()));
    }
    number
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::from_text;

    fn watches(watch: &Value) -> (Vec<Watch>, String) {
        let text = json!({"monitoring": {"watch": watch}}).to_string();
        let config = from_text(&text, None).unwrap();
        (config.sources.watch.clone(), config.fault_lines().join("\n"))
    }

    #[test]
    fn each_way_to_know_a_process_is_read() {
        let (found, faults) = watches(&json!([
            {"name": "a", "process": "sshd"}, {"name": "b", "match": "python3 .*gate\\.py", "min": 0, "max": 4},
            {"name": "c", "pid_file": "/run/c.pid"}, {"name": "d", "unit": "nginx"}, {"name": "e", "unit": "x.timer"}
        ]));
        assert_eq!(faults, "");
        let ranges: Vec<_> = found.iter().map(|watch| (watch.min, watch.max)).collect();
        assert_eq!(ranges, [(1, None), (0, Some(4)), (1, None), (1, None), (1, None)]);
        assert!(matches!(&found[3].by, By::Unit(unit) if unit == "nginx.service"));
        assert!(matches!(&found[4].by, By::Unit(unit) if unit == "x.timer"));
        assert_eq!(watches(&json!({"name": "a", "process": "sshd"})).0.len(), 1);
        let off = watches(&json!({"name": "a", "process": "sshd", "enabled": false}));
        assert!(off.0.is_empty() && off.1.is_empty());
    }

    #[test]
    fn a_fault_is_named_and_leaves_out_its_own() {
        for (watch, words) in [
            (json!({"process": "x"}), "monitoring.watch.1.name: is missing"),
            (json!({"name": 3, "process": "x"}), "watch.1.name: must be a text, not 3"),
            (json!({"name": "ok", "process": "x"}), "watch.1.name: \"ok\" is taken"),
            (json!({"name": "a\nb", "process": "x"}), "watch.1.name: must be a text without"),
            (json!({"name": "x".repeat(65), "process": "x"}), "name: must have at most 64 char"),
            (json!({"name": "a", "process": "/usr/sbin/sshd"}), "command line use \"match\""),
            (json!({"name": "a"}), "monitoring.watch.1: must have exactly one of \"process\""),
            (json!({"name": "a", "process": "x", "unit": "y"}), "must have exactly one"),
            (json!({"name": "a", "match": "a("}), "watch.1.match: is no regular expression: "),
            (json!({"name": "a", "match": " "}), "watch.1.match: must be a text"),
            (
                json!({"name": "a", "pid_file": "c.pid"}),
                "watch.1.pid_file: \"c.pid\" must be an absolute path",
            ),
            (json!({"name": "a", "unit": "/x"}), "watch.1.unit: \"/x\" must be the name of a unit"),
            (
                json!({"name": "a", "process": "x", "min": -1}),
                "watch.1.min: must be a whole number, not -1",
            ),
            (
                json!({"name": "a", "process": "x", "max": 0}),
                "watch.1.max: 0 is below \"min\", which is 1",
            ),
            (
                json!({"name": "a", "process": "x", "maxx": 1}),
                "watch.1.maxx: no such key; did you mean \"max\"?",
            ),
            (json!(7), "monitoring.watch.1: must be an object"),
        ] {
            let (found, faults) = watches(&json!([{"name": "ok", "process": "x"}, watch]));
            assert!(faults.contains(words) && faults.lines().count() == 1, "{watch}: {faults}");
            assert_eq!(found.len(), 1, "{watch}");
        }
    }

    #[test]
    fn the_place_of_a_wrong_expression_is_named() {
        let text = "{\"monitoring\": {\"watch\": [\n  {\"name\": \"a\", \"match\": \"(\"}]}}";
        let config = from_text(text, Some(Path::new("/c.json"))).unwrap();
        let lines = config.fault_lines().join("\n");
        assert!(lines.starts_with("/c.json:2:26: monitoring.watch.0.match: is no"), "{lines}");
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }
}
