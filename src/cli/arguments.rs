//! What each command takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
    /// What is firing or silenced now, and the episodes of the past
    List(AlertsList),
    /// Hear nothing of a series for a while; measuring goes on
    Silence(Silence),
    /// Hear of it again
    Unsilence(Unsilence),
    /// Why somebody was told, or was not: value, levels, waits, silences, who heard what and when
    Explain(Explain),
    /// Levels from this host's own history, with the mails that each would have cost
    Suggest(Suggest),
    /// The mails that the rules of a configuration would have sent
    Replay(Replay),
}

#[derive(Clone, Debug, Args)]
pub struct Silence {
    /// A series, a metric or a glob; '*' is everything
    pub series: String,
    /// For how long: 2h, 3d; at most 30 days
    #[arg(required_unless_present_any = ["until", "until_recovered"], conflicts_with_all = ["until", "until_recovered"])]
    pub span: Option<String>,
    /// Until a time, at most 30 days from now
    #[arg(short = 'U', long, value_name = "TIME", conflicts_with = "until_recovered")]
    pub until: Option<String>,
    /// Until it has recovered, which is told: the acknowledgement
    #[arg(long)]
    pub until_recovered: bool,
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Unsilence {
    /// As it was silenced
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub series: Option<String>,
    /// End every silence
    #[arg(long)]
    pub all: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// A series, a metric or a glob
    pub series: String,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Suggest {
    /// Series, metrics or globs [default: those that have rules, and the overview]
    pub series: Vec<String>,
    /// How far back: a time, or a span back from now [default: 30d]
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    pub span: Span,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
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

#[derive(Clone, Debug, Default, Args)]
pub struct Bench {
    /// Measure even if the machine is busy or another bench is running
    #[arg(long)]
    pub force: bool,
    /// Measure and show, but store nothing and tell nobody
    #[arg(short = 'n', long)]
    pub dry_run: bool,
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
