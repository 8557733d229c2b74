//! Judging samples. Two questions, two pure functions: `step` says whether a rule is firing, `due` whether something
//! is owed to somebody. What was never bad is never "recovered"; no data neither raises nor clears; told is told
//! only once it was accepted.

pub mod due;
pub mod episode;
pub mod evaluate;
pub mod rule;
pub mod state;
pub mod step;

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
