//! The explanation for people: a block for each series, a line for each answer.

use super::hearing::{Back, Hearing, Owed};
use super::ruling::{Ruling, Verdict, Wait, Why, later};
use super::{Explained, Scene};
use crate::alert::Level;
use crate::alert::evaluate::SHORTEST_JUDGED;
use crate::alert::flap::CALM;
use crate::alert::ledger::Held;
use crate::alert::rule::{Levels, Measure, Threshold};
use crate::alert::state::Standing;
use crate::collector;
use crate::command::{Context, standing::mute_words, status};
use crate::metric::Unit;
use crate::notify::way::shown;
use crate::render::wording::Clock;
use crate::time::span;

pub(super) fn blocks(scene: &Scene, explained: &[Explained<'_>], context: &Context<'_>) -> String {
    let clock = Clock { now: &context.now, zone: context.zone() };
    let blocks = explained.iter().map(|one| Block { scene, one, clock: &clock }.text());
    blocks.collect::<Vec<String>>().join("\n")
}

struct Block<'a> {
    scene: &'a Scene,
    one: &'a Explained<'a>,
    clock: &'a Clock<'a>,
}

impl Block<'_> {
    fn text(&self) -> String {
        let mut rows: Vec<(&str, String)> = Vec::new();
        for ruling in &self.one.rulings {
            self.add_ruling(ruling, &mut rows);
        }
        if self.one.rulings.is_empty() {
            rows.push(("rule", self.no_rule()));
        }
        rows.extend(self.one.faults.iter().map(|fault| ("fault", format!("left out: {fault}"))));
        rows.extend(self.one.mutes.iter().map(|mute| ("muted", mute_words(mute, self.clock))));
        rows.extend(self.one.events.iter().map(|event| {
            let name = event.event.replace('_', " ");
            ("events", format!("{}  {name:<10}  {}", self.time(event.epoch), event.text))
        }));
        let mut text = format!("{}  {}\n", self.one.series, self.value());
        let mut before = "";
        for (title, words) in rows {
            // What is said several times is titled once.
            let shown = if title == before { "" } else { title };
            text.push_str(&format!(" {shown:<9} {words}\n"));
            before = title;
        }
        text
    }

    fn time(&self, epoch: i64) -> String {
        self.clock.time(epoch)
    }

    fn unit(&self) -> Unit {
        collector::find(&self.one.series.metric).map_or(Unit::Count, |metric| metric.unit)
    }

    fn value(&self) -> String {
        let value = self.one.value.map(|value| self.unit().human(value));
        let value = value.unwrap_or_else(|| "not measured".to_owned());
        let sample = &self.scene.sample;
        let age = status::age(&sample.moment(), &self.scene.now);
        format!("{value}, sampled {} ({} ago)", self.time(sample.epoch()), span::human(age))
    }

    fn no_rule(&self) -> String {
        if !self.one.left_out_by.is_empty() {
            let rules = self.one.left_out_by.join(", ");
            return format!("none: {rules} leaves it out, so nobody is told of it");
        }
        if !self.one.silent.is_empty() {
            let (rules, metric) = (self.one.silent.join(", "), &self.one.series.metric);
            let base = metric.strip_suffix("_state").unwrap_or(metric);
            return format!("{rules}, which says nothing while the levels of {base} say as much");
        }
        if self.one.nearest.is_empty() || !self.one.faults.is_empty() {
            return "no rule speaks of it, so nobody is told of it".to_owned();
        }
        format!("no rule speaks of it; the nearest: {}", self.one.nearest.join(", "))
    }

    fn add_ruling(&self, ruling: &Ruling<'_>, rows: &mut Vec<(&str, String)>) {
        rows.push(("rule", format!("{} ({})", ruling.key, ruling.origin)));
        if let Some(levels) = ruling.levels {
            let unit = judged_unit(levels, self.unit());
            rows.extend(judged(levels, ruling.reading.value, unit).map(|words| ("judged", words)));
            for (name, level, limit) in [
                ("warning", Level::Warning, levels.warning),
                ("critical", Level::Critical, levels.critical),
            ] {
                let past = ruling.past_of(level);
                let words = limit.map(|limit| threshold(levels, &limit, past, unit));
                rows.extend(words.map(|words| (name, words)));
            }
        }
        rows.push(("verdict", self.verdict(ruling)));
        rows.extend(self.remarks(ruling).into_iter().map(|words| ("", words)));
        rows.extend(ruling.hearings.iter().map(|hearing| ("tells", self.hearing(hearing))));
        if ruling.hearings.is_empty() {
            rows.push(("tells", "nobody: no way to tell is configured".to_owned()));
        }
    }

    fn verdict(&self, ruling: &Ruling<'_>) -> String {
        match ruling.verdict {
            Verdict::Fine => "fine".to_owned(),
            Verdict::Waiting => "past its level, but not yet for long enough".to_owned(),
            Verdict::TooFew => "past its level, but in too few of the last samples".to_owned(),
            Verdict::Firing => self.firing(ruling),
            Verdict::Flapping => self.flapping(ruling),
            Verdict::Unsettled => "it ended, but may only be flapping".to_owned(),
            Verdict::Unmeasured if self.one.value.is_some() => {
                "its change is not known: the samples do not reach back far enough".to_owned()
            }
            Verdict::Unmeasured => "not measured in the last sample".to_owned(),
            Verdict::Unjudged => self.unjudged(),
            Verdict::NotYet => {
                "past its level, and not judged by this rule yet: the next run does".to_owned()
            }
            Verdict::Withdrawn if ruling.standing.is_some_and(Standing::is_open) => {
                "the rule speaks of it no more: it ends untold at the next run".to_owned()
            }
            Verdict::Withdrawn => "the rule speaks of it no more".to_owned(),
            Verdict::AfterGap => "judged once, at the first sample after a gap".to_owned(),
        }
    }

    fn firing(&self, ruling: &Ruling<'_>) -> String {
        let Some(standing) = ruling.standing else { return String::new() };
        let since =
            standing.since.as_ref().map(|since| format!(" since {}", self.time(since.epoch)));
        let unit = ruling.levels.map_or(self.unit(), |levels| judged_unit(levels, self.unit()));
        let worst = standing.worst.map(|worst| {
            let at = standing.worst_at.as_ref().map(|at| format!(" at {}", self.time(at.epoch)));
            format!(", worst {}{}", unit.human(worst), at.unwrap_or_default())
        });
        format!(
            "{}{}{}",
            standing.level.title(),
            since.unwrap_or_default(),
            worst.unwrap_or_default()
        )
    }

    fn flapping(&self, ruling: &Ruling<'_>) -> String {
        let Some(standing) = ruling.standing else { return String::new() };
        let since = standing.start().map(|since| format!(" since {}", self.time(since.epoch)));
        let calm = ruling.calm_at().map(|at| format!("; calm at {} if it stays so", self.time(at)));
        format!(
            "flapping{}, {} now, {} at worst{}",
            since.unwrap_or_default(),
            standing.level.name(),
            standing.told_level().name(),
            calm.unwrap_or_default()
        )
    }

    fn unjudged(&self) -> String {
        let covered = self.scene.sample.interval;
        let covered = covered.map_or_else(|| "nothing".to_owned(), span::human);
        let least = span::human(SHORTEST_JUDGED);
        format!("not judged: the rates of the last sample cover {covered}, less than {least}")
    }

    /// What else there is to know of the verdict.
    fn remarks(&self, ruling: &Ruling<'_>) -> Vec<String> {
        let mut remarks: Vec<String> = ruling.waits.iter().map(|wait| self.wait(wait)).collect();
        for past in &ruling.unsettled {
            let (end, at) = (past.end.epoch, later(past.end.epoch, CALM));
            let (end, at) = (self.time(end), self.time(at));
            remarks.push(format!("ended {end}; told at {at} if it stays so"));
        }
        if let Some((since, at)) = ruling.gone_at() {
            let (since, at) = (self.time(since), self.time(at));
            remarks.push(format!("missing since {since}, without reminders; gone at {at}"));
        }
        if ruling.is_unjudged && ruling.verdict != Verdict::Unjudged {
            remarks.push(self.unjudged());
        }
        if ruling.has_other_levels() {
            remarks.push("its levels changed: it is judged afresh at the next run".to_owned());
        }
        let Some(standing) = ruling.standing else { return remarks };
        if standing.is_open() && standing.muted {
            let words = "muted ever since it rose: if it ends now, nobody is told of it";
            remarks.push(words.to_owned());
        }
        if standing.flapping.is_none() && standing.changes.len() > 1 {
            remarks.push(format!("{} changes within 6 h", standing.changes.len()));
        }
        remarks
    }

    fn wait(&self, wait: &Wait) -> String {
        let (since, until) = (self.time(wait.since), self.time(wait.until));
        let level = wait.level.name();
        match wait.why {
            Why::For => format!("past {level} since {since}; raised about {until} if it stays so"),
            Why::Grace => format!(
                "past {level} since {since}; nothing is raised before about {until}, so soon after the boot"
            ),
            Why::ClearFor => {
                format!("inside {level} since {since}; ends about {until} if it stays so")
            }
        }
    }

    fn hearing(&self, hearing: &Hearing<'_>) -> String {
        let from = match hearing.channel.from {
            Level::Critical => " (critical only)",
            _ => "",
        };
        let mut parts = vec![match hearing.told {
            None => "told nothing".to_owned(),
            Some(told) => {
                let what = if told.flapping { "flapping" } else { told.level.name() };
                let first = if told.first == told.at.epoch {
                    String::new()
                } else {
                    format!(", first at {}", self.time(told.first))
                };
                format!("told {what} at {}{first}", self.time(told.at.epoch))
            }
        }];
        parts.extend(hearing.owed.iter().map(|owed| self.owed(owed)));
        if hearing.is_too_mild {
            parts.push(format!("hears from {} on", hearing.channel.from.name()));
        }
        if hearing.owed.is_empty() && !hearing.is_too_mild {
            parts.push("owed nothing".to_owned());
        }
        parts.extend(hearing.reminder.map(|at| format!("next reminder {}", self.time(at))));
        if let Some((delivery, next)) = &hearing.delivery {
            let tries = match delivery.failures {
                1 => "once".to_owned(),
                many => format!("{many} times"),
            };
            let refused = if delivery.permanent { "refused" } else { "failed" };
            let next = next.map_or_else(|| "at the next run".to_owned(), |at| self.time(at));
            parts.push(format!(
                "{refused} {tries}, last at {}: {}; next try {next}",
                self.time(delivery.last_try.epoch),
                delivery.error
            ));
        }
        format!("{}{from}: {}", shown(&hearing.channel.name), parts.join("; "))
    }

    fn owed(&self, owed: &Owed) -> String {
        let reason = owed.fact.reason.name();
        match &owed.back {
            Back::Nothing => format!("owed {reason}, which goes out with the next run"),
            Back::Held(Held::Unsettled) => format!("owed {reason} if it stays so"),
            Back::Held(Held::Muted(mute)) => {
                format!("owed {reason}, but {}", mute_words(mute, self.clock))
            }
            Back::Held(Held::OnItsWay) => {
                format!("{reason} is in a message whose fate is unknown; it is sent again as it is")
            }
            Back::Message => format!("owed {reason}, after a message whose fate is unknown"),
            Back::Pause(at) => format!("owed {reason}, tried again about {}", self.time(*at)),
            Back::Company => format!("owed {reason}, told with the next message"),
        }
    }
}

