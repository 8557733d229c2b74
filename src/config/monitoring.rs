//! `monitoring`: what is measured, kept and judged.

use std::path::Path;

use anyhow::bail;
use serde_json::{Map, Value};

use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use super::{Config, KEYS, beside, custom, files, rules, watch};
use crate::collector::traffic::Billing;
use crate::collector::{Filter, Settings, built_in};
use crate::store::append::Sync;
use crate::store::retention::Retention;

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
pub static RETENTION_DAYS: Key =
    Key::new("monitoring.retention.days", Form::Count, "400", "Days to keep.");
pub static RETENTION_SIZE: Key = Key::new(
    "monitoring.retention.size",
    Form::Bytes,
    "\"300M\"",
    "Size of all day files together; above it the oldest go first, never today's.",
);
pub static SYNC: Key = Key::new(
    "monitoring.sync",
    Form::Choice(&["always", "never"]),
    "\"always\"",
    "`always`: a stored line survives a power cut. `never`: it may be lost with the page cache.",
);
pub static FILESYSTEMS_INCLUDE: Key = Key::new(
    "monitoring.filesystems.include",
    Form::List,
    "[]",
    "Mount points (globs) to measure whatever their type: an include wins over everything, network and FUSE mounts too.",
);
pub static FILESYSTEMS_EXCLUDE: Key = Key::new(
    "monitoring.filesystems.exclude",
    Form::List,
    "[]",
    "Mount points (globs) to leave out.",
);
pub static INTERFACES_INCLUDE: Key = Key::new(
    "monitoring.interfaces.include",
    Form::List,
    "[]",
    "Interfaces (globs) to measure although they are left out by default (lo, veth*, br-*, docker* and the like).",
);
pub static INTERFACES_EXCLUDE: Key = Key::new(
    "monitoring.interfaces.exclude",
    Form::List,
    "[]",
    "Interfaces (globs) to leave out; `network_received` and `network_sent` keep them.",
);
pub static TRAFFIC_FIRST_DAY: Key = Key::new(
    "monitoring.traffic.first_day",
    Form::Count,
    "1",
    "Day of the month, 1 to 28, on which the billing month of `traffic_month` begins.",
);
pub static TRAFFIC_QUOTA: Key = Key::new(
    "monitoring.traffic.quota",
    Form::Bytes,
    "",
    "What an interface may carry in a billing month, both directions together: `traffic_quota_percent` is told at 75, 90 and 100 %.",
);
pub static DEVICES_INCLUDE: Key = Key::new(
    "monitoring.devices.include",
    Form::List,
    "[]",
    "Block devices (globs) to measure although they are left out by default (partitions, loop*, zram*, dm-*, md* and the like).",
);
pub static DEVICES_EXCLUDE: Key =
    Key::new("monitoring.devices.exclude", Form::List, "[]", "Block devices (globs) to leave out.");
pub static EXPECT: Key = Key::new(
    "monitoring.expect",
    Form::List,
    "[]",
    "What must be there: labels (mount points, interfaces) or series. One that is missing is an alert of its own, `missing{NAME}`, and mutes the others of its label.",
);
pub static STARTUP_GRACE: Key = Key::new(
    "monitoring.startup_grace",
    Form::Seconds,
    "\"5m\"",
    "After a boot nothing is raised for so long.",
);
pub static DEFAULT_RULES: Key = Key::new(
    "monitoring.default_rules",
    Form::Boolean,
    "true",
    "`false` drops every default rule; what a plugin says is judged still.",
);
pub static ALERT_THRESHOLDS: Key = Key::new(
    "monitoring.alert_thresholds",
    Form::Object,
    "{}",
    "Rules, by metric or series; see RULES.",
);

/// The section, with what it says wrongly left out.
///
/// # Errors
/// It says wrongly where to store.
pub(super) fn read(
    section: &Map<String, Value>,
    path: Option<&Path>,
    faults: &mut Vec<Fault>,
) -> anyhow::Result<Config> {
    let mut reader = Reader::new("monitoring", section, faults);
    let retention =
        Retention { days: reader.count(&RETENTION_DAYS), size: reader.count(&RETENTION_SIZE) };
    let sync =
        if reader.text(&SYNC).as_deref() == Some("never") { Sync::Never } else { Sync::Always };
    let mut filter =
        |include, exclude| Filter { include: reader.list(include), exclude: reader.list(exclude) };
    let filesystems = filter(&FILESYSTEMS_INCLUDE, &FILESYSTEMS_EXCLUDE);
    let devices = filter(&DEVICES_INCLUDE, &DEVICES_EXCLUDE);
    let interfaces = filter(&INTERFACES_INCLUDE, &INTERFACES_EXCLUDE);
    let billing = billing(&mut reader);
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
    let watch = watch::read(section.get("watch"), faults);
    let (files, declared) = files::read(section.get("files"), faults);
    // Their metrics are declared before rules can name them.
    let custom = custom::read(section.get("custom"), faults);
    // The levels that a plugin was called with are a wish like those of this file.
    let ours = built_in().filter(|_| default_rules);
    let judged: Vec<_> = ours.chain(custom::metrics(&custom)).collect();
    let mut rules = rules::read(&thresholds, &judged, faults);
    rules::declare(&mut rules, declared, &thresholds);

    let document = Value::Null;
    Ok(Config {
        path: None,
        document,
        enabled,
        log_interval,
        metrics_path,
        retention,
        sync,
        sources: Settings { filesystems, devices, interfaces, billing, watch, files, custom },
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

fn billing(reader: &mut Reader<'_>) -> Billing {
    let mut first_day = reader.count(&TRAFFIC_FIRST_DAY);
    if !(1..=28).contains(&first_day) {
        reader.fault(&["traffic", "first_day"], format!("must be from 1 to 28, not {first_day}"));
        first_day = 1;
    }
    let quota = reader.has(&TRAFFIC_QUOTA).then(|| reader.count(&TRAFFIC_QUOTA));
    let first_day = u32::try_from(first_day).unwrap_or(1);
    Billing { first_day, quota: quota.filter(|quota| *quota > 0) }
}
