//! Whether webhooks, commands and the heartbeat can be reached, as far as that shows without telling anything; and
//! whether the commands of custom metrics are there.

use std::path::Path;

use super::Finding;
use super::probe::{about, authority, not_a_program, resolve, secret_file};
use crate::collector::custom::Source;
use crate::config::fault::Fault;
use crate::config::key::Key;
use crate::config::url::{SecretUrl, Target};
use crate::config::{Config, custom, heartbeat, program, webhook};

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for webhook in &config.webhooks {
        let keys = (&webhook::URL, &webhook::URL_FILE, &webhook::CA_FILE);
        findings.extend(target(&webhook.target, keys));
        for (name, path) in &webhook.header_files {
            let what = format!("the file of the header {name}");
            findings.extend(secret_file(path, &what, &webhook::HEADER_FILES));
        }
    }
    let why = |argv: &[String]| {
        let path = Path::new(argv.first()?);
        Some(format!("could not run {}: {}", path.display(), not_a_program(path)?))
    };
    let programs = config.programs.iter();
    findings.extend(programs.filter_map(|one| Some(about(&program::ARGV, why(&one.argv)?))));
    findings.extend(config.sources.custom.iter().filter_map(|one| {
        let Source::Command { argv, .. } = &one.source else { return None };
        let path = custom::place(&one.name, &custom::COMMAND, &config.document);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Some(Finding::Fault(Fault::new(&path, why(argv)?)))
    }));
    if let Some(heartbeat) = &config.heartbeat {
        let keys = (&heartbeat::URL, &heartbeat::URL_FILE, &heartbeat::CA_FILE);
        findings.extend(target(&heartbeat.target, keys));
    }
    findings
}

fn target(target: &Target, (url, url_file, ca_file): (&Key, &Key, &Key)) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(target.ca_file.as_deref().and_then(|path| authority(path, ca_file)));
    if let Some(path) = &target.url_file {
        findings.extend(secret_file(path, "the URL file", url_file));
        return findings;
    }
    let host = target.url.as_ref().and_then(|url| Some((url.host_name()?, url.port()?)));
    if let Some(why) = host.and_then(|(name, port)| resolve(name, port).err()) {
        let shown = target.url.as_ref().map(SecretUrl::shown).unwrap_or_default();
        findings.push(about(url, format!("{shown}: the name of the server leads nowhere: {why}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(notifications: &str) -> Vec<String> {
        let text = format!("{{\"notifications\": {notifications}}}");
        let config = crate::config::from_text(&text, None).unwrap();
        assert!(config.faults.is_empty(), "{:?}", config.faults);
        let words = |finding| match finding {
            Finding::Fault(fault) => fault.text,
            other => format!("{other:?}"),
        };
        look(&config).into_iter().map(words).collect()
    }

    #[test]
    fn a_command_must_be_a_program_and_a_file_must_be_there() {
        assert_eq!(faults(r#"{"command": {"argv": ["/bin/sh"]}}"#), [""; 0]);
        assert!(faults(r#"{"command": {"argv": ["/nowhere/tell"]}}"#)[0].contains("could not run"));
        let missing = r#"{"webhook": {"url_file": "/nowhere/url"}, "heartbeat": {"url": "https://127.0.0.1/x", "ca_file": "/nowhere/ca"}}"#;
        assert_eq!(faults(missing).len(), 2);
    }
}
