//! Looks at what a configuration names: servers, programs, files. Each says what is wrong, or nothing.

use std::fs;
use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::Finding;
use crate::config::key::Key;
use crate::notify::secret;
use crate::regular;
use crate::render::wording::one_line;

/// A name server that does not answer can hold a program for minutes.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn about(key: &Key, text: String) -> Finding {
    Finding::fault(key.path, text)
}

/// In a thread, as nothing can end a look-up that hangs.
pub(super) fn resolve(name: String, port: u16) -> Result<(), String> {
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

/// Why it cannot be run, if so.
pub(super) fn not_a_program(program: &Path) -> Option<String> {
    match fs::metadata(program) {
        Err(error) => Some(one_line(&error.to_string())),
        Ok(found) if !found.is_file() => Some("it is not a file".to_owned()),
        Ok(_) if access(program, Access::EXEC_OK).is_err() => {
            Some("it is not executable".to_owned())
        }
        Ok(_) => None,
    }
}

pub(super) fn authority(path: &Path, key: &Key) -> Option<Finding> {
    let could_not = format!("could not use the ca_file {}", path.display());
    match regular::whole(path, regular::MOST) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(not_ours(path)),
        Err(error) => Some(about(key, format!("{could_not}: {}", one_line(&error.to_string())))),
        Ok(content) if !String::from_utf8_lossy(&content).contains("BEGIN CERTIFICATE") => {
            Some(about(key, format!("{could_not}: it holds no PEM certificate")))
        }
        Ok(_) => None,
    }
}

/// A file that holds a secret, without ever showing it.
pub(super) fn secret_file(path: &Path, what: &str, key: &Key) -> Option<Finding> {
    let closed =
        regular::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    if closed {
        return Some(not_ours(path));
    }
    secret::from_file(path, what).err().map(|error| about(key, format!("{error:#}")))
}

fn not_ours(path: &Path) -> Finding {
    Finding::Remark(format!("{} is not readable for you; the service reads it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_resolver_is_said_once() {
        let error = io::Error::other("failed to lookup address information: Name not known");
        assert_eq!(resolver_words(&error), "Name not known");
    }
}
