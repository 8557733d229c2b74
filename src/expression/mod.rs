//! Expressions of `check`: comparisons of series with numbers or with each other. Pure.
//!
//! ```text
//! EXPRESSION := COMPARISON ("and" COMPARISON)*        COMPARISON := TERM ("<" | "<=" | ">" | ">=") TERM
//! TERM := SERIES | FUNCTION "(" SERIES "," SPAN ")" | NUMBER [UNIT]
//! ```
//!
//! A comparison measures something: two numbers are none. A term that means several series holds for all of them.

pub mod evaluate;
pub mod parse;
pub mod reader;
mod term;
pub mod window;

use crate::series::{Pattern, Series, is_glob};
use crate::summary::Summary;

/// One side of `and`: what is measured, and what it has to keep to.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub typed: Typed,
    pub subject: Measured,
    /// As seen from the subject, on whichever side that was typed.
    pub operator: Operator,
    pub limit: Limit,
}

/// A comparison as it was typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    pub left: String,
    pub operator: Operator,
    pub right: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    Number(Number),
    Measured(Measured),
}

/// A number whose unit is that of what it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    pub text: String,
    /// Character of the expression, from 1.
    pub at: usize,
}

/// Series: their last values, or what they were over a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The series as typed.
    pub series: String,
    pub pattern: Pattern,
    pub over: Option<Over>,
    /// What stood before and after the series: `max(` and `, 10m)`.
    around: (String, String),
    /// Character of the expression, from 1.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub function: Function,
    pub seconds: i64,
}

impl Measured {
    /// The term with one of its series: `max(filesystem_percent{/data}, 10m)`.
    pub fn name(&self, series: &Series) -> String {
        format!("{}{series}{}", self.around.0, self.around.1)
    }

    /// Whether it names its label, and so may be compared with another one.
    fn is_of_one_label(&self) -> bool {
        self.pattern.label.as_deref().is_some_and(|label| !is_glob(label))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    pub fn text(self) -> &'static str {
        match self {
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::AtLeast => ">=",
        }
    }

    /// The same comparison read from right to left.
    fn mirrored(self) -> Self {
        match self {
            Operator::Less => Operator::Greater,
            Operator::AtMost => Operator::AtLeast,
            Operator::Greater => Operator::Less,
            Operator::AtLeast => Operator::AtMost,
        }
    }

    /// Whether small is good.
    pub fn is_upper_limit(self) -> bool {
        matches!(self, Operator::Less | Operator::AtMost)
    }

    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Operator::Less => value < limit,
            Operator::AtMost => value <= limit,
            Operator::Greater => value > limit,
            Operator::AtLeast => value >= limit,
        }
    }
}

/// What a series was over a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Min,
    Max,
    Mean,
    P95,
    Last,
}

impl Function {
    const ALL: [Function; 5] =
        [Function::Min, Function::Max, Function::Mean, Function::P95, Function::Last];

    pub fn name(self) -> &'static str {
        match self {
            Function::Min => "min",
            Function::Max => "max",
            Function::Mean => "mean",
            Function::P95 => "p95",
            Function::Last => "last",
        }
    }

    fn of(self, summary: &Summary) -> f64 {
        match self {
            Function::Min => summary.min,
            Function::Max => summary.max,
            Function::Mean => summary.mean,
            Function::P95 => summary.p95,
            Function::Last => summary.last,
        }
    }
}
