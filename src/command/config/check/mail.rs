//! Whether mail can go out, as far as that shows without sending one: the server's name, the program, the files.

use std::net::IpAddr;
use std::path::Path;

use super::Finding;
use super::probe::{about, authority, not_a_program, resolve, secret_file};
use crate::config::Config;
use crate::config::email::{
    CA_FILE, PASSWORD, PASSWORD_FILE, SENDMAIL_PATH, SMTP_SERVER, USERNAME,
};
use crate::config::email::{Smtp, Transport};
use crate::notify::secret;
use crate::notify::way::ways;

/// What the service passes on as its credential.
const CREDENTIAL: &str = "etc/hostwatch/smtp.password";

pub(super) fn look(config: &Config, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    match config.email.as_ref().map(|email| &email.transport) {
        Some(Transport::Smtp(smtp)) => {
            findings.extend(server(&smtp.server, smtp.port));
            findings.extend(smtp.ca_file.as_deref().and_then(|path| authority(path, &CA_FILE)));
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
    !config.rules.is_empty() && ways(config).is_empty() && !faulty("notifications")
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

fn sendmail(program: &Path) -> Option<Finding> {
    let why = not_a_program(program)?;
    let text = format!(
        "could not use {}: {why}; install a mail program that brings sendmail, or use \"transport\": \"smtp\"",
        program.display()
    );
    Some(about(&SENDMAIL_PATH, text))
}

/// The password, without ever showing it.
fn password(smtp: &Smtp, config: Option<&Path>, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(path) = &smtp.password_file {
        findings.extend(secret_file(path, "the password file", &PASSWORD_FILE));
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
