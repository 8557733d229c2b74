//! `notifications.command`: a program of the host's own to tell.

use std::path::Path;

use serde_json::Value;

use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use super::several::Several;
use crate::alert::Level;

pub static ENABLED: Key = Key::new(
    "notifications.command.enabled",
    Form::Boolean,
    "true",
    "`false` disables it; the section's presence enables it.",
);
pub static NAME: Key = Key::new(
    "notifications.command.name",
    Form::Text,
    "",
    "Where there are several: `command`, `command2` and so on, or a name of its own.",
);
pub static ARGV: Key = Key::new(
    "notifications.command.argv",
    Form::List,
    "",
    "The program's absolute path and its arguments; no shell is in between.",
);
pub static LEVEL: Key = Key::new(
    "notifications.command.level",
    Form::Choice(&["warning", "critical"]),
    "\"warning\"",
    "From which level on it is told.",
);
pub static TIMEOUT: Key = Key::new(
    "notifications.command.timeout",
    Form::Seconds,
    "10",
    "After it, the program and all it started are killed.",
);

const SECTION: Several =
    Several { prefix: "notifications.command", name: &NAME, enabled: &ENABLED, hyphens: true };

#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// `command:NAME` in the state and the events.
    pub channel: String,
    pub argv: Vec<String>,
    /// From which level on it is told.
    pub level: Level,
    /// Seconds.
    pub timeout: f64,
}

/// Those without a fault.
pub fn read(value: Option<&Value>, faults: &mut Vec<Fault>) -> Vec<Program> {
    SECTION.read(value, faults, |reader, name| Program {
        channel: format!("command:{name}"),
        argv: argv(reader),
        level: reader.level(&LEVEL),
        timeout: reader.seconds(&TIMEOUT).unwrap_or_default(),
    })
}

fn argv(reader: &mut Reader<'_>) -> Vec<String> {
    let argv = reader.list(&ARGV);
    match argv.first() {
        None => reader.fault(&["argv"], "no program: name its absolute path and its arguments"),
        Some(program) if !Path::new(program).is_absolute() => reader.fault(
            &["argv"],
            format!("\"{program}\" must be an absolute path, such as \"/usr/local/bin/tell\""),
        ),
        Some(_) => {}
    }
    argv
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn programs(section: &Value) -> (Vec<Program>, String) {
        let mut faults = Vec::new();
        let programs = read(Some(section), &mut faults);
        (programs, faults.iter().map(|fault| fault.line("f")).collect::<Vec<_>>().join("\n"))
    }

    fn channels(programs: &[Program]) -> Vec<&str> {
        programs.iter().map(|program| program.channel.as_str()).collect()
    }

    #[test]
    fn one_section_is_one_program() {
        let (found, faults) =
            programs(&json!({"argv": ["/bin/tell", "--now"], "level": "critical"}));
        assert_eq!((channels(&found), faults.as_str()), (vec!["command:command"], ""));
        assert_eq!((found[0].level, found[0].timeout), (Level::Critical, 10.0));
        assert_eq!(found[0].argv, ["/bin/tell", "--now"]);
        assert_eq!(programs(&json!({"argv": "/bin/tell"})).0[0].argv, ["/bin/tell"]);
    }

    #[test]
    fn of_several_each_has_a_name_and_a_fault_leaves_out_its_own() {
        let (found, faults) = programs(&json!([
            {"argv": ["/a"]}, {"argv": ["b"]}, {"argv": ["/c"], "name": "pager"}, {"argv": ["/d"]}
        ]));
        assert_eq!(channels(&found), ["command:command", "command:pager", "command:command4"]);
        assert_eq!(
            faults,
            "f: notifications.command.1.argv: \"b\" must be an absolute path, such as \"/usr/local/bin/tell\""
        );
    }

    #[test]
    fn names_are_unique_and_plain() {
        let faults = programs(&json!([
            {"argv": ["/a"], "name": "x"}, {"argv": ["/a"], "name": "x"}, {"argv": ["/a"], "name": "X y"}
        ])).1;
        assert!(faults.contains("command.1.name: \"x\" is taken"), "{faults}");
        assert!(faults.contains("command.2.name: must be of a-z"), "{faults}");
    }

    #[test]
    fn a_fault_is_named() {
        for (section, words) in [
            (json!({}), "command.argv: no program"),
            (json!({"argv": []}), "command.argv: no program"),
            (json!({"argv": ["/a", 3]}), "must be a list of texts"),
            (json!({"argv": "/a", "level": "bad"}), "must be \"warning\" or \"critical\""),
            (json!({"argv": "/a", "timeout": 0}), "command.timeout: must be seconds"),
            (json!({"argv": "/a", "arg": 1}), "no such key; did you mean \"argv\"?"),
            (json!([{"argv": "/a"}, 3]), "notifications.command.1: must be an object"),
            (json!("/a"), "notifications.command: must be an object"),
        ] {
            let (_, faults) = programs(&section);
            assert!(faults.contains(words), "{section}: {faults}");
        }
    }

    #[test]
    fn what_is_disabled_may_be_unfinished_but_not_misspelt() {
        assert_eq!(programs(&json!({"enabled": false})), (vec![], String::new()));
        assert!(programs(&json!({"enabled": false, "agv": 1})).1.contains("no such key"));
    }
}
