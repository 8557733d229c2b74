//! The command line, and the one table of exit codes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// `status --check`: a warning. `check --warning`: false.
    Warning = 1,
    /// `status --check`: critical. `check`: false.
    Critical = 2,
    /// It could not be done; `collect`: the sample is not stored; `status --check`, `check`: nobody can say.
    Failed = 3,
    /// `collect`: stored, and something is still owed to a notifier.
    Owed = 4,
    /// `collect`: stored, and the configuration has faults.
    Faulty = 5,
}

/// Watches this host without a daemon: each `collect` takes one sample, stores it, judges it and mails what changed.
#[derive(Debug, Parser)]
#[command(
    name = "hostwatch",
    version,
    max_term_width = 100,
    subcommand_required = false,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Without a command: status. Begin with `hostwatch collect`, then `hostwatch status`.\nThe manual: man hostwatch, man hostwatch-config."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// The configuration file [default: ~/.config/hostwatch/config.json, else /etc/hostwatch/config.json]
    #[arg(long, global = true, help_heading = "Common options", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the samples are [default: as configured, else /var/lib/hostwatch or ~/.local/state/hostwatch]
    #[arg(long, global = true, help_heading = "Common options", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Colours
    #[arg(
        long,
        global = true,
        help_heading = "Common options",
        value_name = "WHEN",
        value_enum,
        default_value_t
    )]
    pub color: Color,
    /// Show times in UTC
    #[arg(long, global = true, help_heading = "Common options")]
    pub utc: bool,
    /// Say more on standard error
    #[arg(short, long, global = true, help_heading = "Common options", action = ArgAction::Count)]
    pub verbose: u8,
    /// Say less on standard error
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub quiet: bool,
    /// The wall clock of this run
    #[arg(long, global = true, help_heading = "Common options", value_name = "TIME", hide = true)]
    pub now: Option<String>,
    /// A tree with proc and sys to read instead of /
    #[arg(long, global = true, help_heading = "Common options", value_name = "DIR", hide = true)]
    pub root: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take one sample: store it, judge it, mail what changed
    Collect(Collect),
    /// How the host is: now, the last 24 hours, alerts, events
    Status(Status),
    /// Metrics over time, as a table, a chart, JSON or CSV
    History(History),
    /// A period in summary: percentiles, alerts, gaps, availability
    Report(Report),
    /// Whether it is so: an expression over series, as exit code and one line
    Check(Check),
    /// Every metric with its unit and meaning
    Metrics(Plain),
    /// What is firing, and what was
    Alerts(Alerts),
    /// Check, show, print or edit a configuration
    Config(Config),
    /// Try the ways to tell
    Notify(Notify),
}

#[derive(Clone, Debug, Default, Args)]
pub struct Collect {
    /// Write and send nothing: show the line, each rule's verdict and the mail that would go out
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print the stored line
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Status {
    /// One line for Nagios and Icinga, with its exit code
    #[arg(long, conflicts_with = "json")]
    pub check: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Span {
    /// From when: a time, or a span back from now (90s 15m 2h 3d 2w, yesterday, 2026-11-22, 14:00)
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Until when [default: now]
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Output {
    /// Write to a file instead of standard output; it is replaced atomically
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The same as --format json
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct History {
    #[arg(
        value_name = "SERIES",
        help = "Which series: cpu_percent, filesystem_percent{/data}, 'memory_*'; none: all, or the overview"
    )]
    pub series: Vec<String>,
    #[command(flatten)]
    pub span: Span,
    /// Summarise by this span of time, or `sample` for none [default: 1h; json, jsonl, csv: sample]
    #[arg(long, value_name = "SPAN")]
    pub every: Option<String>,
    /// How to show it
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<HistoryFormat>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    Table,
    Chart,
    Json,
    Jsonl,
    Csv,
}

#[derive(Clone, Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub span: Span,
    /// The last full calendar day, week (from Monday) or month instead
    #[arg(long, value_enum, conflicts_with_all = ["since", "until"])]
    pub period: Option<Period>,
    /// How to show it
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<ReportFormat>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Period {
    Day,
    Week,
    Month,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "True exits 0, false 2 (with --warning 1), and 3 is that nobody can say. For Nagios, Icinga and shells:\n  hostwatch check 'cpu_temp < 70'\n  hostwatch check 'max(cpu_percent, 10m) < 90 and filesystem_available{/data} > 20G'\n  hostwatch check --warning 'filesystem_percent < 85' || echo 'some disk is filling up'"
)]
pub struct Check {
    /// False is a warning (exit code 1) instead of critical (2)
    #[arg(long)]
    pub warning: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    /// Comparisons (< <= > >=) of series, numbers (20G, 85%, 26h) and min, max, mean, p95, last (SERIES, SPAN), joined by `and`
    #[arg(value_name = "EXPRESSION", allow_negative_numbers = true)]
    pub expression: Vec<String>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Plain {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Alerts {
    #[command(subcommand)]
    pub command: Option<AlertsCommand>,
    #[command(flatten)]
    pub list: AlertsList,
}

#[derive(Clone, Debug, Subcommand)]
pub enum AlertsCommand {
    /// What is firing now, and the episodes of the past
    List(AlertsList),
}

#[derive(Clone, Debug, Args)]
pub struct AlertsList {
    /// How far back: a time, or a span back from now [default: 30d]
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Name every fault with file, line, column and what was meant
    Check(Plain),
    /// Each value with where it comes from; secrets as ***
    Show(Plain),
    /// Print an example to begin with
    Example,
    /// Edit it, and save it only without faults
    Edit,
}

#[derive(Clone, Debug, Args)]
pub struct Notify {
    #[command(subcommand)]
    pub command: NotifyCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send one test message by each configured way, and say what went wrong
    Test,
}

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
