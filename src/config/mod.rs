//! The configuration: one JSON file, shared with other programs. A slip must not blind the monitor: a fault in an
//! optional part leaves that part out and is named; only a file that cannot be used at all, or a fault in where to
//! store, is an error.

pub mod email;
pub mod fault;
pub mod heartbeat;
pub mod key;
mod levels;
pub mod program;
pub mod quantity;
mod quiet_hours;
pub mod reader;
pub mod rules;
mod several;
mod shown;
pub mod url;
pub mod webhook;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::alert::quiet::QuietHours;
use crate::alert::rule::Rule;
use crate::collector::Filter;
use crate::store::append::Sync;
use crate::store::retention::Retention;
use email::Email;
use fault::{Fault, position};
use heartbeat::Heartbeat;
use key::{Form, Key};
use program::Program;
use reader::Reader;
use webhook::Webhook;

pub const EXAMPLE: &str = include_str!("../../config.example.json");

pub static ENABLED: Key = Key::new(
    "monitoring.enabled",
    Form::Boolean,
    "true",
    "`false`: `collect` does nothing, says so and exits 0.",
);
pub static LOG_INTERVAL: Key = Key::new(
    "monitoring.log_interval",
    Form::Seconds,
    "",
    "Expected time between samples. Data older than 2.5 of it is stale, a longer hole is a gap. Default: the median spacing of the last ten samples.",
);
pub static METRICS_PATH: Key = Key::new(
    "monitoring.metrics_path",
    Form::Text,
    "",
    "The data directory; a relative one is relative to this file. Default: $STATE_DIRECTORY, else /var/lib/hostwatch for root and $XDG_STATE_HOME/hostwatch for others.",
);
static RETENTION_DAYS: Key =
    Key::new("monitoring.retention.days", Form::Count, "400", "Days to keep.");
static RETENTION_SIZE: Key = Key::new(
    "monitoring.retention.size",
    Form::Bytes,
    "\"300M\"",
    "Size of all day files together; above it the oldest go first, never today's.",
);
static SYNC: Key = Key::new(
    "monitoring.sync",
    Form::Choice(&["always", "never"]),
    "\"always\"",
    "`always`: a stored line survives a power cut. `never`: it may be lost with the page cache.",
);
static FILESYSTEMS_INCLUDE: Key = Key::new(
    "monitoring.filesystems.include",
    Form::List,
    "[]",
    "Mount points (globs) to measure whatever their type: an include wins over everything, network and FUSE mounts too.",
);
static FILESYSTEMS_EXCLUDE: Key = Key::new(
    "monitoring.filesystems.exclude",
    Form::List,
    "[]",
    "Mount points (globs) to leave out.",
);
static INTERFACES_INCLUDE: Key = Key::new(
    "monitoring.interfaces.include",
    Form::List,
    "[]",
    "Interfaces (globs) to measure although they are left out by default (lo, veth*, br-*, docker* and the like).",
);
static INTERFACES_EXCLUDE: Key = Key::new(
    "monitoring.interfaces.exclude",
    Form::List,
    "[]",
    "Interfaces (globs) to leave out; the sums over the host keep them.",
);
static EXPECT: Key = Key::new(
    "monitoring.expect",
    Form::List,
    "[]",
    "What must be there: labels (mount points, interfaces) or series. One that is missing is an alert of its own, `missing{NAME}`, and mutes the others of its label.",
);
static STARTUP_GRACE: Key = Key::new(
    "monitoring.startup_grace",
    Form::Seconds,
    "\"5m\"",
    "After a boot nothing is raised for so long.",
);
pub static DEFAULT_RULES: Key = Key::new(
    "monitoring.default_rules",
    Form::Boolean,
    "true",
    "`false` drops every default rule.",
);
pub static ALERT_THRESHOLDS: Key = Key::new(
    "monitoring.alert_thresholds",
    Form::Object,
    "{}",
    "Rules, by metric or series; see RULES.",
);

/// Every key with its default, form and help, in the order of the manual.
pub static KEYS: &[&Key] = &[
    &ENABLED,
    &LOG_INTERVAL,
    &METRICS_PATH,
    &RETENTION_DAYS,
    &RETENTION_SIZE,
    &SYNC,
    &FILESYSTEMS_INCLUDE,
    &FILESYSTEMS_EXCLUDE,
    &INTERFACES_INCLUDE,
    &INTERFACES_EXCLUDE,
    &EXPECT,
    &STARTUP_GRACE,
    &DEFAULT_RULES,
    &ALERT_THRESHOLDS,
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
    pub filesystems: Filter,
    pub interfaces: Filter,
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
    let text = std::fs::read(path)
        .with_context(|| format!("could not read the configuration {}", path.display()))?;
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
    let mut config = read_monitoring(&monitoring, path, &mut faults)?;
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

fn read_monitoring(
    section: &Map<String, Value>,
    path: Option<&Path>,
    faults: &mut Vec<Fault>,
) -> anyhow::Result<Config> {
    let mut reader = Reader::new("monitoring", section, faults);
    let retention =
        Retention { days: reader.count(&RETENTION_DAYS), size: reader.count(&RETENTION_SIZE) };
    let sync =
        if reader.text(&SYNC).as_deref() == Some("never") { Sync::Never } else { Sync::Always };
    let filesystems = Filter {
        include: reader.list(&FILESYSTEMS_INCLUDE),
        exclude: reader.list(&FILESYSTEMS_EXCLUDE),
    };
    let interfaces = Filter {
        include: reader.list(&INTERFACES_INCLUDE),
        exclude: reader.list(&INTERFACES_EXCLUDE),
    };
    let log_interval = reader.seconds(&LOG_INTERVAL);
    let expect = reader.list(&EXPECT);
    let startup_grace = reader.seconds_or_none(&STARTUP_GRACE).unwrap_or_default();
    let (enabled, default_rules) = (reader.boolean(&ENABLED), reader.boolean(&DEFAULT_RULES));
    let metrics_path = match section.get("metrics_path") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if !text.trim().is_empty() => Some(beside(path, text)),
        Some(other) => bail!(
            "could not tell where to store: monitoring.metrics_path must be a path, not {other}"
        ),
    };
    let thresholds = reader.object(&ALERT_THRESHOLDS);
    reader.report_unknown(KEYS);
    let rules = rules::read(&thresholds, default_rules, faults);
    let document = Value::Null;
    Ok(Config {
        path: None,
        document,
        enabled,
        log_interval,
        metrics_path,
        retention,
        sync,
        filesystems,
        interfaces,
        expect,
        startup_grace,
        rules,
        quiet_hours: None,
        email: None,
        webhooks: Vec::new(),
        programs: Vec::new(),
        heartbeat: None,
        faults: Vec::new(),
    })
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
        assert_eq!(
            config.rules.iter().map(|rule| rule.key.as_str()).collect::<Vec<_>>(),
            [
                "cpu_percent",
                "memory_percent",
                "disk_percent",
                "cpu_temp",
                "filesystem_percent",
                "missing",
                "gap"
            ]
        );
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
    fn the_example_loads_without_a_fault() {
        assert_eq!(config(EXAMPLE).faults, []);
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
