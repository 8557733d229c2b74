//! The content of a message before it is text or HTML: leads, rows in groups, closing lines, commands. Pure.

use super::course::{self, Chart};
use super::letter::Letter;
use super::story::Story;
use super::{advice, earlier, lead, pace};
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::collector;
use crate::event::Event;
use crate::metric::{Metric, Unit};
use crate::render::wording::{Clock, phrase};
use crate::sample::{Process, Sample};
use crate::series::Series;
use crate::time::span;

/// So many facts are told in full; of the others the levels alone.
const IN_FULL: usize = 3;
/// Processes in a row.
const BUSY: usize = 3;

#[derive(Default)]
pub(super) struct Body {
    pub leads: Vec<Lead>,
    pub groups: Vec<Vec<Row>>,
    pub closing: Vec<String>,
    pub commands: Vec<Commands>,
}

/// One fact in a sentence or two.
pub(super) struct Lead {
    pub level: Level,
    pub text: String,
    /// Where it goes.
    pub pace: Option<String>,
}

pub(super) enum Row {
    Level(Level, String),
    /// A title, and lines.
    Words(&'static str, Vec<String>),
    Chart(Chart),
}

/// What they are for, and the commands, one a line.
pub(super) struct Commands {
    pub purpose: &'static str,
    pub lines: Vec<String>,
}

impl Body {
    pub(super) fn new(letter: &Letter<'_>, stories: &[Story<'_>]) -> Self {
        let clock = Clock { now: letter.now, zone: letter.zone };
        let mut body = Body::default();
        for (at, story) in stories.iter().enumerate() {
            let recent = course::latest(&story.background.points);
            body.leads.push(Lead {
                level: if story.is_fine() { Level::Ok } else { story.fact.level },
                text: lead::lead(story, letter.host, &clock),
                pace: pace::sentence(story, recent, &clock),
            });
            let rows = rows(story, &clock, letter.interval, at < IN_FULL);
            match body.groups.last_mut().filter(|_| at > IN_FULL) {
                Some(brief) => brief.extend(rows),
                None => body.groups.extend(Some(rows).filter(|rows| !rows.is_empty())),
            }
        }
        body.groups.push(around(letter, stories, &clock));
        body.closing.extend(advice::next_reminder(stories, &clock));
        body.closing.extend(advice::others(letter, stories, &clock));
        let commands = [
            ("Quiet until it ends", advice::silence(stories)),
            ("Why, and who was told", advice::explain(stories)),
        ];
        let commands = commands.into_iter().filter(|(_, lines)| !lines.is_empty());
        body.commands.extend(commands.map(|(purpose, lines)| Commands { purpose, lines }));
        body
    }
}

/// What there is to say about one fact.
fn rows(story: &Story<'_>, clock: &Clock<'_>, interval: f64, in_full: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if story.is_absence() {
        return rows;
    }
    let fact = story.fact;
    rows.push(levels(story));
    rows.extend(story.said().map(|said| Row::Words("Says", vec![said.to_owned()])));
    if !story.is_state() {
        let is_news = matches!(fact.reason, Reason::Raised | Reason::Escalated);
        rows.extend(worst(story, clock).filter(|_| !is_news));
    }
    if !in_full {
        return rows;
    }
    if !story.is_state() {
        let then = story.background.then.as_ref();
        let by_memory = story.is_of_memory();
        rows.extend(then.and_then(|then| busy("Busy then", then, by_memory, clock, true)));
        let episode = || course::episode(story, clock, interval);
        let recent = || course::recent(story, clock);
        rows.extend(if fact.is_over() { episode() } else { recent() }.map(Row::Chart));
        let day = course::day(story, clock, interval).filter(|_| !fact.is_over());
        rows.extend(day.map(Row::Chart));
    }
    rows.extend(told(story, clock));
    rows.push(Row::Words("Earlier", vec![earlier::episodes(story, clock)]));
    rows
}

fn levels(story: &Story<'_>) -> Row {
    let fact = story.fact;
    let level = if story.is_fine() { Level::Ok } else { fact.level };
    if story.is_state() {
        return Row::Level(level, fact.series.to_string());
    }
    let value = fact.value.map_or_else(|| "not measured".to_owned(), |value| story.amount(value));
    let limit = |name: &str, threshold: Option<crate::alert::rule::Threshold>| {
        threshold
            .map(|threshold| format!(", {name} {}", story.limit(threshold.level)))
            .unwrap_or_default()
    };
    let levels = fact.levels.as_ref();
    let levels = levels
        .map(|levels| limit("warning", levels.warning) + &limit("critical", levels.critical))
        .unwrap_or_default();
    Row::Level(level, format!("{}   {value}{levels}", fact.series))
}

