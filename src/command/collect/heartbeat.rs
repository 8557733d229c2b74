//! The heartbeat: somebody elsewhere hears that this run took place, and how it ended. It never fails the run.

use std::time::Duration;

use super::super::Context;
use super::judge::Run;
use super::keeper::Keeper;
use crate::alert::Level;
use crate::cli::Exit;
use crate::collector;
use crate::config::Config;
use crate::notify::heartbeat::{finish, start};
use crate::render::wording::phrase_among;
use crate::series::Series;

/// What a run may spend on it, beside what its configuration allows.
const LONGEST: Duration = Duration::from_secs(5);
/// Under this name the state remembers that a failure was printed.
const PRINTED: &str = "heartbeat";

/// Says that a run begins.
pub(super) fn begin(config: &Config, context: &mut Context<'_>) {
    // That it failed is said at the end, where it is known whether that is news.
    if let Some(heartbeat) = &config.heartbeat {
        _ = start(heartbeat, context.variable, LONGEST);
    }
}

/// Says how the run ended. What goes wrong again and again is printed when it begins and once a day.
pub(super) fn end(run: &Run<'_>, exit: Exit, keeper: &mut Keeper<'_>, context: &mut Context<'_>) {
    let Some(heartbeat) = &run.config.heartbeat else {
        keeper.announces(PRINTED, None, &context.now.moment());
        return;
    };
    let text = summary(run, keeper);
    let failure = finish(heartbeat, exit as u8, &text, context.variable, LONGEST).err();
    let text = failure.map(|error| format!("could not send the heartbeat: {error}"));
    let is_news = keeper.announces(PRINTED, text.as_deref(), &context.now.moment());
    if let Some(text) = text.filter(|_| is_news || context.stderr_is_terminal) {
        context.complain(&text);
    }
}

/// `gate-pi WARNING: /data 91.3 % full. CPU 38.4 %, memory 43.1 %`.
fn summary(run: &Run<'_>, keeper: &Keeper<'_>) -> String {
    let values = &run.sample.values;
    let said = |name: &str| {
        let series = Series::parse(name);
        let value = values.number(&series);
        phrase_among(&series, value, true, values)
    };
    let firing: Vec<String> =
        keeper.state.firing().map(|standing| said(&standing.series)).collect();
    let level = keeper.state.firing().map(|standing| standing.level).max().unwrap_or(Level::Ok);
    let overview = collector::metrics().filter(|metric| metric.overview && metric.label.is_none());
    let now: Vec<String> = overview
        .filter(|metric| values.single(metric.name).is_some())
        .map(|metric| said(metric.name))
        .collect();
    let firing = if firing.is_empty() { "no alerts".to_owned() } else { firing.join(", ") };
    let failure = run.failure.as_ref().map(|why| format!(". {why}")).unwrap_or_default();
    format!("{} {}: {firing}. {}{failure}\n", run.host, level.title(), now.join(", "))
}
