//! The alert machine over every reachable state: readings × deliveries, until no new state appears. Whoever is told must
//! be able to believe it: nothing twice, no end without its beginning, nothing left out.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use hostwatch::alert::due::{Reason, pause};
use hostwatch::alert::evaluate::{Line, evaluate};
use hostwatch::alert::fact::Fact;
use hostwatch::alert::fold::fold;
use hostwatch::alert::ledger::{self, Telling};
use hostwatch::alert::mute::{self, Mutes};
use hostwatch::alert::rule::{Levels, Rule, Threshold};
use hostwatch::alert::state::{Claim, Frozen, Past, Silence, Standing, State};
use hostwatch::alert::step::At;
use hostwatch::alert::window::Window;
use hostwatch::alert::{Channel, Level};
use hostwatch::event::kind;
use hostwatch::sample::Sample;
use hostwatch::sample::read::{Wanted, line};
use hostwatch::series::Pattern;
use hostwatch::time::Moment;

const CHANNEL: &str = "email:admin@example.com";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Delivery {
    Accepted,
    NotAccepted,
    Refused,
    /// Nobody knows, and it did arrive.
    UncertainGot,
    /// Nobody knows, and it did not.
    UncertainLost,
}

use Delivery::{Accepted, NotAccepted, Refused, UncertainGot, UncertainLost};

const READINGS: &[Option<f64>] = &[Some(10.0), Some(85.0), Some(95.0), None];
/// An unoptimised build would take minutes for all of them; an optimised one tries all (`cargo test --release`).
const DELIVERIES: &[Delivery] = if cfg!(debug_assertions) {
    &[Accepted, NotAccepted]
} else {
    &[Accepted, NotAccepted, Refused, UncertainGot, UncertainLost]
};

/// One of the ways to set the machine up.
#[derive(Clone, Copy)]
struct Setup {
    /// Seconds between runs.
    interval: f64,
    hold: f64,
    clear_hold: f64,
    repeat: f64,
    from: Level,
    /// Whether the series may be silenced and unsilenced between runs.
    silences: bool,
    readings: &'static [Option<f64>],
    deliveries: &'static [Delivery],
}

/// The machine, and what the one who is told believes.
#[derive(Clone)]
struct World {
    state: State,
    now: i64,
    silenced: bool,
    /// Episodes that are believed to last, by their start: the level, and whether it flaps.
    believed: BTreeMap<i64, (Level, bool)>,
    /// Episodes that were raised and of which nobody was told yet.
    untold: BTreeSet<i64>,
    /// Messages that arrived, of those still on the way.
    arrived: BTreeSet<String>,
    messages: usize,
}

impl World {
    fn new() -> Self {
        World {
            state: State::default(),
            now: 0,
            silenced: false,
            believed: BTreeMap::new(),
            untold: BTreeSet::new(),
            arrived: BTreeSet::new(),
            messages: 0,
        }
    }

    /// One run: judge, then tell.
    fn run(&mut self, setup: &Setup, reading: Option<f64>, delivery: Delivery) {
        self.now += seconds(setup.interval);
        let now = moment(self.now);
        let (rules, channels) =
            ([rule(setup)], [Channel { name: CHANNEL.into(), from: setup.from }]);
        let (sample, window) = (sample(self.now, reading), Window::default());
        let at = At { now: now.clone(), interval: setup.interval, hole: None, grace: false };
        let judged = Line { sample: &sample, at: &at, window: &window, find: |_| None };
        let evaluation =
            evaluate(&rules, &self.state.standings, &self.state.past, &judged, &channels);
        (self.state.standings, self.state.past) = (evaluation.standings, evaluation.past);
        let mutes = Mutes::at(
            chrono::DateTime::from_timestamp(self.now, 0).unwrap(),
            &self.state.silences,
            None,
            &sample,
            |_| None,
        );
        mute::mark(&mut self.state, &mutes, &now);
        for change in &evaluation.changes {
            self.witness(setup, change.kind);
        }
        for folded in fold(&mut self.state, &rules) {
            self.untold.remove(&folded.epoch);
        }
        let value = |_: &_, _: &_| reading;
        let telling = Telling {
            rules: &rules,
            mutes: &mutes,
            now: &now,
            interval: setup.interval,
            value: &value,
        };
        for frozen in ledger::again(&self.state, "email", &now, setup.interval) {
            self.hand_over(&frozen, delivery, false, &now);
        }
        for (channels, facts) in telling.groups(&self.state, &channels) {
            self.messages += 1;
            let frozen = Frozen {
                notifier: "email".into(),
                channels,
                message_id: format!("<{}>", self.messages),
                from: String::new(),
                to: vec!["admin@example.com".into()],
                content: String::new(),
                facts: facts.iter().map(Fact::claim).collect(),
            };
            self.state.outbox.push(frozen.clone());
            self.hand_over(&frozen, delivery, true, &now);
        }
        let waiting: BTreeSet<String> =
            self.state.outbox.iter().map(|frozen| frozen.message_id.clone()).collect();
        self.arrived.retain(|id| waiting.contains(id));
    }

