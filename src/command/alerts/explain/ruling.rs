//! What a rule makes of a series, as the last run of `collect` left it, and what that waits for.

use super::Scene;
use super::hearing::{Hearing, Owing};
use crate::alert::Level;
use crate::alert::absence::GAP;
use crate::alert::evaluate::{SHORTEST_JUDGED, gone_after, rule_of};
use crate::alert::flap::CALM;
use crate::alert::rule::{Levels, Rule, Threshold};
use crate::alert::state::{Past, Standing};
use crate::alert::window::Reading;
use crate::collector::{self, STORE_FAILED};
use crate::command::config::is_from_file;
use crate::metric::Metric;
use crate::series::Series;
use crate::time::Moment;

pub(super) struct Ruling<'a> {
    pub key: &'a str,
    pub origin: &'static str,
    /// None once the rule speaks of the series no more.
    pub levels: Option<&'a Levels>,
    pub reading: Reading,
    pub standing: Option<&'a Standing>,
    pub verdict: Verdict,
    pub waits: Vec<Wait>,
    /// Ended, and to be told once it lasted.
    pub unsettled: Vec<&'a Past>,
    /// The rates of the last sample cover too short a time.
    pub is_unjudged: bool,
    pub hearings: Vec<Hearing<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Past its level, but not yet for long enough.
    Waiting,
    /// Past its level, but not often enough.
    TooFew,
    Firing,
    Flapping,
    /// It ended, which is believed once it lasted.
    Unsettled,
    Unmeasured,
    Unjudged,
    /// Past its level since the last run, or since the configuration changed.
    NotYet,
    /// Its rule is gone.
    Withdrawn,
    /// Judged at the first sample after a hole.
    AfterGap,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Waiting => "waiting",
            Verdict::TooFew => "too_few",
            Verdict::Firing => "firing",
            Verdict::Flapping => "flapping",
            Verdict::Unsettled => "unsettled",
            Verdict::Unmeasured => "unmeasured",
            Verdict::Unjudged => "unjudged",
            Verdict::NotYet => "not_yet",
            Verdict::Withdrawn => "withdrawn",
            Verdict::AfterGap => "after_gap",
        }
    }
}

/// Something that must last until about then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wait {
    pub level: Level,
    pub since: i64,
    pub until: i64,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Past the level: `for`.
    For,
    /// After the boot: `startup_grace`.
    Grace,
    /// Inside the level: `clear_for`.
    ClearFor,
}

impl Why {
    pub(super) fn name(self) -> &'static str {
        match self {
            Why::For => "for",
            Why::Grace => "startup_grace",
            Why::ClearFor => "clear_for",
        }
    }
}

