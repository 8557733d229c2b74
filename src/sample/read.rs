//! Reading a line: one visitor that is given the names that are wanted and skips the rest. Lines of the original
//! module and of later schemas read as far as they are understood. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::content::Content;
pub use super::wanted::Wanted;
use super::working::Working;
use super::{Entry, Process, Sample, Value, Values};
use crate::time::{Pick, Zone};

/// Reads one line.
///
/// # Errors
/// Says in a few words why the line is damaged.
pub fn line(text: &[u8], wanted: &Wanted) -> Result<Sample, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let sample = LineSeed(wanted)
        .deserialize(&mut deserializer)
        .map_err(|error| without_position(&error))?;
    deserializer.end().map_err(|_| "more than one object in a line".to_owned())?;
    Ok(sample)
}

/// Who and when of a line, without reading the rest where it stands as we write it.
///
/// # Errors
/// As for `line`.
pub fn head(text: &[u8]) -> Result<Sample, String> {
    const KEY: &[u8] = b",\"uptime\":";
    let nothing = Wanted::names(Vec::<String>::new());
    let start = text.get(..text.len().min(512)).unwrap_or_default();
    let after = start.windows(KEY.len()).position(|window| window == KEY).map(|at| at + KEY.len());
    let end = after
        .and_then(|after| Some(after + start.get(after..)?.iter().position(|byte| *byte == b',')?));
    match end.and_then(|end| text.get(..end)) {
        Some(head) => line(&[head, b"}"].concat(), &nothing),
        None => line(text, &nothing),
    }
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

struct LineSeed<'a>(&'a Wanted);

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = Sample;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Sample, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = Sample;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a sample (a JSON object)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sample, A::Error> {
        let mut draft = Draft::default();
        draft.values.reserve(self.0.listed().len());
        let mut working = self.0.flags().then(Working::default);
        while let Some(key) = map.next_key_seed(KeySeed(self.0, working.as_mut()))? {
            match key {
                Key::Timestamp => draft.timestamp = Some(map.next_value()?),
                Key::Epoch => draft.epoch = number(&map.next_value()?).map(Value::as_f64),
                Key::Schema => {
                    draft.schema = number(&map.next_value()?).map(Value::as_f64);
                }
                Key::Host => draft.host = map.next_value::<Option<String>>()?.unwrap_or_default(),
                Key::BootId => {
                    draft.boot_id = map.next_value::<Option<String>>()?.unwrap_or_default();
                }
                Key::Uptime(wanted) => {
                    let value = number(&map.next_value()?);
                    draft.uptime = value.map(Value::as_f64);
                    if let (true, Some(value)) = (wanted, value) {
                        draft.values.insert("uptime".into(), Entry::Single(value));
                    }
                }
                Key::Interval => {
                    draft.interval = number(&map.next_value()?).map(Value::as_f64);
                }
                Key::Top => draft.top = map.next_value::<Lenient<Vec<Process>>>()?.0,
                Key::Errors => {
                    draft.errors = map.next_value::<Lenient<BTreeMap<String, String>>>()?.0;
                }
                Key::Facts => {
                    draft.facts = map.next_value::<Lenient<BTreeMap<String, String>>>()?.0;
                }
                Key::Metric(name) => match map.next_value()? {
                    Content::Metric(entry) => draft.values.insert(name, entry),
                    Content::Other(serde_json::Value::Null) => {}
                    Content::Other(other) if self.0.text => {
                        draft.other.insert(name.into_owned(), other);
                    }
                    Content::Other(_) => {}
                },
                Key::Skip => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        // Lines of the original module know no collectors.
        if let Some(working) = working.filter(|_| draft.schema.is_some()) {
            draft.values.add_working(working);
        }
        draft.finish().map_err(de::Error::custom)
    }
}

#[derive(Default)]
struct Draft {
    timestamp: Option<String>,
    epoch: Option<f64>,
    schema: Option<f64>,
    host: String,
    boot_id: String,
    uptime: Option<f64>,
    interval: Option<f64>,
    values: Values,
    top: Vec<Process>,
    errors: BTreeMap<String, String>,
    facts: BTreeMap<String, String>,
    other: BTreeMap<String, serde_json::Value>,
}

impl Draft {
    fn finish(self) -> Result<Sample, String> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and out of range is then no time"
        )]
        let (epoch, schema) = (
            self.epoch.map(|seconds| seconds as i64),
            self.schema.map_or(1, |number| number as u64),
        );
        let text = self.timestamp.ok_or("no timestamp")?;
        let stated = timestamp(&text).ok_or_else(|| format!("\"{text}\" is no time"))?;
        // The epoch is the instant; the text adds the zone.
        let timestamp = match epoch.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
            Some(instant) => instant.with_timezone(stated.offset()),
            None => stated,
        };
        Ok(Sample {
            timestamp,
            schema,
            host: self.host,
            boot_id: self.boot_id,
            uptime: self.uptime,
            interval: self.interval,
            values: self.values,
            top: self.top,
            errors: self.errors,
            facts: self.facts,
            other: self.other,
        })
    }
}