    fn hand_over(&mut self, frozen: &Frozen, delivery: Delivery, is_new: bool, now: &Moment) {
        if matches!(delivery, Accepted | UncertainGot)
            && self.arrived.insert(frozen.message_id.clone())
        {
            frozen.facts.iter().for_each(|claim| self.hear(claim));
        }
        match delivery {
            Accepted => ledger::accepted(&mut self.state, frozen, &frozen.channels, now),
            // What may have been taken before stays as it is.
            NotAccepted => {
                if is_new {
                    ledger::forget(&mut self.state, frozen, &frozen.channels);
                }
                ledger::failed(&mut self.state, CHANNEL, "no", false, now);
            }
            // The content is refused for good; nobody refuses what he has taken.
            Refused => {
                if !self.arrived.contains(&frozen.message_id) {
                    ledger::forget(&mut self.state, frozen, &frozen.channels);
                }
                ledger::failed(&mut self.state, CHANNEL, "no", true, now);
            }
            UncertainGot | UncertainLost => {
                ledger::failed(&mut self.state, CHANNEL, "?", false, now);
            }
        }
    }

    /// What is told must follow from what was told before.
    fn hear(&mut self, claim: &Claim) {
        let start = claim.since.as_ref().unwrap().epoch;
        self.untold.remove(&start);
        let known = self.believed.get(&start).copied();
        let sound = match claim.reason {
            Reason::Raised => known.is_none_or(|(_, flaps)| flaps),
            Reason::Flapping => known.is_none_or(|(_, flaps)| !flaps),
            Reason::Escalated => known.is_some_and(|(level, _)| level < claim.level),
            Reason::Eased => known.is_some_and(|(level, _)| level > claim.level),
            Reason::Reminder => known.is_some_and(|(level, _)| level == claim.level),
            Reason::Recovered => known.is_some(),
            Reason::Past => known.is_none(),
            Reason::Gone => true,
            Reason::Absence => false,
        };
        assert!(
            sound,
            "{:?} of {start} at {}, believed {:?}",
            claim.reason, self.now, self.believed
        );
        if claim.reason.is_over() {
            self.believed.remove(&start);
        } else {
            let flaps = claim.reason == Reason::Flapping
                || (claim.reason == Reason::Escalated && known.is_some_and(|(_, flaps)| flaps));
            self.believed.insert(start, (claim.level, flaps));
        }
    }

    /// What the machine says happened, for what must be told of it.
    fn witness(&mut self, setup: &Setup, kind: &str) {
        let standing = self.state.standings.first();
        let start = standing.and_then(|standing| standing.start()).map(|start| start.epoch);
        let level = standing.map_or(Level::Ok, Standing::worst_level);
        let muted = standing.is_some_and(|standing| standing.muted);
        if let Some(start) = start
            && [kind::RAISED, kind::ESCALATED].contains(&kind)
            && level >= setup.from
            && !muted
            && !self.believed.contains_key(&start)
        {
            self.untold.insert(start);
        }
    }

    /// Whether everything was told and every belief has ended. That a series went away waits for the next message.
    fn is_settled(&self) -> bool {
        let starts = self.state.past.iter().filter_map(|past| past.standing.start());
        let waiting: BTreeSet<i64> = starts.map(|start| start.epoch).collect();
        let mut left = self.believed.keys().chain(&self.untold);
        self.state.outbox.is_empty()
            && self.state.standings.is_empty()
            && self.state.past.iter().all(|past| past.value.is_none())
            && left.all(|start| waiting.contains(start))
    }

