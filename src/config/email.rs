//! `notifications.email`: how to send mail. The secret is not read here: readers never need it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use super::{KEYS, beside};
use crate::alert::Level;

const PREFIX: &str = "notifications.email";

pub static ENABLED: Key = Key::new(
    "notifications.email.enabled",
    Form::Boolean,
    "true",
    "`false` disables mail; the section's presence enables it.",
);
pub static LEVEL: Key = Key::new(
    "notifications.email.level",
    Form::Choice(&["warning", "critical"]),
    "\"warning\"",
    "From which level on it is told by mail.",
);
pub static TRANSPORT: Key = Key::new(
    "notifications.email.transport",
    Form::Choice(&["smtp", "sendmail"]),
    "\"smtp\"",
    "`smtp`, or `sendmail` for the host's own mail program.",
);
pub static SENDMAIL_PATH: Key = Key::new(
    "notifications.email.sendmail_path",
    Form::Text,
    "\"/usr/sbin/sendmail\"",
    "The program that `sendmail` means.",
);
pub static SMTP_SERVER: Key =
    Key::new("notifications.email.smtp_server", Form::Text, "", "The mail server's name.");
pub static SMTP_PORT: Key = Key::new(
    "notifications.email.smtp_port",
    Form::Count,
    "",
    "Default: 587, 465 or 25, by `security`; 465 alone means `tls`.",
);
pub static SECURITY: Key = Key::new(
    "notifications.email.security",
    Form::Choice(&["starttls", "tls", "none"]),
    "",
    "`starttls` (the default; required, never opportunistic), `tls` from the first byte, or `none`.",
);
pub static USE_TLS: Key = Key::new(
    "notifications.email.use_tls",
    Form::Boolean,
    "",
    "The original module's key: true means `starttls`, false `none`. `security` wins.",
);
pub static USERNAME: Key = Key::new(
    "notifications.email.username",
    Form::Text,
    "",
    "For a server that asks who is there. Without TLS only towards this host itself.",
);
pub static PASSWORD_FILE: Key = Key::new(
    "notifications.email.password_file",
    Form::Text,
    "",
    "A file that holds the password, readable only for its owner. The systemd credential `smtp.password` wins.",
);
pub static PASSWORD: Key = Key::new(
    "notifications.email.password",
    Form::Text,
    "",
    "The password itself; the configuration must then not be world-readable.",
)
.secret();
pub static CA_FILE: Key = Key::new(
    "notifications.email.ca_file",
    Form::Text,
    "",
    "A PEM file with the certificate authority of the server, beside the system's own.",
);
pub static FROM_ADDRESS: Key = Key::new(
    "notifications.email.from_address",
    Form::Text,
    "",
    "Default: hostwatch@ this host's full name.",
);
pub static TO_ADDRESSES: Key =
    Key::new("notifications.email.to_addresses", Form::List, "", "Who is told.");
pub static SUBJECT_PREFIX: Key =
    Key::new("notifications.email.subject_prefix", Form::Text, "", "Put before every subject.");
pub static TIMEOUT: Key = Key::new(
    "notifications.email.timeout",
    Form::Seconds,
    "30",
    "For all telling of a run together; 30 s at most.",
);

/// Longest time for all telling of a run.
const LONGEST_TIMEOUT: f64 = 30.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    StartTls,
    Tls,
    None,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Smtp {
    pub server: String,
    pub port: u16,
    pub security: Security,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub password: Option<Secret>,
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    Smtp(Smtp),
    Sendmail(PathBuf),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// From which level on.
    pub level: Level,
    pub transport: Transport,
    pub from: Option<String>,
    pub to: Vec<String>,
    pub subject_prefix: String,
    /// Seconds.
    pub timeout: f64,
    /// The file that may hold the password, for its permissions.
    pub config: Option<PathBuf>,
}

/// A text that no output shows.
#[derive(Clone, PartialEq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("***")
    }
}

