//! The configuration: one JSON file, shared with other programs. A slip must not blind the monitor: a fault in an
//! optional part leaves that part out and is named; only a file that cannot be used at all, or a fault in where to
//! store, is an error.

pub mod custom;
pub mod defaults;
pub mod email;
pub mod fault;
pub mod files;
pub mod heartbeat;
pub mod key;
mod levels;
pub mod monitoring;
pub mod program;
mod quiet_hours;
pub mod reader;
pub mod rules;
mod several;
mod shown;
pub mod url;
mod watch;
pub mod webhook;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::alert::quiet::QuietHours;
use crate::alert::rule::Rule;
use crate::collector::Settings;
use crate::store::append::Sync;
use crate::store::retention::Retention;
use email::Email;
use fault::{Fault, position};
use heartbeat::Heartbeat;
use key::Key;
use program::Program;
use webhook::Webhook;

/// Bytes; what is larger is no configuration.
const MOST: u64 = 16 << 20;

pub const EXAMPLE: &str = include_str!("../../config.example.json");

/// Every key with its default, form and help, in the order of the manual.
pub static KEYS: &[&Key] = &[
    &monitoring::ENABLED,
    &monitoring::LOG_INTERVAL,
    &monitoring::METRICS_PATH,
    &monitoring::RETENTION_DAYS,
    &monitoring::RETENTION_SIZE,
    &monitoring::SYNC,
    &monitoring::FILESYSTEMS_INCLUDE,
    &monitoring::FILESYSTEMS_EXCLUDE,
    &monitoring::INTERFACES_INCLUDE,
    &monitoring::INTERFACES_EXCLUDE,
    &monitoring::TRAFFIC_FIRST_DAY,
    &monitoring::TRAFFIC_QUOTA,
    &monitoring::DEVICES_INCLUDE,
    &monitoring::DEVICES_EXCLUDE,
    &monitoring::EXPECT,
    &watch::WATCH,
    &watch::NAME,
    &watch::PROCESS,
    &watch::MATCH,
    &watch::PID_FILE,
    &watch::UNIT,
    &watch::MIN,
    &watch::MAX,
    &watch::ENABLED,
    &custom::CUSTOM,
    &custom::NAME,
    &custom::COMMAND,
    &custom::TIMEOUT,
    &custom::TEXTFILE,
    &custom::MAX_AGE,
    &custom::FORMAT,
    &custom::UNIT,
    &custom::KIND,
    &custom::ENABLED,
    &files::FILES,
    &files::NAME,
    &files::PATH,
    &files::MAX_AGE,
    &files::MIN_SIZE,
    &files::ENABLED,
    &monitoring::STARTUP_GRACE,
    &monitoring::DEFAULT_RULES,
    &monitoring::ALERT_THRESHOLDS,
    &quiet_hours::QUIET_HOURS,
    &quiet_hours::FROM,
    &quiet_hours::TO,
    &quiet_hours::ZONE,
    &quiet_hours::PASS,
    &email::ENABLED,
    &email::LEVEL,
    &email::TRANSPORT,
    &email::SENDMAIL_PATH,
    &email::SMTP_SERVER,
    &email::SMTP_PORT,
    &email::SECURITY,
    &email::USE_TLS,
    &email::USERNAME,
    &email::PASSWORD_FILE,
    &email::PASSWORD,
    &email::CA_FILE,
    &email::FROM_ADDRESS,
    &email::TO_ADDRESSES,
    &email::SUBJECT_PREFIX,
    &email::TIMEOUT,
    &webhook::ENABLED,
    &webhook::NAME,
    &webhook::URL,
    &webhook::URL_FILE,
    &webhook::HEADERS,
    &webhook::HEADER_FILES,
    &webhook::BODY,
    &webhook::LEVEL,
    &webhook::TIMEOUT,
    &webhook::CA_FILE,
    &program::ENABLED,
    &program::NAME,
    &program::ARGV,
    &program::LEVEL,
    &program::TIMEOUT,
    &heartbeat::URL,
    &heartbeat::URL_FILE,
    &heartbeat::START,
    &heartbeat::TIMEOUT,
    &heartbeat::CA_FILE,
];

