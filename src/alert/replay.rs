//! What rules would have told of samples of the past, to somebody who accepts everything. Each line is judged and told by
//! the functions of `collect`, with what a run of it would have known: the lines before, and nothing else. Pure.

use std::collections::VecDeque;

use chrono::NaiveDate;

use super::due::Reason;
use super::evaluate::{Change, Line, evaluate};
use super::expect::{MISSING, note};
use super::fact::Fact;
use super::fold::fold;
use super::ledger::{Telling, accepted};
use super::mute::{Mutes, mark};
use super::plugin;
use super::quiet::QuietHours;
use super::rule::{Levels, Rule};
use super::state::{Frozen, Standing, State};
use super::step::{At, Hole};
use super::window::{Lookback, Window, reading};
use super::{Channel, Level};
use crate::continuity::{SPACING_LINES, interval_at, is_hole};
use crate::metric::Metric;
use crate::sample::Sample;
use crate::series::Series;
use crate::time::Moment;

/// What a run knows from its configuration, besides its rules.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub log_interval: Option<f64>,
    /// Seconds of uptime.
    pub startup_grace: f64,
    pub expect: &'a [String],
    pub quiet_hours: Option<&'a QuietHours>,
    /// From which level on somebody is told.
    pub from: Level,
    /// The descriptor of a metric.
    pub find: fn(&str) -> Option<&'static Metric>,
}

/// One thing that would have been told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Which mail it was in: what changed at once is in one.
    pub mail: usize,
    pub rule: String,
    pub series: String,
    pub reason: Reason,
    pub level: Level,
    pub value: Option<f64>,
    pub at: Moment,
}

/// Rules that are judged by themselves, and what they brought about.
#[derive(Debug)]
pub struct Judge {
    pub rules: Vec<Rule>,
    pub told: Vec<Notification>,
    pub changes: Vec<(Moment, Change)>,
    mails: usize,
    state: State,
    channel: Channel,
}

/// Judges lines in their order by several sets of rules at once.
#[derive(Debug)]
pub struct Replay<'a> {
    setting: Setting<'a>,
    pub judges: Vec<Judge>,
    /// The last lines, oldest first, with the days that they are of.
    before: VecDeque<(NaiveDate, Moment)>,
    /// Seconds that the rates of the last line cover.
    covered: Option<f64>,
    /// It reaches as far as the rules look back where samples come in the interval below.
    window: Window,
    interval: f64,
}

impl<'a> Replay<'a> {
    pub fn new(setting: Setting<'a>, sets: impl IntoIterator<Item = Vec<Rule>>) -> Self {
        Replay {
            judges: sets.into_iter().map(|rules| Judge::new(rules, setting.from)).collect(),
            setting,
            before: VecDeque::new(),
            covered: None,
            window: Window::default(),
            interval: 0.0,
        }
    }

    /// The next line.
    pub fn see(&mut self, mut sample: Sample) {
        // What had to be there is judged by this configuration, not by that of then. What was there, was.
        let noted = sample.values.remove(MISSING.name);
        let was_there = |name: &str| {
            let mut noted = noted.iter().flat_map(|noted| noted.points(MISSING.name));
            noted.any(|(_, label, flag)| label == Some(name) && flag.as_f64() == 0.0)
        };
        note(&mut sample, self.setting.expect, was_there, self.setting.find);
        let at = self.circumstances(&sample);
        let (window, find) = (&self.window, self.setting.find);
        let line = Line { sample: &sample, at: &at, window, find };
        for judge in &mut self.judges {
            judge.see(&line, self.setting.quiet_hours);
        }
        self.remember(sample, at);
    }

