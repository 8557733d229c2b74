//! `notifications.webhook`: posting to an address. Neither address nor secret headers are read here from their files:
//! readers never need them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::beside;
use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::{Reader, is_comment};
use super::several::Several;
use super::url::{Target, TargetKeys};
use crate::alert::Level;
use crate::template::{Body, Text};

pub static ENABLED: Key = Key::new(
    "notifications.webhook.enabled",
    Form::Boolean,
    "true",
    "`false` disables it; the section's presence enables it.",
);
pub static NAME: Key = Key::new(
    "notifications.webhook.name",
    Form::Text,
    "",
    "Where there are several: `webhook`, `webhook2` and so on, or a name of its own.",
);
pub static URL: Key =
    Key::new("notifications.webhook.url", Form::Text, "", "The address to post to.").secret();
pub static URL_FILE: Key = Key::new(
    "notifications.webhook.url_file",
    Form::Text,
    "",
    "A file that holds the address, readable only for its owner. The systemd credential `webhook.url`, or that of its name, wins.",
);
pub static HEADERS: Key = Key::new(
    "notifications.webhook.headers",
    Form::Object,
    "{}",
    "Headers with their values, which may hold placeholders.",
)
.secret();
pub static HEADER_FILES: Key = Key::new(
    "notifications.webhook.header_files",
    Form::Object,
    "{}",
    "Headers with files that hold their values, readable only for their owner.",
);
pub static BODY: Key = Key::new(
    "notifications.webhook.body",
    Form::Json,
    "",
    "What to post: a text, or JSON whose texts may hold placeholders. Default: all facts.",
);
pub static LEVEL: Key = Key::new(
    "notifications.webhook.level",
    Form::Choice(&["warning", "critical"]),
    "\"warning\"",
    "From which level on it is told.",
);
pub static TIMEOUT: Key =
    Key::new("notifications.webhook.timeout", Form::Seconds, "10", "For one message.");
pub static CA_FILE: Key = Key::new(
    "notifications.webhook.ca_file",
    Form::Text,
    "",
    "A PEM file with the certificate authority of the server, beside the system's own.",
);

const SECTION: Several =
    Several { prefix: "notifications.webhook", name: &NAME, enabled: &ENABLED, hyphens: true };

/// Headers that follow from the request itself.
const OF_THE_REQUEST: &[&str] =
    &["host", "content-length", "transfer-encoding", "connection", "expect"];

#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// `webhook:NAME` in the state and the events.
    pub channel: String,
    pub target: Target,
    pub headers: Vec<(String, Text)>,
    pub header_files: Vec<(String, PathBuf)>,
    /// `None`: the facts as they are.
    pub body: Option<Body>,
    /// From which level on it is told.
    pub level: Level,
}

/// Those without a fault.
pub fn read(value: Option<&Value>, config: Option<&Path>, faults: &mut Vec<Fault>) -> Vec<Webhook> {
    let keys = TargetKeys { url: &URL, url_file: &URL_FILE, ca_file: &CA_FILE, timeout: &TIMEOUT };
    SECTION.read(value, faults, |reader, name| Webhook {
        channel: format!("webhook:{name}"),
        target: Target::read(reader, &keys, name, config),
        headers: headers(reader, &HEADERS, |value| {
            if value.contains(char::is_control) {
                return Err("must be one line".to_owned());
            }
            Text::parse(value)
        }),
        header_files: headers(reader, &HEADER_FILES, |value| Ok(beside(config, value))),
        body: reader.json(&BODY).and_then(|body| {
            Body::parse(&body).map_err(|words| reader.fault(&["body"], words)).ok()
        }),
        level: reader.level(&LEVEL),
    })
}

/// Header names with what `convert` makes of their texts. The texts may be secrets and are not shown.
fn headers<T>(
    reader: &mut Reader<'_>,
    key: &Key,
    convert: impl Fn(&str) -> Result<T, String>,
) -> Vec<(String, T)> {
    let section = key.path.rsplit('.').next().unwrap_or_default();
    let mut found = Vec::new();
    for (name, value) in reader.object(key).into_iter().filter(|(name, _)| !is_comment(name)) {
        let converted = match value.as_str() {
            _ if !is_header(&name) => Err("is no name of a header".to_owned()),
            _ if OF_THE_REQUEST.contains(&name.to_ascii_lowercase().as_str()) => {
                Err("is set by the request itself".to_owned())
            }
            None => Err("must be a text".to_owned()),
            Some(text) => convert(text),
        };
        match converted {
            Ok(converted) => found.push((name, converted)),
            Err(words) => reader.fault(&[section, &name], words),
        }
    }
    found
}

