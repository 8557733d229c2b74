//! Facts to a message: the fact first, so that it reads on a lock screen. Text and HTML are one content. Pure.

use super::body::{Body, Lead, Row};
use super::letter::{Letter, Message};
use super::payload;
use super::story::Story;
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::time::span;

/// The message about some facts, the worst first.
pub fn compose(letter: &Letter<'_>) -> Message {
    let known = letter.facts.iter().zip(letter.background);
    let mut stories: Vec<Story<'_>> =
        known.map(|(fact, background)| Story { fact, background, sample: letter.sample }).collect();
    stories.sort_by(|a, b| {
        let (a, b) = (a.fact, b.fact);
        a.is_over().cmp(&b.is_over()).then(b.level.cmp(&a.level))
    });
    let body = Body::new(letter, &stories);
    let told = stories.iter().flat_map(|story| story.fact.standing.told.values());
    let mut follows: Vec<String> = told.map(|told| told.thread.clone()).collect();
    follows.dedup();
    let series: Vec<&str> =
        stories.iter().map(|story| story.fact.standing.series.as_str()).collect();
    let lasting = stories.iter().filter(|story| !story.is_fine());
    let level = lasting.map(|story| story.fact.level).max().unwrap_or(Level::Ok);
    let (subject, text) = (subject(letter, &stories), body.text());
    let payload = payload::payload(letter, &stories, level, &subject, &text);
    Message {
        subject,
        text,
        html: body.html(letter.host),
        level: level.name().to_owned(),
        series: series.join(", "),
        follows,
        facts: payload,
    }
}

/// What `notify test` sends.
pub fn test_message(host: &str, prefix: &str, now: i64) -> Message {
    let meaning = "messages from this host arrive; alerts will look like this";
    let text = format!("This is a test message of hostwatch on {host}.");
    let body = Body {
        leads: vec![Lead { level: Level::Ok, text, pace: None }],
        groups: vec![vec![Row::Words("Meaning", vec![meaning.to_owned()])]],
        ..Body::default()
    };
    let subject = format!("{}{host} test: mail from hostwatch works", spaced(prefix));
    let text = body.text();
    let facts = payload::test(host, now, &subject, &text);
    Message {
        subject,
        facts,
        text,
        html: body.html(host),
        level: "ok".to_owned(),
        series: "-".to_owned(),
        follows: Vec::new(),
    }
}

fn subject(letter: &Letter<'_>, stories: &[Story<'_>]) -> String {
    let Some(first) = stories.first() else { return letter.host.to_owned() };
    let more =
        if stories.len() > 1 { format!(", and {} more", stories.len() - 1) } else { String::new() };
    let (what, fact) = (first.what(true), first.fact);
    let lasted = || span::human(first.lasted(0));
    let text = match fact.reason {
        Reason::Reminder => format!("{what}, still"),
        Reason::Flapping => format!("{what}, flapping"),
        Reason::Recovered => format!("{what} after {}", lasted()),
        Reason::Past if fact.more > 0 => {
            format!("{what}; was {} {} times", fact.level.name(), fact.more + 1)
        }
        Reason::Past => format!("{what}; was {} for {}", fact.level.name(), lasted()),
        Reason::Gone => format!("{} is no longer measured", fact.series),
        _ => what,
    };
    format!("{}{} {}: {text}{more}", spaced(letter.prefix), letter.host, first.word())
}

fn spaced(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{} ", prefix.trim()) }
}

#[cfg(test)]
mod tests;