impl Scene {
    /// By every rule that speaks of the series, or did.
    pub(super) fn rulings<'a>(&'a self, series: &Series, owing: &[Owing]) -> Vec<Ruling<'a>> {
        let name = series.to_string();
        let levels = |rule: &'a Rule| {
            let levels = rule.levels_for(&series.metric, series.label.as_deref())?;
            Some((rule.key.as_str(), self.origin(rule), Some(levels)))
        };
        let mut held: Vec<_> = self.rules.iter().filter_map(levels).collect();
        let past = self.state.past.iter().map(|past| &past.standing);
        let standings = self.state.standings.iter().chain(past);
        for standing in standings.filter(|standing| standing.series == name) {
            let is_known = held.iter().any(|(key, ..)| *key == standing.rule);
            if !is_known && rule_of(&self.rules, standing).is_none() {
                held.push((&standing.rule, "gone", None));
            }
        }
        let ruling = |(key, origin, levels)| self.ruling(key, origin, levels, series, owing);
        held.into_iter().map(ruling).collect()
    }

    fn origin(&self, rule: &Rule) -> &'static str {
        if rule.key == STORE_FAILED.name {
            "built in"
        } else if is_from_file(rule, &self.config) {
            "file"
        } else {
            "default"
        }
    }

    fn ruling<'a>(
        &'a self,
        key: &'a str,
        origin: &'static str,
        levels: Option<&'a Levels>,
        series: &Series,
        owing: &[Owing],
    ) -> Ruling<'a> {
        let name = series.to_string();
        let is_mine = |standing: &Standing| standing.rule == key && standing.series == name;
        let standing = self.state.standings.iter().find(|standing| is_mine(standing));
        let reading = levels.map(|levels| self.judged().reading(levels, series, self.interval));
        let reading = reading.unwrap_or_default();
        let is_rate = collector::find(&series.metric).is_some_and(Metric::is_rate);
        let short = self.sample.interval.is_none_or(|interval| interval < SHORTEST_JUDGED);
        let is_unsettled = |past: &&Past| {
            is_mine(&past.standing) && past.unsettled && self.now.seconds_since(&past.end) < CALM
        };
        let unsettled: Vec<&Past> = self.state.past.iter().filter(is_unsettled).collect();
        let waits = levels.zip(standing).map(|(levels, standing)| {
            waits(levels, standing, grace_end(&self.sample.moment(), self.config.startup_grace))
        });
        let verdict = match levels {
            None => Verdict::Withdrawn,
            Some(levels) => {
                let quiet = verdict_of_value(levels, &reading, series);
                let quiet = if is_rate && short { Verdict::Unjudged } else { quiet };
                let quiet = if unsettled.is_empty() { quiet } else { Verdict::Unsettled };
                standing.and_then(verdict_of_standing).unwrap_or(quiet)
            }
        };
        Ruling {
            key,
            origin,
            levels,
            reading,
            standing,
            verdict,
            waits: waits.unwrap_or_default(),
            unsettled,
            is_unjudged: is_rate && short,
            hearings: self.hearings(levels, standing, &is_mine, owing),
        }
    }
}

impl Ruling<'_> {
    /// When it ends as gone, if it stays away.
    pub(super) fn gone_at(&self) -> Option<(i64, i64)> {
        let standing = self.standing.filter(|standing| standing.is_open())?;
        let missing = standing.missing.as_ref()?.epoch;
        let metric = collector::find(&Series::parse(&standing.series).metric);
        Some((missing, later(missing, gone_after(metric))))
    }

    /// When it has calmed, if it does not change.
    pub(super) fn calm_at(&self) -> Option<i64> {
        let standing = self.standing.filter(|standing| standing.flapping.is_some())?;
        standing.changes.last().map(|last| later(last.at.epoch, CALM))
    }

    /// Whether the levels are not those by which it was judged last.
    pub(super) fn has_other_levels(&self) -> bool {
        self.standing.zip(self.levels).is_some_and(|(standing, levels)| {
            !standing.levels.is_empty() && standing.levels != levels.fingerprint()
        })
    }

    /// How many of the last samples were past a level, if that is asked for.
    pub(super) fn past_of(&self, level: Level) -> Option<usize> {
        let (levels, value) = (self.levels.filter(|it| it.times.is_some())?, self.reading.value?);
        let threshold = levels.threshold(level)?;
        Some(levels.count_past(threshold, value, &self.reading.before))
    }
}

/// Seconds after an epoch, as an epoch.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn later(epoch: i64, seconds: f64) -> i64 {
    epoch.saturating_add(seconds.ceil() as i64)
}

fn grace_end(sample: &Moment, grace: f64) -> Option<i64> {
    (sample.uptime < grace).then(|| later(sample.epoch, grace - sample.uptime))
}

fn verdict_of_standing(standing: &Standing) -> Option<Verdict> {
    if standing.flapping.is_some() {
        Some(Verdict::Flapping)
    } else if standing.level != Level::Ok {
        Some(Verdict::Firing)
    } else {
        let waits = standing.over_warning.is_some() || standing.over_critical.is_some();
        waits.then_some(Verdict::Waiting)
    }
}

