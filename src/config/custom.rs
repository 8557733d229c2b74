//! `monitoring.custom`: numbers of the host's own. Reading an entry declares its metrics, so that rules, commands and
//! readers know them like those that are built in.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::fault::Fault;
use super::files::{braces, has_braces};
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

const SECTION: Several =
    Several { prefix: "monitoring.custom", name: &NAME, enabled: &ENABLED, hyphens: false };
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
    let (names, taken) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    let mut entries = SECTION.read(value, faults, |reader, name| {
        let entry = entry(reader, name);
        let mut taken = taken.borrow_mut();
        let clash = entry.metrics().into_iter().find(|metric| !taken.insert(metric.clone()));
        // That a name is taken is said already.
        let is_new = names.borrow_mut().insert(name.to_owned());
        if let Some(clash) = clash.filter(|_| is_new) {
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
    } else if name.len() > LONGEST_NAME && name.chars().all(is_snake) {
        reader.fault(&["name"], format!("must have at most {LONGEST_NAME} characters"));
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
        Some(path) if is_file && has_braces(path) => reader.fault(&[key], braces(path)),
        Some(path) if is_command && is_line(path) && argv.len() == 1 => {
            let words: Vec<&str> = path.split_whitespace().collect();
            let words = format!(
                "there is no program \"{path}\"; name it and its arguments as a list: {}",
                Value::from(words)
            );
            reader.fault(&[key], words);
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

/// A program with its arguments, rather than a name with a blank.
fn is_line(path: &str) -> bool {
    path.trim().contains(char::is_whitespace) && !Path::new(path).exists()
}

/// Where an entry says something.
pub fn place(name: &str, key: &'static Key, document: &Value) -> Vec<String> {
    let is_meant = |entry: &Value| entry.get("name").and_then(Value::as_str) == Some(name);
    let entries = document.pointer("/monitoring/custom").and_then(Value::as_array);
    let at = entries.and_then(|entries| entries.iter().position(is_meant));
    let last = key.path.rsplit('.').next().map(str::to_owned);
    let section = SECTION.prefix.split('.').map(str::to_owned);
    section.chain(at.map(|at| at.to_string())).chain(last).collect()
}

impl Entry {
    fn metric(&self) -> String {
        format!("{}{}", crate::metric::CUSTOM, self.name)
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
        let is_sure = self.format == Format::Nagios;
        let plugin = self.may_be_plugin().then(|| declare_plugin(&name, &from, is_sure));
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

fn declare_plugin(value: &str, from: &str, is_sure: bool) -> Plugin {
    let shape = |name: String, label, help: String| Shape {
        name,
        unit: Unit::Count,
        is_counter: false,
        label,
        help,
    };
    let doubt = if is_sure { "" } else { ", if it is a plugin" };
    let help = format!("Exit status of {from}{doubt}: 0 ok, 1 warning, 2 critical.");
    let state = declare(&shape(plugin::state_name(value), None, help), |metric| {
        const JUDGED: &[Judged] = &[Judged::warning(1.0).until(0.0).and_critical(2.0)];
        // A plugin is also known by what it was.
        metric.phrased("{name} {value} (1 warning, 2 critical)").judged(JUDGED).carried()
    });
    let help = format!("The levels that {from} gives its numbers{doubt}.");
    let level = declare(&shape(plugin::level_name(value), Some("level"), help), Metric::carried);
    Plugin { state, level }
}

#[cfg(test)]
mod tests;
