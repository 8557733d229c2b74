//! What is owed to whom, and what becomes of it: told is told only once it was accepted. A message whose fate is unknown
//! keeps its facts from being told anew. Every function leaves the state whole. Pure.

use super::due::{Reason, due, may_try};
use super::evaluate::rule_of;
use super::fact::Fact;
use super::flap::CALM;
use super::mute::{Mute, Mutes};
use super::rule::{Levels, Rule};
use super::state::{Claim, Delivery, Frozen, Past, Standing, State, Told};
use super::{Channel, Level};
use crate::time::Moment;

/// The circumstances of telling.
pub struct Telling<'a> {
    pub rules: &'a [Rule],
    pub mutes: &'a Mutes,
    pub now: &'a Moment,
    /// Expected seconds between runs.
    pub interval: f64,
    /// The reading of a standing's series.
    pub value: &'a dyn Fn(&Standing, &Levels) -> Option<f64>,
}

/// What keeps a fact from being told now.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// The end may be a step of flapping: it is told once it lasted for `CALM`.
    Unsettled,
    Muted(Mute),
    /// It is in a message whose fate is unknown.
    OnItsWay,
}

impl Telling<'_> {
    /// What a channel has to hear now.
    pub fn facts(&self, state: &State, channel: &Channel) -> Vec<Fact> {
        let owed = self.owed(state, channel).into_iter();
        owed.filter(|(_, held)| held.is_none()).map(|(fact, _)| fact).collect()
    }

    /// Everything that a channel has to hear, with what keeps it from being told now.
    pub fn owed(&self, state: &State, channel: &Channel) -> Vec<(Fact, Option<Held>)> {
        let firing = state.standings.iter().filter_map(|standing| {
            let levels = rule_of(self.rules, standing)?;
            let reason = due(levels, standing, channel, self.now, self.interval)?;
            let value = (self.value)(standing, levels);
            Some((Fact::firing(reason, standing, levels, value), false))
        });
        let settled = |past: &Past| !past.unsettled || self.now.seconds_since(&past.end) >= CALM;
        let ended = state.past.iter().filter(|past| past.owed.contains(&channel.name));
        let over = ended.map(|past| {
            let levels = rule_of(self.rules, &past.standing);
            (Fact::over(past, &channel.name, levels), !settled(past))
        });
        let owed = firing.chain(over).map(|(fact, unsettled)| {
            let held = if unsettled { Some(Held::Unsettled) } else { None };
            let held = held.or_else(|| self.held(state, channel, &fact));
            (fact, held)
        });
        owed.collect()
    }

    fn held(&self, state: &State, channel: &Channel, fact: &Fact) -> Option<Held> {
        let mute = self.mutes.of(&fact.series, worst(fact), fact.is_over()).map(Held::Muted);
        mute.or_else(|| is_on_its_way(state, channel, &fact.claim()).then_some(Held::OnItsWay))
    }
}

impl Telling<'_> {
    /// The new messages for some channels: those that may be tried, those with the same facts together.
    pub fn groups(&self, state: &State, channels: &[Channel]) -> Vec<(Vec<String>, Vec<Fact>)> {
        let may = |channel: &&Channel| {
            may_try(state.delivery.get(&channel.name), self.now, self.interval)
                && !is_waiting(state, &channel.name)
        };
        let mut groups: Vec<(Vec<String>, Vec<Fact>)> = Vec::new();
        let claims = |facts: &[Fact]| facts.iter().map(Fact::claim).collect::<Vec<_>>();
        for channel in channels.iter().filter(may) {
            let facts = self.facts(state, channel);
            if !is_worth_telling(&facts) {
                continue;
            }
            match groups.iter_mut().find(|(_, other)| claims(other) == claims(&facts)) {
                Some((names, _)) => names.push(channel.name.clone()),
                None => groups.push((vec![channel.name.clone()], facts)),
            }
        }
        groups
    }
}

fn worst(fact: &Fact) -> Level {
    fact.level.max(fact.standing.worst_level())
}

/// That a series went away waits for the next message.
pub fn is_worth_telling(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| fact.reason != Reason::Gone)
}

fn is_on_its_way(state: &State, channel: &Channel, claim: &Claim) -> bool {
    let pending = state.outbox.iter().filter(|frozen| frozen.channels.contains(&channel.name));
    pending.flat_map(|frozen| &frozen.facts).any(|other| other == claim)
}

/// The messages of before, their fates unknown, that may be tried again by one way, each for those who may be tried.
pub fn again(state: &State, notifier: &str, now: &Moment, interval: f64) -> Vec<Frozen> {
    let may = |channel: &str| may_try(state.delivery.get(channel), now, interval);
    let mut outbox = state.outbox.clone();
    outbox.retain_mut(|frozen| frozen.notifier == notifier && leave_to(frozen, may));
    outbox
}

