//! What of the configuration may be shown: its faults, and what the file says for a key.

use serde_json::{Value, json};

use super::key::Key;
use super::{Config, heartbeat};

impl Config {
    /// The faults as they are printed, one a line.
    pub fn fault_lines(&self) -> Vec<String> {
        let file = self
            .path
            .as_ref()
            .map_or_else(|| "configuration".to_owned(), |path| path.display().to_string());
        self.faults.iter().map(|fault| fault.line(&file)).collect()
    }

    /// The value in the file; of a list of sections, what each says. A secret is `***`.
    pub fn stated(&self, key: &Key) -> Option<Value> {
        let value = find(&self.document, key, key.path)?;
        Some(if key.secret { hidden(value) } else { value })
    }
}

fn find(value: &Value, key: &Key, path: &str) -> Option<Value> {
    match value {
        Value::Null => None,
        _ if path.is_empty() => Some(value.clone()),
        Value::Array(sections) => {
            let each: Vec<Value> =
                sections.iter().map(|one| find(one, key, path).unwrap_or_default()).collect();
            each.iter().any(|one| !one.is_null()).then_some(Value::Array(each))
        }
        // A heartbeat that is only an address.
        Value::String(_) if key.path == heartbeat::URL.path && path == "url" => Some(value.clone()),
        _ => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            find(value.get(name)?, key, rest)
        }
    }
}

/// Which of the sections has one may be seen.
fn hidden(value: Value) -> Value {
    match value {
        Value::Array(each) => each.into_iter().map(hidden).collect(),
        Value::Null => Value::Null,
        _ => json!("***"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{from_text, webhook};
    use super::*;

    fn stated(notifications: &Value, key: &Key) -> Option<Value> {
        let text = json!({"notifications": notifications}).to_string();
        from_text(&text, None).unwrap().stated(key)
    }

    #[test]
    fn of_a_list_of_sections_each_is_stated() {
        let two = json!({"webhook": [{"url": "https://h/s", "timeout": 3}, {"url_file": "x"}]});
        assert_eq!(stated(&two, &webhook::TIMEOUT), Some(json!([3, null])));
        assert_eq!(stated(&two, &webhook::URL), Some(json!(["***", null])));
        assert_eq!(stated(&two, &webhook::LEVEL), None);
    }

    #[test]
    fn no_address_is_shown_however_it_was_written() {
        assert_eq!(
            stated(&json!({"heartbeat": "https://h/s"}), &heartbeat::URL),
            Some(json!("***"))
        );
        assert_eq!(
            stated(&json!({"heartbeat": {"url": "https://h/s"}}), &heartbeat::URL),
            Some(json!("***"))
        );
        assert_eq!(stated(&json!({"heartbeat": "https://h/s"}), &heartbeat::TIMEOUT), None);
    }
}
