//! Telling what is owed: first the mails whose fate is unknown, as they are, then one new mail about everything else.
//! A mail is remembered before it is sent, so that no kill between its acceptance and our note can double it.

use super::super::Context;
use super::judge::Run;
use super::keeper::Keeper;
use crate::alert::due::{Reason, due, may_try};
use crate::alert::evaluate::rule_of;
use crate::alert::rule::Rule;
use crate::alert::state::{Claim, Delivery, Frozen, State, Told};
use crate::config::email::Email;
use crate::event::{Event, kind};
use crate::notify::compose::compose;
use crate::notify::deliver::{Deadline, deliver};
use crate::notify::letter::{Course, Fact, Letter, Message};
use crate::notify::message::{Sender, freeze, full_name};
use crate::notify::{EMAIL, Outcome};
use crate::render::wording::one_line;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::tail;
use crate::time::Moment;

/// Bars in the course of a series.
const COURSE: usize = 12;

/// Tells what can be told now; returns whether something is still owed.
pub(super) fn everything(
    run: &Run<'_>,
    rules: &[Rule],
    sample: &Sample,
    keeper: &mut Keeper<'_>,
    events: &mut Vec<Event>,
    context: &mut Context<'_>,
) -> bool {
    let Some(email) = &run.config.email else { return false };
    let moment = context.now.moment();
    let mut teller = Teller {
        run,
        email,
        full_name: full_name(context.root, run.host),
        deadline: Deadline::after(email.timeout),
        keeper,
        events,
        context,
        moment,
    };
    let interval = run.recent.interval;
    if may_try(teller.keeper.state.delivery.get(EMAIL), &teller.moment, interval)
        && teller.send_frozen()
    {
        let facts = facts(&teller.keeper.state, rules, sample, &teller.moment, interval);
        if is_worth_a_mail(&facts) {
            teller.send_new(rules, sample, &facts);
        }
    }
    let state = &teller.keeper.state;
    !state.outbox.is_empty()
        || is_worth_a_mail(&facts(state, rules, sample, &teller.moment, interval))
}

/// What has to be heard and is not in a mail whose fate is unknown.
pub(super) fn facts(
    state: &State,
    rules: &[Rule],
    sample: &Sample,
    now: &Moment,
    interval: f64,
) -> Vec<Fact> {
    let on_its_way = |fact: &Fact| {
        state.outbox.iter().flat_map(|frozen| &frozen.facts).any(|claim| *claim == fact.claim())
    };
    let firing = state.firing().filter_map(|standing| {
        let levels = rule_of(rules, standing)?;
        Some(Fact::firing(
            due(levels, standing, EMAIL, now, interval)?,
            standing,
            Some(levels),
            sample,
        ))
    });
    let over = state
        .past
        .iter()
        .filter(|past| past.owed.iter().any(|owed| owed == EMAIL))
        .map(|past| Fact::over(past, EMAIL, rule_of(rules, &past.standing)));
    firing.chain(over).filter(|fact| !on_its_way(fact)).collect()
}

/// That a series went away waits for the next mail.
pub(super) fn is_worth_a_mail(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| fact.reason != Reason::Gone)
}

struct Teller<'a, 'k, 'c> {
    run: &'a Run<'a>,
    email: &'a Email,
    full_name: String,
    deadline: Deadline,
    keeper: &'a mut Keeper<'k>,
    events: &'a mut Vec<Event>,
    context: &'a mut Context<'c>,
    moment: Moment,
}

