//! Failures of mail in words that tell what to do. Pure.

use std::error::Error as _;
use std::io;

use lettre::transport::smtp::Error;

use crate::render::wording::one_line;

/// One line about why the server could not be told.
pub fn of(error: &Error, server: &str, port: u16) -> String {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    if let Some(code) = error.status() {
        return format!("{server}:{port} answered {code}: {source}");
    }
    format!(
        "{server}:{port}: {}",
        cause(error).unwrap_or_else(|| one_line(&if source.is_empty() {
            error.to_string()
        } else {
            source
        }))
    )
}

fn cause(error: &Error) -> Option<String> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(inner) = inner.downcast_ref::<io::Error>() {
            return Some(of_io(inner));
        }
        source = inner.source();
    }
    None
}

/// An input or output failure without its number.
pub fn of_io(error: &io::Error) -> String {
    let text = one_line(&error.to_string());
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused: is the server running, and is the port right?".to_owned()
        }
        // A read that times out is reported as if it would have had to wait.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "the connection was closed".to_owned(),
        _ if text.contains("UnknownIssuer") => format!(
            "{text}: the certificate's authority is not trusted here; name it with \"ca_file\""
        ),
        _ if text.contains("CaUsedAsEndEntity") => format!(
            "{text}: the server shows the certificate of an authority; make it one with basicConstraints CA:FALSE"
        ),
        _ if text.contains("certificate") => text,
        _ if text.contains("lookup") => format!("its name was not found ({text})"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_left_out() {
        assert_eq!(of_io(&io::Error::from_raw_os_error(113)), "No route to host");
    }

    #[test]
    fn a_read_that_timed_out_is_said_as_such() {
        assert_eq!(of_io(&io::Error::from_raw_os_error(11)), "no answer in time");
    }

    #[test]
    fn an_untrusted_authority_is_told_what_to_set() {
        assert!(
            of_io(&io::Error::other("invalid peer certificate: UnknownIssuer")).contains("ca_file")
        );
    }
}