    /// As a run finds them that has just taken this sample.
    fn circumstances(&self, sample: &Sample) -> At {
        let (now, today) = (sample.moment(), sample.timestamp.date_naive());
        let lately = today.pred_opt().unwrap_or(today)..=today;
        let newest = self.before.back().map(|(_, moment)| moment);
        let before = || {
            let lines = self.before.iter().filter(|(date, _)| lately.contains(date));
            lines.map(|(_, moment)| moment.clone()).collect()
        };
        let known = newest.map(|newest| (newest, self.covered));
        let interval = interval_at(&now, self.setting.log_interval, known, before);
        let hole = newest.filter(|newest| is_hole(newest, &now, interval)).map(|newest| Hole {
            since: newest.clone(),
            seconds: now.seconds_since(newest),
            cause: String::new(),
        });
        let grace = now.uptime < self.setting.startup_grace;
        At { now, interval, hole, grace }
    }

    fn remember(&mut self, sample: Sample, at: At) {
        if self.before.len() == SPACING_LINES {
            self.before.pop_front();
        }
        self.before.push_back((sample.timestamp.date_naive(), at.now));
        self.covered = sample.interval;
        if self.interval.to_bits() != at.interval.to_bits() {
            let lookbacks = self.judges.iter().map(|judge| Lookback::of(&judge.rules, at.interval));
            self.window.lookback = lookbacks.fold(Lookback::default(), Lookback::or);
            self.interval = at.interval;
        }
        self.window.push(sample);
    }
}

impl Judge {
    fn new(rules: Vec<Rule>, from: Level) -> Self {
        Judge {
            rules,
            told: Vec::new(),
            changes: Vec::new(),
            mails: 0,
            state: State::default(),
            channel: Channel { name: "replay".to_owned(), from },
        }
    }

    fn see(&mut self, line: &Line<'_>, quiet_hours: Option<&QuietHours>) {
        let base = std::mem::take(&mut self.rules);
        let rules = plugin::with_levels(&base, &line.sample.values);
        self.judge(&rules, line, quiet_hours);
        drop(rules);
        self.rules = base;
    }

    fn judge(&mut self, rules: &[Rule], line: &Line<'_>, quiet_hours: Option<&QuietHours>) {
        let channels = std::slice::from_ref(&self.channel);
        let state = &mut self.state;
        let evaluation = evaluate(rules, &state.standings, &state.past, line, channels);
        (state.standings, state.past) = (evaluation.standings, evaluation.past);
        let changes = evaluation.changes.into_iter();
        self.changes.extend(changes.map(|change| (line.at.now.clone(), change)));
        // Nothing is open and nothing owed, as nearly always.
        if state.standings.is_empty() && state.past.is_empty() {
            return;
        }
        fold(state, rules);
        let now = line.sample.timestamp.to_utc();
        let mutes = Mutes::at(now, &[], quiet_hours, line.sample, line.find);
        mark(state, &mutes, &line.at.now);
        self.tell(rules, line, &mutes);
    }