/// Takes everybody off a message but those who `stay`; returns whether somebody does.
fn leave_to(frozen: &mut Frozen, stay: impl Fn(&str) -> bool) -> bool {
    frozen.channels.retain(|name| stay(name));
    let hears = |to: &String| frozen.channels.iter().any(|name| name.ends_with(&format!(":{to}")));
    frozen.to.retain(hears);
    !frozen.channels.is_empty()
}

/// Whether a message of before, its fate unknown, must reach the channel before anything new.
pub fn is_waiting(state: &State, channel: &str) -> bool {
    state.outbox.iter().any(|frozen| frozen.channels.iter().any(|name| name == channel))
}

/// Notes that some channels accepted a message.
pub fn accepted(state: &mut State, frozen: &Frozen, channels: &[String], now: &Moment) {
    for channel in channels {
        for claim in &frozen.facts {
            note(state, claim, channel, &frozen.message_id, now);
        }
        state.delivery.remove(channel);
    }
    state.past.retain(|past| !past.owed.is_empty());
    forget(state, frozen, channels);
}

/// Takes a message off the way to some channels: they have it, or surely did not get it.
pub fn forget(state: &mut State, frozen: &Frozen, channels: &[String]) {
    let is_it =
        |other: &Frozen| other.message_id == frozen.message_id && other.notifier == frozen.notifier;
    let stays = |name: &str| !channels.iter().any(|other| other == name);
    state.outbox.retain_mut(|other| !is_it(other) || leave_to(other, stays));
}

/// Notes that a channel could not be told, or not surely; returns whether that is news.
pub fn failed(
    state: &mut State,
    channel: &str,
    error: &str,
    permanent: bool,
    now: &Moment,
) -> bool {
    let known = state.delivery.get(channel);
    let is_news =
        known.is_none_or(|delivery| delivery.permanent != permanent || delivery.error != error);
    let before = known.filter(|delivery| delivery.permanent == permanent);
    let failures = before.map_or(0, |delivery| delivery.failures).saturating_add(1);
    let (error, last_try) = (error.to_owned(), now.clone());
    state.delivery.insert(channel.to_owned(), Delivery { failures, error, permanent, last_try });
    is_news
}

/// Nobody is owed anything by a way that is no longer configured.
pub fn keep_only(state: &mut State, channels: &[Channel]) {
    let is_there = |name: &str| channels.iter().any(|channel| channel.name == name);
    for past in &mut state.past {
        past.owed.retain(|name| is_there(name));
    }
    state.past.retain(|past| !past.owed.is_empty());
    state.outbox.retain_mut(|frozen| leave_to(frozen, is_there));
    state.delivery.retain(|name, _| is_there(name));
    state.printed.retain(|name, _| !name.contains(':') || is_there(name));
    for standing in &mut state.standings {
        standing.told.retain(|name, _| is_there(name));
    }
}

/// Whether a claim is about this episode.
pub(super) fn is_of(claim: &Claim, standing: &Standing) -> bool {
    standing.rule == claim.rule
        && standing.series == claim.series
        && standing.start() == claim.since.as_ref()
}