    /// Two worlds with the same key behave alike for ever: times are ages, as far as anything asks for them, and episodes
    /// are numbered in the order in which they are met.
    fn key(&self, setup: &Setup) -> u64 {
        let mut view = View { now: self.now, setup, starts: Vec::new() };
        let mut state = self.state.clone();
        state.standings.iter_mut().for_each(|standing| view.standing(standing));
        state.past.iter_mut().for_each(|past| view.past(past));
        for delivery in state.delivery.values_mut() {
            delivery.failures = delivery.failures.min(if delivery.permanent { 6 } else { 2 });
            let pause = pause(delivery);
            view.age(&mut delivery.last_try, pause);
            delivery.error.clear();
        }
        let mut arrived = Vec::new();
        for frozen in &mut state.outbox {
            arrived.push(self.arrived.contains(&frozen.message_id));
            frozen.message_id.clear();
            for claim in &mut frozen.facts {
                view.start(claim.since.as_mut().unwrap());
            }
        }
        let believed = self.believed.iter();
        let believed: Vec<_> =
            believed.map(|(start, what)| (view.number(*start), format!("{what:?}"))).collect();
        let untold: Vec<_> = self.untold.iter().map(|start| view.number(*start)).collect();
        let text = serde_json::to_string(&state).unwrap();
        let mut hasher = DefaultHasher::new();
        (text, arrived, believed, untold, self.silenced).hash(&mut hasher);
        hasher.finish()
    }
}

/// What matters of a world.
struct View<'a> {
    now: i64,
    setup: &'a Setup,
    starts: Vec<i64>,
}

impl View<'_> {
    fn age(&self, moment: &mut Moment, most: f64) {
        let age = (self.now - moment.epoch).min(seconds(most) + seconds(self.setup.interval));
        *moment = nameless(age);
    }

    fn number(&mut self, start: i64) -> i64 {
        let known = self.starts.iter().position(|known| *known == start);
        let at = known.unwrap_or_else(|| {
            self.starts.push(start);
            self.starts.len() - 1
        });
        i64::try_from(at).unwrap()
    }

    fn start(&mut self, moment: &mut Moment) {
        *moment = nameless(self.number(moment.epoch));
    }

    fn standing(&mut self, standing: &mut Standing) {
        if let Some(flapping) = &mut standing.flapping {
            self.start(&mut flapping.since);
            (flapping.worst, flapping.worst_at) = (None, None);
        }
        if let Some(since) = &mut standing.since {
            self.start(since);
        }
        (standing.worst, standing.worst_at) = (None, None);
        let (hold, clear_hold) = (self.setup.hold, self.setup.clear_hold);
        for (moment, most) in [
            (&mut standing.over_warning, hold),
            (&mut standing.over_critical, hold),
            (&mut standing.inside_warning, clear_hold),
            (&mut standing.inside_critical, clear_hold),
            (&mut standing.missing, 86_400.0),
        ] {
            if let Some(moment) = moment {
                self.age(moment, most);
            }
        }
        standing.changes.retain(|change| self.now - change.at.epoch <= 21_600);
        for change in &mut standing.changes {
            self.age(&mut change.at, 21_600.0);
        }
        for told in standing.told.values_mut() {
            (told.thread, told.first) = (String::new(), 0);
            self.age(&mut told.at, self.setup.repeat);
        }
    }

    /// What is left to decide of something that ended; the rest is words.
    fn past(&mut self, past: &mut Past) {
        self.standing(&mut past.standing);
        self.age(&mut past.end, if past.unsettled { 7_200.0 } else { -self.setup.interval });
        (past.standing.peak, past.standing.level, past.more) = (Level::Ok, Level::Ok, 0);
        past.value = past.value.map(|_| 0.0);
        past.standing.changes.clear();
        for told in past.standing.told.values_mut() {
            (told.level, told.at, told.flapping) = (Level::Ok, nameless(0), false);
        }
    }
}

