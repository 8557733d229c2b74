//! A message to the bytes that are sent, and the envelope around them. Pure: date and identity are arguments.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;
use lettre::Message as Mail;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::letter::Message;
use super::way::mail_channel;
use crate::alert::state::{Claim, Frozen};
use crate::config::email::{Email, bare};
use crate::time::Now;

/// Addresses, dates and signs the message; the result is what is sent, now or later, byte for byte.
///
/// # Errors
/// An address does not parse.
pub fn freeze(
    message: &Message,
    email: &Email,
    to: &[&String],
    sender: &Sender<'_>,
    facts: Vec<Claim>,
) -> anyhow::Result<Frozen> {
    let channels = to.iter().map(|address| mail_channel(bare(address))).collect();
    let from = email.from.clone().unwrap_or_else(|| format!("hostwatch@{}", sender.full_name));
    let mailbox = |text: &str| {
        text.parse::<Mailbox>()
            .with_context(|| format!("could not use the mail address \"{text}\""))
    };
    let from = mailbox(&from)?;
    let to: Vec<Mailbox> = to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
    let message_id = sender.message_id();
    let mut builder = Mail::builder()
        .from(from.clone())
        .subject(&message.subject)
        .date(SystemTime::from(sender.now.utc))
        .message_id(Some(message_id.clone()))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Hostwatch-Host", sender.host))
        .raw_header(header("X-Hostwatch-Level", &message.level))
        .raw_header(header("X-Hostwatch-Series", &message.series));
    for mailbox in &to {
        builder = builder.to(mailbox.clone());
    }
    if let Some(first) = message.follows.first() {
        builder = builder.in_reply_to(first.clone()).references(message.follows.join(" "));
    }
    let mail = builder
        .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()))
        .context("could not write the mail")?;
    let address = |mailbox: &Mailbox| mailbox.email.to_string();
    Ok(Frozen {
        notifier: super::EMAIL.to_owned(),
        channels,
        message_id,
        from: from.email.to_string(),
        to: to.iter().map(address).collect(),
        content: String::from_utf8(mail.formatted()).context("could not write the mail")?,
        facts,
    })
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(
        HeaderName::new_from_ascii_str(name),
        value.chars().filter(|c| !c.is_control()).collect(),
    )
}

/// Who sends, and when.
pub struct Sender<'a> {
    pub host: &'a str,
    pub full_name: &'a str,
    pub now: &'a Now,
    /// Which message of this run it is.
    pub number: usize,
}

impl Sender<'_> {
    /// Unique by boot, uptime and process, which two runs never share, and by its number in the run.
    pub fn message_id(&self) -> String {
        let boot: String =
            self.now.boot_id.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let host: String = self
            .full_name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
            .collect();
        let host = if host.is_empty() { "localhost".to_owned() } else { host };
        format!(
            "<{}.{:.0}.{}.{}.{boot}@{host}>",
            self.now.utc.timestamp(),
            self.now.uptime * 100.0,
            std::process::id(),
            self.number
        )
    }
}

/// The full name of this host for mail: as the mail system has it, else from the hosts table, else the short one.
pub fn full_name(root: &Path, host: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    if host.contains('.') {
        return host.to_owned();
    }
    let mail_name = read("etc/mailname").trim().to_owned();
    if mail_name.contains('.') && !mail_name.contains(char::is_whitespace) {
        return mail_name;
    }
    let table = read("etc/hosts");
    let entries = table.lines().map(|line| line.split('#').next().unwrap_or_default());
    let found = entries.filter_map(|line| {
        let mut names = line.split_ascii_whitespace().skip(1);
        let canonical = names.next()?;
        (canonical.contains('.')
            && canonical.starts_with(host)
            && !canonical.starts_with("localhost"))
        .then(|| canonical.to_owned())
    });
    found.into_iter().next().unwrap_or_else(|| host.to_owned())
}
