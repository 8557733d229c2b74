//! `notifications.heartbeat`: where every run reports that it took place, so that somebody misses the one that does
//! not.

use std::path::Path;

use serde_json::{Map, Value};

use super::KEYS;
use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use super::url::{Target, TargetKeys};

const PREFIX: &str = "notifications.heartbeat";

pub static URL: Key = Key::new(
    "notifications.heartbeat.url",
    Form::Text,
    "",
    "The address to report to. The section may be this text alone.",
)
.secret();
pub static URL_FILE: Key = Key::new(
    "notifications.heartbeat.url_file",
    Form::Text,
    "",
    "A file that holds the address, readable only for its owner. The systemd credential `heartbeat.url` wins.",
);
pub static START: Key = Key::new(
    "notifications.heartbeat.start",
    Form::Boolean,
    "false",
    "`true` also reports that a run began, for a receiver that measures how long it took.",
);
pub static TIMEOUT: Key =
    Key::new("notifications.heartbeat.timeout", Form::Seconds, "5", "For one report.");
pub static CA_FILE: Key = Key::new(
    "notifications.heartbeat.ca_file",
    Form::Text,
    "",
    "A PEM file with the certificate authority of the server, beside the system's own.",
);

#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    pub target: Target,
    pub start: bool,
}

/// `None`: no report, because there is no section or it has a fault.
pub fn read(
    value: Option<&Value>,
    config: Option<&Path>,
    faults: &mut Vec<Fault>,
) -> Option<Heartbeat> {
    let section = match value? {
        Value::Null => return None,
        Value::Object(section) => section.clone(),
        Value::String(url) => Map::from_iter([("url".to_owned(), Value::from(url.as_str()))]),
        _ => {
            let path: Vec<&str> = PREFIX.split('.').collect();
            faults.push(Fault::new(&path, "must be a URL or an object {…}"));
            return None;
        }
    };
    let before = faults.len();
    let mut reader = Reader::new(PREFIX, &section, faults);
    let keys = TargetKeys { url: &URL, url_file: &URL_FILE, ca_file: &CA_FILE, timeout: &TIMEOUT };
    let target = Target::read(&mut reader, &keys, "heartbeat", config);
    let start = reader.boolean(&START);
    reader.report_unknown(KEYS);
    (faults.len() == before).then_some(Heartbeat { target, start })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heartbeat(section: &Value) -> (Option<Heartbeat>, String) {
        let mut faults = Vec::new();
        let heartbeat = read(Some(section), Some(Path::new("/etc/hostwatch/c.json")), &mut faults);
        (heartbeat, faults.iter().map(|fault| fault.line("f")).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn an_address_alone_is_enough() {
        let (found, faults) = heartbeat(&json!("https://hc-ping.com/uuid"));
        let found = found.unwrap();
        assert_eq!((faults.as_str(), found.start, found.target.timeout), ("", false, 5.0));
        assert_eq!(found.target.url.unwrap().as_str(), "https://hc-ping.com/uuid");
        assert_eq!(found.target.credential, "heartbeat.url");
        assert_eq!(heartbeat(&json!(null)), (None, String::new()));
    }

    #[test]
    fn it_may_stand_in_a_file_beside_the_configuration() {
        let found = heartbeat(&json!({"url_file": "beat.url", "start": true})).0.unwrap();
        assert_eq!(found.target.url_file.unwrap(), Path::new("/etc/hostwatch/beat.url"));
        assert!(found.start);
    }

    #[test]
    fn a_fault_leaves_it_out_and_shows_no_address() {
        for (section, words) in [
            (json!({}), "f: notifications.heartbeat.url: no URL"),
            (json!("ftp://hc/secret-1"), "that begins with https://"),
            (json!({"url": "ftp://hc/secret-1"}), "that begins with https://"),
            (json!({"url": ["https://hc/secret-1"]}), "must be a text, not ***"),
            (json!(["https://hc/secret-1"]), "must be a URL or an object"),
            (json!({"url": "https://hc/secret-1", "strat": true}), "did you mean \"start\"?"),
        ] {
            let (found, faults) = heartbeat(&section);
            assert!(found.is_none() && faults.contains(words), "{section}: {faults}");
            assert!(!faults.contains("secret-1"), "{faults}");
        }
    }
}
