//! The ways to tell, as one: who hears by each, how a message is frozen for it, and how it is handed over.

use std::ffi::OsString;
use std::time::Duration;

use super::letter::Message;
use super::message::{Sender, freeze};
use super::{EMAIL, Outcome, Refused, deliver, payload, program, webhook};
use crate::alert::state::{Claim, Frozen};
use crate::alert::{Channel, Level};
use crate::config::Config;
use crate::config::email::{Email, bare};
use crate::config::program::Program;
use crate::config::webhook::Webhook;

/// A section of the configuration that says how to tell.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    Mail(&'a Email),
    Webhook(&'a Webhook),
    Command(&'a Program),
}

/// Every configured way, in the order in which they are tried.
pub fn ways(config: &Config) -> Vec<Way<'_>> {
    let mail = config.email.iter().map(Way::Mail);
    let webhooks = config.webhooks.iter().map(Way::Webhook);
    mail.chain(webhooks).chain(config.programs.iter().map(Way::Command)).collect()
}

/// Everybody who is told.
pub fn channels(config: &Config) -> Vec<Channel> {
    ways(config).iter().flat_map(Way::channels).collect()
}

impl<'a> Way<'a> {
    /// Its name in the state.
    pub fn name(&self) -> String {
        match self {
            Way::Mail(_) => EMAIL.to_owned(),
            Way::Webhook(webhook) => webhook.channel.clone(),
            Way::Command(program) => program.channel.clone(),
        }
    }

    /// Those who hear by it, each with a record of its own.
    pub fn channels(&self) -> Vec<Channel> {
        match self {
            Way::Mail(email) => {
                let channel = |address: &String| Channel {
                    name: mail_channel(bare(address)),
                    from: email.level,
                };
                email.to.iter().map(channel).collect()
            }
            Way::Webhook(webhook) => vec![only(&webhook.channel, webhook.level)],
            Way::Command(program) => vec![only(&program.channel, program.level)],
        }
    }

    /// Put before every subject.
    pub fn prefix(&self) -> &'a str {
        match self {
            Way::Mail(email) => &email.subject_prefix,
            Way::Webhook(_) | Way::Command(_) => "",
        }
    }

    /// The longest that it may take.
    pub fn timeout(&self) -> f64 {
        match self {
            Way::Mail(email) => email.timeout,
            Way::Webhook(webhook) => webhook.target.timeout,
            Way::Command(program) => program.timeout,
        }
    }

    /// The message as it is sent, now or later, byte for byte.
    ///
    /// # Errors
    /// It cannot be written, as with a mail address that does not parse.
    pub fn freeze(
        &self,
        message: &Message,
        sender: &Sender<'_>,
        facts: Vec<Claim>,
        channels: &[String],
    ) -> anyhow::Result<Frozen> {
        match self {
            Way::Mail(email) => {
                let hears = |address: &&String| channels.contains(&mail_channel(bare(address)));
                let to: Vec<&String> = email.to.iter().filter(hears).collect();
                freeze(message, email, &to, sender, facts)
            }
            Way::Webhook(_) | Way::Command(_) => {
                let id = sender.message_id();
                let content = payload::identified(&message.facts, &id);
                Ok(Frozen {
                    notifier: self.name(),
                    channels: channels.to_vec(),
                    message_id: id,
                    from: String::new(),
                    to: Vec::new(),
                    content: content.to_string(),
                    facts,
                })
            }
        }
    }

    /// Hands a message over within `left`; returns what became of it, and who was refused although others were not.
    pub fn deliver(
        &self,
        frozen: &Frozen,
        hello: &str,
        variable: &dyn Fn(&str) -> Option<OsString>,
        left: Duration,
    ) -> (Outcome, Vec<Refused>) {
        match self {
            Way::Mail(email) => deliver::deliver(email, frozen, hello, variable, left),
            Way::Webhook(webhook) => {
                (webhook::post(webhook, &content(frozen), variable, left), Vec::new())
            }
            Way::Command(program) => (program::run(program, &content(frozen), left), Vec::new()),
        }
    }

    /// What cannot be done if it cannot be done: `mail admin@example.com`.
    pub fn words(&self, frozen: &Frozen) -> String {
        match self {
            Way::Mail(_) => format!("mail {}", frozen.to.join(", ")),
            Way::Webhook(webhook) => format!("post to {}", webhook.channel),
            Way::Command(program) => format!("tell by {}", program.channel),
        }
    }

    /// The same once it is done: `mailed to admin@example.com`.
    pub fn done(&self, frozen: &Frozen) -> String {
        match self {
            Way::Mail(_) => format!("mailed to {}", frozen.to.join(", ")),
            Way::Webhook(webhook) => format!("posted to {}", webhook.channel),
            Way::Command(program) => format!("told by {}", program.channel),
        }
    }
}

fn only(name: &str, from: Level) -> Channel {
    Channel { name: name.to_owned(), from }
}

fn content(frozen: &Frozen) -> serde_json::Value {
    serde_json::from_str(&frozen.content).unwrap_or_default()
}

/// The channel of a mail recipient.
pub fn mail_channel(address: &str) -> String {
    format!("{EMAIL}:{address}")
}

/// A channel in words: the address, or the name of the way.
pub fn shown(channel: &str) -> &str {
    channel.strip_prefix("email:").unwrap_or(channel)
}
