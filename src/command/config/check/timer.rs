//! Whether the timer or the cron line keeps the pace that the configuration expects, and whether anything comes of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::super::Context;
use super::Finding;
use super::units::{self, Setting};
use crate::config::Config;
use crate::config::monitoring::LOG_INTERVAL;
use crate::continuity::{DEFAULT_INTERVAL, TOLERANCE};
use crate::sample::read::Wanted;
use crate::store::Store;
use crate::time::schedule::{calendar, crontab, span};
use crate::time::{Now, Zone};

const TIMER: &str = "hostwatch-collect.timer";
const CRON: &str = "etc/cron.d/hostwatch";
/// Where the service keeps its samples, unless the configuration says otherwise.
const SERVICE_DIRECTORY: &str = "/var/lib/hostwatch";

/// What starts `collect`.
#[derive(Debug, PartialEq)]
struct Starter {
    /// The file to edit.
    file: PathBuf,
    /// Seconds between its starts; `None`: not one steady pace.
    pace: Option<f64>,
    is_timer: bool,
}

pub(super) fn look(config: &Config, store: Option<&Store>, context: &Context<'_>) -> Vec<Finding> {
    let Some(starter) = starter(context.root) else { return Vec::new() };
    let newest = store.and_then(|store| {
        let nothing = Wanted::names(Vec::<String>::new());
        store.last(Zone::Local.date(context.now.utc), &nothing).ok()?
    });
    let age = newest.map(|sample| context.now.moment().seconds_since(&sample.moment()));
    let mut findings = Vec::new();
    findings.extend(other_pace(config, &starter));
    if config.enabled && is_the_services(config, store, context) {
        findings.extend(nothing_comes(config, &starter, age, &context.now));
    }
    findings
}

/// Whether samples at another pace are explained by it.
pub(super) fn is_about_pace(finding: &Finding) -> bool {
    matches!(finding, Finding::Warning(about) if about.path.join(".") == LOG_INTERVAL.path)
}

fn starter(root: &Path) -> Option<Starter> {
    if let Some(settings) = units::settings(root, TIMER) {
        let (file, pace) = timer_pace(&settings);
        let file = file.or_else(|| settings.first().map(|setting| setting.file.clone()))?;
        return Some(Starter { file, pace, is_timer: true });
    }
    let text = fs::read_to_string(root.join(CRON)).ok()?;
    let is_meant = |line: &&str| !line.starts_with('#') && line.contains("hostwatch collect");
    let line = text.lines().map(str::trim).find(is_meant)?;
    Some(Starter { file: Path::new("/").join(CRON), pace: crontab(line), is_timer: false })
}

/// The file that sets the pace, and the pace.
fn timer_pace(settings: &[Setting]) -> (Option<PathBuf>, Option<f64>) {
    let mut starts: Vec<&Setting> = Vec::new();
    for setting in settings.iter().filter(|setting| setting.section == "Timer") {
        let is_start = ["OnActiveSec", "OnBootSec", "OnStartupSec"].contains(&setting.key.as_str());
        if !is_start && !repeats(setting) {
            continue;
        }
        // The empty value drops every one above it, of whatever kind.
        if setting.value.is_empty() {
            starts.clear();
        } else {
            starts.push(setting);
        }
    }
    let repeated = || starts.iter().copied().filter(|setting| repeats(setting));
    let paces: Option<Vec<f64>> = repeated()
        .map(|setting| {
            if setting.key == "OnCalendar" {
                calendar(&setting.value)
            } else {
                span(&setting.value)
            }
        })
        .collect();
    let pace = paces.and_then(|paces| paces.into_iter().min_by(f64::total_cmp));
    (repeated().next_back().map(|setting| setting.file.clone()), pace)
}

fn repeats(setting: &Setting) -> bool {
    ["OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar"].contains(&setting.key.as_str())
}