/// `None`: no mail, because there is no section, it is disabled, or it has a fault.
pub fn read(
    value: Option<&Value>,
    config: Option<&Path>,
    faults: &mut Vec<Fault>,
) -> Option<Email> {
    let section = match value? {
        Value::Object(section) => section,
        Value::Null => return None,
        other => {
            faults.push(Fault::new(
                &["notifications", "email"],
                format!("must be an object {{…}}, not {other}"),
            ));
            return None;
        }
    };
    let before = faults.len();
    let email = read_section(section, config, faults);
    let complete = faults.len() == before;
    email.filter(|_| complete)
}

fn read_section(
    section: &Map<String, Value>,
    config: Option<&Path>,
    faults: &mut Vec<Fault>,
) -> Option<Email> {
    let mut reader = Reader::new(PREFIX, section, faults);
    let enabled = reader.boolean(&ENABLED);
    let level = reader.level(&LEVEL);
    let by_sendmail = reader.text(&TRANSPORT).as_deref() == Some("sendmail");
    let sendmail = reader.text(&SENDMAIL_PATH).unwrap_or_default();
    let draft = Draft::read(&mut reader, section, config);
    let (from, to) = (reader.text(&FROM_ADDRESS), reader.list(&TO_ADDRESSES));
    let subject_prefix = reader.text(&SUBJECT_PREFIX).unwrap_or_default();
    let timeout = reader.seconds(&TIMEOUT).unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT);
    reader.report_unknown(KEYS);
    if !enabled {
        return None;
    }
    let named = from.iter().map(|address| ("from_address", address));
    for (key, address) in named.chain(to.iter().map(|address| ("to_addresses", address))) {
        if !is_address(address) {
            miss(faults, key, &format!("\"{address}\" is no mail address"));
        }
    }
    if to.is_empty() {
        miss(faults, "to_addresses", "nobody to tell: name at least one address");
    }
    let transport = if by_sendmail {
        Transport::Sendmail(sendmail.into())
    } else {
        Transport::Smtp(draft.check(faults)?)
    };
    let config = config.map(Path::to_owned);
    Some(Email { level, transport, from, to, subject_prefix, timeout, config })
}

fn miss(faults: &mut Vec<Fault>, key: &str, text: &str) {
    faults.push(Fault::new(&["notifications", "email", key], text));
}

/// The keys of SMTP as they were found.
struct Draft {
    server: Option<String>,
    port: Option<u64>,
    security: Security,
    username: Option<String>,
    password_file: Option<PathBuf>,
    password: Option<Secret>,
    ca_file: Option<PathBuf>,
}

impl Draft {
    fn read(reader: &mut Reader<'_>, section: &Map<String, Value>, config: Option<&Path>) -> Self {
        let port = section.get("smtp_port").map(|_| reader.count(&SMTP_PORT));
        let file = |text: Option<String>| text.map(|text| beside(config, &text));
        Draft {
            server: reader.text(&SMTP_SERVER),
            security: security(
                reader.text(&SECURITY).as_deref(),
                reader.optional_boolean(&USE_TLS),
                port,
            ),
            port,
            username: reader.text(&USERNAME),
            password_file: file(reader.text(&PASSWORD_FILE)),
            password: reader.text(&PASSWORD).map(Secret),
            ca_file: file(reader.text(&CA_FILE)),
        }
    }

    fn check(self, faults: &mut Vec<Fault>) -> Option<Smtp> {
        let Draft { server, port, security, username, password_file, password, ca_file } = self;
        let Some(server) = server else {
            miss(faults, "smtp_server", "no server: name one, or use \"transport\": \"sendmail\"");
            return None;
        };
        let Ok(port) = u16::try_from(port.unwrap_or_else(|| default_port(security))) else {
            miss(faults, "smtp_port", "must be at most 65535");
            return None;
        };
        if security == Security::None && username.is_some() && !is_loopback(&server) {
            let text = "a password is not sent without TLS, but to this host itself: use \"starttls\" or \"tls\"";
            miss(faults, "security", text);
        }
        Some(Smtp { server, port, security, username, password_file, password, ca_file })
    }
}

