//! Numbers of the host's own: what commands print and files hold, as `custom_NAME`. Each is read in a thread of its
//! own and fails alone; all of them together end in time, and leave no process behind.

pub mod declared;
mod exposition;
mod orphan;
pub mod parse;
mod perfdata;
mod run;
pub mod textfile;

use std::time::Duration;

use super::patience::{self, Job};
use super::{COLLECTOR_FAILED, Host, Reading};
use crate::child::{GRACE, how, last_line};
use crate::metric::Metric;
use crate::sample::{Entry, Sorted, Value};
use orphan::Orphans;
use parse::{Format, Parsed, parse};
pub use textfile::Textfile;

/// No command may take longer: all collectors together have ten seconds.
pub const LONGEST: f64 = 8.0;
/// However long others hung.
const LEAST: Duration = Duration::from_secs(3);
/// What a plugin's exit status says; what is above is no result.
const UNKNOWN: i32 = 3;
/// Digits of a number that was scaled.
const DIGITS: usize = 15;

/// One entry of `monitoring.custom`.
#[derive(Clone, Debug)]
pub struct Custom {
    pub name: String,
    pub source: Source,
    pub format: Format,
    pub value: &'static Metric,
    /// Where it may be a plugin.
    pub plugin: Option<Plugin>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Command { argv: Vec<String>, limit: Duration },
    Textfile(Textfile),
}

/// What a monitoring plugin gives besides numbers.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    pub state: &'static Metric,
    pub level: &'static Metric,
}

impl Custom {
    /// What it reads instead of running something.
    fn file(&self) -> Option<&Textfile> {
        match &self.source {
            Source::Textfile(file) => Some(file),
            Source::Command { .. } => None,
        }
    }

    /// By the newest line.
    fn was_plugin(&self, host: &Host<'_>) -> bool {
        let state = self.plugin.zip(host.last);
        state.is_some_and(|(plugin, last)| last.values.entry(plugin.state.name).is_some())
    }

    /// `is_known`: it was a plugin when it ran last.
    fn result(&self, ran: &run::Ran, is_known: bool) -> Result<Parsed, String> {
        let text = String::from_utf8_lossy(&ran.output);
        let code = ran.status.code();
        let is_plugin = match self.format {
            Format::Nagios => true,
            Format::Auto => perfdata::is_of_plugin(&text, code, is_known),
            _ => false,
        };
        match code {
            Some(0) if !is_plugin => parse(self.format, &text),
            Some(UNKNOWN) if is_plugin => Err(format!("unknown: {}", perfdata::summary(&text))),
            Some(state @ 0..UNKNOWN) if is_plugin => {
                let said = (state > 0).then(|| perfdata::told(&text)).flatten();
                let parsed = perfdata::parse(&text, u64::from(state.unsigned_abs())).checked()?;
                Ok(Parsed { said, ..parsed })
            }
            _ => Err(last_line(&ran.complaint).unwrap_or_else(|| how(ran.status))),
        }
    }
}

/// Reads all of them.
pub(super) fn collect(host: &Host<'_>, reading: &mut Reading) {
    let customs = &host.settings.custom;
    for (custom, outcome) in customs.iter().zip(read(customs, host, reading)) {
        store(custom, outcome, host, reading);
    }
}

/// Files first, then all commands at once; in the order of the entries.
fn read(customs: &[Custom], host: &Host<'_>, reading: &mut Reading) -> Vec<Result<Parsed, String>> {
    let files: Vec<_> = customs.iter().filter_map(Custom::file).collect();
    let mut found = textfile::all(host, &files, reading).into_iter();
    // Who still waits for a file is no orphan.
    let is_command = |custom: &Custom| custom.file().is_none();
    let orphans = customs.iter().any(is_command).then(Orphans::gather);
    let mut ran = run_all(customs, host).into_iter();
    if let Some(orphans) = orphans {
        orphans.end();
    }
    let outcome = |custom: &Custom| match &custom.source {
        Source::Textfile(file) => {
            let found = found.next().unwrap_or_else(|| Ok(Vec::new()));
            textfile::read(file, custom.format, found?, host.epoch)
        }
        Source::Command { .. } => ran.next().unwrap_or_else(|| Err("it did not run".to_owned())),
    };
    customs.iter().map(outcome).collect()
}