/// The unit of what is judged: a relative change is a percentage.
fn judged_unit(levels: &Levels, unit: Unit) -> Unit {
    match levels.measure {
        Measure::Change { relative: true, .. } => Unit::Percent,
        _ => unit,
    }
}

/// What is judged, where that is not the value.
fn judged(levels: &Levels, reading: Option<f64>, unit: Unit) -> Option<String> {
    let Measure::Change { seconds, .. } = levels.measure else { return None };
    let change = reading.map_or_else(|| "not known".to_owned(), |change| signed(change, unit));
    Some(format!("its change within {}: {change}", span::human(seconds)))
}

/// Sizes are not written with a sign of their own.
fn signed(change: f64, unit: Unit) -> String {
    let sign = if change < 0.0 { "-" } else { "+" };
    format!("{sign}{}", unit.human(change.abs()))
}

fn threshold(levels: &Levels, limit: &Threshold, past: Option<usize>, unit: Unit) -> String {
    let is_change = levels.measure != Measure::Value;
    let number = |level: f64| {
        let sign = if is_change && level < 0.0 { "-" } else { "" };
        if is_change { format!("{sign}{}", unit.level(level.abs())) } else { unit.level(level) }
    };
    let below = if levels.below { "at most " } else { "" };
    let mut words = format!("{below}{}, ends at {}", number(limit.level), number(limit.clear));
    if limit.hold > 0.0 {
        words.push_str(&format!(", for {}", span::human(limit.hold)));
    }
    if limit.clear_hold > 0.0 {
        words.push_str(&format!(", inside for {}", span::human(limit.clear_hold)));
    }
    if let (Some(times), Some(past)) = (levels.times, past) {
        words.push_str(&format!(", in {} of {} samples ({past} now)", times.count, times.of));
    }
    if limit.repeat.is_finite() && limit.repeat > 0.0 {
        words.push_str(&format!(", reminder after {}", span::human(limit.repeat)));
    }
    words
}