/// RFC 3339, or as the original module wrote it: local time without a zone.
fn timestamp(text: &str) -> Option<DateTime<FixedOffset>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant);
    }
    let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
        .ok()?;
    Some(Zone::Local.at(Zone::Local.instant(wall, Pick::Earlier)))
}

enum Key {
    Timestamp,
    Epoch,
    Schema,
    Host,
    BootId,
    Uptime(bool),
    Interval,
    Top,
    Errors,
    Facts,
    Metric(Cow<'static, str>),
    Skip,
}

/// What is wanted, and where collectors are noted whose metrics are met.
struct KeySeed<'a>(&'a Wanted, Option<&'a mut Working>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            "timestamp" => Key::Timestamp,
            "epoch" => Key::Epoch,
            "schema" => Key::Schema,
            "host" => Key::Host,
            "boot_id" => Key::BootId,
            "uptime" => {
                self.1.map(|working| working.meet(key));
                Key::Uptime(self.0.takes(key))
            }
            "interval" => Key::Interval,
            "top" if self.0.text => Key::Top,
            "errors" if self.0.text => Key::Errors,
            "facts" if self.0.text || self.0.facts => Key::Facts,
            "top" | "errors" | "facts" => Key::Skip,
            other => {
                let name = self.0.renamed(other);
                let known = self.1.and_then(|working| working.meet(name));
                match known {
                    _ if !self.0.takes(name) => Key::Skip,
                    Some(known) => Key::Metric(Cow::Borrowed(known)),
                    None => Key::Metric(self.0.kept(name)),
                }
            }
        })
    }
}

fn number(value: &serde_json::Value) -> Option<Value> {
    match value.as_u64() {
        Some(number) => Some(Value::Unsigned(number)),
        None => value.as_f64().map(Value::Float),
    }
}

/// A part of another shape (of a later schema) reads as empty instead of damaging the line.
struct Lenient<T>(T);