impl Teller<'_, '_, '_> {
    /// Sends again what may or may not have arrived; returns whether the way is free for new mail.
    fn send_frozen(&mut self) -> bool {
        while let Some(frozen) = self.keeper.state.outbox.first().cloned() {
            if !self.hand_over(&frozen, "a mail of before, once more") {
                return false;
            }
        }
        true
    }

    fn send_new(&mut self, rules: &[Rule], sample: &Sample, facts: &[Fact]) {
        let message = letter(self.run, rules, sample, facts, &self.keeper.state)
            .message(self.email, self.context);
        let sender =
            Sender { host: self.run.host, full_name: &self.full_name, now: &self.context.now };
        let frozen =
            match freeze(&message, self.email, &sender, facts.iter().map(Fact::claim).collect()) {
                Ok(frozen) => frozen,
                Err(error) => {
                    self.failed(&format!("{error:#}"), true);
                    return;
                }
            };
        self.keeper.state.outbox.push(frozen.clone());
        if !self.keeper.keep() {
            // Without a memory it would be mailed at every run.
            self.keeper.state.outbox.pop();
            self.context.complain("nothing is mailed: what was told could not be remembered");
            return;
        }
        self.hand_over(&frozen, &message.subject);
    }

    /// Returns whether it was accepted. A mail that surely was not is forgotten; its facts stay owed.
    fn hand_over(&mut self, frozen: &Frozen, what: &str) -> bool {
        let outcome =
            deliver(self.email, frozen, &self.full_name, self.context.variable, &self.deadline);
        let forget =
            |state: &mut State| state.outbox.retain(|other| other.message_id != frozen.message_id);
        match outcome {
            Outcome::Accepted { refused } => {
                forget(&mut self.keeper.state);
                accept(&mut self.keeper.state, frozen, &self.moment);
                self.keeper.state.delivery.remove(EMAIL);
                self.keeper.announces(EMAIL, None, &self.moment);
                self.keeper.keep();
                let to = frozen.to.join(", ");
                self.events.extend(
                    frozen.facts.iter().map(|claim| told(claim, self.run.host, &self.moment, &to)),
                );
                self.context.note(&format!("mailed {to}: {what}"));
                if !refused.is_empty() {
                    let text = refused.join("; ");
                    self.events.push(
                        Event {
                            to: Some(to),
                            ..Event::new(kind::REFUSED, self.run.host, &self.moment)
                        }
                        .saying(&text),
                    );
                    self.context.complain(&format!("could not mail everybody: {text}"));
                }
                true
            }
            Outcome::NotAccepted { error, permanent } => {
                forget(&mut self.keeper.state);
                self.failed(&error, permanent);
                false
            }
            Outcome::Uncertain { error } => {
                self.failed(&error, false);
                false
            }
        }
    }

    fn failed(&mut self, error: &str, permanent: bool) {
        let known = self.keeper.state.delivery.get(EMAIL);
        let begins =
            known.is_none_or(|delivery| delivery.permanent != permanent || delivery.error != error);
        let failures = known
            .filter(|delivery| delivery.permanent == permanent)
            .map_or(0, |delivery| delivery.failures)
            + 1;
        let delivery = Delivery {
            failures,
            error: error.to_owned(),
            permanent,
            last_try: self.moment.clone(),
        };
        self.keeper.state.delivery.insert(EMAIL.to_owned(), delivery);
        let to = self.email.to.join(", ");
        if begins {
            let kind = if permanent { kind::REFUSED } else { kind::OWED };
            self.events.push(
                Event { to: Some(to.clone()), ..Event::new(kind, self.run.host, &self.moment) }
                    .saying(error),
            );
        }
        let text = format!("could not mail {to}: {error}; it is owed and will be tried again");
        if self.keeper.announces(EMAIL, Some(&text), &self.moment)
            || self.context.stderr_is_terminal
        {
            self.context.complain(&text);
        }
        self.keeper.keep();
    }
}

/// What a mail is written from, gathered.
pub(super) struct Gathered<'a> {
    host: &'a str,
    sample: &'a Sample,
    facts: &'a [Fact],
    before: Option<Sample>,
    courses: Vec<(Series, Course)>,
    reasons: Vec<String>,
    others: Vec<String>,
}

