//! Webhook and heartbeat against receivers that behave in every way: what is posted, and what is thought to have
//! become of it. The examples of the manual are posted as they stand there.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper fails as its test does"
)]

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use hostwatch::config::{self, heartbeat::Heartbeat, webhook::Webhook};
use hostwatch::notify::{Outcome, heartbeat, webhook};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};
use serde_json::{Value, json};

const CONFIG_MANUAL: &str = include_str!("../man/hostwatch-config.5");
const LONG: Duration = Duration::from_secs(30);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request as it came.
#[derive(Debug)]
struct Posted {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Posted {
    fn read(stream: &mut impl Read) -> Self {
        let mut lines = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let mut headers = Vec::new();
        while let Some((name, value)) = line().split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut posted = Posted {
            path: first
                .strip_prefix("POST ")
                .unwrap()
                .strip_suffix(" HTTP/1.1")
                .unwrap()
                .to_owned(),
            headers,
            body: String::new(),
        };
        let mut body = vec![0; posted.header("content-length").parse().unwrap()];
        lines.read_exact(&mut body).unwrap();
        posted.body = String::from_utf8(body).unwrap();
        posted
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver for one connection, which does with it as told.
fn receiver<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (u16, Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, seen) = channel();
    thread::spawn(move || _ = sender.send(serve(listener.accept().unwrap().0)));
    (port, seen)
}

/// Reads the request and answers so.
fn answering(answer: &'static str) -> (u16, Receiver<Posted>) {
    receiver(move |mut stream| {
        let posted = Posted::read(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        posted
    })
}

fn facts() -> Value {
    json!({
        "schema": 1, "id": "<1795336866.86400.812@gate-pi>", "host": "gate-pi",
        "time": "2026-11-22T09:41:06+01:00", "epoch": 1_795_336_866, "level": "warning", "kind": "raised",
        "subject": "gate-pi WARNING: /data 86 % full", "text": "/data is 86.0 % full.\n\n\"quoted\" 58.9 °C\n",
        "series": "filesystem_percent{/data}", "value": 86.0,
        "alerts": [
            {"kind": "raised", "series": "filesystem_percent{/data}", "metric": "filesystem_percent", "label": "/data",
             "level": "warning", "value": 86.0, "threshold": 85.0, "start": "2026-11-22T09:41:06+01:00", "seconds": 0,
             "worst": 86.0, "summary": "/data 86 % full"},
            {"kind": "recovered", "series": "cpu_percent", "metric": "cpu_percent", "level": "ok", "value": 12.0,
             "threshold": 80.0, "start": "2026-11-22T08:00:00+01:00", "end": "2026-11-22T09:41:06+01:00",
             "seconds": 6066, "worst": 99.0, "summary": "CPU 12 % busy"}
        ]
    })
}

fn webhooks(section: &Value) -> Vec<Webhook> {
    let text = json!({"notifications": {"webhook": section}}).to_string();
    let config = config::from_text(&text, Some(Path::new("/x.json"))).unwrap();
    assert_eq!(config.fault_lines(), Vec::<String>::new());
    config.webhooks
}

fn post(section: &Value) -> Outcome {
    webhook::post(&webhooks(section)[0], &facts(), &|_| None, LONG)
}

fn post_to(port: u16) -> Outcome {
    post(&json!({"url": format!("http://127.0.0.1:{port}/secret-path-1"), "timeout": 1}))
}

fn accepted() -> Outcome {
    Outcome::Accepted
}

/// Surely not accepted, for good or not, with these words, and without the address's secret.
fn refused(outcome: &Outcome, for_good: bool, words: &str) {
    let (error, permanent) = match outcome {
        Outcome::NotAccepted { error, permanent } => (error, *permanent),
        Outcome::Rejected { error } => (error, true),
        other => panic!("{other:?}"),
    };
    assert!(error.contains(words) && !error.contains("secret"), "{error}");
    assert!(permanent == for_good && !error.contains('\n'), "{outcome:?}");
}

fn uncertain(outcome: &Outcome, words: &str) {
    let Outcome::Uncertain { error } = outcome else { panic!("{outcome:?}") };
    assert!(error.contains(words) && !error.contains("secret"), "{error}");
}

#[test]
fn the_facts_are_posted_as_they_are() {
    let (port, seen) = answering(OK);
    assert_eq!(post_to(port), accepted());
    let posted = seen.recv().unwrap();
    assert_eq!((posted.path.as_str(), posted.json()), ("/secret-path-1", facts()));
    assert_eq!(posted.header("content-type"), "application/json");
    assert_eq!(posted.header("idempotency-key"), "<1795336866.86400.812@gate-pi>");
    assert!(posted.header("user-agent").starts_with("hostwatch/"));
}

#[test]
fn an_answer_that_refuses_says_whether_for_good() {
    for (answer, for_good, words) in [
        (
            "404 Not Found\r\nContent-Length: 10\r\n\r\nno\nservice",
            true,
            "/… answered 404: no; service",
        ),
        (
            "400 Bad Request\r\nConnection: close\r\n\r\n/secret-path-1 is bad",
            true,
            "400: *** is bad",
        ),
        ("408 Request Timeout\r\nContent-Length: 0\r\n\r\n", false, "answered 408"),
        ("429 Too Many\r\nContent-Length: 4\r\n\r\nslow", false, "answered 429: slow"),
        ("503 Unavailable\r\nContent-Length: 0\r\n\r\n", false, "answered 503"),
        (
            "308 Moved\r\nLocation: https://h/secret-path-1\r\nContent-Length: 0\r\n\r\n",
            false,
            "308: it moved to https://h/…",
        ),
        ("302 Found\r\nContent-Length: 0\r\n\r\n", false, "answered 302: it moved"),
    ] {
        let (port, _seen) = receiver(move |mut stream| {
            Posted::read(&mut stream);
            write!(stream, "HTTP/1.1 {answer}").unwrap();
        });
        refused(&post_to(port), for_good, words);
    }
}

#[test]
fn what_was_not_handed_over_was_surely_not_accepted() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    refused(&post_to(port), false, "connection refused");
    refused(
        &post(&json!({"url": "http://no-such-host.invalid/secret-path-1"})),
        false,
        "its name was not found",
    );
    let (port, _seen) =
        receiver(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").unwrap());
    let https = json!({"url": format!("https://127.0.0.1:{port}/secret-path-1"), "timeout": 5});
    refused(&post(&https), false, "it does not speak TLS");
}

#[test]
fn a_handshake_that_never_ends_was_no_handing_over() {
    let (port, _seen) = receiver(|stream| {
        thread::sleep(Duration::from_secs(3));
        drop(stream);
    });
    let began = Instant::now();
    let https = json!({"url": format!("https://127.0.0.1:{port}/secret-path-1"), "timeout": 1});
    refused(&post(&https), false, "no end within 1 s");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn without_an_answer_nobody_knows() {
    let (port, _seen) = receiver(|mut stream| _ = Posted::read(&mut stream));
    uncertain(&post_to(port), "the connection was closed");
    let (port, _seen) = receiver(|mut stream| {
        Posted::read(&mut stream);
        thread::sleep(Duration::from_secs(3));
    });
    uncertain(&post_to(port), "no end within 1 s");
    let (port, _seen) = answering("hello\r\n\r\n");
    uncertain(&post_to(port), "no HTTP");
}

#[test]
fn a_server_that_drips_is_left_in_time() {
    let (port, _seen) = receiver(|mut stream| {
        Posted::read(&mut stream);
        for byte in "HTTP/1.1 200 OK, and that at great length".bytes() {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
    let began = Instant::now();
    uncertain(&post_to(port), "no end within 1 s");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_answer_counts_although_its_text_never_ends() {
    for (answer, is_accepted) in [("200 OK", true), ("500 Broken", false)] {
        let (port, _seen) = receiver(move |mut stream| {
            Posted::read(&mut stream);
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 1000000000\r\n\r\nwell").unwrap();
            thread::sleep(Duration::from_secs(3));
        });
        let outcome = post_to(port);
        assert_eq!(outcome == accepted(), is_accepted, "{outcome:?}");
        if !is_accepted {
            refused(&outcome, false, "answered 500");
        }
    }
}

#[test]
fn the_time_of_all_telling_is_the_limit() {
    let (port, _seen) = receiver(|mut stream| {
        Posted::read(&mut stream);
        thread::sleep(Duration::from_secs(5));
    });
    let hook = webhooks(&json!({"url": format!("http://127.0.0.1:{port}/"), "timeout": 60}));
    let began = Instant::now();
    uncertain(&webhook::post(&hook[0], &facts(), &|_| None, Duration::from_secs(1)), "within 1 s");
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// A receiver with the certificate of tests/fixtures/tls, which is for localhost.
fn with_tls() -> (u16, Receiver<Option<Posted>>) {
    let tls = tls();
    let certificate = CertificateDer::from_pem_file(tls.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls.join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    receiver(move |stream| {
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // A client that does not trust goes before it says a word.
        stream.conn.complete_io(&mut stream.sock).ok()?;
        let posted = Posted::read(&mut stream);
        stream.write_all(OK.as_bytes()).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        Some(posted)
    })
}

fn tls() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls")
}

#[test]
fn ones_own_authority_is_trusted_where_it_is_named() {
    let (port, seen) = with_tls();
    let mut hook = json!({"url": format!("https://localhost:{port}/secret-path-1")});
    hook["ca_file"] = json!(tls().join("ca.pem"));
    assert_eq!(post(&hook), accepted());
    assert_eq!(seen.recv().unwrap().unwrap().json(), facts());
}

#[test]
fn an_unknown_authority_another_name_and_a_missing_file_are_not_trusted() {
    let (port, _seen) = with_tls();
    refused(
        &post(&json!({"url": format!("https://localhost:{port}/secret-path-1")})),
        false,
        "name it with \"ca_file\"",
    );
    let (port, _seen) = with_tls();
    let mut other = json!({"url": format!("https://127.0.0.1:{port}/secret-path-1")});
    other["ca_file"] = json!(tls().join("ca.pem"));
    refused(&post(&other), false, "certificate not valid for name");
    other["ca_file"] = json!("/no/such.pem");
    refused(&post(&other), false, "could not read the certificates in /no/such.pem");
    other["ca_file"] = json!(tls().join("server.key"));
    refused(&post(&other), false, "there is none in PEM");
}

fn secret(directory: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn address_and_headers_may_stand_in_files_that_not_everybody_may_read() {
    let directory = tempfile::tempdir().unwrap();
    let (port, seen) = answering(OK);
    let address = format!("http://127.0.0.1:{port}/secret-path-1\n");
    let hook = json!({
        "url_file": secret(directory.path(), "url", &address, 0o600),
        "headers": {"Title": "{subject} °"},
        "header_files": {"Authorization": secret(directory.path(), "token", "Bearer secret-token-1\n", 0o640)}
    });
    assert_eq!(post(&hook), accepted());
    let posted = seen.recv().unwrap();
    assert_eq!(posted.path, "/secret-path-1");
    assert_eq!(posted.header("authorization"), "Bearer secret-token-1");
    assert!(posted.header("title").starts_with("=?UTF-8?Q?gate-pi_WARNING:_/data"));
    for name in ["url", "token"] {
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(0o644)).unwrap();
        refused(&post(&hook), false, "everybody may read it; chmod o-r");
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(0o600)).unwrap();
    }
    secret(directory.path(), "url", "secret-path-1", 0o600);
    refused(&post(&hook), false, "must be a URL");
    fs::remove_file(directory.path().join("url")).unwrap();
    let outcome = post(&hook);
    refused(&outcome, false, "could not read the URL file");
}

#[test]
fn what_a_server_repeats_of_a_secret_header_is_not_said() {
    let directory = tempfile::tempdir().unwrap();
    let token = secret(directory.path(), "token", "Bearer secret-token-1", 0o600);
    let (port, _seen) =
        answering("HTTP/1.1 403 No\r\nContent-Length: 25\r\n\r\nBearer secret-token-1 bad");
    let hook = json!({"url": format!("http://127.0.0.1:{port}/"), "header_files": {"Authorization": token}});
    refused(&post(&hook), true, "403: *** bad");
}

/// The examples of the manual, posted here instead of there.
fn example(about: &str) -> Posted {
    let (_, rest) = CONFIG_MANUAL.split_once("\n.Sh WEBHOOK\n").unwrap();
    let (_, rest) = rest.split_once(&format!("\n.It {about}\n")).unwrap();
    let (_, rest) = rest.split_once(".Bd -literal\n").unwrap();
    let text = format!("{{{}}}", rest.split_once(".Ed").unwrap().0);
    let mut hook: Value = serde_json::from_str::<Value>(&text).unwrap()["webhook"].take();
    let (port, seen) = answering(OK);
    let object = hook.as_object_mut().unwrap();
    object.remove("url_file");
    object.insert("url".to_owned(), json!(format!("http://127.0.0.1:{port}/")));
    assert_eq!(post(&hook), accepted());
    seen.recv().unwrap()
}

#[test]
fn the_example_for_ntfy_is_its_plain_way() {
    let posted = example("ntfy");
    assert_eq!(posted.body, facts()["text"].as_str().unwrap());
    assert!(posted.header("content-type").starts_with("text/plain"));
    assert_eq!(posted.header("title"), "gate-pi WARNING: /data 86 % full");
    assert_eq!(posted.header("tags"), "warning");
}

#[test]
fn the_example_for_slack_is_an_incoming_webhook() {
    assert_eq!(example("Slack").json(), json!({"text": facts()["text"]}));
}

#[test]
fn the_example_for_telegram_is_send_message() {
    assert_eq!(
        example("Telegram").json(),
        json!({"chat_id": 123_456_789, "text": facts()["text"]})
    );
}

#[test]
fn the_example_for_alertmanager_is_one_alert_for_each() {
    let alerts = example("Alertmanager").json();
    assert_eq!(alerts[0]["labels"]["alertname"], "filesystem_percent");
    assert_eq!(alerts[0]["labels"]["instance"], "gate-pi");
    assert_eq!(
        (&alerts[0]["startsAt"], &alerts[0]["endsAt"]),
        (&json!("2026-11-22T09:41:06+01:00"), &Value::Null)
    );
    assert_eq!(alerts[1]["endsAt"], "2026-11-22T09:41:06+01:00");
    assert_eq!(alerts.as_array().unwrap().len(), 2);
}

fn beat(url: &str, more: &Value) -> Heartbeat {
    let mut section = json!({"url": url, "timeout": 2});
    section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let text = json!({"notifications": {"heartbeat": section}}).to_string();
    let config = config::from_text(&text, None).unwrap();
    assert_eq!(config.fault_lines(), Vec::<String>::new());
    config.heartbeat.unwrap()
}

const NO_VARIABLE: &dyn Fn(&str) -> Option<OsString> = &|_| None;

#[test]
fn a_heartbeat_says_how_a_run_ended() {
    for (exit, path) in [(0, "/uuid?rid=1"), (3, "/uuid/3?rid=1")] {
        let (port, seen) = answering(OK);
        let beat = beat(&format!("http://127.0.0.1:{port}/uuid?rid=1"), &json!({}));
        let summary = "ä".repeat(6000);
        assert_eq!(heartbeat::finish(&beat, exit, &summary, NO_VARIABLE, LONG), Ok(()));
        let posted = seen.recv().unwrap();
        assert_eq!((posted.path.as_str(), posted.body.len()), (path, 10_000));
    }
}

#[test]
fn a_heartbeat_says_that_a_run_begins_where_that_is_wanted() {
    let (port, seen) = answering(OK);
    let url = format!("http://127.0.0.1:{port}/uuid/");
    assert_eq!(heartbeat::start(&beat(&url, &json!({})), NO_VARIABLE, LONG), Ok(()));
    let wanted = beat(&url, &json!({"start": true}));
    assert_eq!(heartbeat::start(&wanted, NO_VARIABLE, LONG), Ok(()));
    let posted = seen.recv().unwrap();
    assert_eq!((posted.path.as_str(), posted.body.as_str()), ("/uuid/start", ""));
}

#[test]
fn a_heartbeat_that_is_not_taken_is_said_in_words_and_no_more() {
    let (port, _seen) = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found");
    let beat = beat(&format!("http://127.0.0.1:{port}/secret-uuid-1"), &json!({}));
    let error = heartbeat::finish(&beat, 0, "", NO_VARIABLE, LONG).unwrap_err();
    assert_eq!(error, format!("http://127.0.0.1:{port}/… answered 404: not found"));
    let directory = tempfile::tempdir().unwrap();
    let (other, seen) = answering(OK);
    fs::write(directory.path().join("heartbeat.url"), format!("http://127.0.0.1:{other}/given"))
        .unwrap();
    let variable = |_: &str| Some(directory.path().as_os_str().to_owned());
    assert_eq!(heartbeat::finish(&beat, 0, "", &variable, LONG), Ok(()));
    assert_eq!(seen.recv().unwrap().path, "/given");
}