fn note(state: &mut State, claim: &Claim, channel: &str, id: &str, now: &Moment) {
    let is_meant = |standing: &Standing| is_of(claim, standing);
    if claim.reason.is_over() {
        for past in state.past.iter_mut().filter(|past| is_meant(&past.standing)) {
            past.owed.retain(|owed| owed != channel);
        }
        return;
    }
    let ended = state.past.iter_mut().map(|past| &mut past.standing);
    for standing in state.standings.iter_mut().chain(ended).filter(|one| is_meant(one)) {
        let known = standing.told.get(channel);
        let thread = known.map_or_else(|| id.to_owned(), |told| told.thread.clone());
        let first = known.map_or(now.epoch, |told| told.first);
        let flapping = claim.reason == Reason::Flapping
            || (claim.reason == Reason::Escalated && known.is_some_and(|told| told.flapping));
        let told = Told { level: claim.level, at: now.clone(), thread, first, flapping };
        standing.told.insert(channel.to_owned(), told);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::levels;
    use super::*;
    use crate::series::Pattern;

    fn moment(epoch: i64) -> Moment {
        Moment { epoch, boot_id: "a".into(), uptime: epoch as f64 }
    }

    fn frozen(channels: &[&str]) -> Frozen {
        let to = channels.iter().map(|channel| channel.trim_start_matches("email:").to_owned());
        Frozen {
            notifier: "email".into(),
            message_id: "<1@h>".into(),
            from: "h@h".into(),
            to: to.collect(),
            channels: channels.iter().map(|&channel| channel.to_owned()).collect(),
            content: String::new(),
            facts: vec![Claim {
                rule: "x".into(),
                series: "x".into(),
                reason: Reason::Raised,
                level: Level::Warning,
                since: Some(moment(1)),
            }],
        }
    }

    fn state(frozen: &Frozen) -> State {
        let standing = Standing {
            rule: "x".into(),
            series: "x".into(),
            level: Level::Warning,
            since: Some(moment(1)),
            ..Standing::default()
        };
        State { standings: vec![standing], outbox: vec![frozen.clone()], ..State::default() }
    }

    #[test]
    fn each_channel_has_a_record_of_its_own() {
        let frozen = frozen(&["email:a@x", "email:b@x"]);
        let mut state = state(&frozen);
        accepted(&mut state, &frozen, &["email:a@x".into()], &moment(9));
        assert!(state.standings[0].told.contains_key("email:a@x"));
        assert!(!state.standings[0].told.contains_key("email:b@x"));
        assert_eq!(
            (state.outbox[0].to.as_slice(), is_waiting(&state, "email:a@x")),
            (["b@x".to_owned()].as_slice(), false)
        );
    }

    #[test]
    fn what_keeps_a_fact_back_is_known() {
        let frozen = frozen(&["email:a@x"]);
        let mut state = state(&frozen);
        let rule = Rule {
            key: "x".into(),
            pattern: Pattern::parse("x"),
            levels: Some(levels(80.0, 90.0)),
            labels: Vec::new(),
        };
        let channel = Channel { name: "email:a@x".into(), from: Level::Warning };
        let held = |state: &State, mutes: &Mutes| {
            let (rules, now) = (std::slice::from_ref(&rule), &moment(9));
            let telling = Telling { rules, mutes, now, interval: 300.0, value: &|_, _| None };
            let owed = telling.owed(state, &channel).pop();
            assert_eq!(
                telling.facts(state, &channel).len(),
                usize::from(owed.as_ref().is_some_and(|(_, held)| held.is_none()))
            );
            owed.and_then(|(_, held)| held)
        };
        assert_eq!(held(&state, &Mutes::default()), Some(Held::OnItsWay));
        state.outbox.clear();
        assert_eq!(held(&state, &Mutes::default()), None);
        let standing = state.standings.pop().unwrap();
        let (end, owed) = (moment(5), vec![channel.name.clone()]);
        let past = Past { standing, end, value: Some(1.0), owed, unsettled: true, more: 0 };
        state.past.push(past);
        assert_eq!(held(&state, &Mutes::default()), Some(Held::Unsettled));
    }

    #[test]
    fn a_message_that_nobody_waits_for_is_forgotten() {
        let frozen = frozen(&["email:a@x"]);
        let mut state = state(&frozen);
        forget(&mut state, &frozen, &frozen.channels);
        assert!(state.outbox.is_empty());
    }

    #[test]
    fn a_channel_that_was_taken_out_is_owed_nothing() {
        let frozen = frozen(&["email:a@x"]);
        let mut state = state(&frozen);
        failed(&mut state, "email:a@x", "why", false, &moment(9));
        keep_only(&mut state, &[]);
        assert!(state.outbox.is_empty() && state.delivery.is_empty());
    }

    #[test]
    fn a_message_that_waits_no_longer_goes_to_who_was_taken_out() {
        let mut state = state(&frozen(&["email:a@x", "email:b@x"]));
        keep_only(&mut state, &[Channel { name: "email:b@x".into(), from: Level::Warning }]);
        assert_eq!(state.outbox[0].to, ["b@x"]);
    }

    #[test]
    fn a_message_of_before_goes_to_those_who_may_be_tried() {
        let mut state = state(&frozen(&["email:a@x", "email:b@x"]));
        failed(&mut state, "email:a@x", "why", true, &moment(9));
        let to = |now| again(&state, "email", &moment(now), 300.0).pop().map(|frozen| frozen.to);
        assert_eq!(to(300), Some(vec!["b@x".into()]));
        assert_eq!(to(4_000), Some(vec!["a@x".into(), "b@x".into()]));
        assert_eq!(state.outbox[0].channels.len(), 2);
    }

    #[test]
    fn an_unchanged_failure_is_no_news() {
        let mut state = State::default();
        assert!(failed(&mut state, "x", "why", false, &moment(1)));
        assert!(!failed(&mut state, "x", "why", false, &moment(2)));
        assert!(failed(&mut state, "x", "why", true, &moment(3)));
        assert_eq!(state.delivery["x"].failures, 1);
    }
}