/// Gathers what a mail about some facts speaks of.
pub(super) fn letter<'a>(
    run: &Run<'a>,
    rules: &[Rule],
    sample: &'a Sample,
    facts: &'a [Fact],
    state: &State,
) -> Gathered<'a> {
    let tail = tail_of(run, facts);
    let courses = facts
        .iter()
        .map(|fact| (fact.series.clone(), course(&tail, &fact.series, sample)))
        .collect();
    let before = tail
        .into_iter()
        .rev()
        .find(|other| other.epoch() < sample.epoch() && !other.top.is_empty());
    let others = state.firing().filter(|standing| {
        rule_of(rules, standing).is_some()
            && !facts.iter().any(|fact| fact.standing.series == standing.series)
    });
    let others =
        others.map(|standing| format!("{} ({})", standing.series, standing.level.name())).collect();
    let collectors = sample.errors.iter().map(|(name, why)| format!("{name}: {why}"));
    let reasons =
        run.failure.iter().cloned().chain(collectors).map(|reason| one_line(&reason)).collect();
    Gathered { host: run.host, sample, facts, before, courses, reasons, others }
}

impl Gathered<'_> {
    pub(super) fn message(self, email: &Email, context: &Context<'_>) -> Message {
        compose(&Letter {
            host: self.host,
            now: &context.now,
            zone: context.zone(),
            prefix: &email.subject_prefix,
            sample: self.sample,
            before: self.before.as_ref(),
            facts: self.facts,
            courses: &self.courses,
            reasons: self.reasons,
            others: self.others,
        })
    }
}

/// The last samples with what the facts are about, oldest first.
fn tail_of(run: &Run<'_>, facts: &[Fact]) -> Vec<Sample> {
    let wanted = Wanted::names(facts.iter().map(|fact| fact.series.metric.as_str())).with_text();
    let date = run.sample.timestamp.date_naive();
    let paths = [Some(date), date.pred_opt()]
        .into_iter()
        .flatten()
        .map(|date| run.store.metrics_file(date));
    let mut samples: Vec<Sample> =
        paths.flat_map(|path| tail::samples(&path, &wanted)).take(COURSE).collect();
    samples.reverse();
    samples
}

fn course(tail: &[Sample], series: &Series, sample: &Sample) -> Course {
    let mut points: Vec<(i64, f64)> = tail
        .iter()
        .filter_map(|other| Some((other.epoch(), other.values.number(series)?)))
        .collect();
    if points.last().is_none_or(|(epoch, _)| *epoch < sample.epoch()) {
        points.extend(sample.values.number(series).map(|value| (sample.epoch(), value)));
    }
    Course { points }
}

/// Notes that a mail was accepted.
fn accept(state: &mut State, frozen: &Frozen, now: &Moment) {
    for claim in &frozen.facts {
        let is_meant = |rule: &str, series: &str, since: &Option<Moment>| {
            rule == claim.rule && series == claim.series && *since == claim.since
        };
        let raised = matches!(
            claim.reason,
            Reason::Raised | Reason::Escalated | Reason::Eased | Reason::Reminder
        );
        let living = state
            .standings
            .iter_mut()
            .filter(|standing| is_meant(&standing.rule, &standing.series, &standing.since));
        let ended = state
            .past
            .iter_mut()
            .map(|past| &mut past.standing)
            .filter(|standing| is_meant(&standing.rule, &standing.series, &standing.since));
        if raised {
            for standing in living.chain(ended) {
                let known = standing.told.get(EMAIL);
                let thread =
                    known.map_or_else(|| frozen.message_id.clone(), |told| told.thread.clone());
                let first = known.map_or(now.epoch, |told| told.first);
                standing.told.insert(
                    EMAIL.to_owned(),
                    Told { level: claim.level, at: now.clone(), thread, first },
                );
            }
        } else {
            let heard = state.past.iter_mut().filter(|past| {
                is_meant(&past.standing.rule, &past.standing.series, &past.standing.since)
            });
            heard.for_each(|past| past.owed.retain(|owed| owed != EMAIL));
        }
    }
    state.past.retain(|past| !past.owed.is_empty());
}

fn told(claim: &Claim, host: &str, now: &Moment, to: &str) -> Event {
    let kind = if claim.reason == Reason::Reminder { kind::REMINDER } else { kind::TOLD };
    let event = Event {
        level: Some(claim.level),
        to: Some(to.to_owned()),
        ..Event::new(kind, host, now).about(&claim.series)
    };
    event.saying(format!("{}, mailed to {to}", claim.reason.name()))
}
