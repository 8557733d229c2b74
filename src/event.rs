//! What happened: one short record a happening, never one a sample. Pure.

use serde::{Deserialize, Serialize};

use crate::alert::Level;
use crate::sample::write::{short, short_number};
use crate::time::{Moment, Zone};

pub const SCHEMA: u64 = 1;

/// The names in `event`.
pub mod kind {
    pub const RAISED: &str = "raised";
    pub const ESCALATED: &str = "escalated";
    pub const EASED: &str = "eased";
    pub const RECOVERED: &str = "recovered";
    pub const REMINDER: &str = "reminder";
    pub const FLAPPING: &str = "flapping";
    pub const CALMED: &str = "calmed";
    pub const SILENCED: &str = "silenced";
    pub const UNSILENCED: &str = "unsilenced";
    pub const WITHDRAWN: &str = "withdrawn";
    pub const GONE: &str = "gone";
    pub const TOLD: &str = "told";
    pub const OWED: &str = "owed";
    pub const REFUSED: &str = "refused";
    pub const GAP: &str = "gap";
    pub const REBOOT: &str = "reboot";
    pub const CLOCK_STEP: &str = "clock_step";
    pub const COLLECTOR_FAILED: &str = "collector_failed";
    pub const COLLECTOR_BACK: &str = "collector_back";
    pub const CONFIG_ERROR: &str = "config_error";
    pub const CONFIG_OK: &str = "config_ok";
    pub const HOST_CHANGED: &str = "host_changed";
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    pub timestamp: String,
    pub epoch: i64,
    pub schema: u64,
    pub host: String,
    pub boot_id: String,
    #[serde(serialize_with = "short_number")]
    pub uptime: f64,
    pub event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub threshold: Option<f64>,
    /// Of an episode that ended: the worst value it had.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub worst: Option<f64>,
    /// When what it speaks of began, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whom it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Event {
    /// An event of `kind` on `host` at `moment`.
    pub fn new(kind: &str, host: &str, moment: &Moment) -> Self {
        Event {
            timestamp: rfc3339(moment.epoch),
            epoch: moment.epoch,
            schema: SCHEMA,
            host: host.to_owned(),
            boot_id: moment.boot_id.clone(),
            uptime: (moment.uptime * 100.0).round() / 100.0,
            event: kind.to_owned(),
            ..Event::default()
        }
    }

    #[must_use]
    pub fn about(mut self, series: &str) -> Self {
        self.series = Some(series.to_owned());
        self
    }

    #[must_use]
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
}

/// Local time with its offset, as in every file.
pub fn rfc3339(epoch: i64) -> String {
    Zone::Local.at_epoch(epoch).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

/// Back from a file.
pub fn epoch_of(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp())
}
