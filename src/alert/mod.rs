//! Judging samples. Two questions, two pure functions: `step` says whether a rule is firing, `due` whether something
//! is owed to somebody. What was never bad is never "recovered"; no data neither raises nor clears; told is told
//! only once it was accepted.

pub mod absence;
mod course;
pub mod due;
pub mod episode;
pub mod evaluate;
pub mod expect;
pub mod fact;
pub mod flap;
pub mod fold;
pub mod ledger;
pub mod mute;
pub mod plugin;
pub mod quiet;
pub mod replay;
pub mod rule;
pub mod state;
pub mod step;
pub mod suggest;
pub mod window;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    #[default]
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Critical => "critical",
            Level::Unknown => "unknown",
        }
    }

    /// For headings: `WARNING`.
    pub fn title(self) -> String {
        self.name().to_uppercase()
    }
}

/// Somebody who is told, with a record of its own: `email:admin@example.com`, `webhook:NAME`, `command:NAME`.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    pub name: String,
    /// From which level on.
    pub from: Level,
}
