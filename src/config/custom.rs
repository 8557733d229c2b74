//! `monitoring.custom`: numbers of the host's own. Reading an entry declares its metrics, so that rules, commands and
//! readers know them like those that are built in.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use super::several::Several;
use crate::alert::plugin;
use crate::collector::custom::declared::{Shape, declare, rate_name};
use crate::collector::custom::parse::Format;
use crate::collector::custom::{Custom, LONGEST, Plugin, Source, Textfile};
use crate::metric::{Judged, Metric, Unit};

pub static CUSTOM: Key = Key::new(
    "monitoring.custom",
    Form::Sections,
    "[]",
    "Numbers of the host's own, from commands and files; see CUSTOM METRICS.",
);
pub static NAME: Key = Key::new(
    "monitoring.custom.name",
    Form::Text,
    "",
    "In snake case: its metric is `custom_NAME`.",
);
pub static COMMAND: Key = Key::new(
    "monitoring.custom.command",
    Form::List,
    "",
    "A program's absolute path and its arguments; no shell is in between.",
);
pub static TIMEOUT: Key = Key::new(
    "monitoring.custom.timeout",
    Form::Seconds,
    "5",
    "After it, the command and all it started are killed; at most 8.",
);
pub static TEXTFILE: Key = Key::new(
    "monitoring.custom.textfile",
    Form::Text,
    "",
    "Instead of a command: a file that something else writes, an absolute path; * and ? stand for a part of any component.",
);
pub static MAX_AGE: Key = Key::new(
    "monitoring.custom.max_age",
    Form::Seconds,
    "",
    "A file that is older is not used, and said.",
);
pub static FORMAT: Key = Key::new(
    "monitoring.custom.format",
    Form::Choice(&["auto", "number", "lines", "json", "nagios", "prometheus"]),
    "\"auto\"",
    "What the command prints, or the file holds.",
);
pub static UNIT: Key = Key::new(
    "monitoring.custom.unit",
    Form::Choice(&[
        "count",
        "bytes",
        "percent",
        "celsius",
        "seconds",
        "load",
        "per_second",
        "bytes_per_second",
    ]),
    "\"count\"",
    "The unit of its numbers.",
);
pub static KIND: Key = Key::new(
    "monitoring.custom.kind",
    Form::Choice(&["gauge", "counter"]),
    "\"gauge\"",
    "`counter`: a number that grows; `custom_NAME_rate` is its growth a second.",
);
pub static ENABLED: Key =
    Key::new("monitoring.custom.enabled", Form::Boolean, "true", "`false` leaves the entry out.");

const SECTION: Several = Several { prefix: "monitoring.custom", name: &NAME, enabled: &ENABLED };
/// More are no single host's.
const MOST: usize = 64;
const LONGEST_NAME: usize = 48;

/// An entry before its metrics are declared.
struct Entry {
    name: String,
    source: Source,
    format: Format,
    unit: Unit,
    is_counter: bool,
}

/// The entries without a fault.
pub(super) fn read(value: Option<&Value>, faults: &mut Vec<Fault>) -> Vec<Custom> {
    let taken = RefCell::new(BTreeSet::new());
    let mut entries = SECTION.read(value, faults, |reader, name| {
        let entry = entry(reader, name);
        let mut taken = taken.borrow_mut();
        let clash = entry.metrics().into_iter().find(|metric| !taken.insert(metric.clone()));
        if let Some(clash) = clash {
            reader.fault(&["name"], format!("another entry has the metric {clash} already"));
        }
        entry
    });
    if entries.len() > MOST {
        let words = format!("{} entries; the first {MOST} are used", entries.len());
        faults.push(Fault::new(&["monitoring", "custom"], words));
        entries.truncate(MOST);
    }
    entries.into_iter().map(Entry::declared).collect()
}

/// Those of their metrics that may be judged by default.
pub(super) fn metrics(customs: &[Custom]) -> impl Iterator<Item = &'static Metric> {
    let all = |custom: &Custom| {
        let plugin = custom.plugin;
        let state = plugin.map(|plugin| plugin.state);
        plugin.map(|_| custom.value).into_iter().chain(state)
    };
    customs.iter().flat_map(all)
}

