//! The sentence that a message begins with: what happened, since when, how far it is. Pure.

use super::story::Story;
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::alert::flap::CALM;
use crate::metric::{Metric, Unit};
use crate::render::wording::Clock;
use crate::series::Series;
use crate::time::span;

/// One fact as a sentence or two.
pub(super) fn lead(story: &Story<'_>, host: &str, clock: &Clock<'_>) -> String {
    let text = match story.fact.reason {
        Reason::Absence => absence(story, host, clock),
        Reason::Gone => gone(story, clock),
        Reason::Recovered | Reason::Past => over(story, clock),
        Reason::Flapping => flapping(story),
        _ => firing(story, clock),
    };
    // A name stays as it is written: of a host, a mount, a series.
    let begins_with_words = |metric: &Metric| {
        let words = metric.phrase_beside.and_then(|(_, words)| words.split('{').next());
        !metric.phrase.starts_with('{') || words.is_some_and(|words| text.starts_with(words))
    };
    let is_name = !story.metric().is_some_and(begins_with_words)
        || text.starts_with(&story.fact.series.metric)
        || story.is_absence();
    if is_name { text } else { sentence(&text) }
}

fn firing(story: &Story<'_>, clock: &Clock<'_>) -> String {
    let fact = story.fact;
    let (what, level) = (story.what(false), in_level(story));
    let since = fact.standing.start().map(|since| format!(" since {}", clock.time(since.epoch)));
    let since = since.unwrap_or_default();
    let warning = story.threshold(Level::Warning).map(|threshold| story.limit(threshold.level));
    let text = match (fact.reason, warning) {
        (Reason::Escalated, Some(_)) if !story.is_state() => {
            format!("{what}: now critical{level}, a warning{since}")
        }
        (Reason::Eased, Some(warning)) if !story.is_state() => {
            format!("{what}: no longer critical, but past {warning}{since}")
        }
        (Reason::Reminder, _) => format!("{what}{level}, still,{since}"),
        (Reason::Raised, _) if story.was_flapping() => {
            let calm = span::human(CALM);
            format!("{what}{level}: steadily so for {calm}, after flapping{since}")
        }
        _ => format!("{what}{level}{since}"),
    };
    format!("{text}.{}", room_left(story).unwrap_or_default())
}

/// ` (level 85)`, or ` (level 85, in 3 of the last 5 samples)`.
fn in_level(story: &Story<'_>) -> String {
    let Some(levels) = story.fact.levels.as_ref().filter(|_| !story.is_state()) else {
        return String::new();
    };
    let times = levels.times.filter(|times| times.of > 1);
    let often = times.map(|times| format!(", in {} of the last {} samples", times.count, times.of));
    let level = story.threshold(story.fact.level).map(|threshold| story.limit(threshold.level));
    level.map(|level| format!(" (level {level}{})", often.unwrap_or_default())).unwrap_or_default()
}

fn room_left(story: &Story<'_>) -> Option<String> {
    let metric = story.metric()?;
    let (available, total) = metric.capacity?;
    let label = story.fact.series.label.as_deref().or(metric.of_label);
    let number = |metric: &Metric| story.sample.values.get(metric.name, label);
    let (left, of) = (number(available)?, number(total)?);
    Some(format!(" {} of {} left.", available.unit.human(left), total.unit.human(of)))
}

/// `CPU has crossed its level 5 times in 50 min (now 81 %, level 80). …`
fn flapping(story: &Story<'_>) -> String {
    let changes = &story.fact.standing.changes;
    let within = changes.first().zip(changes.last()).map(|(first, last)| {
        format!(" {} times in {}", changes.len(), span::human(last.at.seconds_since(&first.at)))
    });
    let within = within.unwrap_or_else(|| " again and again".to_owned());
    let name = name(&story.fact.series, story.metric());
    let crossed = if story.is_state() {
        format!("{} has changed{within} (now: {})", story.fact.series, story.what(true))
    } else {
        let now =
            story.fact.value.map_or_else(|| "not measured".to_owned(), |value| short(story, value));
        let level = story.threshold(Level::Warning).map(|threshold| story.limit(threshold.level));
        let level = level.map(|level| format!(", level {level}")).unwrap_or_default();
        format!("{name} has crossed its level{within} (now {now}{level})")
    };
    let calm = span::human(CALM);
    format!("{crossed}. Its changes are not mailed until it has been quiet for {calm}.")
}

