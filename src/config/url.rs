//! Addresses that are secrets: who knows the path of a webhook may post there. Only scheme, host and port are shown.

use std::path::{Path, PathBuf};

use url::Url;

use super::beside;
use super::key::Key;
use super::reader::Reader;

#[derive(Clone, PartialEq)]
pub struct SecretUrl(Url);

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.shown())
    }
}

/// Shorter parts of a path ("api", "v2") say nothing about the rest.
const LEAST_SECRET: usize = 8;

impl SecretUrl {
    /// # Errors
    /// In words that do not show it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // The library forgives any number of slashes, and takes what follows for the host, which is shown.
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.starts_with(['/', '\\'])) {
            return Err("must be a URL that begins with https:// or http://, and a host".to_owned());
        }
        let url = Url::parse(text).map_err(|error| format!("must be a URL ({error})"))?;
        Ok(SecretUrl(url))
    }

    /// For the request alone.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name to look up; an address needs none.
    pub fn host_name(&self) -> Option<String> {
        self.0.domain().map(str::to_owned)
    }

    pub fn port(&self) -> Option<u16> {
        self.0.port_or_known_default()
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// `https://hooks.example.com:8443/…`.
    pub fn shown(&self) -> String {
        let port = self.0.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}/…", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }

    /// One step further down the path, the query kept behind it.
    #[must_use]
    pub fn below(&self, step: &str) -> Self {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(step);
        }
        SecretUrl(url)
    }

    /// Where a redirect leads, as far as it may be shown.
    pub fn joined(&self, location: &str) -> String {
        self.0.join(location).map_or_else(|_| "nowhere".to_owned(), |url| SecretUrl(url).shown())
    }

    /// What no message may repeat, the longest first.
    pub fn secrets(&self) -> Vec<&str> {
        let path = self.0.as_str().get(self.0.origin().ascii_serialization().len()..);
        let whole = [Some(self.0.as_str()), path, self.0.query(), self.0.password()];
        let mut found: Vec<&str> = whole.into_iter().flatten().collect();
        found.extend(self.0.as_str().split(['/', '?', '&', '=', ':', '@']).skip(3));
        found.retain(|part| part.len() >= LEAST_SECRET && Some(*part) != self.0.host_str());
        found.sort_by_key(|part| std::cmp::Reverse(part.len()));
        found
    }
}

/// Where to post, and whom to trust there.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The systemd credential that wins over both.
    pub credential: String,
    pub url: Option<SecretUrl>,
    pub url_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    /// Seconds.
    pub timeout: f64,
}

/// The keys that say so.
pub struct TargetKeys {
    pub url: &'static Key,
    pub url_file: &'static Key,
    pub ca_file: &'static Key,
    pub timeout: &'static Key,
}

impl Target {
    pub fn read(
        reader: &mut Reader<'_>,
        keys: &TargetKeys,
        name: &str,
        config: Option<&Path>,
    ) -> Self {
        let text = reader.text(keys.url);
        let url_file = reader.text(keys.url_file).map(|text| beside(config, &text));
        if !reader.has(keys.url) && !reader.has(keys.url_file) {
            reader.fault(&["url"], "no URL: set \"url\", or \"url_file\" for a file that holds it");
        }
        let url = text.and_then(|text| {
            SecretUrl::parse(&text).map_err(|words| reader.fault(&["url"], words)).ok()
        });
        Target {
            credential: format!("{name}.url"),
            url,
            url_file,
            ca_file: reader.text(keys.ca_file).map(|text| beside(config, &text)),
            timeout: reader.seconds(keys.timeout).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> SecretUrl {
        SecretUrl::parse(text).unwrap()
    }

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        let slack = url("https://user:pass@hooks.slack.com/services/T0/B0/XXXXXXXX?x=1");
        assert_eq!(slack.shown(), "https://hooks.slack.com/…");
        assert_eq!(format!("{slack:?}"), "https://hooks.slack.com/…");
        assert_eq!(url(" http://[::1]:8080/a\n").shown(), "http://[::1]:8080/…");
    }

    #[test]
    fn only_http_is_spoken_and_no_fault_shows_the_rest() {
        for text in ["ftp://host/token", "token", "https:///token", "/token", "https://ho st/token"]
        {
            let words = SecretUrl::parse(text).unwrap_err();
            assert!(words.starts_with("must be") && !words.contains("token"), "{words}");
        }
    }

    #[test]
    fn a_step_goes_before_the_query() {
        assert_eq!(
            url("https://h/uuid?rid=1").below("start").as_str(),
            "https://h/uuid/start?rid=1"
        );
        assert_eq!(url("https://h/uuid/").below("3").as_str(), "https://h/uuid/3");
        assert_eq!(url("https://h").below("3").as_str(), "https://h/3");
    }

    #[test]
    fn a_redirect_shows_no_more_than_an_address() {
        assert_eq!(url("http://h/secret").joined("https://h/secret"), "https://h/…");
        assert_eq!(url("http://h/secret").joined("/elsewhere"), "http://h/…");
    }

    #[test]
    fn the_secrets_are_the_path_and_its_long_parts() {
        let secrets = url("https://api.telegram.org/bot12345:AbCdEfGhIj/send?key=0123456789");
        let secrets = secrets.secrets();
        assert!(secrets.contains(&"/bot12345:AbCdEfGhIj/send?key=0123456789"));
        assert!(secrets.contains(&"AbCdEfGhIj") && secrets.contains(&"0123456789"));
        assert!(!secrets.contains(&"api.telegram.org") && !secrets.contains(&"send"));
    }
}
