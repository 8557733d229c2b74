//! Takes keys out of a section by their declarations; what does not fit is a fault and gives the default. Pure.

use serde_json::{Map, Value};

use super::fault::Fault;
use super::key::{Form, Key};
use crate::alert::Level;
use crate::metric::Unit;
use crate::quantity::quantity;
use crate::series::did_you_mean;

/// Keys that begin so are comments.
pub fn is_comment(key: &str) -> bool {
    key.starts_with('_') || key.starts_with("//")
}

pub struct Reader<'a> {
    /// Path of the section, with dots.
    prefix: &'static str,
    section: &'a Map<String, Value>,
    faults: &'a mut Vec<Fault>,
    /// Where the section is one of a list: which.
    pub index: Option<usize>,
}

impl<'a> Reader<'a> {
    pub fn new(
        prefix: &'static str,
        section: &'a Map<String, Value>,
        faults: &'a mut Vec<Fault>,
    ) -> Self {
        Reader { prefix, section, faults, index: None }
    }

    /// Whether anything stands there, right or wrong.
    pub fn has(&self, key: &Key) -> bool {
        self.value(key).is_some()
    }

    /// A fault of a key inside the section.
    pub fn fault(&mut self, keys: &[&str], text: impl Into<String>) {
        let path: Vec<&str> = self.prefix.split('.').chain(keys.iter().copied()).collect();
        let fault = self.placed(Fault::new(&path, text));
        self.faults.push(fault);
    }

    /// In a list, the path leads through the element.
    fn placed(&self, mut fault: Fault) -> Fault {
        if let Some(index) = self.index {
            fault.path.insert(self.prefix.split('.').count(), index.to_string());
        }
        fault
    }

    fn value(&self, key: &Key) -> Option<&'a Value> {
        let inner = key.path.strip_prefix(self.prefix)?.strip_prefix('.')?;
        let mut names = inner.split('.');
        let first = self.section.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    /// The value as `convert` understands it; else the default, and a fault if something else was there.
    fn take<T>(&mut self, key: &Key, convert: impl Fn(&Value) -> Option<T>) -> Option<T> {
        if let Some(value) = self.value(key) {
            if let Some(converted) = convert(value) {
                return Some(converted);
            }
            let shown = if key.secret { "***".to_owned() } else { value.to_string() };
            let path: Vec<&str> = key.path.split('.').collect();
            let fault = Fault::new(&path, format!("must be {}, not {shown}", key.form.words()));
            self.faults.push(self.placed(fault));
        }
        // Making a parser fail costs more than the rest of this; no default is no text to parse.
        let default = Some(key.default).filter(|text| !text.is_empty());
        default.and_then(|text| serde_json::from_str(text).ok()).and_then(|value| convert(&value))
    }

    pub fn boolean(&mut self, key: &Key) -> bool {
        self.take(key, Value::as_bool).unwrap_or_default()
    }

    pub fn optional_boolean(&mut self, key: &Key) -> Option<bool> {
        self.take(key, Value::as_bool)
    }

    pub fn text(&mut self, key: &Key) -> Option<String> {
        self.take(key, |value| {
            match key.form {
                Form::Choice(choices) => value.as_str().filter(|text| choices.contains(text)),
                _ => value.as_str().filter(|text| !text.trim().is_empty()),
            }
            .map(str::to_owned)
        })
    }

    pub fn list(&mut self, key: &Key) -> Vec<String> {
        self.take(key, |value| match value {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(many) => many.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => None,
        })
        .unwrap_or_default()
    }

    pub fn object(&mut self, key: &Key) -> Map<String, Value> {
        self.take(key, |value| value.as_object().cloned()).unwrap_or_default()
    }

    /// Whatever stands there.
    pub fn json(&mut self, key: &Key) -> Option<Value> {
        self.take(key, |value| Some(value.clone()))
    }

    /// A span of time above zero.
    pub fn seconds(&mut self, key: &Key) -> Option<f64> {
        self.take(key, |value| quantity(value, Unit::Seconds).filter(|seconds| *seconds > 0.0))
    }

    /// From which level on somebody is told.
    pub fn level(&mut self, key: &Key) -> Level {
        if self.text(key).as_deref() == Some("critical") { Level::Critical } else { Level::Warning }
    }

    /// A span of time, or none: `0`.
    pub fn seconds_or_none(&mut self, key: &Key) -> Option<f64> {
        self.take(key, |value| quantity(value, Unit::Seconds).filter(|seconds| *seconds >= 0.0))
    }

    /// A whole number, or bytes.
    pub fn count(&mut self, key: &Key) -> u64 {
        let unit = if key.form == Form::Bytes { Unit::Bytes } else { Unit::Count };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, and saturates"
        )]
        self.take(key, |value| {
            quantity(value, unit)
                .filter(|number| *number >= 1.0 && number.fract() == 0.0)
                .map(|number| number as u64)
        })
        .unwrap_or_default()
    }

    /// Names every key of the section that nothing reads.
    pub fn report_unknown(&mut self, keys: &[&Key]) {
        let mut unknown = Vec::new();
        find_unknown(self.section, self.prefix, keys, &mut unknown);
        let unknown: Vec<Fault> = unknown.into_iter().map(|fault| self.placed(fault)).collect();
        self.faults.extend(unknown);
    }
}

fn find_unknown(
    section: &Map<String, Value>,
    prefix: &str,
    keys: &[&Key],
    faults: &mut Vec<Fault>,
) {
    let inner = |key: &Key| key.path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
    let known: Vec<&str> = keys
        .iter()
        .filter_map(|key| inner(key))
        .filter_map(|rest| rest.split('.').next())
        .collect();
    for (name, value) in section.iter().filter(|(name, _)| !is_comment(name)) {
        let path = format!("{prefix}.{name}");
        let parts: Vec<&str> = path.split('.').collect();
        if !known.contains(&name.as_str()) {
            faults.push(Fault::new(
                &parts,
                format!("no such key{}", did_you_mean(name, known.iter().copied())),
            ));
        } else if !keys.iter().any(|key| key.path == path) {
            match value {
                Value::Object(inner) => find_unknown(inner, &path, keys, faults),
                Value::Null => {}
                _ => {
                    faults
                        .push(Fault::new(&parts, format!("must be an object {{…}}, not {value}")));
                }
            }
        }
    }
}