fn other_pace(config: &Config, starter: &Starter) -> Option<Finding> {
    let (pace, expected) = (starter.pace?, config.log_interval?);
    ((pace - expected).abs() > expected / 5.0).then(|| {
        let file = starter.file.display();
        let (who, edit) = if starter.is_timer {
            (format!("{TIMER} ({file})"), format!("systemctl edit {TIMER}"))
        } else {
            (file.to_string(), "its line".to_owned())
        };
        Finding::warning(
            LOG_INTERVAL.path,
            format!("{expected:.0} s, but {who} takes a sample every {pace:.0} s; change this, or the other with: {edit}"),
        )
    })
}

/// Whether the samples are those that the service takes.
fn is_the_services(config: &Config, store: Option<&Store>, context: &Context<'_>) -> bool {
    let directory = match store {
        Some(store) => Some(store.directory.clone()),
        // One that cannot be listed says nothing about its samples.
        None => context
            .store(config)
            .ok()
            .filter(|store| store.files().is_ok())
            .map(|store| store.directory),
    };
    let services = config.metrics_path.as_deref().unwrap_or(Path::new(SERVICE_DIRECTORY));
    directory.as_deref() == Some(services)
}

fn nothing_comes(
    config: &Config,
    starter: &Starter,
    age: Option<f64>,
    now: &Now,
) -> Option<Finding> {
    let interval = config.log_interval.or(starter.pace).unwrap_or(DEFAULT_INTERVAL);
    let longest = TOLERANCE * interval.max(starter.pace.unwrap_or(0.0));
    if now.uptime < longest || age.is_some_and(|age| age <= longest) {
        return None;
    }
    let what = age.map_or_else(
        || "there is no sample".to_owned(),
        |age| format!("the newest sample is {} old", crate::time::span::human(age)),
    );
    Some(Finding::outside(if starter.is_timer {
        format!("{TIMER} is installed, but {what}: systemctl status {TIMER}")
    } else {
        format!("{} is there, but {what}: does cron run?", starter.file.display())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(lines: &[(&str, &str)]) -> Option<f64> {
        let setting = |(at, (key, value)): (usize, &(&str, &str))| Setting {
            file: PathBuf::from(format!("/{at}")),
            section: "Timer".to_owned(),
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        timer_pace(&lines.iter().enumerate().map(setting).collect::<Vec<_>>()).1
    }

    #[test]
    fn the_pace_is_that_of_the_last_settings() {
        let shipped = ("OnBootSec", "1min");
        assert_eq!(pace(&[shipped, ("OnUnitActiveSec", "5min")]), Some(300.0));
        assert_eq!(
            pace(&[("OnUnitActiveSec", "5min"), ("OnUnitActiveSec", ""), ("OnCalendar", "*:0/10")]),
            Some(600.0)
        );
        // Both hold without the empty value, as systemd has it.
        assert_eq!(pace(&[("OnUnitActiveSec", "5min"), ("OnUnitActiveSec", "1min")]), Some(60.0));
        assert_eq!(pace(&[shipped]), None);
        assert_eq!(pace(&[("OnCalendar", "Mon 08:00")]), None);
    }

    fn config(text: &str) -> Config {
        crate::config::from_text(text, None).unwrap()
    }

    fn starter(pace: f64) -> Starter {
        Starter { file: "/x".into(), pace: Some(pace), is_timer: true }
    }

    #[test]
    fn a_fifth_more_or_less_is_the_same_pace() {
        let config = config(r#"{"monitoring": {"log_interval": 300}}"#);
        for (pace, warned) in [(300.0, false), (360.0, false), (361.0, true), (60.0, true)] {
            assert_eq!(other_pace(&config, &starter(pace)).is_some(), warned, "{pace}");
        }
    }

    #[test]
    fn old_samples_are_warned_of_only_once_the_host_has_been_up_for_long_enough() {
        let now = |uptime: f64| Now {
            utc: chrono::DateTime::UNIX_EPOCH,
            boot_id: "a".into(),
            uptime,
            suspended: 0.0,
        };
        let warned = |age: Option<f64>, uptime: f64| {
            nothing_comes(&config("{}"), &starter(300.0), age, &now(uptime)).is_some()
        };
        assert!(warned(Some(86_400.0), 10_000.0) && warned(None, 10_000.0));
        assert!(!warned(Some(86_400.0), 60.0) && !warned(Some(400.0), 10_000.0));
    }
}