fn entry(reader: &mut Reader<'_>, name: &str) -> Entry {
    let is_snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !reader.has(&NAME) {
        reader.fault(&["name"], "no name: its metric is custom_NAME");
    } else if !name.chars().all(is_snake) || name.len() > LONGEST_NAME {
        let words =
            format!("must be of a-z, 0-9 and _, {LONGEST_NAME} at most, as in queue_length");
        // What does not fit at all is said already.
        if name.chars().all(|c| is_snake(c) || c == '-') {
            reader.fault(&["name"], words);
        }
    }
    let source = source(reader);
    let format = reader.text(&FORMAT).and_then(|name| Format::named(&name));
    let format = format.unwrap_or(Format::Auto);
    if format == Format::Nagios && matches!(source, Source::Textfile(_)) {
        reader.fault(&["format"], "nagios is what a command prints; a file has no exit status");
    }
    let unit = reader.text(&UNIT).and_then(|name| Unit::named(&name)).unwrap_or(Unit::Count);
    let is_counter = reader.text(&KIND).as_deref() == Some("counter");
    Entry { name: name.to_owned(), source, format, unit, is_counter }
}

fn source(reader: &mut Reader<'_>) -> Source {
    let limit = reader.seconds(&TIMEOUT).unwrap_or(LONGEST);
    if limit > LONGEST {
        reader.fault(
            &["timeout"],
            format!("must be at most {LONGEST} s, so that a run ends in time"),
        );
    }
    let max_age = reader.seconds(&MAX_AGE);
    let (is_command, is_file) = (reader.has(&COMMAND), reader.has(&TEXTFILE));
    let key = if is_file { "textfile" } else { "command" };
    let argv = reader.list(&COMMAND);
    let path = reader.text(&TEXTFILE).unwrap_or_default();
    match (is_command, is_file) {
        (true, true) => reader.fault(&["textfile"], "stands beside \"command\": one of them"),
        (true, false) if reader.json(&COMMAND) == Some(Value::Array(Vec::new())) => {
            reader.fault(&["command"], "no program: name its absolute path and its arguments");
        }
        (false, false) => reader.fault(&[], "needs a \"command\" or a \"textfile\""),
        _ => {}
    }
    let named = if is_file { Some(&path) } else { argv.first() };
    match named.filter(|_| is_command != is_file) {
        // What is no text at all is said already.
        Some(path) if !Path::new(path).is_absolute() && (is_command || !path.is_empty()) => {
            reader.fault(&[key], format!("\"{path}\" must be an absolute path"));
        }
        _ => {}
    }
    if is_command && !is_file && argv.iter().any(|text| text.contains('\0')) {
        reader.fault(&["command"], "holds a NUL character, which no argument can");
    }
    if is_file && reader.has(&TIMEOUT) {
        reader.fault(&["timeout"], "is of a command; a file has \"max_age\"");
    }
    if is_command && !is_file && max_age.is_some() {
        reader.fault(&["max_age"], "is of a textfile; a command has \"timeout\"");
    }
    if is_file {
        return Source::Textfile(Textfile { path, max_age });
    }
    let limit = Duration::try_from_secs_f64(limit).unwrap_or_default();
    Source::Command { argv, limit }
}

impl Entry {
    fn metric(&self) -> String {
        format!("custom_{}", self.name)
    }

    fn may_be_plugin(&self) -> bool {
        self.format.may_have_state() && matches!(self.source, Source::Command { .. })
    }

    /// The names of all its metrics.
    fn metrics(&self) -> Vec<String> {
        let value = self.metric();
        let mut names = vec![value.clone()];
        if self.is_counter {
            names.push(rate_name(&value));
        }
        if self.may_be_plugin() {
            names.extend([plugin::state_name(&value), plugin::level_name(&value)]);
        }
        names
    }