/// As in a subject.
fn short(story: &Story<'_>, value: f64) -> String {
    match story.unit() {
        Unit::Percent if story.levels_of_value().is_some() => format!("{value:.0} %"),
        Unit::Celsius if story.levels_of_value().is_some() => format!("{value:.0} °C"),
        _ => story.amount(value),
    }
}

/// What a phrase speaks of, without its value: `CPU`, `/data`.
fn name(series: &Series, metric: Option<&Metric>) -> String {
    let phrase = metric.map_or("{name} {value}", |metric| metric.phrase);
    let before = phrase.split("{value}").next().unwrap_or_default().trim();
    let before = before.strip_suffix(" at").unwrap_or(before);
    if before.is_empty() {
        return series.to_string();
    }
    before
        .replace("{name}", &series.to_string())
        .replace("{label}", series.label.as_deref().unwrap_or_default())
}

/// `past 85`, and how bad it became.
fn past(story: &Story<'_>) -> String {
    let limit = |level: Level| story.threshold(level).map(|one| story.limit(one.level));
    let (warning, critical) = (limit(Level::Warning), limit(Level::Critical));
    match (story.fact.level, warning, critical) {
        _ if story.is_state() => story.fact.level.name().to_owned(),
        (Level::Critical, Some(warning), Some(critical)) if warning != critical => {
            format!("past {warning}, at times past {critical},")
        }
        (_, Some(level), _) => format!("past {level}"),
        (level, ..) => level.name().to_owned(),
    }
}

fn over(story: &Story<'_>, clock: &Clock<'_>) -> String {
    let (fact, late) = (story.fact, "; this could not be told before");
    let (start, end) = span_of(story, clock);
    let (what, past, lasted) = (story.what(false), past(story), span::human(story.lasted(0)));
    let is_late = fact.reason == Reason::Past;
    let after = if is_late { late } else { "" };
    let times = times(fact.more);
    let ends = story
        .threshold(Level::Warning)
        .filter(|_| !story.is_state())
        .map(|threshold| format!(" (ends at {})", story.limit(threshold.clear)));
    let fine = if story.is_state() {
        what
    } else {
        format!("{what}: fine again{}", ends.unwrap_or_default())
    };
    if story.was_flapping() && !is_late {
        let calm = span::human(CALM);
        return format!(
            "{fine}. It was flapping from {start} to {end}, and quiet for {calm} since."
        );
    }
    match (fact.more, story.is_state()) {
        (0, true) => format!("{fine} after {lasted}, from {start} to {end}{after}."),
        (0, false) => format!("{fine}. It was {past} from {start} to {end} ({lasted}){after}."),
        _ => format!("{fine}. It was {past} {times} between {start} and {end}{after}."),
    }
}

fn gone(story: &Story<'_>, clock: &Clock<'_>) -> String {
    let (series, past) = (&story.fact.series, past(story));
    let (start, _) = span_of(story, clock);
    format!("{series} was {past} since {start} and has not been measured for a day.")
}

fn absence(story: &Story<'_>, host: &str, clock: &Clock<'_>) -> String {
    let fact = story.fact;
    let (start, end) = span_of(story, clock);
    let longest = span::human(fact.standing.worst.unwrap_or_default());
    let cause = fact.standing.cause.as_deref().unwrap_or("unknown cause");
    if fact.more == 0 {
        return format!("{host} was not watched from {start} to {end} ({longest}): {cause}.");
    }
    format!(
        "{host} was not watched {} between {start} and {end}, for {longest} at the longest; the last time: {cause}.",
        times(fact.more)
    )
}

fn span_of(story: &Story<'_>, clock: &Clock<'_>) -> (String, String) {
    let when = |epoch: Option<i64>| epoch.map_or_else(|| "?".to_owned(), |epoch| clock.time(epoch));
    let start = story.fact.standing.start().map(|start| start.epoch);
    (when(start), when(story.fact.end.as_ref().map(|end| end.epoch)))
}

/// How often, if there were so `many` others.
pub(super) fn times(many: u32) -> String {
    match many + 1 {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        3 => "three times".to_owned(),
        4 => "four times".to_owned(),
        5 => "five times".to_owned(),
        more => format!("{more} times"),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

#[cfg(test)]
mod tests;
