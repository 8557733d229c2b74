//! The value of a key that a line may hold: a metric, or something of a later version. Pure.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Entry, Sorted, Value};

/// A number, or numbers by label; anything else is not a metric and is kept as it is.
pub(super) enum Content {
    Metric(Entry),
    Other(serde_json::Value),
}

impl<'de> de::Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, or numbers by label")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Metric(Entry::Single(Value::Unsigned(number))))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Metric(Entry::Single(Value::Float(number as f64))))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Metric(Entry::Single(Value::Float(number))))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Other(serde_json::Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Other(value.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Other(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<serde_json::Value>()? {
            values.push(value);
        }
        Ok(Content::Other(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut labels = Sorted::default();
        let mut others = serde_json::Map::new();
        while let Some((label, content)) = map.next_entry::<String, Content>()? {
            match content {
                Content::Metric(Entry::Single(value)) => labels.insert(label, value),
                Content::Metric(Entry::Labelled(inner)) => {
                    _ = others.insert(label, serde_json::json!(inner));
                }
                Content::Other(serde_json::Value::Null) => {}
                Content::Other(other) => _ = others.insert(label, other),
            }
        }
        if others.is_empty() {
            return Ok(Content::Metric(Entry::Labelled(labels)));
        }
        others.extend(labels.into_iter().map(|(label, value)| (label, serde_json::json!(value))));
        Ok(Content::Other(others.into()))
    }
}
