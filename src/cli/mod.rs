//! The command line, and the one table of exit codes.

mod arguments;
mod parse;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use arguments::*;
pub use parse::{Usage, definition, parse};

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
    /// Measure the machine's own speed, and store it as a sample
    Bench(Bench),
    /// Check, show, print or edit a configuration
    Config(Config),
    /// Try the ways to tell
    Notify(Notify),
}
