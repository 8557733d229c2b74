//! Telling. `compose` turns facts into a message and is pure; `deliver`, `webhook` and `program` hand it over and say
//! what became of it: accepted, surely not accepted, or nobody knows. lettre and ureq are named only here.

mod advice;
mod body;
pub mod compose;
pub mod course;
pub mod deliver;
pub mod earlier;
pub mod failure;
#[cfg(test)]
mod fixture;
pub mod heartbeat;
mod http;
mod lead;
pub mod letter;
pub mod message;
mod pace;
mod page;
mod payload;
mod plain;
pub mod program;
pub mod secret;
pub mod smtp;
mod story;
pub mod watchdog;
pub mod way;
pub mod webhook;

/// The name of mail in the state; `email:ADDRESS` is the channel of a recipient.
pub const EMAIL: &str = "email";

/// What became of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Accepted,
    /// It surely was not accepted now: if it never was tried before, it is composed afresh from what is true at the
    /// next try, else it may have been accepted then, and stays as it is.
    NotAccepted {
        error: String,
        permanent: bool,
    },
    /// The message itself was refused for good: as it is it never will be accepted.
    Rejected {
        error: String,
    },
    /// The connection ended after the data: the very same message is sent again.
    Uncertain {
        error: String,
    },
}

/// A recipient that was refused although others were not.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub address: String,
    pub error: String,
    pub permanent: bool,
}
