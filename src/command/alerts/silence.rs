//! `alerts silence` and `alerts unsilence`: somebody wants to hear nothing of some series for a while, and it always
//! ends. The state is changed under the lock that judging and telling hold, and belongs to whom it belonged before.

use std::fs::File;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use chrono::{DateTime, Utc};

use super::super::Context;
use super::super::collect::rules;
use super::super::keeper::Keeper;
use super::super::standing::{bracketed, end_words, take_over};
use super::known::Known;
use crate::alert::mute::{self, UNTIL_RECOVERED};
use crate::alert::state::{self, State};
use crate::cli::{Exit, Silence, Unsilence};
use crate::clock;
use crate::config::Config;
use crate::event::{Event, kind, rfc3339};
use crate::render::wording::Clock;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::range::Range;
use crate::store::runtime::Runtime;
use crate::store::{Store, lock};
use crate::time::parse::{Edge, time};
use crate::time::{Zone, span};

/// Seconds: nothing stays silenced because somebody forgot it.
const LONGEST: i64 = 30 * 86_400;
/// A run of `collect` tells for at most 30 s.
const PATIENCE: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(100);
/// Characters of a reason.
const LONGEST_REASON: usize = 200;

/// # Errors
/// The series is not known, the time is not one, or the state cannot be changed.
pub(super) fn begin(arguments: &Silence, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let mut config = context.config()?;
    if let Ok(store) = store(&config, context) {
        take_over(&mut config, &store, context);
    }
    let line = silence(arguments, &config, context)
        .with_context(|| format!("could not silence {}", arguments.series))?;
    writeln!(context.out, "{line}")?;
    Ok(Exit::Done)
}

/// # Errors
/// There is no such silence, or the state cannot be changed.
pub(super) fn end(arguments: &Unsilence, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let mut config = context.config()?;
    if let Ok(store) = store(&config, context) {
        take_over(&mut config, &store, context);
    }
    let series = arguments.series.as_deref();
    let line = unsilence(series, &config, context)
        .with_context(|| format!("could not unsilence {}", series.unwrap_or("everything")))?;
    writeln!(context.out, "{line}")?;
    Ok(Exit::Done)
}

fn silence(
    arguments: &Silence,
    config: &Config,
    context: &mut Context<'_>,
) -> anyhow::Result<String> {
    let now = context.now.utc.timestamp();
    let silence = state::Silence {
        series: arguments.series.clone(),
        since: now,
        until: until(arguments, context.now.utc, context.zone())?,
        until_recovered: arguments.until_recovered,
        reason: plain(arguments.reason.as_deref().unwrap_or_default()),
    };
    let store = store(config, context)?;
    let sample = store.last(Zone::Local.date(context.now.utc), &Wanted::everything())?;
    let lately = store.events(Range::last(LONGEST, context.now.utc))?;
    let replaced = change(&store, context, |state| {
        Known::new(config, sample.as_ref(), state, &lately).check(&silence.series)?;
        let open = mute::open(state, &rules(config.rules.clone()));
        if silence.until_recovered && !open.iter().any(|series| silence.covers(series)) {
            bail!("nothing that it covers is firing; name a span instead");
        }
        let is_old = |other: &mut state::Silence| other.series == silence.series;
        let replaced: Vec<state::Silence> = state.silences.extract_if(.., is_old).collect();
        state.silences.push(silence.clone());
        Ok(replaced)
    })?;
    let event = Event {
        until: Some(rfc3339(silence.until)),
        cause: silence.until_recovered.then(|| UNTIL_RECOVERED.to_owned()),
        ..event(kind::SILENCED, &silence.series, context).saying(stored_words(&silence))
    };
    note(&store, config, &[event], context);
    let clock = Clock { now: &context.now, zone: context.zone() };
    let replaced = replaced.iter().find(|other| now < other.until).map(|other| {
        format!(" instead of until {}{}", end_words(other, &clock), bracketed(&other.reason))
    });
    Ok(format!(
        "silenced {} until {}{}{}; undo: hostwatch alerts unsilence {}",
        silence.series,
        full_end(&silence, &clock),
        bracketed(&silence.reason),
        replaced.unwrap_or_default(),
        quoted(&silence.series)
    ))
}

