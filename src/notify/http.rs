//! The one door to HTTP: a POST over HTTP/1.1, with TLS by what mail links already, and what became of it. The body is
//! handed over when the connection stands and the headers are out: until then it surely was not accepted.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use rustls::crypto::ring;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Error, SendBody, http};

use super::watchdog::{no_end, unfinished, within};
use super::{Outcome, failure};
use crate::config::url::SecretUrl;
use crate::regular;
use crate::render::wording::one_line;

/// How much of an answer is said, and how long its text is waited for.
const SAID: u64 = 200;
const SAYING: Duration = Duration::from_secs(1);
/// The library keeps the limit by itself; the watchdog is for where it does not.
const GRACE: Duration = Duration::from_millis(250);

pub(super) struct Request {
    pub url: SecretUrl,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub ca_file: Option<PathBuf>,
}

/// Posts within a time.
pub(super) fn post(request: Request, limit: Duration) -> Outcome {
    let name = request.url.shown();
    within(
        limit.saturating_add(GRACE),
        &name,
        move |handing_over| exchange(&request, limit, handing_over),
        std::convert::identity,
    )
}

fn exchange(request: &Request, limit: Duration, handing_over: &AtomicBool) -> Outcome {
    let shown = request.url.shown();
    let agent = match agent(request, limit) {
        Ok(agent) => agent,
        Err(error) => {
            let error = request.hide(&format!("{shown}: {error:#}"));
            return Outcome::NotAccepted { error, permanent: false };
        }
    };
    let mut body = Handing { left: request.body.as_bytes(), handing_over };
    let mut built = http::Request::post(request.url.as_str())
        .header(http::header::CONTENT_LENGTH, request.body.len());
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let Ok(built) = built.body(SendBody::from_reader(&mut body)) else {
        let error = request.hide(&format!("{shown}: a header or the URL cannot be sent"));
        return Outcome::Rejected { error };
    };
    match agent.run(built) {
        Ok(answer) => judge(request, answer),
        Err(error) => {
            let text = match error {
                Error::Timeout(_) => no_end(&shown, limit),
                other => format!("{shown}: {}", words(other)),
            };
            unfinished(handing_over, request.hide(&text))
        }
    }
}

/// The body on its way: when its first byte is asked for, the server may get all of it.
struct Handing<'a> {
    left: &'a [u8],
    handing_over: &'a AtomicBool,
}

impl Read for Handing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.handing_over.store(true, Ordering::SeqCst);
        self.left.read(buffer)
    }
}

fn agent(request: &Request, limit: Duration) -> anyhow::Result<Agent> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(limit))
        .timeout_recv_body(Some(SAYING));
    if request.url.is_https() {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(roots(request.ca_file.as_deref())?);
        config = config.tls_config(tls.build());
    }
    Ok(config.build().new_agent())
}

/// The system's authorities, and one's own beside them.
fn roots(ca_file: Option<&Path>) -> anyhow::Result<RootCerts> {
    let system = rustls_native_certs::load_native_certs().certs;
    let mut roots: Vec<Certificate<'static>> =
        system.iter().map(|one| Certificate::from_der(one.as_ref()).to_owned()).collect();
    if let Some(path) = ca_file {
        let what = || format!("could not read the certificates in {}", path.display());
        let text = regular::whole(path, regular::MOST).with_context(what)?;
        let before = roots.len();
        for item in parse_pem(&text) {
            if let PemItem::Certificate(certificate) = item.with_context(what)? {
                roots.push(certificate);
            }
        }
        anyhow::ensure!(roots.len() > before, "{}: there is none in PEM", what());
    }
    Ok(RootCerts::new_with_certs(&roots))
}

fn judge(request: &Request, answer: http::Response<Body>) -> Outcome {
    let (shown, status) = (request.url.shown(), answer.status().as_u16());
    let error = match status {
        200..=299 => return Outcome::Accepted,
        300..=399 => {
            let location = answer.headers().get(http::header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or_default();
            let moved = request.url.joined(location);
            format!("{shown} answered {status}: it moved to {moved}; give its new address")
        }
        _ => format!("{shown} answered {status}{}", said(answer)),
    };
    let comes_back = matches!(status, 408 | 425 | 429);
    let error = request.hide(&error);
    if (400..500).contains(&status) && !comes_back {
        return Outcome::Rejected { error };
    }
    Outcome::NotAccepted { error, permanent: false }
}

/// What the server says about it, in its first words.
fn said(answer: http::Response<Body>) -> String {
    let mut text = Vec::new();
    // What comes until the connection ends is enough.
    _ = answer.into_body().into_reader().take(SAID).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).trim().replace('\r', "");
    let text: String = one_line(&text).chars().filter(|c| !c.is_control()).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

fn words(error: Error) -> String {
    match error {
        Error::Io(error) => of_connection(&error),
        Error::HostNotFound => "its name was not found".to_owned(),
        Error::Rustls(error) => of_connection(&io::Error::other(error.to_string())),
        Error::ConnectProxyFailed(text) => format!("the proxy did not connect: {text}"),
        Error::Protocol(_) | Error::LargeResponseHeader(..) => {
            "what it answered is no HTTP".to_owned()
        }
        // Its own words hold the address.
        Error::BadUri(_) | Error::Http(_) => "its address cannot be used".to_owned(),
        other => one_line(&other.to_string()),
    }
}

fn of_connection(error: &io::Error) -> String {
    if error.to_string().contains("corrupt message") {
        return "it does not speak TLS: is it http://, or another port?".to_owned();
    }
    failure::of_io(error)
}

impl Request {
    /// Servers repeat what they were sent.
    fn hide(&self, text: &str) -> String {
        let values = self.headers.iter().map(|(_, value)| value.as_str());
        let secrets = self.url.secrets().into_iter().chain(values.filter(|value| value.len() >= 8));
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}
