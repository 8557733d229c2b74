//! Telling what is owed, by every way and to everybody on their own: first the messages whose fate is unknown, as they
//! are, then one new message about everything else. A message is remembered before it is sent, so that no kill between
//! its acceptance and our note can double it.

use super::super::Context;
use super::gather::gather;
use super::judge::Run;
use super::keeper::Keeper;
use crate::alert::Channel;
use crate::alert::due::Reason;
use crate::alert::fact::Fact;
use crate::alert::ledger::{self, Telling, again, is_worth_telling};
use crate::alert::mute::Mutes;
use crate::alert::rule::{Levels, Rule};
use crate::alert::state::{Claim, Frozen, Standing};
use crate::alert::window::{Reading, Window, reading};
use crate::collector;
use crate::event::{Event, kind};
use crate::notify::deliver::Deadline;
use crate::notify::message::{Sender, full_name};
use crate::notify::way::{Way, mail_channel, shown, ways};
use crate::notify::{Outcome, Refused};
use crate::render::wording::one_line;
use crate::sample::Sample;
use crate::series::Series;
use crate::time::Moment;

/// Seconds that all telling of a run may take.
const LONGEST: f64 = 30.0;

/// What there is to tell of.
pub(in crate::command) struct Judged<'a> {
    pub rules: &'a [Rule],
    pub sample: &'a Sample,
    pub window: &'a Window,
    pub mutes: &'a Mutes,
}

impl Judged<'_> {
    /// What is judged of a series.
    pub(in crate::command) fn reading(
        &self,
        levels: &Levels,
        series: &Series,
        interval: f64,
    ) -> Reading {
        reading(levels, series, collector::find(&series.metric), self.sample, self.window, interval)
    }

    /// What a function of the ledger makes of it.
    pub(in crate::command) fn telling<T>(
        &self,
        now: &Moment,
        interval: f64,
        work: impl FnOnce(&Telling<'_>) -> T,
    ) -> T {
        let value = |standing: &Standing, levels: &Levels| {
            self.reading(levels, &Series::parse(&standing.series), interval).value
        };
        let (rules, mutes) = (self.rules, self.mutes);
        work(&Telling { rules, mutes, now, interval, value: &value })
    }
}

/// Tells what can be told now; returns whether something is still owed.
pub(super) fn everything(
    run: &Run<'_>,
    judged: &Judged<'_>,
    keeper: &mut Keeper<'_>,
    events: &mut Vec<Event>,
    context: &mut Context<'_>,
) -> bool {
    let ways = ways(run.config);
    if ways.is_empty() {
        return false;
    }
    let moment = context.now.moment();
    let interval = run.recent.interval;
    let full_name = full_name(context.root, run.host);
    let deadline = Deadline::after(LONGEST);
    let mut teller = Teller {
        run,
        judged,
        full_name,
        deadline,
        sharers: 0,
        number: 0,
        keeper,
        events,
        context,
        moment,
    };
    for (told, way) in ways.iter().enumerate() {
        teller.sharers = ways.len() - told;
        teller.tell(*way);
    }
    let state = &teller.keeper.state;
    let is_owed = |channel: &Channel| {
        judged.telling(&teller.moment, interval, |telling| {
            is_worth_telling(&telling.facts(state, channel))
        })
    };
    !state.outbox.is_empty() || ways.iter().flat_map(Way::channels).any(|channel| is_owed(&channel))
}

struct Teller<'a, 'k, 'c> {
    run: &'a Run<'a>,
    judged: &'a Judged<'a>,
    full_name: String,
    deadline: Deadline,
    /// Ways that still share the time.
    sharers: usize,
    /// Messages written in this run.
    number: usize,
    keeper: &'a mut Keeper<'k>,
    events: &'a mut Vec<Event>,
    context: &'a mut Context<'c>,
    moment: Moment,
}

