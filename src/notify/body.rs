//! The body of a message: leads, rows and closing lines, as text and as HTML. Pure.

use maud::{DOCTYPE, html};

use super::letter::{Course, Letter};
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::alert::fact::Fact;
use crate::collector;
use crate::metric::{Metric, Unit};
use crate::render::wording::{Clock, least_spread, phrase};
use crate::sample::{Process, Sample};
use crate::series::Series;
use crate::sparkline::sparkline;
use crate::time::span;

/// The content, before it is text or HTML.
pub(super) struct Body {
    pub leads: Vec<String>,
    pub rows: Vec<(String, String)>,
    pub closing: Vec<String>,
}

impl Body {
    pub(super) fn new(letter: &Letter<'_>, facts: &[&Fact]) -> Self {
        let clock = Clock { now: letter.now, zone: letter.zone };
        let mut body = Body { leads: Vec::new(), rows: Vec::new(), closing: Vec::new() };
        for fact in facts {
            body.leads.push(if fact.is_over() {
                lead_over(fact, &clock)
            } else {
                lead_firing(fact, letter.sample, &clock)
            });
            if is_state(fact) {
                continue;
            }
            body.add_levels(fact, &clock);
            let course = letter
                .courses
                .iter()
                .find(|(series, _)| *series == fact.series)
                .map(|(_, course)| course);
            body.rows.extend(course.and_then(|course| course_row(fact, course, &clock)));
        }
        body.rows.extend(letter.reasons.iter().map(|reason| ("Reason".to_owned(), reason.clone())));
        body.add_processes("Busy now", &letter.sample.top, "");
        if let Some(before) = letter.before {
            body.add_processes(
                "Before",
                &before.top,
                &format!("   at {}", clock.time(before.epoch())),
            );
        }
        body.rows.push(("Otherwise".to_owned(), otherwise(letter.sample, facts)));
        body.closing.extend(facts.iter().filter_map(|fact| next_reminder(fact, &clock)).take(1));
        body.closing.push(match letter.others.as_slice() {
            [] if facts.iter().all(|fact| fact.is_over()) => {
                format!("Nothing else is firing on {}.", letter.host)
            }
            [] => return body,
            others => format!("Also firing on {}: {}.", letter.host, others.join(", ")),
        });
        body
    }

    fn add_levels(&mut self, fact: &Fact, clock: &Clock<'_>) {
        let metric = collector::find(&fact.series.metric);
        let unit = metric.map_or(Unit::Count, |metric| metric.unit);
        let value = fact.value.map_or_else(|| "not measured".to_owned(), |value| unit.human(value));
        let level = |name: &str, threshold: Option<crate::alert::rule::Threshold>| {
            threshold
                .map(|threshold| format!(", {name} {}", unit.level(threshold.level)))
                .unwrap_or_default()
        };
        let levels = fact
            .levels
            .as_ref()
            .map(|levels| level("warning", levels.warning) + &level("critical", levels.critical))
            .unwrap_or_default();
        let word = if fact.is_over() { "OK".to_owned() } else { fact.level.title() };
        self.rows.push((word, format!("{}   {value}{levels}", fact.series)));
        if let (true, Some(worst)) =
            (fact.is_over() || fact.reason == Reason::Reminder, fact.standing.worst)
        {
            let at = fact
                .standing
                .worst_at
                .as_ref()
                .map(|at| format!(" at {}", clock.time(at.epoch)))
                .unwrap_or_default();
            let critical = fact.levels.as_ref().and_then(|levels| levels.critical);
            let never = critical.filter(|_| fact.standing.peak < Level::Critical).map(|critical| {
                format!("; critical ({}) was never reached", unit.level(critical.level))
            });
            self.rows.push((
                "Worst".to_owned(),
                format!("{}{at}{}", unit.human(worst), never.unwrap_or_default()),
            ));
        }
    }

    fn add_processes(&mut self, title: &str, top: &[Process], note: &str) {
        let busy: Vec<String> = top.iter().take(4).map(describe).collect();
        if !busy.is_empty() {
            self.rows.push((title.to_owned(), format!("{}{note}", busy.join(", "))));
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.leads.join("\n"));
        for (title, content) in &self.rows {
            text.push_str(&format!(" {title:<9} {content}\n"));
        }
        if !self.closing.is_empty() {
            text.push_str(&format!("\n{}\n", self.closing.join("\n")));
        }
        text
    }

    pub(super) fn html(&self, host: &str) -> String {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; meta name="viewport" content="width=device-width"; title { (host) } }
                body style="font:15px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:46em;margin:1em auto;padding:0 1em" {
                    @for lead in &self.leads { p style="font-size:17px;margin:0 0 .6em" { strong { (lead) } } }
                    table style="border-collapse:collapse;margin:.8em 0" {
                        @for (title, content) in &self.rows {
                            tr {
                                th style=(format!("text-align:left;vertical-align:top;padding:.2em 1em .2em 0;white-space:nowrap;color:{}", colour(title))) { (title) }
                                td style="padding:.2em 0;font-family:ui-monospace,monospace;font-size:13px" { (content) }
                            }
                        }
                    }
                    @for line in &self.closing { p style="color:#555;margin:.3em 0" { (line) } }
                }
            }
        };
        markup.into_string()
    }
}

fn colour(title: &str) -> &'static str {
    match title {
        "CRITICAL" => "#b00020",
        "WARNING" => "#9a5b00",
        "OK" => "#1b6e3c",
        _ => "#555",
    }
}