    fn tell(&mut self, rules: &[Rule], line: &Line<'_>, mutes: &Mutes) {
        let (now, interval) = (&line.at.now, line.at.interval);
        let value = |standing: &Standing, levels: &Levels| {
            let series = Series::parse(&standing.series);
            let metric = (line.find)(&series.metric);
            reading(levels, &series, metric, line.sample, line.window, interval).value
        };
        let telling = Telling { rules, mutes, now, interval, value: &value };
        let messages = telling.groups(&self.state, std::slice::from_ref(&self.channel));
        for (channels, facts) in messages {
            self.mails += 1;
            let mail = Frozen {
                notifier: self.channel.name.clone(),
                channels,
                message_id: self.mails.to_string(),
                from: String::new(),
                to: Vec::new(),
                content: String::new(),
                facts: facts.iter().map(Fact::claim).collect(),
            };
            accepted(&mut self.state, &mail, &mail.channels, now);
            self.told.extend(facts.into_iter().map(|fact| Notification {
                mail: self.mails,
                rule: fact.standing.rule,
                series: fact.standing.series,
                reason: fact.reason,
                level: fact.level,
                value: fact.value,
                at: now.clone(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::levels;
    use super::*;
    use crate::sample::read::{Wanted, line};
    use crate::series::Pattern;

    const SETTING: Setting<'_> = Setting {
        log_interval: None,
        startup_grace: 0.0,
        expect: &[],
        quiet_hours: None,
        from: Level::Warning,
        find: |name| (name == MISSING.name).then_some(&MISSING),
    };

    fn rule(metric: &str) -> Rule {
        let pattern = Pattern::parse(metric);
        Rule { key: metric.into(), pattern, levels: Some(levels(80.0, 90.0)), labels: Vec::new() }
    }

    fn sample(seconds: i64, rest: &str) -> Sample {
        let timestamp = crate::event::rfc3339(1_795_000_000 + seconds);
        let uptime = 10_000 + seconds;
        let text = format!(
            "{{\"timestamp\":\"{timestamp}\",\"boot_id\":\"a\",\"uptime\":{uptime},\"interval\":300{rest}}}"
        );
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    /// What was told, by minutes from the first line.
    fn told(judge: &Judge) -> Vec<(i64, &str, &'static str, usize)> {
        let told = judge.told.iter();
        let minute = |told: &Notification| (told.at.epoch - 1_795_000_000) / 60;
        told.map(|told| (minute(told), told.series.as_str(), told.reason.name(), told.mail))
            .collect()
    }

    #[test]
    fn what_changes_at_once_is_one_mail() {
        let mut replay = Replay::new(SETTING, [vec![rule("x"), rule("y")]]);
        for (at, x, y) in [(0, 1, 1), (1, 85, 95), (2, 85, 1)] {
            replay.see(sample(at * 300, &format!(",\"x\":{x},\"y\":{y}")));
        }
        let told = told(&replay.judges[0]);
        assert_eq!(told, [(5, "x", "raised", 1), (5, "y", "raised", 1), (10, "y", "recovered", 2)]);
    }

    #[test]
    fn sets_of_rules_do_not_know_of_each_other() {
        let mut replay = Replay::new(SETTING, [vec![rule("x")], vec![rule("y")]]);
        (0..3).for_each(|at| replay.see(sample(at * 300, ",\"x\":85,\"y\":1")));
        assert_eq!((replay.judges[0].told.len(), replay.judges[1].told.len()), (1, 0));
    }

    #[test]
    fn what_must_be_there_is_judged_by_this_configuration() {
        let expect = ["/data".to_owned()];
        let setting = Setting { expect: &expect, ..SETTING };
        let mut missing = rule("missing");
        missing.levels = Some(levels(1.0, 1.0));
        let stored = ",\"missing\":{\"/old\":1},\"used\":{\"/data\":5}";
        let mut replay = Replay::new(setting, [vec![missing.clone()]]);
        [stored, "", stored]
            .iter()
            .zip(0..)
            .for_each(|(rest, at)| replay.see(sample(at * 300, rest)));
        let seen = told(&replay.judges[0]);
        assert_eq!(seen[0], (5, "missing{/data}", "raised", 1));
        assert!(seen.iter().all(|told| told.1 == "missing{/data}"), "{seen:?}");
    }

    #[test]
    fn the_interval_in_force_is_that_of_the_lines_before() {
        let mut replay = Replay::new(SETTING, [vec![rule("x")]]);
        let intervals = [0, 60, 120, 180, 240, 540, 840].map(|seconds| {
            let line = sample(seconds, "");
            let at = replay.circumstances(&line);
            replay.see(line);
            (format!("{:.0}", at.interval), at.hole.is_some())
        });
        let (few, usual) = (("300".to_owned(), false), ("60".to_owned(), false));
        // The rates of the last line cover 300 s, as did the time to this one.
        let expected = [&few, &few, &few, &few, &usual, &few, &few];
        assert_eq!(intervals.each_ref(), expected);
        assert!(replay.circumstances(&sample(2_000, "")).hole.is_some());
    }
}
