//! `config check`, `show`, `edit` and `example`.

mod check;
mod edit;
mod effective;
mod show;

use serde_json::{Map, Value};

use super::Context;
use crate::alert::rule::Rule;
use crate::cli::{ConfigCommand, Exit};
use crate::config::key::Key;
use crate::config::monitoring::ALERT_THRESHOLDS;
use crate::config::{Config, EXAMPLE, files};
use crate::continuity::usual_spacing;
use crate::store::Store;

/// # Errors
/// The configuration cannot be used at all.
pub fn run(command: &ConfigCommand, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Example => {
            write!(context.out, "{EXAMPLE}")?;
            Ok(Exit::Done)
        }
        ConfigCommand::Check(arguments) => check::run(arguments.json, context),
        ConfigCommand::Show(arguments) => show::run(arguments.json, context),
        ConfigCommand::Edit => edit::run(context),
    }
}

/// What the file says under a path; a list is entered by a number.
pub(super) fn value_at<'a>(document: &'a Value, path: &[impl AsRef<str>]) -> Option<&'a Value> {
    path.iter()
        .map(AsRef::as_ref)
        .try_fold(document, |value, name| match value {
            Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            other => other.get(name),
        })
        .filter(|value| !value.is_null())
}

/// What the file says for a declared key.
fn value_of<'a>(document: &'a Value, key: &Key) -> Option<&'a Value> {
    value_at(document, &key.path.split('.').collect::<Vec<_>>())
}

/// Whether a rule is no default.
pub fn is_from_file(rule: &Rule, config: &Config) -> bool {
    rule_path(rule, config).is_some()
}

/// Where a rule stands in the file; `None` for a default.
pub(super) fn rule_path(rule: &Rule, config: &Config) -> Option<Vec<String>> {
    threshold_path(rule, config).or_else(|| files::place(rule, &config.document))
}

/// The same among the thresholds alone.
pub(super) fn threshold_path(rule: &Rule, config: &Config) -> Option<Vec<String>> {
    let thresholds = value_of(&config.document, &ALERT_THRESHOLDS)?;
    // Further rules of a list have numbers, from 2.
    let numbered = rule.key.rsplit_once('#').filter(|_| thresholds.get(&rule.key).is_none());
    let (key, at) = match numbered {
        Some((key, number)) => (key, number.parse::<usize>().ok()?.checked_sub(1)?),
        None => (rule.key.as_str(), 0),
    };
    let mut path: Vec<String> = ALERT_THRESHOLDS.path.split('.').map(str::to_owned).collect();
    path.push(key.to_owned());
    // What is faulty left the default in its place.
    if config.faults.iter().any(|fault| fault.path.starts_with(&path)) {
        return None;
    }
    if thresholds.get(key)?.is_array() {
        path.push(at.to_string());
    }
    Some(path)
}

/// What there is nothing to say about is absent.
fn put(object: &mut Map<String, Value>, key: &str, value: Value) {
    if !value.is_null() {
        object.insert(key.to_owned(), value);
    }
}

/// Said when the samples come at another pace than the configuration expects.
pub fn spacing_warning(config: &Config, store: &Store, context: &Context<'_>) -> Option<String> {
    let expected = config.log_interval?;
    let spacing = usual_spacing(&super::status::recent_moments(store, context))?;
    ((spacing - expected).abs() > expected / 5.0).then(|| {
        format!("samples come every {spacing:.0} s, monitoring.log_interval expects {expected:.0} s; set one of them, the timer with: systemctl edit hostwatch-collect.timer")
    })
}
