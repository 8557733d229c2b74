//! A sample as its JSON line: scalars first, then labels, then text, each in one fixed order, so that readers
//! can stop early. Pure.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Entry, Sample, Value};

impl Sample {
    /// Everything in one line, without its newline.
    ///
    /// # Errors
    /// Only if a text cannot be written as JSON, which does not happen for `String`s.
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "timestamp",
            &self.timestamp.to_rfc3339_opts(chrono::SecondsFormat::Secs, false),
        )?;
        map.serialize_entry("epoch", &self.epoch())?;
        map.serialize_entry("schema", &self.schema)?;
        // Lines of the original module know neither.
        for (key, text) in [("host", &self.host), ("boot_id", &self.boot_id)] {
            if !text.is_empty() {
                map.serialize_entry(key, text)?;
            }
        }
        if let Some(uptime) = self.uptime {
            map.serialize_entry("uptime", &Value::Float(uptime))?;
        }
        if let Some(interval) = self.interval {
            map.serialize_entry("interval", &Value::Float(interval))?;
        }
        let uptime = |name: &str| name == "uptime";
        for (name, entry) in self.values.entries().filter(|(name, _)| !uptime(name)) {
            if let Entry::Single(value) = entry {
                map.serialize_entry(name, value)?;
            }
        }
        for (name, entry) in self.values.entries() {
            if let Entry::Labelled(labels) = entry {
                map.serialize_entry(name, labels)?;
            }
        }
        if !self.top.is_empty() {
            map.serialize_entry("top", &self.top)?;
        }
        if !self.errors.is_empty() {
            map.serialize_entry("errors", &self.errors)?;
        }
        if !self.facts.is_empty() {
            map.serialize_entry("facts", &self.facts)?;
        }
        for (name, value) in &self.other {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Unsigned(number) => serializer.serialize_u64(*number),
            // 52 rather than 52.0: shorter, and the same number to every reader.
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
                serializer.serialize_i64(*number as i64)
            }
            Value::Float(number) => serializer.serialize_f64(*number),
        }
    }
}

/// An optional number, written like a value.
pub fn short<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(Value::Float).serialize(serializer)
}

/// A number, written like a value.
pub fn short_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Value::Float(*number).serialize(serializer)
}