/// `None`: all of them.
fn unsilence(
    series: Option<&str>,
    config: &Config,
    context: &mut Context<'_>,
) -> anyhow::Result<String> {
    let store = store(config, context)?;
    let (now, today) = (context.now.utc.timestamp(), context.now.clone());
    let clock = Clock { now: &today, zone: context.zone() };
    let ended = ended_at(&store, series, context)?.map(|epoch| clock.time(epoch));
    let (over, firing) = change(&store, context, |state| {
        let is_meant = |silence: &state::Silence| series.is_none_or(|name| silence.series == name);
        let in_force = state.silences.iter().filter(|silence| now < silence.until);
        if let (Some(series), false) = (series, in_force.clone().any(is_meant)) {
            let expired = state.silences.iter().find(|silence| is_meant(silence));
            let expired = expired.map(|silence| clock.time(silence.until)).or(ended);
            return Err(none_of(series, expired, in_force));
        }
        let is_over = |silence: &mut state::Silence| now < silence.until && is_meant(silence);
        let over: Vec<state::Silence> = state.silences.extract_if(.., is_over).collect();
        let covered = |silences: &[state::Silence], series: &Series| {
            silences.iter().any(|silence| silence.covers(series))
        };
        let heard = |series: &&Series| covered(&over, series) && !covered(&state.silences, series);
        let firing = mute::open(state, &rules(config.rules.clone())).iter().filter(heard).count();
        Ok((over, firing))
    })?;
    let event = |silence: &state::Silence| {
        event(kind::UNSILENCED, &silence.series, context).saying("ended by hand")
    };
    let events: Vec<Event> = over.iter().map(event).collect();
    note(&store, config, &events, context);
    if over.is_empty() {
        return Ok("nothing is silenced".to_owned());
    }
    let names: Vec<&str> = over.iter().map(|silence| silence.series.as_str()).collect();
    let owed = match firing {
        0 => String::new(),
        1 => "; it fires: what is owed goes out with the next run".to_owned(),
        many => format!("; {many} alerts fire: what is owed goes out with the next run"),
    };
    Ok(format!("unsilenced {}{owed}", names.join(", ")))
}

/// Why there is nothing to end.
fn none_of<'a>(
    series: &str,
    ended: Option<String>,
    in_force: impl Iterator<Item = &'a state::Silence>,
) -> anyhow::Error {
    let there: Vec<String> = in_force.map(|silence| quoted(&silence.series)).collect();
    match (ended, there.as_slice()) {
        (Some(time), _) => anyhow!("its time is over since {time}"),
        (None, []) => anyhow!("nothing is silenced"),
        (None, there) => anyhow!("no silence of {series}; there are: {}", there.join(", ")),
    }
}

/// When a silence ended that is no longer in the state.
fn ended_at(
    store: &Store,
    series: Option<&str>,
    context: &Context<'_>,
) -> anyhow::Result<Option<i64>> {
    let Some(series) = series else { return Ok(None) };
    let lately = store.events(Range::last(LONGEST, context.now.utc))?;
    let is_end =
        |event: &&Event| event.event == kind::UNSILENCED && event.series.as_deref() == Some(series);
    Ok(lately.iter().rfind(is_end).map(|event| event.epoch))
}

/// When it ends, at most 30 days from now.
fn until(arguments: &Silence, now: DateTime<Utc>, zone: Zone) -> anyhow::Result<i64> {
    let now_epoch = now.timestamp();
    let latest = now_epoch + LONGEST;
    let until = match (&arguments.span, &arguments.until) {
        (Some(text), _) => {
            let seconds = span::parse(text).map_err(|words| {
                anyhow!("{words}; for a time use --until, such as --until 14:00")
            })?;
            now_epoch.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX))
        }
        (None, Some(text)) => {
            if span::parse(text).is_ok() {
                bail!("--until takes a time; give the span {text} without it");
            }
            let words = |words| anyhow!("could not understand --until: {words}");
            time(text, Edge::Until(now), now, zone).map_err(words)?.timestamp()
        }
        (None, None) => latest,
    };
    if until <= now_epoch {
        bail!("its end lies in the past");
    }
    if until > latest {
        bail!("it always ends: at most 30 days");
    }
    Ok(until)
}

/// The store whose alerts are shown, or an empty one that is there: one may silence before the first alert.
fn store(config: &Config, context: &mut Context<'_>) -> anyhow::Result<Store> {
    context.store_to_read(config).or_else(|error| {
        let own = context.store(config)?;
        if own.directory.is_dir() { Ok(own) } else { Err(error) }
    })
}

/// Changes the state while no run of `collect` does.
fn change<T>(
    store: &Store,
    context: &mut Context<'_>,
    work: impl FnOnce(&mut State) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = Runtime::look(context.variable, &store.directory);
    let _lock = hold(store, &runtime)?;
    let mut keeper = Keeper::load(store, &runtime)?;
    if let Some(remark) = keeper.remark.take() {
        context.complain(&remark);
    }
    let done = work(&mut keeper.state)?;
    keeper.keep_in_place()?;
    Ok(done)
}

