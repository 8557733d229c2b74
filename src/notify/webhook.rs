//! Posting to a webhook: the facts, or what a template makes of them. Composing is pure; the address and the secret
//! headers are read when they are used.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::http::{self, Request};
use super::{Outcome, secret};
use crate::config::url::{SecretUrl, Target};
use crate::config::webhook::Webhook;
use crate::template::Body;

pub(super) const AGENT: &str = concat!("hostwatch/", env!("CARGO_PKG_VERSION"));

/// Posts the facts. What is sent again has the same `Idempotency-Key`.
pub fn post(
    webhook: &Webhook,
    facts: &Value,
    variable: &dyn Fn(&str) -> Option<OsString>,
    left: Duration,
) -> Outcome {
    match request(webhook, facts, variable) {
        Ok(request) => http::post(request, left.min(timeout(&webhook.target))),
        Err(error) => Outcome::NotAccepted { error: format!("{error:#}"), permanent: false },
    }
}

fn request(
    webhook: &Webhook,
    facts: &Value,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> anyhow::Result<Request> {
    let url = url(&webhook.target, variable)?;
    let (mut headers, body) = compose(webhook, facts);
    for (name, path) in &webhook.header_files {
        let value = secret::from_file(path, &format!("the file of the header {name}"))?;
        set(&mut headers, name, header_value(value.trim()));
    }
    Ok(Request { url, headers, body, ca_file: webhook.target.ca_file.clone() })
}

/// The address, as it is passed, kept or written.
pub(super) fn url(
    target: &Target,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> anyhow::Result<SecretUrl> {
    let from_text = |text: &str, whence: &str| {
        SecretUrl::parse(text)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("could not use the URL in {whence}"))
    };
    if let Some(text) = secret::credential(&target.credential, variable) {
        return from_text(&text, &format!("the credential {}", target.credential));
    }
    if let Some(path) = &target.url_file {
        return from_text(&secret::from_file(path, "the URL file")?, &path.display().to_string());
    }
    target.url.clone().context("no URL: set \"url\" or \"url_file\"")
}

pub(super) fn timeout(target: &Target) -> Duration {
    Duration::try_from_secs_f64(target.timeout).unwrap_or(Duration::MAX)
}

/// Headers and body, but for what files hold.
fn compose(webhook: &Webhook, facts: &Value) -> (Vec<(String, String)>, String) {
    let (kind, body) = match &webhook.body {
        None => ("application/json", facts.to_string()),
        Some(body @ Body::Json(_)) => ("application/json", body.fill(facts)),
        Some(body @ Body::Text(_)) => ("text/plain; charset=utf-8", body.fill(facts)),
    };
    let mut headers = vec![
        ("Content-Type".to_owned(), kind.to_owned()),
        ("User-Agent".to_owned(), AGENT.to_owned()),
    ];
    if let Some(id) = facts.get("id").and_then(Value::as_str) {
        set(&mut headers, "Idempotency-Key", header_value(id));
    }
    for (name, text) in &webhook.headers {
        set(&mut headers, name, header_value(&text.fill(facts)));
    }
    (headers, body)
}

/// A header that is set anew replaces the one of before.
fn set(headers: &mut Vec<(String, String)>, name: &str, value: String) {
    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}

/// Longest encoded text of one word of RFC 2047, whose 75 characters hold its frame as well.
const WORD: usize = 60;

/// One line of ASCII. Where that is not enough, by RFC 2047, as mail does and ntfy understands.
fn header_value(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_ascii() {
        return line.trim().to_owned();
    }
    let mut words = vec![String::new()];
    for c in line.trim().chars() {
        let encoded = encoded(c);
        if words.last().is_some_and(|word| word.len() + encoded.len() > WORD) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push_str(&encoded);
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?UTF-8?Q?{word}?=")).collect();
    words.join(" ")
}

fn encoded(c: char) -> String {
    match c {
        ' ' => "_".to_owned(),
        c if c.is_ascii_graphic() && !"=?_".contains(c) => c.to_string(),
        c => {
            let bytes: Vec<String> =
                c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("={byte:02X}")).collect();
            bytes.concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::config;

    fn webhook(section: &Value) -> Webhook {
        let mut faults = Vec::new();
        let mut found = config::webhook::read(Some(section), Some(Path::new("/c")), &mut faults);
        assert_eq!(faults, []);
        found.remove(0)
    }

    fn composed(more: &Value) -> (Vec<(String, String)>, String) {
        let mut section = json!({"url": "https://h/x"});
        section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let facts = json!({"id": "<1@pi>", "subject": "pi WARNING: ä", "text": "a\nb"});
        compose(&webhook(&section), &facts)
    }

    fn header(headers: &[(String, String)], name: &str) -> String {
        let named: Vec<_> = headers.iter().filter(|(other, _)| other == name).collect();
        assert_eq!(named.len(), 1, "{name}: {headers:?}");
        named[0].1.clone()
    }

    #[test]
    fn without_a_template_the_facts_are_sent() {
        let (headers, body) = composed(&json!({}));
        assert_eq!(body, r#"{"id":"<1@pi>","subject":"pi WARNING: ä","text":"a\nb"}"#);
        assert_eq!(header(&headers, "Content-Type"), "application/json");
        assert_eq!(header(&headers, "Idempotency-Key"), "<1@pi>");
        assert!(header(&headers, "User-Agent").starts_with("hostwatch/"));
    }

    #[test]
    fn a_text_is_sent_as_text() {
        let (headers, body) = composed(&json!({"body": "{subject}: {text}"}));
        assert_eq!(body, "pi WARNING: ä: a\nb");
        assert_eq!(header(&headers, "Content-Type"), "text/plain; charset=utf-8");
    }

    #[test]
    fn ones_own_headers_replace_ours() {
        let own = json!({"headers": {"content-type": "application/x", "Title": "{subject}"}});
        let headers = composed(&own).0;
        assert_eq!(header(&headers, "content-type"), "application/x");
        assert!(!headers.iter().any(|(name, _)| name == "Content-Type"));
        assert_eq!(header(&headers, "Title"), "=?UTF-8?Q?pi_WARNING:_=C3=A4?=");
    }

    #[test]
    fn a_header_is_one_line_of_ascii() {
        assert_eq!(header_value("a\r\nB: c\t"), "a  B: c");
        assert_eq!(header_value("59 °C"), "=?UTF-8?Q?59_=C2=B0C?=");
        let long = header_value(&"ä".repeat(40));
        assert!(long.split(' ').all(|word| word.len() <= 75 && word.ends_with("?=")), "{long}");
    }

    #[test]
    fn the_credential_wins_over_file_and_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let variable = move |_: &str| Some(path.clone().into_os_string());
        let target = webhook(&json!({"url": "https://h/inline"})).target;
        assert_eq!(url(&target, &variable).unwrap().as_str(), "https://h/inline");
        std::fs::write(directory.path().join("webhook.url"), "https://h/given\n").unwrap();
        assert_eq!(url(&target, &variable).unwrap().as_str(), "https://h/given");
        std::fs::write(directory.path().join("webhook.url"), "h/secret-1\n").unwrap();
        let error = format!("{:#}", url(&target, &variable).unwrap_err());
        assert!(error.contains("credential webhook.url") && !error.contains("secret-1"), "{error}");
    }
}
