//! What a channel heard of a series under a rule, what it is owed, and what keeps that back.

use super::Scene;
use super::ruling::later;
use crate::alert::due::{may_try, pause, repeat};
use crate::alert::fact::Fact;
use crate::alert::ledger::{Held, is_waiting, is_worth_telling};
use crate::alert::rule::Levels;
use crate::alert::state::{Delivery, Standing, Told};
use crate::alert::{Channel, Level};

/// Everything that one channel has to hear, with what keeps it from being told.
pub(super) type Owing = Vec<(Fact, Option<Held>)>;

pub(super) struct Hearing<'a> {
    pub channel: &'a Channel,
    pub told: Option<&'a Told>,
    pub owed: Vec<Owed>,
    /// When it is reminded, if nothing changes.
    pub reminder: Option<i64>,
    /// Nothing to hear, as it hears of worse alone.
    pub is_too_mild: bool,
    /// While telling does not go well, and when it is tried again; `None`: at the next run.
    pub delivery: Option<(&'a Delivery, Option<i64>)>,
}

pub(super) struct Owed {
    pub fact: Fact,
    pub back: Back,
}

/// When it goes out.
pub(super) enum Back {
    /// At the next run.
    Nothing,
    Held(Held),
    /// After a message whose fate is unknown.
    Message,
    /// Once the channel may be tried again.
    Pause(i64),
    /// With whatever is told next.
    Company,
}

impl Back {
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Back::Nothing => None,
            Back::Held(Held::Unsettled) => Some("unsettled"),
            Back::Held(Held::Muted(_)) => Some("muted"),
            Back::Held(Held::OnItsWay) => Some("on_its_way"),
            Back::Message => Some("message_before"),
            Back::Pause(_) => Some("pause"),
            Back::Company => Some("next_message"),
        }
    }
}

impl Scene {
    /// One for each channel.
    pub(super) fn hearings<'a>(
        &'a self,
        levels: Option<&Levels>,
        standing: Option<&'a Standing>,
        is_mine: &dyn Fn(&Standing) -> bool,
        owing: &[Owing],
    ) -> Vec<Hearing<'a>> {
        let standing = standing.filter(|standing| standing.is_open());
        let channels = self.channels.iter().zip(owing);
        let hearings = channels.map(|(channel, owing)| {
            let told = standing.and_then(|standing| standing.told.get(&channel.name));
            let delivery = self.state.delivery.get(&channel.name);
            let is_mild = |standing: &Standing| standing.told_level() < channel.from;
            let owed = owing.iter().filter(|(fact, _)| is_mine(&fact.standing));
            let owed = owed.map(|(fact, held)| Owed {
                fact: fact.clone(),
                back: self.back(channel, owing, held.as_ref()),
            });
            Hearing {
                channel,
                told,
                owed: owed.collect(),
                reminder: levels.zip(standing).zip(told).and_then(reminder),
                is_too_mild: told.is_none() && standing.is_some_and(is_mild),
                delivery: delivery.map(|delivery| (delivery, self.next_try(delivery))),
            }
        });
        hearings.collect()
    }

    fn back(&self, channel: &Channel, owing: &Owing, held: Option<&Held>) -> Back {
        if let Some(held) = held {
            return Back::Held(held.clone());
        }
        if is_waiting(&self.state, &channel.name) {
            return Back::Message;
        }
        let delivery = self.state.delivery.get(&channel.name);
        if let Some(at) = delivery.and_then(|delivery| self.next_try(delivery)) {
            return Back::Pause(at);
        }
        let free = owing.iter().filter(|(_, held)| held.is_none());
        let facts: Vec<Fact> = free.map(|(fact, _)| fact.clone()).collect();
        if is_worth_telling(&facts) { Back::Nothing } else { Back::Company }
    }

    /// `None`: the next run may try.
    fn next_try(&self, delivery: &Delivery) -> Option<i64> {
        let may = may_try(Some(delivery), &self.now, self.interval);
        (!may).then(|| later(delivery.last_try.epoch, pause(delivery)))
    }
}

fn reminder(((levels, standing), told): ((&Levels, &Standing), &Told)) -> Option<i64> {
    let level = standing.level;
    let is_steady = standing.flapping.is_none() && standing.missing.is_none();
    let after = repeat(levels, level);
    let comes = level != Level::Ok && level == told.level && after.is_finite() && after > 0.0;
    (is_steady && comes).then(|| later(told.at.epoch, after))
}