/// What the program does, from the file and the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from; `None`: built-in defaults.
    pub path: Option<PathBuf>,
    /// Its text, for `config show`.
    pub document: Value,
    pub enabled: bool,
    /// Seconds; `None`: from the samples.
    pub log_interval: Option<f64>,
    pub metrics_path: Option<PathBuf>,
    pub retention: Retention,
    pub sync: Sync,
    pub sources: Settings,
    pub expect: Vec<String>,
    /// Seconds of uptime.
    pub startup_grace: f64,
    pub rules: Vec<Rule>,
    pub quiet_hours: Option<QuietHours>,
    pub email: Option<Email>,
    pub webhooks: Vec<Webhook>,
    pub programs: Vec<Program>,
    pub heartbeat: Option<Heartbeat>,
    pub faults: Vec<Fault>,
}

/// Reads a file, or the defaults where there is none.
///
/// # Errors
/// The file cannot be read or is not a JSON object, or says wrongly where to store.
pub fn load(path: Option<&Path>) -> anyhow::Result<Config> {
    let Some(path) = path else { return from_text("{}", None) };
    // It may come through a pipe, but not for ever.
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut text))
        .with_context(|| format!("could not read the configuration {}", path.display()))?;
    if text.len() as u64 > MOST {
        bail!("could not read the configuration {}: it does not end", path.display());
    }
    let text = String::from_utf8(text).ok().with_context(|| {
        format!("could not read the configuration {}: it is not UTF-8 text", path.display())
    })?;
    from_text(&text, Some(path))
}

/// # Errors
/// As for `load`.
pub fn from_text(text: &str, path: Option<&Path>) -> anyhow::Result<Config> {
    let shown = path.map_or_else(String::new, |path| format!("{}", path.display()));
    let document: Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(document) => document,
        Err(error) => bail!(
            "could not understand the configuration {shown}:{}:{}: {}",
            error.line(),
            error.column(),
            words(&error)
        ),
    };
    let empty = Map::new();
    let section = |parent: Option<&Value>, name: &str| -> anyhow::Result<Map<String, Value>> {
        match parent.and_then(|parent| parent.get(name)) {
            None | Some(Value::Null) => Ok(empty.clone()),
            Some(Value::Object(section)) => Ok(section.clone()),
            Some(_) => bail!(
                "could not understand the configuration {shown}: \"{name}\" must be an object {{…}}"
            ),
        }
    };
    if !document.is_object() {
        bail!("could not understand the configuration {shown}: it must be one JSON object {{…}}");
    }
    let monitoring = section(Some(&document), "monitoring")?;
    let mut faults = Vec::new();
    let mut config = monitoring::read(&monitoring, path, &mut faults)?;
    let notifications = document.get("notifications").filter(|section| !section.is_null());
    if let Some(other) = notifications.filter(|section| !section.is_object()) {
        faults
            .push(Fault::new(&["notifications"], format!("must be an object {{…}}, not {other}")));
    }
    let told = |name: &str| notifications.and_then(|section| section.get(name));
    config.email = email::read(told("email"), path, &mut faults);
    config.webhooks = webhook::read(told("webhook"), path, &mut faults);
    config.programs = program::read(told("command"), &mut faults);
    config.heartbeat = heartbeat::read(told("heartbeat"), path, &mut faults);
    config.quiet_hours = quiet_hours::read(told("quiet_hours"), &mut faults);
    for fault in &mut faults {
        fault.place = position(text, &fault.path);
    }
    config.path = path.map(Path::to_owned);
    config.faults = faults;
    config.document = document;
    Ok(config)
}