/// The commands among them, each in a thread of its own.
fn run_all(customs: &[Custom], host: &Host<'_>) -> Vec<Result<Parsed, String>> {
    let mut longest = Duration::ZERO;
    let mut job = |custom: &Custom| -> Option<Job<Result<Parsed, String>>> {
        let Source::Command { argv, limit } = &custom.source else { return None };
        // What hangs elsewhere is not their fault.
        let limit = host.patience.at_most(*limit).max(LEAST.min(*limit));
        longest = longest.max(limit);
        let (name, custom, argv) = (custom.name.clone(), custom.clone(), argv.clone());
        let is_known = custom.was_plugin(host);
        let work = move || custom.result(&run::run(&argv, limit)?, is_known);
        Some((format!("custom:{name}"), Box::new(work)))
    };
    let jobs = customs.iter().filter_map(&mut job).collect();
    // What cannot even be started or killed is not waited for.
    let outcomes = patience::all(jobs, longest + GRACE);
    outcomes.into_iter().map(Result::flatten).collect()
}

fn store(custom: &Custom, outcome: Result<Parsed, String>, host: &Host<'_>, reading: &mut Reading) {
    let (key, values) = (format!("custom:{}", custom.name), &mut reading.values);
    let (mut parsed, fault) = match outcome {
        Ok(mut parsed) => {
            let fault = parsed.fault.take();
            (parsed, fault)
        }
        Err(fault) => (Parsed::default(), Some(fault)),
    };
    values.set_for(&COLLECTOR_FAILED, &key, u64::from(fault.is_some()));
    reading.said.extend(parsed.said.take().map(|said| (key.clone(), said)));
    reading.errors.extend(fault.map(|fault| (key, fault)));
    if let Some(plugin) = custom.plugin {
        if let Some(state) = parsed.state {
            values.set(plugin.state, state);
        }
        // A plugin that says nothing this time has not changed its mind.
        let before = host.last.and_then(|last| last.values.entry(plugin.level.name));
        let levels = if parsed.numbers.is_empty() { before.cloned() } else { levels(&parsed) };
        if let Some(levels) = levels {
            values.insert(plugin.level.name.into(), levels);
        }
    }
    if let Some(entry) = entry(parsed) {
        values.insert(custom.value.name.into(), entry);
    }
}

/// As they were given: who wrote the command knows how many digits mean something.
fn entry(parsed: Parsed) -> Option<Entry> {
    let mut labels = Sorted::default();
    for number in parsed.numbers {
        match number.label {
            None => return Some(Entry::Single(tidy(number.value))),
            Some(label) => labels.insert(label, tidy(number.value)),
        }
    }
    (!labels.is_empty()).then_some(Entry::Labelled(labels))
}

/// The levels that a plugin gives its numbers, by what `alert::plugin` reads.
fn levels(parsed: &Parsed) -> Option<Entry> {
    let mut labels = Sorted::default();
    for number in &parsed.numbers {
        let Some(label) = &number.label else { continue };
        for (name, limit) in [("warning", number.warning), ("critical", number.critical)] {
            let Some(limit) = limit else { continue };
            let below = if limit.below { " below" } else { "" };
            labels.insert(format!("{label} {name}{below}"), tidy(Value::Float(limit.level)));
        }
    }
    (!labels.is_empty()).then_some(Entry::Labelled(labels))
}

/// Scaling leaves traces in the last digits.
fn tidy(value: Value) -> Value {
    match value {
        Value::Float(number) if number.fract() != 0.0 => {
            let digits = format!("{number:.*e}", DIGITS - 1);
            Value::Float(digits.parse().unwrap_or(number) + 0.0)
        }
        Value::Float(whole) => Value::Float(whole + 0.0),
        whole @ Value::Unsigned(_) => whole,
    }
}

#[cfg(test)]
mod tests;