fn nameless(epoch: i64) -> Moment {
    Moment { epoch, boot_id: String::new(), uptime: 0.0 }
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
fn seconds(span: f64) -> i64 {
    span as i64
}

fn moment(epoch: i64) -> Moment {
    Moment { epoch, boot_id: "a".into(), uptime: epoch as f64 }
}

fn sample(epoch: i64, reading: Option<f64>) -> Sample {
    let value = reading.map(|value| format!(",\"x\":{value}")).unwrap_or_default();
    let text = format!(
        "{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"epoch\":{epoch},\"boot_id\":\"a\",\"uptime\":{epoch},\"interval\":300{value}}}"
    );
    line(text.as_bytes(), &Wanted::everything()).unwrap()
}

fn rule(setup: &Setup) -> Rule {
    let threshold = |level: f64| {
        Some(Threshold {
            level,
            clear: level - 5.0,
            hold: setup.hold,
            clear_hold: setup.clear_hold,
            repeat: setup.repeat,
        })
    };
    let levels =
        Levels { warning: threshold(80.0), critical: threshold(90.0), ..Levels::default() };
    Rule { key: "x".into(), pattern: Pattern::parse("x"), levels: Some(levels), labels: Vec::new() }
}

fn silence() -> Silence {
    Silence {
        series: "x".into(),
        since: 0,
        until: i64::MAX,
        until_recovered: false,
        reason: String::new(),
    }
}

/// Every state from the beginning on, once, by its number.
#[derive(Default)]
struct Explored {
    numbers: HashMap<u64, usize>,
    /// Where it leads if all is fine and every message accepted.
    well: Vec<usize>,
    settled: Vec<bool>,
}

impl Explored {
    /// Returns the number of a state, and whether it is new.
    fn enter(&mut self, world: &World, setup: &Setup) -> (usize, bool) {
        let new = self.numbers.len();
        let number = *self.numbers.entry(world.key(setup)).or_insert(new);
        if number == new {
            self.settled.push(world.is_settled());
            self.well.push(usize::MAX);
            let written = serde_json::to_vec(&world.state).unwrap();
            let read: State = serde_json::from_slice(&written).unwrap();
            assert_eq!(read, world.state, "not the same after being written and read");
        }
        (number, number == new)
    }

    /// Once all goes well, every state comes to rest: nothing stays untold, no belief lasts for ever.
    fn must_settle(&self) {
        let mut rests = self.settled.clone();
        for first in 0..self.settled.len() {
            let (mut at, mut way) = (first, Vec::new());
            while !rests[at] {
                assert!(!way.contains(&at), "state {first} never comes to rest");
                way.push(at);
                at = self.well[at];
            }
            for at in way {
                rests[at] = true;
            }
        }
    }
}

/// Explores until no new state appears. Returns how many there are.
fn explore(setup: &Setup) -> usize {
    let mut explored = Explored::default();
    let begin = World::new();
    explored.enter(&begin, setup);
    let mut waiting = VecDeque::from([(0, begin)]);
    let silenced: &[bool] = if setup.silences { &[false, true] } else { &[false] };
    while let Some((from, world)) = waiting.pop_front() {
        for (silenced, reading, delivery) in silenced.iter().flat_map(|silenced| {
            setup.readings.iter().flat_map(move |reading| {
                setup.deliveries.iter().map(move |delivery| (*silenced, *reading, *delivery))
            })
        }) {
            let mut next = world.clone();
            next.silenced = silenced;
            next.state.silences = silenced.then(silence).into_iter().collect();
            next.run(setup, reading, delivery);
            let (to, is_new) = explored.enter(&next, setup);
            if (silenced, reading, delivery) == (false, Some(10.0), Accepted) {
                explored.well[from] = to;
            }
            if is_new {
                waiting.push_back((to, next));
            }
        }
    }
    explored.must_settle();
    explored.settled.len()
}

const DAILY: Setup = Setup {
    interval: 43_200.0,
    hold: 0.0,
    clear_hold: 0.0,
    repeat: 86_400.0,
    from: Level::Warning,
    silences: false,
    readings: READINGS,
    deliveries: DELIVERIES,
};

#[test]
fn nothing_is_lost_doubled_or_unfounded_whatever_is_read_and_delivered() {
    assert!(explore(&DAILY) > 100);
}

#[test]
fn nor_while_it_flaps_and_calms() {
    let readings = &[Some(10.0), Some(85.0)];
    let flapping = Setup { interval: 5_400.0, repeat: 0.0, readings, ..DAILY };
    assert!(explore(&flapping) > 100);
}

#[test]
fn nor_while_it_flaps_between_three_levels_and_not_every_message_arrives() {
    let (readings, deliveries) = (&[Some(10.0), Some(85.0), Some(95.0)], &[Accepted, NotAccepted]);
    let flapping = Setup { interval: 5_400.0, repeat: 0.0, readings, deliveries, ..DAILY };
    assert!(explore(&flapping) > 100);
}

#[test]
fn nor_while_it_flaps_between_three_levels_and_goes_missing() {
    let flapping = Setup { interval: 5_400.0, repeat: 0.0, deliveries: &[Accepted], ..DAILY };
    assert!(explore(&flapping) > 100);
}

#[test]
fn nor_where_it_must_last_to_begin_and_to_end() {
    let deliveries = &[Accepted, NotAccepted];
    let lasting = Setup { hold: 43_200.0, clear_hold: 43_200.0, deliveries, ..DAILY };
    assert!(explore(&lasting) > 100);
}

#[test]
fn nor_for_somebody_who_hears_only_what_is_critical() {
    assert!(explore(&Setup { from: Level::Critical, ..DAILY }) > 100);
}

#[test]
fn nor_while_it_is_silenced_and_unsilenced() {
    let (readings, deliveries) = (&[Some(10.0), Some(85.0), Some(95.0)], &[Accepted, NotAccepted]);
    assert!(explore(&Setup { silences: true, readings, deliveries, ..DAILY }) > 100);
}
