//! `config check`, `show` and `example`.

mod check;
mod show;

use serde_json::{Map, Value};

use super::Context;
use crate::cli::{ConfigCommand, Exit};
use crate::config::{Config, EXAMPLE};
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
    }
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
