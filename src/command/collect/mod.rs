//! `collect`: sample, append, judge, tell. The sample is stored before anything else is tried, and what fails after
//! that is owed, not lost.

mod absence;
mod background;
mod dry_run;
mod gather;
mod happenings;
mod heartbeat;
mod judge;
mod lines;
mod take;
mod tell;

use std::time::Instant;

use super::{Context, keeper};
use crate::cli::{Collect, Exit};
use crate::clock;
use crate::collector::own::Cost;
use crate::collector::{self, STORE_FAILED};
use crate::config::Config;
use crate::render::wording::phrase;
use crate::sample::{Sample, Values};
use crate::series::Series;
use crate::store::append::{Appended, append};
use crate::store::retention::prune;
use crate::store::runtime::Runtime;
use crate::store::{Store, create_directory};
pub(super) use judge::rules;
pub(super) use lines::{event, window};
use take::{Recent, Taken};
pub(super) use tell::Judged;

/// # Errors
/// The configuration or the directory cannot be used.
pub fn run(arguments: &Collect, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let config = context.config()?;
    if !config.enabled {
        context.note("nothing done: monitoring.enabled is false");
        return Ok(Exit::Done);
    }
    let store = context.store(&config)?;
    let host = clock::host(context.root);
    if arguments.dry_run {
        return dry_run::run(arguments.json, context, &config, &store, &host);
    }
    let done = everything(config, &store, &host, Values::default(), context)?;
    if arguments.json && done.is_stored {
        writeln!(context.out, "{}", done.line)?;
    } else if context.stdout.is_terminal && done.is_stored {
        writeln!(context.out, "{}", summary(&done.sample, &store, context))?;
    }
    Ok(done.exit)
}

/// What a run left behind.
pub(super) struct Done {
    pub sample: Sample,
    pub exit: Exit,
    line: String,
    is_stored: bool,
}

/// Takes a sample, adds `more` to it, stores it, judges it and tells what changed.
pub(super) fn everything(
    mut config: Config,
    store: &Store,
    host: &str,
    more: Values,
    context: &mut Context<'_>,
) -> anyhow::Result<Done> {
    let began = Instant::now();
    let rules = rules(std::mem::take(&mut config.rules));
    let config = &config;
    heartbeat::begin(config, context);
    let usable = create_directory(&store.directory);
    let runtime = Runtime::find(context.variable, &store.directory);
    let recent = Recent::read(store, &context.now, config.log_interval);
    let mut taken = take::sample(context, config, host, &recent, &runtime);
    taken.sample.values.merge(more);
    let line = taken.sample.stored_line()?;
    let stored = usable.and_then(|()| write(store, config, &taken, &line, context));
    runtime.keep_earlier(&context.now.boot_id, &taken.earlier);
    let failure = stored.err().map(|error| format!("{error:#}"));
    taken.sample.values.set(&STORE_FAILED, u64::from(failure.is_some()));
    let run = judge::Run {
        config,
        rules: &rules,
        store,
        runtime: &runtime,
        recent: &recent,
        sample: &taken.sample,
        host,
        failure,
    };
    let owed = judge::and_tell(&run, context);
    if context.global.verbose > 0 && run.failure.is_none() {
        let rates = taken.sample.interval.map(|seconds| format!(", rates over {seconds} s"));
        let collectors = taken.sample.errors.len();
        context.note(&format!(
            "stored {} bytes in {}{}, {collectors} collectors failed",
            line.len() + 1,
            store.metrics_file(taken.sample.timestamp.date_naive()).display(),
            rates.unwrap_or_default()
        ));
    }
    if owed
        && context.stderr_is_terminal
        && let Some(words) = super::standing::owed(context, store)
    {
        context.note(&format!("owed: {words}"));
    }
    if let Some(cost) = Cost::of_this_process(context.root, began.elapsed()) {
        runtime.keep_cost(&cost);
    }
    let (exit, is_stored) = (run.exit(owed), run.failure.is_none());
    Ok(Done { sample: taken.sample, exit, line, is_stored })
}

fn write(
    store: &Store,
    config: &Config,
    taken: &Taken,
    line: &str,
    context: &mut Context<'_>,
) -> anyhow::Result<()> {
    let date = taken.sample.timestamp.date_naive();
    let appended = append(&store.metrics_file(date), &[line.to_owned()], config.sync)?;
    // Once a day: there is nothing older to remove in between.
    if appended == Appended::NewFile {
        for failure in prune(&store.directory, config.retention, date) {
            context.note(&failure);
        }
    }
    Ok(())
}

/// One line for a person who ran it by hand.
fn summary(sample: &Sample, store: &Store, context: &Context<'_>) -> String {
    let shown = collector::metrics().filter(|metric| metric.overview).filter_map(|metric| {
        let value = sample.values.get(metric.name, None)?;
        Some(phrase(&Series::new(metric.name, None), Some(value), true))
    });
    let shown: Vec<String> = shown.take(4).collect();
    let next = if context.global.data_dir.is_some() { "" } else { "; next: hostwatch status" };
    format!("stored: {} ({}{next})", shown.join(", "), store.directory.display())
}
