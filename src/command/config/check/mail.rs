//! Whether mail can go out, as far as that shows without sending one: the server's name, the program, the files.

use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::Finding;
use crate::config::Config;
use crate::config::email::{
    CA_FILE, PASSWORD, PASSWORD_FILE, SENDMAIL_PATH, SMTP_SERVER, USERNAME,
};
use crate::config::email::{Smtp, Transport};
use crate::config::key::Key;
use crate::notify::secret;
use crate::render::wording::one_line;

/// A name server that does not answer can hold a program for minutes.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the service passes on as its credential.
const CREDENTIAL: &str = "etc/hostwatch/smtp.password";

pub(super) fn look(config: &Config, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    match config.email.as_ref().map(|email| &email.transport) {
        Some(Transport::Smtp(smtp)) => {
            findings.extend(server(&smtp.server, smtp.port));
            findings.extend(smtp.ca_file.as_deref().and_then(authority));
            findings.extend(password(smtp, config.path.as_deref(), root));
        }
        Some(Transport::Sendmail(program)) => findings.extend(sendmail(program)),
        None if tells_nobody(config) => findings.push(Finding::Remark(
            "nobody is told of alerts; hostwatch config example shows how to set mail up"
                .to_owned(),
        )),
        None => {}
    }
    findings
}

/// There are rules, and nothing but a fault is not to blame.
fn tells_nobody(config: &Config) -> bool {
    let faulty = |section: &str| {
        config.faults.iter().any(|fault| fault.path.iter().any(|key| key == section))
    };
    !config.rules.is_empty() && config.email.is_none() && !faulty("notifications")
}

fn about(key: &Key, text: String) -> Finding {
    Finding::fault(key.path, text)
}

fn server(name: &str, port: u16) -> Option<Finding> {
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return None;
    }
    let why = resolve(name.to_owned(), port).err()?;
    let text = format!(
        "the name of the server, {name}, leads nowhere: {why}; look at its spelling and at this host's network: getent hosts {name}"
    );
    Some(about(&SMTP_SERVER, text))
}

/// In a thread, as nothing can end a look-up that hangs.
fn resolve(name: String, port: u16) -> Result<(), String> {
    let (sender, receiver) = channel();
    let spawned = thread::Builder::new().name("resolver".to_owned()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(|mut found| found.next().is_some());
        // Nobody waits any more.
        _ = sender.send(found);
    });
    spawned.map_err(|error| format!("could not start a thread: {error}"))?;
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err("it has no address".to_owned()),
        Ok(Err(error)) => Err(resolver_words(&error)),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// "failed to lookup address information: Name or service not known" is said twice.
fn resolver_words(error: &io::Error) -> String {
    let text = one_line(&error.to_string());
    text.rsplit(": ").next().unwrap_or(&text).to_owned()
}

fn sendmail(program: &Path) -> Option<Finding> {
    let shown = program.display();
    let why = match fs::metadata(program) {
        Err(error) => one_line(&error.to_string()),
        Ok(found) if !found.is_file() => "it is not a file".to_owned(),
        Ok(_) if access(program, Access::EXEC_OK).is_err() => "it is not executable".to_owned(),
        Ok(_) => return None,
    };
    let text = format!(
        "could not use {shown}: {why}; install a mail program that brings sendmail, or use \"transport\": \"smtp\""
    );
    Some(about(&SENDMAIL_PATH, text))
}

fn authority(path: &Path) -> Option<Finding> {
    let could_not = format!("could not use the ca_file {}", path.display());
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(not_ours(path)),
        Err(error) => {
            Some(about(&CA_FILE, format!("{could_not}: {}", one_line(&error.to_string()))))
        }
        Ok(content) if !String::from_utf8_lossy(&content).contains("BEGIN CERTIFICATE") => {
            Some(about(&CA_FILE, format!("{could_not}: it holds no PEM certificate")))
        }
        Ok(_) => None,
    }
}

fn not_ours(path: &Path) -> Finding {
    Finding::Remark(format!("{} is not readable for you; the service reads it", path.display()))
}

/// The password, without ever showing it.
fn password(smtp: &Smtp, config: Option<&Path>, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(path) = &smtp.password_file {
        let closed = fs::File::open(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        if closed {
            findings.push(not_ours(path));
        } else if let Err(error) = secret::from_file(path, "the password file") {
            findings.push(about(&PASSWORD_FILE, format!("{error:#}")));
        }
    }
    if let (Some(_), Some(path)) = (&smtp.password, config)
        && let Err(error) = secret::refuse_world_readable(path, "the password in")
    {
        findings.push(about(&PASSWORD, format!("{error:#}")));
    }
    let has_one = smtp.password_file.is_some() || smtp.password.is_some();
    if let (Some(username), false) = (&smtp.username, has_one || root.join(CREDENTIAL).exists()) {
        let text = format!(
            "no password for {username}: set \"password_file\", or put it into /{CREDENTIAL} for the service"
        );
        findings.push(Finding::warning(USERNAME.path, text));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_name_server() {
        assert_eq!(server("127.0.0.1", 25), None);
        assert_eq!(server("[::1]", 25), None);
        assert_eq!(server("::1", 25), None);
    }

    #[test]
    fn the_reason_of_a_resolver_is_said_once() {
        let error = io::Error::other("failed to lookup address information: Name not known");
        assert_eq!(resolver_words(&error), "Name not known");
    }

    #[test]
    fn a_mail_program_is_a_file_that_can_be_run() {
        let text = |path: &str| match sendmail(Path::new(path)) {
            Some(Finding::Fault(fault)) => fault.text,
            other => format!("{other:?}"),
        };
        assert!(text("/nowhere/sendmail").contains("No such file"));
        assert!(text("/").contains("not a file"));
        assert!(text("/proc/self/status").contains("not executable"));
        assert_eq!(text("/bin/sh"), "None");
    }

    #[test]
    fn rules_without_a_way_to_tell_are_remarked_unless_a_fault_is_why() {
        let remarks = |text: &str| {
            let config = crate::config::from_text(text, None).unwrap();
            look(&config, Path::new("/nowhere")).len()
        };
        assert_eq!(remarks("{}"), 1);
        assert_eq!(remarks(r#"{"monitoring": {"default_rules": false}}"#), 0);
        assert_eq!(remarks(r#"{"notifications": {"email": {"smtp_sever": "x"}}}"#), 0);
    }
}
