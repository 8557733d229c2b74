//! From words to what they mean, and what is said about those that mean nothing.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};

use super::{Cli, Collect, Command, Global};

/// What the arguments ask for instead of a run: a text, and whether it is an error.
#[derive(Debug)]
pub struct Usage {
    pub text: String,
    pub is_error: bool,
}

/// Reads the arguments.
///
/// # Errors
/// Help, version, or what is wrong with them.
pub fn parse(
    arguments: &[OsString],
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Cli, Usage> {
    if let [_, only] = arguments
        && only == "collect"
    {
        return Ok(Cli::of_the_timer().completed(variable));
    }
    let parsed = Cli::try_parse_from(arguments).map(|cli| cli.completed(variable));
    parsed.map_err(|error| {
        let is_error = error.use_stderr();
        let text = match error.kind() {
            clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                needs_more(arguments)
            }
            _ if is_error => one_line(&error.to_string()),
            _ => error.to_string(),
        };
        Usage { text, is_error }
    })
}

impl Cli {
    /// What was not told may stand in the environment; empty is nothing.
    fn completed(mut self, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        self.global.config = self.global.config.or_else(|| path("HOSTWATCH_CONFIG"));
        self.global.data_dir = self.global.data_dir.or_else(|| path("HOSTWATCH_DATA_DIR"));
        self
    }

    /// The line that the timer runs, some hundred times a day: understood without building the whole definition,
    /// which costs more than reading every process.
    fn of_the_timer() -> Self {
        Cli { global: Global::default(), command: Some(Command::Collect(Collect::default())) }
    }
}

/// A command that has commands of its own was given none.
fn needs_more(arguments: &[OsString]) -> String {
    let definition = Cli::command();
    let named = definition
        .get_subcommands()
        .find(|command| arguments.iter().any(|word| word == command.get_name()));
    let Some(command) = named else {
        return "could not understand the arguments: see hostwatch --help".to_owned();
    };
    let choices: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .filter(|name| *name != "help")
        .collect();
    format!(
        "could not understand the arguments: {} needs one of {}",
        command.get_name(),
        choices.join(", ")
    )
}

/// What is wrong in one line, like every other error.
fn one_line(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or(text).trim_start_matches("error: ");
    let words: Vec<&str> = first.split_whitespace().collect();
    let tip = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "))
        .map(|tip| format!("; {tip}"))
        .unwrap_or_default();
    format!("could not understand the arguments: {}{tip}; see hostwatch --help", words.join(" "))
}

/// The definition, for tests that hold the manual to it.
pub fn definition() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timers_line_means_what_the_definition_says() {
        let arguments = ["hostwatch", "collect"].map(OsString::from);
        let short = Cli::of_the_timer();
        let full = Cli::try_parse_from(arguments).unwrap();
        assert_eq!(format!("{short:?}"), format!("{full:?}"));
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let arguments = ["hostwatch", "histroy"].map(OsString::from);
        let usage = parse(&arguments, &|_| None).unwrap_err();
        assert!(
            usage.is_error && !usage.text.contains('\n') && usage.text.contains("history"),
            "{}",
            usage.text
        );
    }
}
