//! `alerts explain`: why somebody was told of a series, or was not: what it is, what it is held to, what was made of
//! that, what mutes it, and who heard what. Asked of the very functions by which `collect` judges and tells.

mod hearing;
mod object;
mod ruling;
mod text;

use anyhow::Context as _;

use super::super::Context;
use super::super::collect::{Judged, rules, window};
use super::super::{standing, status};
use super::known::Known;
use crate::alert::ledger::keep_only;
use crate::alert::mute::{Mute, Mutes};
use crate::alert::plugin;
use crate::alert::rule::Rule;
use crate::alert::state::{Standing, State};
use crate::alert::window::Window;
use crate::alert::{Channel, Level};
use crate::cli::{Exit, Explain};
use crate::clock;
use crate::collector::{self, formerly};
use crate::config::Config;
use crate::config::monitoring::ALERT_THRESHOLDS;
use crate::event::{Event, kind};
use crate::notify::way;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::{Pattern, Series, nearest};
use crate::store::range::Range;
use crate::store::runtime::Runtime;
use crate::time::Moment;
use hearing::Owing;
use ruling::Ruling;

const EVENTS: usize = 10;
/// Seconds that events are looked for.
const LATELY: i64 = 30 * 86_400;

/// What is the same for every series.
struct Scene {
    config: Config,
    rules: Vec<Rule>,
    /// Those whose cause the levels of a plugin tell already.
    silent: Vec<Rule>,
    channels: Vec<Channel>,
    state: State,
    sample: Sample,
    window: Window,
    mutes: Mutes,
    events: Vec<Event>,
    now: Moment,
    interval: f64,
}

/// Everything about one series.
struct Explained<'a> {
    series: Series,
    value: Option<f64>,
    rulings: Vec<Ruling<'a>>,
    /// Rules that leave it out on purpose.
    left_out_by: Vec<&'a str>,
    /// Rules that say nothing while others tell of the same cause.
    silent: Vec<&'a str>,
    /// What is wrong with its rule in the configuration.
    faults: Vec<String>,
    /// If no rule speaks of it: the rules whose names are nearest.
    nearest: Vec<&'a str>,
    mutes: Vec<Mute>,
    /// The last ones.
    events: Vec<&'a Event>,
}

/// # Errors
/// Nothing has that name, or the state is not ours to read.
pub(super) fn run(arguments: &Explain, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let scene = Scene::gather(context)?;
    let (config, sample) = (&scene.config, Some(&scene.sample));
    let known = Known::new(config, sample, &scene.state, &scene.events);
    let found = known
        .matching(&arguments.series)
        .with_context(|| format!("could not explain {}", arguments.series))?;
    let owing = scene.owing();
    let explained: Vec<Explained<'_>> =
        found.into_iter().map(|series| scene.explain(series, &owing)).collect();
    let text = if arguments.json {
        let answer = object::answer(&scene, &explained, &clock::host(context.root));
        format!("{answer}\n")
    } else {
        text::blocks(&scene, &explained, context)
    };
    context.out.write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

impl Scene {
    fn gather(context: &mut Context<'_>) -> anyhow::Result<Self> {
        let mut config = context.config()?;
        let store = context.store_to_read(&config)?;
        let mut silent = config.rules.clone();
        standing::take_over(&mut config, &store, context);
        silent.retain(|rule| config.rules.iter().all(|other| other.key != rule.key));
        let wanted = Wanted::everything().with_formerly(formerly());
        let sample = status::last_sample(&store, &wanted, context)?;
        let runtime = Runtime::look(context.variable, &store.directory);
        let mut state = standing::current(&store, &runtime).with_context(|| {
            format!("could not read {}/state.json; use sudo", store.directory.display())
        })?;
        let channels = way::channels(&config);
        state.upgrade(&channels);
        keep_only(&mut state, &channels);
        let rules = rules(config.rules.clone());
        let date = sample.timestamp.date_naive();
        let interval = status::expected_interval(&config, &store, context);
        let window = window(&store, date, &rules, &[&sample], None, interval);
        let (silences, hours) = (&state.silences, config.quiet_hours.as_ref());
        let mutes = Mutes::at(context.now.utc, silences, hours, &sample, collector::find);
        let events = store.events(Range::last(LATELY, context.now.utc))?;
        let now = context.now.moment();
        Ok(Scene {
            config,
            rules,
            silent,
            channels,
            state,
            sample,
            window,
            mutes,
            events,
            now,
            interval,
        })
    }

    fn judged(&self) -> Judged<'_> {
        let Scene { rules, sample, window, mutes, .. } = self;
        Judged { rules, sample, window, mutes }
    }

    /// What is wrong with the rules that the configuration has under this name.
    fn faults(&self, series: &Series) -> Vec<String> {
        let is_about = |key: &str| {
            let key = key.rsplit_once('#').map_or(key, |(key, _)| key);
            Pattern::parse(key).matches(&series.metric, series.label.as_deref())
        };
        let top = || ALERT_THRESHOLDS.path.split('.');
        let own = self.config.faults.iter().filter(|fault| {
            let is_rule = fault.path.iter().zip(top()).all(|(key, known)| key == known);
            is_rule && fault.path.get(top().count()).is_some_and(|key| is_about(key))
        });
        own.map(|fault| format!("{}: {}", fault.path.join("."), fault.text)).collect()
    }

    /// What each channel has to hear.
    fn owing(&self) -> Vec<Owing> {
        self.judged().telling(&self.now, self.interval, |telling| {
            let channels = self.channels.iter();
            channels.map(|channel| telling.owed(&self.state, channel)).collect()
        })
    }

    fn explain(&self, series: Series, owing: &[Owing]) -> Explained<'_> {
        let rulings = self.rulings(&series, owing);
        let (metric, label) = (&series.metric, series.label.as_deref());
        let is_left_out = |rule: &&Rule| {
            let speaks = rule.levels_for(metric, label).is_some() || plugin::is_template(rule);
            rule.pattern.matches(metric, label) && !speaks
        };
        let left_out_by = self.rules.iter().filter(is_left_out).map(|rule| rule.key.as_str());
        // Its own name is no other's: it stands there without levels.
        let others = self.rules.iter().filter(|rule| !rule.pattern.matches(metric, label));
        let keys = others.map(|rule| rule.key.as_str());
        let silent = self.silent.iter().filter(|rule| rule.levels_for(metric, label).is_some());
        let near = if rulings.is_empty() { nearest(metric, keys) } else { Vec::new() };
        let standings = rulings.iter().filter_map(|ruling| ruling.standing);
        let worst = standings.map(Standing::worst_level).max().unwrap_or(Level::Ok);
        let is_about = |event: &&Event| {
            let is_silence = [kind::SILENCED, kind::UNSILENCED].contains(&event.event.as_str());
            event.series.as_deref().is_some_and(|name| {
                let covers = || Pattern::parse(name).matches(metric, label);
                name == series.to_string() || (is_silence && covers())
            })
        };
        let mut events: Vec<&Event> = self.events.iter().filter(is_about).collect();
        events.drain(..events.len().saturating_sub(EVENTS));
        Explained {
            value: self.sample.values.number(&series),
            rulings,
            left_out_by: left_out_by.collect(),
            silent: silent.map(|rule| rule.key.as_str()).collect(),
            faults: self.faults(&series),
            nearest: near,
            mutes: self.mutes.all(&series, worst, false),
            events,
            series,
        }
    }
}