fn security(stated: Option<&str>, use_tls: Option<bool>, port: Option<u64>) -> Security {
    match (stated, use_tls, port) {
        (Some("none"), ..) | (None, Some(false), _) => Security::None,
        (Some("tls"), ..) | (None, _, Some(465)) => Security::Tls,
        _ => Security::StartTls,
    }
}

fn default_port(security: Security) -> u64 {
    match security {
        Security::StartTls => 587,
        Security::Tls => 465,
        Security::None => 25,
    }
}

fn is_loopback(server: &str) -> bool {
    server == "localhost"
        || server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The address of `Name <address>`.
pub fn bare(text: &str) -> &str {
    text.rsplit_once('<').map_or(text.trim(), |(_, rest)| rest.trim_end().trim_end_matches('>'))
}

/// Enough to catch slips; the mail library checks the rest when it sends.
fn is_address(text: &str) -> bool {
    let bare = bare(text);
    bare.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !bare.contains([' ', ',', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn email(section: &Value) -> (Option<Email>, String) {
        let mut faults = Vec::new();
        let email = read(Some(section), Some(Path::new("/etc/hostwatch/config.json")), &mut faults);
        (email, faults.iter().map(|fault| fault.line("f")).collect::<Vec<_>>().join("\n"))
    }

    fn smtp(section: &Value) -> Smtp {
        match email(section) {
            (Some(Email { transport: Transport::Smtp(smtp), .. }), faults) if faults.is_empty() => {
                smtp
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_port_follows_the_security_and_465_alone_means_tls() {
        let port = |extra: Value| {
            let mut section =
                json!({"smtp_server": "mail.example.com", "to_addresses": "a@example.com"});
            section.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let smtp = smtp(&section);
            (smtp.port, smtp.security)
        };
        assert_eq!(port(json!({})), (587, Security::StartTls));
        assert_eq!(port(json!({"security": "tls"})), (465, Security::Tls));
        assert_eq!(port(json!({"smtp_port": 465})), (465, Security::Tls));
        assert_eq!(port(json!({"security": "none"})), (25, Security::None));
    }

    #[test]
    fn the_original_modules_keys_are_understood() {
        let section = json!({"smtp_server": "smtp.example.com", "smtp_port": 587, "use_tls": true, "username": "u", "password": "p",
            "from_address": "a@example.com", "to_addresses": ["b@example.com"]});
        assert_eq!(smtp(&section).security, Security::StartTls);
    }

    #[test]
    fn a_password_is_not_sent_in_the_clear_but_to_the_host_itself() {
        let section = |server: &str| json!({"smtp_server": server, "security": "none", "username": "u", "to_addresses": ["a@b"]});
        assert!(email(&section("mail.example.com")).1.contains("without TLS"));
        assert_eq!(smtp(&section("127.0.0.1")).security, Security::None);
    }

    #[test]
    fn a_fault_leaves_mail_out_and_is_named() {
        for (section, words) in [
            (json!({"to_addresses": ["a@b"]}), "smtp_server: no server"),
            (json!({"smtp_server": "x"}), "to_addresses: nobody to tell"),
            (
                json!({"smtp_server": "x", "to_addresses": ["nobody"]}),
                "\"nobody\" is no mail address",
            ),
            (
                json!({"smtp_server": "x", "to_addresses": ["a@b"], "pasword": "x"}),
                "no such key; did you mean \"password\"",
            ),
            (
                json!({"smtp_server": "x", "to_addresses": ["a@b"], "password": 3}),
                "must be a text, not ***",
            ),
            (json!(3), "must be an object"),
        ] {
            let (email, faults) = email(&section);
            assert!(email.is_none() && faults.contains(words), "{section}: {faults}");
        }
    }

    #[test]
    fn disabled_or_absent_is_no_mail_and_no_fault() {
        assert_eq!(email(&json!({"enabled": false})), (None, String::new()));
        assert_eq!(email(&json!(null)), (None, String::new()));
    }

    #[test]
    fn no_output_shows_the_secret() {
        let section = json!({"smtp_server": "x", "username": "u", "password": "hunter2", "to_addresses": ["a@b"]});
        assert!(!format!("{:?}", email(&section)).contains("hunter2"));
    }
}
