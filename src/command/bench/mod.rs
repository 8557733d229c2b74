//! `bench`: measures the machine's own speed and stores it as a sample, so that it has a history, a report and alerts
//! as everything else has. It refuses where others need the machine.

mod measure;
mod show;

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::{Context, collect};
use crate::bench::drift::{self, compare, set_drift};
use crate::bench::metrics::{METHOD_VERSION, METRICS, is_of_method, set_method};
use crate::bench::surroundings::{Surroundings, notes};
use crate::cli::{Bench, Exit};
use crate::clock;
use crate::collector::{Host, space};
use crate::config::Config;
use crate::metric::Unit;
use crate::sample::Values;
use crate::sample::read::Wanted;
use crate::store::{Store, create_directory, lock, scratch};
use crate::time::Zone;

/// No earlier result is older: twenty weekly ones, and some that were left out.
const MOST_DAYS: u64 = 200;
/// So many times what is written has to be free.
const SPARE: u64 = 4;

/// # Errors
/// The machine is busy, another run measures it, or the data directory cannot be used.
pub fn run(arguments: &Bench, context: &mut Context<'_>) -> Result<Exit> {
    let started = Instant::now();
    let config = context.config()?;
    if !config.enabled {
        context.note("nothing done: monitoring.enabled is false");
        return Ok(Exit::Done);
    }
    let store = context.store(&config)?;
    let host = clock::host(context.root);
    let before = look(&config, context);
    create_directory(&store.directory)?;
    let held = admit(arguments.force, &before, &store.directory)?;
    let disk = measure::disk_plan();
    check_space(&store.directory, disk.size)?;
    let file = scratch::open(&store.directory)
        .with_context(|| format!("could not measure the disk in {}", store.directory.display()))?;
    let mut measured = measure::everything(&file, &disk, &before, context);
    drop(file);
    let mut remarks = notes(&before, &look(&config, context));
    remarks.append(&mut measured.notes);
    let mut values = measured.values;
    context.now = clock::later(context.root, &context.now, started.elapsed());
    let earlier = earlier(&store, &host, context);
    set_method(&mut values);
    set_drift(&mut values, &earlier);
    let shown = show::Shown {
        results: compare(&values, &earlier),
        earlier: earlier.len().min(drift::MOST),
        notes: remarks,
        host,
        timestamp: Zone::Local.at(context.now.utc),
    };
    let exit = if arguments.dry_run {
        for line in config.fault_lines() {
            context.complain(&line);
        }
        if config.faults.is_empty() { Exit::Done } else { Exit::Faulty }
    } else {
        collect::everything(config, &store, &shown.host, values, context)?.exit
    };
    drop(held);
    shown.write(arguments.json, context)?;
    Ok(exit)
}

fn look(config: &Config, context: &Context<'_>) -> Surroundings {
    Surroundings::look(&Host::new(context.root, &context.now, &config.sources))
}

/// The right to measure, where nobody else is disturbed and nobody disturbs.
fn admit(force: bool, before: &Surroundings, directory: &Path) -> Result<Option<File>> {
    let held = lock::bench(directory)
        .with_context(|| format!("could not lock {}", directory.join("bench.lock").display()))?;
    if force {
        return Ok(held);
    }
    if held.is_none() {
        bail!(
            "could not measure: another bench of {} is running; wait for it, or measure all the same with --force",
            directory.display()
        );
    }
    if before.is_busy() {
        bail!(
            "could not measure: the machine is busy ({}, more than 0.5 a core); try later, or measure all the same with --force",
            before.load_words().unwrap_or_default()
        );
    }
    Ok(held)
}

/// A disk that is nearly full is left to others.
fn check_space(directory: &Path, size: u64) -> Result<()> {
    let space = space::statvfs(directory)
        .with_context(|| format!("could not tell how much is free in {}", directory.display()))?;
    let needed = size.saturating_mul(SPARE);
    if space.available < needed {
        bail!(
            "could not measure the disk: {} has {} free, and {} are needed; free some space, or choose another directory with --data-dir",
            directory.display(),
            Unit::Bytes.human(space.available as f64),
            Unit::Bytes.human(needed as f64)
        );
    }
    Ok(())
}

/// The last results of this host by this method, newest first. Without them there is nothing to compare with.
fn earlier(store: &Store, host: &str, context: &Context<'_>) -> Vec<Values> {
    let wanted = Wanted::names(METRICS.iter().map(|metric| metric.name));
    let today = Zone::Local.date(context.now.utc);
    // Some may be of another method or of another host.
    let most = 2 * drift::MOST;
    let found = store.holding(METHOD_VERSION.name, most, MOST_DAYS, today, &wanted);
    let found = found.unwrap_or_default().into_iter();
    let own = found.filter(|sample| sample.host == host && is_of_method(&sample.values));
    own.map(|sample| sample.values).take(drift::MOST).collect()
}