/// `92.8 % at 01:25; critical (95) was never reached`.
fn worst(story: &Story<'_>, clock: &Clock<'_>) -> Option<Row> {
    let fact = story.fact;
    let flapping = fact.standing.flapping.as_ref();
    let (worst, at) = match flapping {
        Some(stretch) => (stretch.worst?, stretch.worst_at.as_ref()),
        None => (fact.standing.worst?, fact.standing.worst_at.as_ref()),
    };
    let at = at.map(|at| format!(" at {}", clock.time(at.epoch))).unwrap_or_default();
    let critical = fact.levels.as_ref().and_then(|levels| levels.critical);
    let never = critical
        .filter(|_| fact.is_over() && fact.standing.peak < Level::Critical)
        .map(|critical| format!("; critical ({}) was never reached", story.limit(critical.level)));
    Some(Row::Words(
        "Worst",
        vec![format!("{}{at}{}", story.amount(worst), never.unwrap_or_default())],
    ))
}

/// How often this episode was told before, where it is told again.
fn told(story: &Story<'_>, clock: &Clock<'_>) -> Option<Row> {
    let told = &story.background.told;
    let (first, last) = (told.first()?, told.last()?);
    let last = clock.time(*last);
    let text = match told.len() {
        _ if story.fact.reason != Reason::Reminder => return None,
        1 => format!("once before, {last}"),
        many => {
            let times = lead::times(u32::try_from(many - 1).unwrap_or(u32::MAX));
            format!("{times} before, from {} to {last}", clock.time(*first))
        }
    };
    Some(Row::Words("Told", vec![text]))
}

/// What is known of the host as a whole.
fn around(letter: &Letter<'_>, stories: &[Story<'_>], clock: &Clock<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    if !letter.reasons.is_empty() {
        rows.push(Row::Words("Reason", letter.reasons.clone()));
    }
    if stories.iter().any(|story| !story.fact.is_over()) {
        let by_memory = stories.first().is_some_and(Story::is_of_memory);
        rows.extend(busy("Busy now", letter.sample, by_memory, clock, false));
        let before = letter.before;
        rows.extend(before.and_then(|before| busy("Before", before, by_memory, clock, true)));
    }
    let is_absence = stories.iter().any(Story::is_absence);
    rows.extend(letter.sample.uptime.filter(|_| is_absence).map(|uptime| up(uptime, clock)));
    rows.push(Row::Words("Otherwise", vec![otherwise(letter.sample, stories)]));
    let absences = stories.iter().filter(|story| story.is_absence());
    let told: Vec<i64> =
        absences.filter_map(|story| Some(story.fact.end.as_ref()?.epoch)).collect();
    let events: &[Event] = letter.happenings;
    let lately = earlier::happenings(events, &told, clock);
    if !lately.is_empty() {
        rows.push(Row::Words("Lately", lately));
    }
    rows
}

fn up(uptime: f64, clock: &Clock<'_>) -> Row {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let since = clock.now.utc.timestamp().saturating_sub(uptime as i64);
    Row::Words("Up", vec![format!("{}, since {}", span::human(uptime), clock.time(since))])
}

/// The busiest processes of a sample, or the largest ones; none where it names none.
fn busy(
    title: &'static str,
    sample: &Sample,
    by_memory: bool,
    clock: &Clock<'_>,
    dated: bool,
) -> Option<Row> {
    let mut top: Vec<&Process> = sample.top.iter().collect();
    if top.is_empty() {
        return None;
    }
    if by_memory {
        top.sort_by_key(|process| std::cmp::Reverse(process.memory));
    } else {
        top.retain(|process| process.cpu_percent.is_none_or(|percent| percent >= 1.0));
    }
    let mut lines: Vec<String> = top.into_iter().take(BUSY).map(describe).collect();
    if lines.is_empty() {
        lines.push("no process above 1 % of one core".to_owned());
    }
    if let Some(first) = lines.first_mut().filter(|_| dated) {
        first.insert_str(0, &format!("at {}: ", clock.time(sample.epoch())));
    }
    Some(Row::Words(title, lines))
}

/// `rsync (backup, pid 20117) 96 % of one core, 1.0 MiB`.
fn describe(process: &Process) -> String {
    let user = if process.user.is_empty() { String::new() } else { format!("{}, ", process.user) };
    let cpu = process.cpu_percent.map(|percent| format!(" {percent:.0} % of one core,"));
    format!(
        "{} ({user}pid {}){} {}",
        process.name,
        process.pid,
        cpu.unwrap_or_default(),
        Unit::Bytes.human(process.memory as f64)
    )
}

fn otherwise(sample: &Sample, stories: &[Story<'_>]) -> String {
    let told = |name: &str| stories.iter().any(|story| story.fact.series.metric == name);
    let overview =
        |metric: &&Metric| metric.overview && metric.label.is_none() && !told(metric.name);
    let parts = collector::metrics().filter(overview).filter_map(|metric| {
        let value = sample.values.get(metric.name, None)?;
        Some(phrase(&Series::new(metric.name, None), Some(value), true))
    });
    let up = sample.uptime.filter(|_| !stories.iter().any(Story::is_absence));
    let up = up.map(|uptime| format!("up {}", span::human(uptime)));
    parts.chain(up).collect::<Vec<_>>().join(", ")
}
