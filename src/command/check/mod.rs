//! `check`: whether an expression holds, as an exit code and one line or one object. That nobody can say is an answer,
//! and goes where the others go.

mod object;
mod read;
mod text;

use anyhow::anyhow;
use serde_json::Value;

use super::Context;
use super::status::check::{exit, stale_words};
use super::status::{age, expected_interval, is_stale, last_sample};
use crate::alert::Level;
use crate::cli::{Check, Exit};
use crate::collector::formerly;
use crate::expression::evaluate::{Pair, Trouble, judge, verdict};
use crate::expression::{Comparison, Limit, parse};
use crate::render::perfdata;
use crate::render::wording::one_line;
use crate::sample::read::Wanted;
use crate::store::range::Damage;
use read::{Data, Freshness};

/// Every comparison with what came of it.
struct Answer {
    comparisons: Vec<Comparison>,
    /// In the order of the comparisons; an error says why nobody can say.
    outcomes: Vec<Result<Vec<Pair>, String>>,
    /// What it is if one does not hold.
    failing: Level,
    age: f64,
    /// What is to be said of a last sample that is too old.
    stale: Option<String>,
    damage: Vec<Damage>,
}

impl Answer {
    fn level(&self) -> Level {
        match verdict(&self.outcomes) {
            Some(true) => Level::Ok,
            Some(false) => self.failing,
            None => Level::Unknown,
        }
    }

    /// Why nobody can say, each reason once.
    fn unknown(&self) -> Option<String> {
        let reasons = self.outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let mut reasons: Vec<&str> = reasons.map(String::as_str).collect();
        reasons.dedup();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }
}

/// # Errors
/// The answer cannot be written. That nobody can say how it is, is an answer.
pub fn run(arguments: &Check, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let expression = arguments.expression.join(" ");
    let failing = if arguments.warning { Level::Warning } else { Level::Critical };
    let answer = answer(&expression, failing, context);
    let answer = answer.map_err(|error| one_line(&format!("{error:#}")));
    let level = answer.as_ref().map_or(Level::Unknown, Answer::level);
    match &answer {
        _ if arguments.json => {
            let object = object::object(&expression, level, answer.as_ref());
            writeln!(context.out, "{}", Value::Object(object))?;
        }
        Ok(answer) => writeln!(context.out, "{}", text::line(level, answer))?,
        Err(words) => writeln!(context.out, "{}", perfdata::line(level, words, []))?,
    }
    if let (true, Ok(answer)) = (arguments.json, &answer) {
        context.note_damage(&answer.damage);
    }
    Ok(exit(level))
}

/// Fails where the expression is wrong or there is nothing to read.
fn answer(expression: &str, failing: Level, context: &mut Context<'_>) -> anyhow::Result<Answer> {
    let comparisons = parse::parse(expression).map_err(|words| anyhow!(words))?;
    let config = context.config()?;
    let store = context.store_to_read(&config)?;
    let last = last_sample(&store, &Wanted::everything().with_formerly(formerly()), context)?;
    let interval = expected_interval(&config, &store, context);
    let age = age(&last.moment(), &context.now.moment());
    let stale = is_stale(age, interval).then(|| stale_words(age, interval));
    let freshness = Freshness { now: context.now.utc, interval, stale };
    let data = Data::read(&comparisons, &store, last, freshness)?;
    let outcomes = comparisons.iter().map(|comparison| outcome(comparison, &data));
    let outcomes: Vec<_> = outcomes.collect::<anyhow::Result<_>>()?;
    let Data { freshness: Freshness { stale, .. }, damage, .. } = data;
    Ok(Answer { comparisons, outcomes, failing, age, stale, damage })
}

/// Fails where the expression is wrong; inside, why nobody can say.
fn outcome(comparison: &Comparison, data: &Data) -> anyhow::Result<Result<Vec<Pair>, String>> {
    let subjects = unless_wrong(data.readings(&comparison.subject))?;
    let limits = match &comparison.limit {
        Limit::Number(_) => Ok(Vec::new()),
        Limit::Measured(measured) => unless_wrong(data.readings(measured))?,
    };
    match (subjects, limits) {
        (Ok(subjects), Ok(limits)) => unless_wrong(judge(comparison, &subjects, &limits)),
        (Err(words), _) | (_, Err(words)) => Ok(Err(words)),
    }
}

fn unless_wrong<T>(result: Result<T, Trouble>) -> anyhow::Result<Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Trouble::CannotSay(words)) => Ok(Err(words)),
        Err(Trouble::Fault(words)) => Err(anyhow!(words)),
    }
}