impl Teller<'_, '_, '_> {
    fn tell(&mut self, way: Way<'_>) {
        let interval = self.run.recent.interval;
        let before = again(&self.keeper.state, &way.name(), &self.moment, interval);
        if !before.is_empty() {
            // What was judged is written already, and is not to be judged again should this be cut off.
            self.keeper.keep();
        }
        for frozen in before {
            self.hand_over(way, &frozen, None);
        }
        let (state, channels) = (&self.keeper.state, way.channels());
        let new =
            self.judged.telling(&self.moment, interval, |telling| telling.groups(state, &channels));
        for (channels, facts) in new {
            self.send_new(way, &channels, &facts);
        }
    }

    fn send_new(&mut self, way: Way<'_>, channels: &[String], facts: &[Fact]) {
        // A thread is continued for those who have its beginning.
        let mut heard = facts.to_vec();
        for fact in &mut heard {
            fact.standing.told.retain(|channel, _| channels.contains(channel));
        }
        let gathered = gather(self.run, self.judged, &heard, &self.keeper.state);
        let message = gathered.message(way.prefix(), self.context);
        self.number += 1;
        let sender = Sender {
            host: self.run.host,
            full_name: &self.full_name,
            now: &self.context.now,
            number: self.number,
        };
        let claims = facts.iter().map(Fact::claim).collect();
        let frozen = match way.freeze(&message, &sender, claims, channels) {
            Ok(frozen) => frozen,
            Err(error) => {
                self.failed(
                    &format!("tell {}", shown_all(channels)),
                    channels,
                    &format!("{error:#}"),
                    true,
                );
                return;
            }
        };
        self.keeper.state.outbox.push(frozen.clone());
        if !self.keeper.keep() {
            // Without a memory it would be told at every run.
            self.keeper.state.outbox.pop();
            self.context.complain("nothing is told: what was told could not be remembered");
            return;
        }
        self.hand_over(way, &frozen, Some(&message.subject));
    }

    /// Who surely did not get it is owed its facts; who may have got it gets the very same again. It may have been got
    /// before if it is not `new`, and then a failure proves nothing.
    fn hand_over(&mut self, way: Way<'_>, frozen: &Frozen, new: Option<&str>) {
        let left = self.deadline.share(self.sharers, way.timeout());
        let (outcome, refused) = way.deliver(frozen, &self.full_name, self.context.variable, left);
        let mut reached = frozen.clone();
        for refused in &refused {
            self.refused(&mut reached, refused, new.is_some());
        }
        match outcome {
            Outcome::Accepted => {
                ledger::accepted(&mut self.keeper.state, &reached, &reached.channels, &self.moment);
                for channel in &reached.channels {
                    self.keeper.announces(channel, None, &self.moment);
                }
                self.keeper.keep();
                let done = way.done(&reached);
                let to = shown_all(&reached.channels);
                let told = |claim| told(claim, self.run.host, &self.moment, &to, &done);
                self.events.extend(reached.facts.iter().map(told));
                self.context
                    .note(&format!("{done}: {}", new.unwrap_or("a message of before, once more")));
            }
            Outcome::Rejected { error } => {
                ledger::forget(&mut self.keeper.state, &reached, &reached.channels);
                self.failed(&way.words(&reached), &reached.channels, &error, true);
            }
            Outcome::NotAccepted { error, permanent } => {
                if new.is_some() {
                    ledger::forget(&mut self.keeper.state, &reached, &reached.channels);
                }
                self.failed(&way.words(&reached), &reached.channels, &error, permanent);
            }
            Outcome::Uncertain { error } => {
                self.failed(&way.words(&reached), &reached.channels, &error, false);
            }
        }
    }

    /// One recipient was refused, the others were not.
    fn refused(&mut self, frozen: &mut Frozen, refused: &Refused, is_new: bool) {
        let channel = [mail_channel(&refused.address)];
        if is_new {
            ledger::forget(&mut self.keeper.state, frozen, &channel);
        }
        frozen.channels.retain(|name| *name != channel[0]);
        frozen.to.retain(|to| *to != refused.address);
        self.failed(
            &format!("mail {}", refused.address),
            &channel,
            &refused.error,
            refused.permanent,
        );
    }

    fn failed(&mut self, what: &str, channels: &[String], error: &str, permanent: bool) {
        let mut begins = false;
        for channel in channels {
            let state = &mut self.keeper.state;
            begins |= ledger::failed(state, channel, error, permanent, &self.moment);
        }
        if begins {
            let kind = if permanent { kind::REFUSED } else { kind::OWED };
            let to = Some(shown_all(channels));
            let event = Event { to, ..Event::new(kind, self.run.host, &self.moment) };
            self.events.push(event.saying(one_line(error)));
        }
        let text = format!("could not {what}: {error}; it is owed and will be tried again");
        let mut is_news = self.context.stderr_is_terminal;
        for channel in channels {
            is_news |= self.keeper.announces(channel, Some(&text), &self.moment);
        }
        if is_news {
            self.context.complain(&text);
        }
        self.keeper.keep();
    }
}

fn shown_all(channels: &[String]) -> String {
    channels.iter().map(|channel| shown(channel)).collect::<Vec<_>>().join(", ")
}

fn told(claim: &Claim, host: &str, now: &Moment, to: &str, done: &str) -> Event {
    let kind = if claim.reason == Reason::Reminder { kind::REMINDER } else { kind::TOLD };
    let event = Event {
        level: Some(claim.level),
        to: Some(to.to_owned()),
        ..Event::new(kind, host, now).about(&claim.series)
    };
    event.saying(format!("{}, {done}", claim.reason.name()))
}