/// A token of RFC 9110.
fn is_header(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn webhooks(section: &Value) -> (Vec<Webhook>, String) {
        let mut faults = Vec::new();
        let config = Path::new("/etc/hostwatch/config.json");
        let webhooks = read(Some(section), Some(config), &mut faults);
        (webhooks, faults.iter().map(|fault| fault.line("f")).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn an_address_is_enough() {
        let (found, faults) = webhooks(&json!({"url": "https://ntfy.sh/topic"}));
        assert_eq!((found.len(), faults.as_str()), (1, ""));
        assert_eq!(found[0].channel, "webhook:webhook");
        assert_eq!(found[0].target.credential, "webhook.url");
        assert_eq!((found[0].level, found[0].target.timeout), (Level::Warning, 10.0));
        assert_eq!(found[0].body, None);
    }

    #[test]
    fn of_several_each_has_its_name_and_its_credential() {
        let (found, faults) = webhooks(&json!([
            {"url": "https://a/x"}, {"url": "https://b/x"}, {"name": "slack", "url_file": "slack.url"}
        ]));
        let named: Vec<_> =
            found.iter().map(|one| (&*one.channel, &*one.target.credential)).collect();
        assert_eq!(
            named,
            [
                ("webhook:webhook", "webhook.url"),
                ("webhook:webhook2", "webhook2.url"),
                ("webhook:slack", "slack.url")
            ]
        );
        assert_eq!(faults, "");
        assert_eq!(
            found[2].target.url_file.as_deref(),
            Some(Path::new("/etc/hostwatch/slack.url"))
        );
    }

    #[test]
    fn a_fault_leaves_it_out_is_named_and_shows_no_secret() {
        let with = |key: &str, value: Value| json!({"url": "https://h/secret-1", key: value});
        for (section, words) in [
            (json!({}), "f: notifications.webhook.url: no URL"),
            (json!("https://h/secret-1"), "f: notifications.webhook: must be an object"),
            (json!({"url": {"x": "secret-1"}}), "webhook.url: must be a text, not ***"),
            (json!({"url": "gopher://h/secret-1"}), "that begins with https://"),
            (with("header", json!({})), "did you mean \"headers\""),
            (with("headers", json!("secret-1")), "must be an object {…}, not ***"),
            (with("headers", json!({"X-Y": 1})), "webhook.headers.X-Y: must be a text"),
            (with("headers", json!({"X Y": "secret-1"})), "headers.X Y: is no name of a header"),
            (with("headers", json!({"host": "secret-1"})), "is set by the request itself"),
            (with("headers", json!({"X": "secret-1\r\nY: z"})), "headers.X: must be one line"),
            (
                with("headers", json!({"X": "{hots}"})),
                "headers.X: \"{hots}\" is no placeholder; did you mean \"host\"?",
            ),
            (
                with("body", json!({"text": "{txet}"})),
                "webhook.body: \"{txet}\" is no placeholder; did you mean \"text\"?",
            ),
            (with("level", json!("ok")), "must be \"warning\" or \"critical\""),
        ] {
            let (found, faults) = webhooks(&section);
            assert!(found.is_empty() && faults.contains(words), "{section}: {faults}");
            assert!(!faults.contains("secret-1"), "{faults}");
        }
    }

    #[test]
    fn a_fault_in_a_list_is_found_in_the_file() {
        let text =
            "{\"notifications\": {\"webhook\": [\n{\"url\": \"https://h/x\"},\n {\"url\": 3}]}}";
        let config = super::super::from_text(text, None).unwrap();
        assert_eq!(
            config.fault_lines(),
            ["configuration:3:10: notifications.webhook.1.url: must be a text, not ***"]
        );
        assert_eq!(config.webhooks.len(), 1);
    }

    #[test]
    fn no_output_shows_the_address() {
        let shown = format!("{:?}", webhooks(&json!({"url": "https://h/secret-1"})));
        assert!(!shown.contains("secret-1"), "{shown}");
    }
}
