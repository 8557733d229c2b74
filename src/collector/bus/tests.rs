//! A bus of our own that answers as it is told.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread::{JoinHandle, spawn};

use tempfile::TempDir;

use super::super::tests::fixture;
use super::message::tests::answer;
use super::*;

pub(in crate::collector) const WELCOME: &[u8] = b"OK 0123456789abcdef\r\n";

/// Answers the first bytes that come with the first of these, the next ones with the next; tells what came.
pub(in crate::collector) fn bus(answers: Vec<Vec<u8>>) -> (TempDir, JoinHandle<Vec<String>>) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("run/dbus")).unwrap();
    let listener = UnixListener::bind(root.path().join(SOCKET)).unwrap();
    let told = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        for answer in answers {
            let mut part = [0; 16 * 1024];
            let count = stream.read(&mut part).unwrap();
            asked.push(String::from_utf8_lossy(&part[..count]).into_owned());
            stream.write_all(&answer).unwrap();
        }
        // Until the other side has read it all and goes.
        _ = stream.read(&mut [0; 1024]);
        asked
    });
    (root, told)
}

/// The greeting, the answer to `Hello` and a signal, then these.
pub(in crate::collector) fn welcomed(answers: &[Vec<u8>]) -> Vec<u8> {
    let hello = answer(1, "s", b"\x04\0\0\0:1.7\0");
    // An answer's fields, as a signal: it answers nothing.
    let mut signal = answer(99, "s", b"\x04\0\0\0:1.7\0");
    signal[1] = 4;
    [&[WELCOME.to_vec(), hello, signal][..], answers].concat().concat()
}

#[test]
fn a_bus_that_hangs_holds_nobody_up_even_when_its_queue_is_full() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("run/dbus")).unwrap();
    let listener = UnixListener::bind(root.path().join(SOCKET)).unwrap();
    rustix::net::listen(&listener, 2).unwrap();
    let began = Instant::now();
    // Who is in the queue stays there.
    let waiting: Vec<_> = std::iter::from_fn(|| connect(&root.path().join(SOCKET)).ok()).collect();
    assert!(!waiting.is_empty() && began.elapsed() < Duration::from_secs(5));
    let refused = Bus::open(&fixture(root.path()), Duration::from_secs(1)).err().unwrap();
    assert!(format!("{refused:#}").ends_with("too many wait for it already"), "{refused:#}");
}

#[test]
fn the_greeting_names_the_user_in_hexadecimal_digits() {
    assert_eq!(greeting(1000), "\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n");
    assert_eq!(greeting(0), "\0AUTH EXTERNAL 30\r\nBEGIN\r\n");
}