impl<'de, T: Default + de::Deserialize<'de>> de::Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Lenient(serde_json::from_str(raw.get()).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-22T09:41:06+01:00","epoch":1795336866,"schema":1,"host":"gate-pi","boot_id":"6c","uptime":86400.25,"interval":300.02,"cpu_percent":12.5,"memory_used":870000000,"filesystem_percent":{"/":61.2,"/data":80},"top":[{"pid":812,"name":"recognizer","user":"gate","cpu_percent":71,"memory":310000000}],"errors":{"temperature":"could not read"}}"#;

    fn read(text: &str) -> Result<Sample, String> {
        line(text.as_bytes(), &Wanted::everything())
    }

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        assert_eq!(read(LINE).unwrap().stored_line().unwrap(), LINE);
    }

    #[test]
    fn the_head_of_a_line_says_who_and_when() {
        let (short, full) = (head(LINE.as_bytes()).unwrap(), read(LINE).unwrap());
        assert_eq!((short.moment(), short.host), (full.moment(), full.host));
        assert_eq!(
            head(br#"{"uptime":5,"timestamp":"2026-11-22T09:41:06Z"}"#).unwrap().uptime,
            Some(5.0)
        );
    }

    #[test]
    fn only_what_is_wanted_is_kept() {
        let sample = line(LINE.as_bytes(), &Wanted::names(["cpu_percent"])).unwrap();
        assert_eq!(sample.values.points().count(), 1);
        assert!(sample.top.is_empty() && sample.uptime == Some(86_400.25));
    }

    #[test]
    fn one_name_more_is_taken_beside_those_asked_for() {
        let wanted = Wanted::names(["memory_used"]).and("cpu_percent").and("cpu_percent");
        assert_eq!(wanted.listed(), ["cpu_percent", "memory_used"]);
        assert_eq!(line(LINE.as_bytes(), &wanted).unwrap().values.points().count(), 2);
        assert!(Wanted::everything().and("cpu_percent").takes("anything"));
    }

    #[test]
    fn a_line_of_the_original_module_is_a_valid_line() {
        let sample = read(
            r#"{"timestamp": "2026-03-28T09:41:06.123456", "cpu_percent": 3.1, "cpu_temp": null}"#,
        )
        .unwrap();
        assert_eq!(sample.values.get("cpu_percent", None), Some(3.1));
        assert_eq!((sample.values.get("cpu_temp", None), sample.boot_id.as_str()), (None, ""));
    }

    #[test]
    fn counters_above_two_to_the_53_stay_exact() {
        let sample = read(
            r#"{"timestamp":"2026-11-22T09:41:06+01:00","network_sent":18446744073709551615}"#,
        )
        .unwrap();
        assert_eq!(sample.values.single("network_sent"), Some(Value::Unsigned(u64::MAX)));
    }

    #[test]
    fn a_line_of_a_later_schema_is_read_for_what_is_known() {
        let sample = read(r#"{"timestamp":"2026-11-22T09:41:06Z","schema":9,"cpu_percent":1,"top":"later","new":[1],"flux":{"a":"b"}}"#).unwrap();
        assert_eq!((sample.schema, sample.values.get("cpu_percent", None)), (9, Some(1.0)));
        assert!(
            sample.to_line().unwrap().ends_with(r#""flux":{"a":"b"},"new":[1]}"#),
            "unknown keys survive"
        );
    }

    #[test]
    fn a_renamed_metric_is_found_under_its_old_name() {
        let mut wanted = Wanted::names(["cpu_percent"]);
        wanted.formerly.push(("cpu_load", "cpu_percent"));
        let sample =
            line(br#"{"timestamp":"2026-11-22T09:41:06Z","cpu_load":7}"#, &wanted).unwrap();
        assert_eq!(sample.values.get("cpu_percent", None), Some(7.0));
    }

    #[test]
    fn the_epoch_is_the_instant_and_the_text_adds_the_zone() {
        assert_eq!(read(LINE).unwrap().epoch(), 1_795_336_866);
        let sample = read(r#"{"timestamp":"2026-11-22T09:00:00+01:00","epoch":0}"#).unwrap();
        assert_eq!(sample.timestamp.to_rfc3339(), "1970-01-01T01:00:00+01:00");
    }

    #[test]
    fn every_prefix_of_a_line_is_damage_and_nothing_worse() {
        for end in 0..LINE.len() {
            assert!(read(&LINE[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_no_sample_is_refused_with_a_reason() {
        for text in
            ["", "null", "[]", "{}", "{\"timestamp\":\"x\"}", "{\"timestamp\":1}", "\0\0\0", "NaN"]
        {
            assert!(read(text).is_err_and(|reason| !reason.is_empty()), "{text:?}");
        }
    }
}