fn lead_firing(fact: &Fact, sample: &Sample, clock: &Clock<'_>) -> String {
    let unit = collector::find(&fact.series.metric).map_or(Unit::Count, |metric| metric.unit);
    let level = fact
        .levels
        .as_ref()
        .and_then(|levels| levels.threshold(fact.level))
        .filter(|_| !is_state(fact))
        .map(|threshold| format!(" (level {})", unit.level(threshold.level)));
    let since =
        fact.standing.since.as_ref().map(|since| format!(" since {}", clock.time(since.epoch)));
    let change = match fact.reason {
        Reason::Escalated => "; it is now critical",
        Reason::Eased => "; it is no longer critical",
        Reason::Reminder => "; still",
        _ => "",
    };
    let left = collector::find(&fact.series.metric)
        .and_then(|metric| room_left(metric, &fact.series, sample))
        .unwrap_or_default();
    format!(
        "{}{}{}{change}.{left}",
        sentence(&phrase(&fact.series, fact.value, false)),
        level.unwrap_or_default(),
        since.unwrap_or_default()
    )
}

fn room_left(metric: &Metric, series: &Series, sample: &Sample) -> Option<String> {
    let (available, total) = metric.capacity?;
    let number = |metric: &Metric| sample.values.get(metric.name, series.label.as_deref());
    Some(format!(
        " {} of {} left.",
        available.unit.human(number(available)?),
        total.unit.human(number(total)?)
    ))
}

fn lead_over(fact: &Fact, clock: &Clock<'_>) -> String {
    let unit = collector::find(&fact.series.metric).map_or(Unit::Count, |metric| metric.unit);
    let threshold = fact.levels.as_ref().and_then(|levels| levels.threshold(fact.level));
    let ends = threshold
        .map(|threshold| format!(" (ends at {})", unit.level(threshold.clear)))
        .unwrap_or_default();
    let past = threshold.map_or_else(
        || fact.level.name().to_owned(),
        |threshold| format!("past {}", unit.level(threshold.level)),
    );
    let when = |epoch: Option<i64>| epoch.map_or_else(|| "?".to_owned(), |epoch| clock.time(epoch));
    let (start, end) = (
        when(fact.standing.since.as_ref().map(|since| since.epoch)),
        when(fact.end.as_ref().map(|end| end.epoch)),
    );
    let now = sentence(&phrase(&fact.series, fact.value, false));
    if is_state(fact) && fact.reason != Reason::Gone {
        return format!("{now}. It was {} from {start} to {end}.", fact.level.name());
    }
    match fact.reason {
        Reason::Gone => {
            format!("{} was {past} since {start} and has not been measured for a day.", fact.series)
        }
        Reason::Past => {
            format!(
                "{now}{ends}. It was {past} from {start} to {end}; this could not be told before."
            )
        }
        _ => format!("{now} again{ends}. It was {past} from {start} to {end}."),
    }
}

fn is_state(fact: &Fact) -> bool {
    collector::find(&fact.series.metric).is_some_and(Metric::is_state)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

fn course_row(fact: &Fact, course: &Course, clock: &Clock<'_>) -> Option<(String, String)> {
    let unit = collector::find(&fact.series.metric).map_or(Unit::Count, |metric| metric.unit);
    let ((start, first), (end, last)) = (course.points.first()?, course.points.last()?);
    let steps = i64::try_from(course.points.len()).unwrap_or(1) - 1;
    if steps < 1 {
        return None;
    }
    let values: Vec<Option<f64>> = course.points.iter().map(|(_, value)| Some(*value)).collect();
    let step = span::human((end - start) as f64 / steps as f64);
    let line = format!(
        "{} {} {}   one bar = {step}, {} to {}",
        unit.bare(*first),
        sparkline(&values, least_spread(unit, *last)),
        unit.bare(*last),
        clock.time(*start),
        clock.time(*end)
    );
    Some(("Course".to_owned(), line))
}

/// `rsync (backup, pid 20117) 96 %`.
fn describe(process: &Process) -> String {
    let user = if process.user.is_empty() { String::new() } else { format!("{}, ", process.user) };
    let cpu = process.cpu_percent.map(|percent| format!(" {percent:.0} %,")).unwrap_or_default();
    format!(
        "{} ({user}pid {}){cpu} {}",
        process.name,
        process.pid,
        Unit::Bytes.human(process.memory as f64)
    )
}

fn otherwise(sample: &Sample, facts: &[&Fact]) -> String {
    let told = |name: &str| facts.iter().any(|fact| fact.series.metric == name);
    let overview = collector::metrics()
        .filter(|metric| metric.overview && metric.label.is_none() && !told(metric.name));
    let mut parts: Vec<String> = overview
        .filter_map(|metric| {
            Some(phrase(
                &Series::new(metric.name, None),
                Some(sample.values.get(metric.name, None)?),
                true,
            ))
        })
        .collect();
    parts.extend(sample.uptime.map(|uptime| format!("up {}", span::human(uptime))));
    parts.join(", ")
}

fn next_reminder(fact: &Fact, clock: &Clock<'_>) -> Option<String> {
    let repeat = fact.levels.as_ref()?.threshold(fact.level)?.repeat;
    if fact.is_over() || !repeat.is_finite() || repeat <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let at = clock.now.utc.timestamp().saturating_add(repeat as i64);
    let sooner = if fact.level < Level::Critical
        && fact.levels.as_ref().is_some_and(|levels| levels.critical.is_some())
    {
        "; sooner only if it turns critical"
    } else {
        ""
    };
    Some(format!("Next reminder {}{sooner}. A mail follows when it ends.", clock.time(at)))
}