/// A relative path is relative to the configuration file.
pub fn beside(config: Option<&Path>, path: &str) -> PathBuf {
    config.and_then(Path::parent).unwrap_or(Path::new("")).join(path)
}

fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        from_text(text, Some(Path::new("/etc/hostwatch/config.json"))).unwrap()
    }

    fn faults(text: &str) -> String {
        config(text).fault_lines().join("\n")
    }

    #[test]
    fn nothing_configured_is_the_defaults_without_a_fault() {
        let config = from_text("{}", None).unwrap();
        assert!(config.faults.is_empty() && config.enabled && config.email.is_none());
        assert_eq!(config.retention, Retention { days: 400, size: 300 << 20 });
        let keys: Vec<_> = config.rules.iter().map(|rule| rule.key.as_str()).collect();
        for key in ["cpu_percent", "memory_percent", "disk_percent", "cpu_temp", "gap"] {
            assert!(keys.contains(&key), "{key}: {keys:?}");
        }
    }

    #[test]
    fn the_original_modules_section_works_beside_other_programs_sections() {
        let text = r#"{"database": {"x": 1}, "monitoring": {"enabled": true, "log_interval": 300, "metrics_path": "data/metrics",
            "alert_thresholds": {"cpu_percent": 80, "memory_percent": 80, "disk_percent": 90, "cpu_temp": 70}},
            "notifications": {"sms": {"x": 1}}}"#;
        let config = config(text);
        assert_eq!(config.faults, []);
        assert_eq!(config.metrics_path.as_deref(), Some(Path::new("/etc/hostwatch/data/metrics")));
        assert_eq!(config.log_interval, Some(300.0));
    }

    #[test]
    fn what_never_ends_is_no_configuration() {
        let error = load(Some(Path::new("/dev/zero"))).unwrap_err().to_string();
        assert_eq!(error, "could not read the configuration /dev/zero: it does not end");
    }

    #[test]
    fn the_example_loads_without_a_fault() {
        assert_eq!(config(EXAMPLE).faults, []);
        let on = config(&EXAMPLE.replace("\"enabled\": false", "\"enabled\": true"));
        let sources = &on.sources;
        let counts = (sources.watch.len(), sources.custom.len(), sources.files.len());
        assert_eq!((on.faults, counts), (Vec::new(), (1, 1, 1)));
    }

    #[test]
    fn a_mistyped_key_is_named_with_its_place_and_what_was_meant() {
        let lines = faults("{\"monitoring\": {\n  \"log_intervall\": 300}}");
        assert_eq!(
            lines,
            "/etc/hostwatch/config.json:2:20: monitoring.log_intervall: no such key; did you mean \"log_interval\"?"
        );
    }

    #[test]
    fn a_wrong_type_leaves_the_default_and_is_named() {
        let config = config(r#"{"monitoring": {"retention": {"days": "many"}, "enabled": 1}}"#);
        assert_eq!((config.retention.days, config.enabled, config.faults.len()), (400, true, 2));
    }

    #[test]
    fn comments_are_no_keys() {
        assert_eq!(
            faults(
                r#"{"monitoring": {"_note": 1, "// why": "x", "alert_thresholds": {"_cpu": 3}}}"#
            ),
            ""
        );
    }

    #[test]
    fn what_is_no_json_object_or_names_no_place_to_store_stops_it() {
        for text in
            ["", "[]", "{", "{\"monitoring\": 3}", "{\"monitoring\": {\"metrics_path\": 3}}"]
        {
            assert!(
                from_text(text, Some(Path::new("/x.json")))
                    .is_err_and(|error| format!("{error:#}").starts_with("could not")),
                "{text}"
            );
        }
    }

    #[test]
    fn every_key_has_a_help_and_a_default_that_reads() {
        for key in KEYS {
            assert!(key.help.ends_with('.'), "{}", key.path);
            assert!(
                key.default.is_empty() || serde_json::from_str::<Value>(key.default).is_ok(),
                "{}",
                key.path
            );
        }
    }
}
