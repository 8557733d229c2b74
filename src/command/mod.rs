//! The commands, a file each: read, call the core, show. What they share is here: configuration, directories, times
//! and where to write.

pub mod alerts;
pub mod bench;
pub mod check;
pub mod collect;
pub mod config;
pub mod history;
mod keeper;
pub mod metrics;
pub mod notify;
pub mod output;
pub mod report;
pub mod selection;
pub mod standing;
pub mod status;

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};

use crate::cli::{self, Command, Exit, Global};
use crate::config::{Config, load};
use crate::render::Terminal;
use crate::render::wording::one_line;
use crate::store::Store;
use crate::store::range::{Damage, Range, damage_words};
use crate::time::parse::{Edge, time};
use crate::time::{Now, Zone};

/// Where the service keeps its samples.
const SYSTEM_DIRECTORY: &str = "/var/lib/hostwatch";

/// What a run has: its moment, its surroundings, and where it may write.
pub struct Context<'a> {
    pub global: &'a Global,
    pub now: Now,
    pub root: &'a Path,
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    pub stdout: Terminal,
    pub stderr_is_terminal: bool,
    /// Where answers come from.
    pub input: &'a mut dyn BufRead,
    pub stdin_is_terminal: bool,
}

/// Runs a command; without one, `status`.
///
/// # Errors
/// What could not be done, to be printed in one line.
pub fn run(command: Option<&Command>, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    match command {
        None => status::run(&cli::Status::default(), context),
        Some(Command::Collect(arguments)) => collect::run(arguments, context),
        Some(Command::Status(arguments)) => status::run(arguments, context),
        Some(Command::History(arguments)) => history::run(arguments, context),
        Some(Command::Report(arguments)) => report::run(arguments, context),
        Some(Command::Check(arguments)) => check::run(arguments, context),
        Some(Command::Metrics(arguments)) => metrics::run(arguments, context),
        Some(Command::Alerts(arguments)) => alerts::run(arguments, context),
        Some(Command::Bench(arguments)) => bench::run(arguments, context),
        Some(Command::Config(arguments)) => config::run(&arguments.command, context),
        Some(Command::Notify(arguments)) => notify::run(&arguments.command, context),
    }
}

impl Context<'_> {
    /// Where times are shown and days cut.
    pub fn zone(&self) -> Zone {
        if self.global.utc { Zone::Utc } else { Zone::Local }
    }

    /// A line on standard error; silent with `--quiet`.
    pub fn note(&mut self, text: &str) {
        if !self.global.quiet {
            self.complain(text);
        }
    }

    /// A line on standard error that is always said. Nothing can be done where it cannot be written.
    pub fn complain(&mut self, text: &str) {
        _ = writeln!(self.err, "hostwatch: {}", one_line(text));
    }

    fn directory_variable(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The configuration file: named, the user's, the system's, or none.
    pub fn config_path(&self) -> Option<PathBuf> {
        if let Some(named) = &self.global.config {
            return Some(named.clone());
        }
        let home = || self.directory_variable("HOME").map(|home| home.join(".config"));
        let own = self
            .directory_variable("XDG_CONFIG_HOME")
            .or_else(home)
            .map(|base| base.join("hostwatch/config.json"));
        [own, Some(PathBuf::from("/etc/hostwatch/config.json"))]
            .into_iter()
            .flatten()
            .find(|path| path.exists())
    }

    /// # Errors
    /// As for `config::load`.
    pub fn config(&self) -> anyhow::Result<Config> {
        load(self.config_path().as_deref())
    }

    /// Where to store, and whether somebody said so.
    fn data_directory(&self, config: &Config) -> anyhow::Result<(PathBuf, bool)> {
        if let Some(told) = self.global.data_dir.clone().or_else(|| config.metrics_path.clone()) {
            return Ok((told, true));
        }
        if let Some(state) =
            (self.variable)("STATE_DIRECTORY").and_then(|value| value.into_string().ok())
        {
            // systemd lists several with colons.
            if let Some(first) = state.split(':').next().filter(|first| !first.is_empty()) {
                return Ok((PathBuf::from(first), true));
            }
        }
        if rustix::process::geteuid().is_root() {
            return Ok((PathBuf::from(SYSTEM_DIRECTORY), true));
        }
        let home = || self.directory_variable("HOME").map(|home| home.join(".local/state"));
        let base = self.directory_variable("XDG_STATE_HOME").or_else(home);
        let base = base.ok_or_else(|| anyhow!("could not tell where to store: neither XDG_STATE_HOME nor HOME is set; use --data-dir"))?;
        Ok((base.join("hostwatch"), false))
    }

    /// The store to write to.
    ///
    /// # Errors
    /// Nobody said where, and there is no home directory.
    pub fn store(&self, config: &Config) -> anyhow::Result<Store> {
        Ok(Store::new(self.data_directory(config)?.0))
    }

    /// The store to read: the user's own; if that is empty and nobody named one, the service's.
    ///
    /// # Errors
    /// There are no samples, with what to do about it.
    pub fn store_to_read(&mut self, config: &Config) -> anyhow::Result<Store> {
        let found = self.data_directory(config);
        let told = found.as_ref().is_ok_and(|(_, told)| *told);
        let store = Store::new(
            found.map_or_else(|_| PathBuf::from(SYSTEM_DIRECTORY), |(directory, _)| directory),
        );
        if store.has_samples() {
            return Ok(store);
        }
        let service = Store::new(SYSTEM_DIRECTORY);
        if !told && service.has_samples() {
            self.note(&format!("no samples of your own; reading {SYSTEM_DIRECTORY}"));
            return Ok(service);
        }
        if let Err(error) = std::fs::read_dir(&store.directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error)
                .with_context(|| format!("could not read {}", store.directory.display()));
        }
        Err(anyhow!(
            "no samples in {} yet; take one with: hostwatch collect",
            store.directory.display()
        ))
    }

    /// The range between two times as typed.
    ///
    /// # Errors
    /// A text is no time, or the range is empty.
    pub fn range(
        &self,
        since: Option<&str>,
        until: Option<&str>,
        default: &str,
    ) -> anyhow::Result<Range> {
        let zone = self.zone();
        let since = time(since.unwrap_or(default), Edge::Since, self.now.utc, zone)
            .map_err(|words| anyhow!("could not understand --since: {words}"))?;
        let end = match until {
            None => self.now.utc,
            Some(text) => time(text, Edge::Until(since), self.now.utc, zone)
                .map_err(|words| anyhow!("could not understand --until: {words}"))?,
        };
        if end <= since {
            return Err(anyhow!(
                "could not make a range: --until {} is not after --since {}",
                self.shown(end),
                self.shown(since)
            ));
        }
        Ok(Range { since, until: end, up_to_now: until.is_none() })
    }

    /// Says what could not be read, with its place.
    pub fn note_damage(&mut self, damage: &[Damage]) {
        if let Some(words) = damage_words(damage) {
            self.note(&format!("passed over: {words}"));
        }
    }

    fn shown(&self, instant: DateTime<Utc>) -> String {
        self.zone().at(instant).format("%Y-%m-%d %H:%M").to_string()
    }
}
