//! Showing. A `View` holds typed cells and no formatting; renderers turn it into a table. JSON is made of raw numbers
//! and never of formatted text.

pub mod amount;
pub mod chart;
pub mod fit;
pub mod json;
pub mod perfdata;
pub mod reason;
pub mod table;
pub mod wording;

use crate::alert::Level;
use crate::metric::Unit;

/// What a place looks like where text is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terminal {
    pub is_terminal: bool,
    /// Columns; `None` in a pipe: as wide as it takes.
    pub width: Option<usize>,
    pub color: bool,
}

impl Terminal {
    pub fn columns(&self) -> usize {
        self.width.unwrap_or(80)
    }

    /// The text as a heading of its level.
    pub fn level(&self, level: Level, text: &str) -> String {
        let code = match level {
            Level::Ok => "32",
            Level::Warning => "33;1",
            Level::Critical => "31;1",
            Level::Unknown => "35;1",
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Rows and columns before they are text.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub title: String,
    pub align: Align,
    /// What becomes of it where the screen is too narrow.
    pub cut: Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Never,
    /// Of a name both ends tell something.
    Middle,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

#[derive(Clone, Debug)]
pub enum Cell {
    Text(String),
    /// With its unit.
    Number(f64, Unit),
    /// In a column whose unit is known.
    Bare(f64, Unit),
    Level(Level),
    Missing,
}

impl Column {
    pub fn left(title: impl Into<String>) -> Self {
        Column { title: title.into(), align: Align::Left, cut: Cut::Never }
    }

    /// Of names of any length.
    pub fn name(title: impl Into<String>) -> Self {
        Column { title: title.into(), align: Align::Left, cut: Cut::Middle }
    }

    /// Of words that may end early.
    pub fn words(title: impl Into<String>) -> Self {
        Column { title: title.into(), align: Align::Left, cut: Cut::End }
    }

    pub fn right(title: impl Into<String>) -> Self {
        Column { title: title.into(), align: Align::Right, cut: Cut::Never }
    }
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }
}
