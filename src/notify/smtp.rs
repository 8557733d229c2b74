//! One message over one SMTP connection (RFC 5321), step by step, so that it is known how far it got.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use super::watchdog::within;
use super::{Outcome, Refused, failure};
use crate::alert::state::Frozen;
use crate::config::email::{Security, Smtp};
use crate::regular;

/// For a goodbye.
const LEAVE: Duration = Duration::from_secs(1);

/// What a connection needs beside the message.
pub struct Session {
    pub smtp: Smtp,
    pub password: Option<String>,
    /// How this host presents itself.
    pub hello: String,
    /// For each connect, read and write.
    pub timeout: Duration,
}

/// What became of a message.
pub struct Sent {
    pub outcome: Outcome,
    /// Those who were refused although others were not.
    pub refused: Vec<Refused>,
    /// As long as it lasts.
    connection: Option<SmtpConnection>,
}

impl Sent {
    /// What befell all recipients alike.
    pub fn alone(outcome: Outcome) -> Self {
        Sent { outcome, refused: Vec::new(), connection: None }
    }

    /// Takes leave of the server. The message is decided already, so it may not answer as long as it likes.
    pub fn take_leave(self) -> (Outcome, Vec<Refused>) {
        if let Some(mut connection) = self.connection {
            within(LEAVE, "", move |_| _ = connection.quit(), drop);
        }
        (self.outcome, self.refused)
    }
}

/// Sends it. `handing_over` is set once the data begin: before, it surely was not accepted.
pub fn send(session: &Session, frozen: &Frozen, handing_over: &AtomicBool) -> Sent {
    let server = &session.smtp;
    let mut connection = match open(session) {
        Ok(connection) => connection,
        Err((error, permanent)) => return Sent::alone(Outcome::NotAccepted { error, permanent }),
    };
    let (outcome, refused) = transact(&mut connection, server, frozen, handing_over);
    Sent { outcome, refused, connection: Some(connection) }
}

/// Words, and whether it is for good.
type Failure = (String, bool);

fn failure(error: &Error, server: &Smtp) -> Failure {
    (failure::of(error, &server.server, server.port), error.is_permanent())
}

fn open(session: &Session) -> Result<SmtpConnection, Failure> {
    let server = &session.smtp;
    let failed = |error: Error| failure(&error, server);
    let encrypted = match server.security {
        Security::None => None,
        Security::StartTls | Security::Tls => Some(tls(server)?),
    };
    let hello = if session.hello.contains('.') {
        ClientId::Domain(session.hello.clone())
    } else {
        ClientId::default()
    };
    let wrapper = encrypted.as_ref().filter(|_| server.security == Security::Tls);
    let mut connection = SmtpConnection::connect(
        (server.server.as_str(), server.port),
        Some(session.timeout),
        &hello,
        wrapper,
        None,
    )
    .map_err(failed)?;
    if let (Security::StartTls, Some(parameters)) = (server.security, &encrypted) {
        if !connection.can_starttls() {
            return Err((
                format!(
                    "{}:{} offers no STARTTLS, and nothing is sent in the clear",
                    server.server, server.port
                ),
                false,
            ));
        }
        connection.starttls(parameters, &hello).map_err(|error| {
            let (words, permanent) = failure(&error, server);
            (format!("{words} (at STARTTLS)"), permanent)
        })?;
    }
    if let (Some(username), Some(password)) = (&server.username, &session.password) {
        let credentials = Credentials::new(username.clone(), password.clone());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).map_err(|error| {
            let (words, permanent) = failure(&error, server);
            (format!("{words} (as user {username})"), permanent)
        })?;
    }
    Ok(connection)
}

fn tls(server: &Smtp) -> Result<TlsParameters, Failure> {
    let mut builder = TlsParameters::builder(server.server.clone());
    if let Some(path) = &server.ca_file {
        let wrong = |reason: String| {
            (format!("could not use the ca_file {}: {reason}", path.display()), false)
        };
        let content =
            regular::whole(path, regular::MOST).map_err(|error| wrong(failure::of_io(&error)))?;
        builder = builder.add_root_certificate(
            Certificate::from_pem(&content)
                .map_err(|_| wrong("it holds no PEM certificate".to_owned()))?,
        );
    }
    builder.build().map_err(|error| failure(&error, server))
}

fn transact(
    connection: &mut SmtpConnection,
    server: &Smtp,
    frozen: &Frozen,
    handing_over: &AtomicBool,
) -> (Outcome, Vec<Refused>) {
    match begin(connection, server, frozen) {
        Err((error, permanent)) => (Outcome::NotAccepted { error, permanent }, Vec::new()),
        Ok(refused) if refused.len() == frozen.to.len() => nobody(refused),
        Ok(refused) => (hand_over(connection, server, frozen, handing_over), refused),
    }
}

/// Nobody was taken. Those who were only put off do not wait for those who were refused for good.
fn nobody(refused: Vec<Refused>) -> (Outcome, Vec<Refused>) {
    let (for_good, put_off): (Vec<_>, Vec<_>) = refused.into_iter().partition(|one| one.permanent);
    let permanent = put_off.is_empty();
    let (together, alone) = if permanent { (for_good, put_off) } else { (put_off, for_good) };
    let error = match together.as_slice() {
        [one] => one.error.clone(),
        all => {
            let words = all.iter().map(|one| format!("{}: {}", one.address, one.error));
            words.collect::<Vec<_>>().join("; ")
        }
    };
    (Outcome::NotAccepted { error, permanent }, alone)
}

/// Sender and recipients; returns those that were refused.
fn begin(
    connection: &mut SmtpConnection,
    server: &Smtp,
    frozen: &Frozen,
) -> Result<Vec<Refused>, Failure> {
    let parsed = |text: &str| {
        text.parse::<Address>().map_err(|_| (format!("\"{text}\" is no mail address"), true))
    };
    let from = parsed(&frozen.from)?;
    connection
        .command(Mail::new(Some(from), Vec::new()))
        .map_err(|error| failure(&error, server))?;
    let mut refused = Vec::new();
    for address in &frozen.to {
        let answer = match parsed(address) {
            Ok(to) => connection.command(Rcpt::new(to, Vec::new())).map(|_| ()),
            Err((error, permanent)) => {
                refused.push(Refused { address: address.clone(), error, permanent });
                continue;
            }
        };
        match answer {
            Ok(()) => {}
            Err(error) if error.status().is_some() => {
                let (error, permanent) = failure(&error, server);
                refused.push(Refused { address: address.clone(), error, permanent });
            }
            Err(error) => return Err(failure(&error, server)),
        }
    }
    Ok(refused)
}

fn hand_over(
    connection: &mut SmtpConnection,
    server: &Smtp,
    frozen: &Frozen,
    handing_over: &AtomicBool,
) -> Outcome {
    let not_accepted = |(error, permanent): Failure| Outcome::NotAccepted { error, permanent };
    if let Err(error) = connection.command(Data) {
        return not_accepted(failure(&error, server));
    }
    handing_over.store(true, Ordering::SeqCst);
    match connection.message(frozen.content.as_bytes()) {
        Ok(_) => Outcome::Accepted,
        Err(error) if error.is_permanent() => {
            Outcome::Rejected { error: failure(&error, server).0 }
        }
        Err(error) if error.status().is_some() => not_accepted(failure(&error, server)),
        Err(error) => Outcome::Uncertain { error: failure(&error, server).0 },
    }
}