/// Waits for the right to judge and tell.
fn hold(store: &Store, runtime: &Runtime) -> anyhow::Result<File> {
    let started = Instant::now();
    loop {
        let held = match lock::notify(&store.directory) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let place = store.directory.display();
                return Err(error).with_context(|| {
                    format!("you may not write {place}; use sudo, or be its owner")
                });
            }
            // As `collect` does where the directory cannot be written by anybody.
            Err(error) => runtime.lock().ok_or(error),
            held => held,
        };
        let held = held.with_context(|| format!("could not lock {}", store.directory.display()))?;
        match held {
            Some(lock) => return Ok(lock),
            None if started.elapsed() >= PATIENCE => {
                bail!("a run of collect is still telling; try again")
            }
            None => sleep(PAUSE),
        }
    }
}

fn event(kind: &str, series: &str, context: &Context<'_>) -> Event {
    Event::new(kind, &clock::host(context.root), &context.now.moment()).about(series)
}

/// The state has it already: a failure is said and no more.
fn note(store: &Store, config: &Config, events: &[Event], context: &mut Context<'_>) {
    let date = Zone::Local.date(context.now.utc);
    if let Err(error) = store.append_events(date, events, config.sync) {
        context.complain(&format!("{error:#}"));
    }
}

/// When it ends, also where that is only the latest.
fn full_end(silence: &state::Silence, clock: &Clock<'_>) -> String {
    let end = end_words(silence, clock);
    if silence.until_recovered {
        format!("{end}, at the latest {}", clock.time(silence.until))
    } else {
        end
    }
}

/// For a file, in which no time is "today".
fn stored_words(silence: &state::Silence) -> String {
    let end = Zone::Local.at_epoch(silence.until).format("%Y-%m-%d %H:%M");
    let why = bracketed(&silence.reason);
    if silence.until_recovered {
        format!("until it has recovered, at the latest {end}{why}")
    } else {
        format!("until {end}{why}")
    }
}

/// One line without what would disturb a terminal.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_control() || c == ' ').collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST_REASON).collect()
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(span: Option<&str>, time: Option<&str>) -> Result<i64, String> {
        let now = DateTime::parse_from_rfc3339("2026-11-22T12:30:00Z").unwrap().to_utc();
        let arguments = Silence {
            series: "x".into(),
            span: span.map(str::to_owned),
            until: time.map(str::to_owned),
            until_recovered: span.is_none() && time.is_none(),
            reason: None,
        };
        let end = until(&arguments, now, Zone::Utc).map(|until| until - now.timestamp());
        end.map_err(|error| error.to_string())
    }

    #[test]
    fn it_ends_after_a_span_at_a_time_or_after_thirty_days() {
        assert_eq!(end(Some("2h"), None), Ok(7_200));
        assert_eq!(end(Some("30d"), None), Ok(LONGEST));
        assert_eq!(end(None, Some("14:00")), Ok(5_400));
        assert_eq!(end(None, Some("12:00")), Ok(84_600));
        assert_eq!(end(None, Some("2026-11-23")), Ok(41_400));
        assert_eq!(end(None, None), Ok(LONGEST));
    }

    #[test]
    fn what_is_no_end_is_refused_with_what_to_do() {
        for (span, time, words) in [
            (Some("31d"), None, "at most 30 days"),
            (Some("99999999999d"), None, "at most 30 days"),
            (Some("0s"), None, "in the past"),
            (Some("14:00"), None, "--until 14:00"),
            (None, Some("2h"), "without it"),
            (None, Some("yesterday"), "in the past"),
            (None, Some("now"), "in the past"),
            (None, Some("2027-11-22"), "at most 30 days"),
            (None, Some("soon"), "RFC 3339"),
        ] {
            let said = end(span, time).unwrap_err();
            assert!(said.contains(words), "{span:?} {time:?}: {said}");
        }
    }

    #[test]
    fn names_are_quoted_for_a_shell_where_it_needs_that() {
        assert_eq!(quoted("cpu_temp"), "cpu_temp");
        assert_eq!(quoted("x{/it's}"), r"'x{/it'\''s}'");
        assert_eq!(quoted("*"), "'*'");
    }

    #[test]
    fn a_reason_is_one_line_without_control_characters() {
        assert_eq!(plain(" new\ndisk \x1b[31m now "), "new disk [31m now");
    }
}