    fn declared(self) -> Custom {
        let (name, from) = (self.metric(), self.origin());
        let plugin = self.may_be_plugin().then(|| declare_plugin(&name, &from));
        let label = (self.format != Format::Number).then_some("key");
        let help = format!("What {from} says.");
        let shape = Shape { name, unit: self.unit, is_counter: self.is_counter, label, help };
        let value = declare(&shape, std::convert::identity);
        Custom { name: self.name, source: self.source, format: self.format, value, plugin }
    }

    fn origin(&self) -> String {
        match &self.source {
            Source::Command { argv, .. } => argv.first().cloned().unwrap_or_default(),
            Source::Textfile(file) => file.path.clone(),
        }
    }
}

fn declare_plugin(value: &str, from: &str) -> Plugin {
    let shape = |name: String, label, help: String| Shape {
        name,
        unit: Unit::Count,
        is_counter: false,
        label,
        help,
    };
    let help = format!("Exit status of {from}: 0 ok, 1 warning, 2 critical.");
    let state = declare(&shape(plugin::state_name(value), None, help), |metric| {
        const JUDGED: &[Judged] = &[Judged::warning(1.0).until(0.0).and_critical(2.0)];
        metric.phrased("{name} {value} (1 warning, 2 critical)").judged(JUDGED)
    });
    let help = format!("The levels that {from} gives its numbers.");
    let level = declare(&shape(plugin::level_name(value), Some("level"), help), Metric::carried);
    Plugin { state, level }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Config, from_text};
    use super::*;
    use crate::collector::find;

    fn config(custom: &Value, thresholds: &Value) -> Config {
        let monitoring = json!({"custom": custom, "alert_thresholds": thresholds});
        from_text(&json!({ "monitoring": monitoring }).to_string(), None).unwrap()
    }

    fn faults(custom: &Value) -> String {
        config(custom, &json!({})).fault_lines().join("\n")
    }

    #[test]
    fn a_rule_may_name_what_is_declared_in_its_unit() {
        let custom = json!([{"name": "t_spool", "command": ["/bin/s"], "unit": "bytes"}]);
        let config = config(&custom, &json!({"custom_t_spool": "1M"}));
        assert_eq!(config.faults, []);
        let levels = config.rules.iter().find_map(|rule| rule.levels_for("custom_t_spool", None));
        assert_eq!(levels.unwrap().warning.map(|one| one.level), Some(1_048_576.0));
        assert_eq!(find("custom_t_spool").unwrap().unit, Unit::Bytes);
    }

    #[test]
    fn a_plugin_is_judged_by_its_exit_status_unless_told_otherwise() {
        let custom = json!([{"name": "t_plugin", "command": ["/bin/p"], "format": "nagios"}]);
        let state = |thresholds: Value| {
            let rules = config(&custom, &thresholds).rules;
            let levels =
                rules.iter().find_map(|rule| rule.levels_for("custom_t_plugin_state", None));
            levels
                .map(|levels| (levels.warning.unwrap().level, levels.critical.map(|one| one.level)))
        };
        assert_eq!(state(json!({})), Some((1.0, Some(2.0))));
        assert_eq!(state(json!({"custom_t_plugin_state": false})), None);
        assert_eq!(state(json!({"custom_t_plugin_state": 2})), Some((2.0, None)));
        let text = json!({"monitoring": {"custom": custom, "default_rules": false}}).to_string();
        let keys: Vec<_> =
            from_text(&text, None).unwrap().rules.into_iter().map(|rule| rule.key).collect();
        assert_eq!(keys, ["custom_t_plugin", "custom_t_plugin_state"]);
    }

    #[test]
    fn a_counter_has_a_rate_that_rules_may_name() {
        let custom = json!({"name": "t_jobs", "command": "/bin/j", "kind": "counter"});
        assert_eq!(config(&custom, &json!({"custom_t_jobs_rate": 5})).faults, []);
    }

    #[test]
    fn a_number_has_no_labels_and_others_may() {
        let custom = json!([
            {"name": "t_one", "command": "/bin/j", "format": "number"},
            {"name": "t_many", "command": "/bin/j", "format": "lines"}]);
        assert_eq!(config(&custom, &json!({"custom_t_many{a}": 5})).faults, []);
        assert_eq!(config(&custom, &json!({"custom_t_one{a}": 5})).faults.len(), 1);
    }

    #[test]
    fn a_file_needs_no_command() {
        let custom = json!({"name": "t_prom", "textfile": "/v/*.prom", "max_age": "10m"});
        let config = config(&custom, &json!({}));
        assert_eq!(config.faults, []);
        let file = Textfile { path: "/v/*.prom".into(), max_age: Some(600.0) };
        assert_eq!(config.sources.custom[0].source, Source::Textfile(file));
        assert!(config.sources.custom[0].plugin.is_none());
    }

    #[test]
    fn a_fault_is_named_and_leaves_out_its_own_entry() {
        let with = |more: Value| {
            let mut entry = json!({"name": "t_x", "command": ["/bin/x"]});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!([entry])
        };
        for (section, words) in [
            (json!([{"command": "/x"}]), "custom.0.name: no name"),
            (with(json!({"name": "Queue"})), "custom.0.name: must be of a-z"),
            (with(json!({"name": "a-b"})), "custom.0.name: must be of a-z, 0-9 and _"),
            (with(json!({"name": "x".repeat(49)})), "48 at most"),
            (json!([{"name": "t_x"}]), "needs a \"command\" or a \"textfile\""),
            (with(json!({"textfile": "/x"})), "stands beside \"command\""),
            (with(json!({"command": ["x"]})), "\"x\" must be an absolute path"),
            (with(json!({"command": "sh -c x"})), "must be an absolute path"),
            (with(json!({"command": [3]})), "must be a list of texts"),
            (with(json!({"command": []})), "command: no program"),
            (with(json!({"command": ""})), "\"\" must be an absolute path"),
            (json!([{"name": "t_x", "textfile": 3}]), "textfile: must be a text"),
            (with(json!({"command": ["/x", "a\u{0}b"]})), "NUL"),
            (json!([{"name": "t_x", "textfile": "x.prom"}]), "must be an absolute path"),
            (with(json!({"timeout": 9})), "timeout: must be at most 8 s"),
            (with(json!({"timeout": 0})), "timeout: must be seconds"),
            (with(json!({"unit": "apples"})), "unit: must be \"count\" or"),
            (with(json!({"format": "xml"})), "format: must be \"auto\" or"),
            (with(json!({"kind": "rate"})), "kind: must be \"gauge\" or"),
            (with(json!({"max_age": 5})), "max_age: is of a textfile"),
            (json!([{"name": "t_x", "textfile": "/x", "timeout": 1}]), "is of a command"),
            (json!([{"name": "t_x", "textfile": "/x", "format": "nagios"}]), "no exit status"),
            (with(json!({"comand": 1})), "no such key; did you mean \"command\"?"),
            (json!("/x"), "monitoring.custom: must be an object"),
        ] {
            let said = faults(&section);
            assert!(said.contains(words) && said.lines().count() == 1, "{section}: {said}");
        }
    }

    #[test]
    fn names_that_would_share_a_metric_are_refused() {
        let two = |a: &str, b: &str| {
            faults(
                &json!([{"name": a, "command": "/a", "kind": "counter"}, {"name": b, "command": "/b"}]),
            )
        };
        assert!(two("t_c", "t_c_rate").contains("has the metric custom_t_c_rate already"));
        assert!(two("t_c", "t_c_state").contains("has the metric custom_t_c_state already"));
        assert!(two("t_c", "t_c").contains("is taken"));
    }

    #[test]
    fn the_units_are_those_there_are() {
        let Form::Choice(names) = UNIT.form else { panic!() };
        assert_eq!(names, Unit::ALL.iter().map(|unit| unit.name()).collect::<Vec<_>>());
    }

    #[test]
    fn more_than_a_host_has_are_cut_off() {
        let entry =
            |at: usize| json!({"name": format!("t_n{at}"), "command": "/x", "format": "number"});
        let all: Value = (0..66).map(entry).collect();
        let config = config(&all, &json!({}));
        assert_eq!(config.sources.custom.len(), 64);
        assert!(config.fault_lines()[0].contains("66 entries; the first 64 are used"));
    }
}