/// What is made of a value of which the state remembers nothing that goes on.
fn verdict_of_value(levels: &Levels, reading: &Reading, series: &Series) -> Verdict {
    let Some(value) = reading.value else {
        let is_gap = series.metric == GAP.name;
        return if is_gap { Verdict::AfterGap } else { Verdict::Unmeasured };
    };
    let mut thresholds = levels.warning.iter().chain(&levels.critical);
    if !thresholds.clone().any(|threshold| levels.is_past(threshold, value)) {
        return Verdict::Fine;
    }
    let is_often = |threshold: &Threshold| {
        let past = levels.count_past(threshold, value, &reading.before);
        levels.times.is_none_or(|times| past >= times.count)
    };
    if thresholds.any(is_often) { Verdict::NotYet } else { Verdict::TooFew }
}

fn waits(levels: &Levels, standing: &Standing, grace_end: Option<i64>) -> Vec<Wait> {
    let over = [
        (Level::Warning, &standing.over_warning, &levels.warning),
        (Level::Critical, &standing.over_critical, &levels.critical),
    ];
    let inside = [
        (Level::Warning, &standing.inside_warning, &levels.warning),
        (Level::Critical, &standing.inside_critical, &levels.critical),
    ];
    let over = over.into_iter().filter_map(|(level, since, threshold)| {
        let (since, threshold) = (since.as_ref()?.epoch, threshold.as_ref()?);
        let held = later(since, threshold.hold);
        let graced = grace_end.filter(|end| *end > held);
        let why = if graced.is_some() { Why::Grace } else { Why::For };
        Some(Wait { level, since, until: graced.unwrap_or(held), why })
    });
    let inside = inside.into_iter().filter_map(|(level, since, threshold)| {
        let (since, threshold) = (since.as_ref()?.epoch, threshold.as_ref()?);
        let until = later(since, threshold.clear_hold);
        Some(Wait { level, since, until, why: Why::ClearFor })
    });
    over.chain(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Times;
    use crate::alert::rule::tests::levels;

    fn moment(epoch: i64) -> Moment {
        Moment { epoch, boot_id: "a".into(), uptime: epoch as f64 }
    }

    fn of_value(levels: &Levels, value: Option<f64>, before: &[f64]) -> &'static str {
        let before = before.iter().map(|value| Some(*value)).collect();
        verdict_of_value(levels, &Reading { value, before }, &Series::parse("x")).name()
    }

    #[test]
    fn a_value_alone_is_fine_or_not_measured_or_not_judged_yet() {
        let plain = levels(80.0, 90.0);
        assert_eq!(of_value(&plain, Some(70.0), &[]), "fine");
        assert_eq!(of_value(&plain, Some(80.0), &[]), "not_yet");
        assert_eq!(of_value(&plain, None, &[]), "unmeasured");
    }

    #[test]
    fn what_is_not_past_often_enough_is_said_to_be_too_few() {
        let often = Levels { times: Some(Times { count: 2, of: 3 }), ..levels(80.0, 90.0) };
        assert_eq!(of_value(&often, Some(85.0), &[10.0, 10.0]), "too_few");
        assert_eq!(of_value(&often, Some(85.0), &[10.0, 85.0]), "not_yet");
    }

    #[test]
    fn a_wait_ends_when_it_was_long_enough_or_the_host_is_up_long_enough() {
        let mut held = levels(80.0, 90.0);
        if let Some(warning) = &mut held.warning {
            (warning.hold, warning.clear_hold) = (600.0, 300.0);
        }
        let mut standing = Standing { over_warning: Some(moment(100)), ..Standing::default() };
        let wait = |since, until, why| [Wait { level: Level::Warning, since, until, why }];
        assert_eq!(waits(&held, &standing, None), wait(100, 700, Why::For));
        assert_eq!(waits(&held, &standing, Some(650)), wait(100, 700, Why::For));
        assert_eq!(waits(&held, &standing, Some(900)), wait(100, 900, Why::Grace));
        standing = Standing { inside_warning: Some(moment(50)), ..Standing::default() };
        assert_eq!(waits(&held, &standing, Some(900)), wait(50, 350, Why::ClearFor));
    }
}
