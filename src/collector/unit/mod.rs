//! Units of systemd that failed or are started again and again, asked over the system's message bus. A host without
//! systemd or without the bus has none of these numbers; nothing is started in order to answer.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};

use super::bus::message::{Answer, Arguments, Call, Unit, path_label};
use super::bus::{Bus, SOCKET};
use super::watch::find::By;
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit as Measure};
use crate::sample::{Entry, Sample, Values};
use crate::series::label_text;

static FAILED_UNITS: Metric = Metric::gauge(
    "units_failed",
    Measure::Count,
    "Units of systemd that failed, those of hostwatch itself left out.",
)
.phrased("{value} failed units");
static FAILED: Metric = Metric::gauge(
    "unit_failed",
    Measure::Count,
    "1 for a unit of systemd that failed, 0 once it is well again, until the next boot.",
)
.labelled("unit")
.phrased_as_state("{label} has failed", "{label} has no longer failed")
.carried()
.judged(&[Judged::warning(1.0).lasting(300.0)]);
static RESTARTS: Metric = Metric::counter(
    "unit_restarts",
    Measure::Count,
    &[],
    "How often systemd started a service again by itself: each that waits for it now or did earlier in this boot, and each that is watched.",
)
.labelled("unit")
.phrased("{label} was started again {value} times")
.judged(&[Judged::warning(3.0).within(300.0)]);

pub static COLLECTOR: Collector =
    Collector::new("unit", &[&FAILED_UNITS, &FAILED, &RESTARTS], collect);

const LONGEST: Duration = Duration::from_secs(2);
const SYSTEMD: &str = "org.freedesktop.systemd1";
const UNITS: &str = "/org/freedesktop/systemd1/unit/";
/// Answers of a bus without systemd.
const NOBODY: &[&str] =
    &["org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.ServiceUnknown"];
const ASKED_STATES: &[&str] = &["failed", "auto-restart", "auto-restart-queued"];
/// Labels of one metric: one-off units with a name each must not make every line longer.
const MOST: usize = 64;

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let Some(mut bus) = Bus::open(host, LONGEST)? else { return Ok(()) };
    ask(&mut bus, host, &mut reading.values)
        .with_context(|| format!("could not ask systemd over {}", host.path(SOCKET).display()))
}

fn ask(bus: &mut Bus, host: &Host<'_>, values: &mut Values) -> anyhow::Result<()> {
    let known = known(host);
    let paths: Vec<String> =
        known.iter().map(|unit| format!("{UNITS}{}", path_label(unit))).collect();
    let calls: Vec<Call<'_>> =
        [list()].into_iter().chain(paths.iter().map(|path| restarts_of(path))).collect();
    let mut answers = bus.ask(&calls)?.into_iter();
    let units = match answers.next() {
        Some(Answer::Error(name)) if NOBODY.contains(&name.as_str()) => return Ok(()),
        Some(Answer::Error(name)) => bail!("it refuses to list units: {name}"),
        Some(Answer::Body(body)) => {
            body.units().context("the list of units is of no known shape")?
        }
        None => bail!("it did not list units"),
    };
    known.iter().zip(answers).for_each(|(unit, answer)| set_restarts(unit, &answer, values));
    let is_new =
        |unit: &&Unit| unit.sub_state.starts_with("auto-restart") && !known.contains(&unit.name);
    let new: Vec<&Unit> = units.iter().filter(is_new).take(MOST - known.len().min(MOST)).collect();
    if !new.is_empty() {
        let calls: Vec<Call<'_>> = new.iter().map(|unit| restarts_of(&unit.path)).collect();
        let answers = bus.ask(&calls)?;
        new.iter()
            .zip(answers)
            .for_each(|(unit, answer)| set_restarts(&unit.name, &answer, values));
    }
    set_failed(&units, host.last_of_this_boot(), values);
    Ok(())
}

/// Units whose restarts are counted whatever state they are in: the watched ones, and those of the line before.
fn known(host: &Host<'_>) -> BTreeSet<String> {
    let watched = host.settings.watch.iter().filter_map(|watch| match &watch.by {
        By::Unit(unit) => Some(unit.clone()),
        _ => None,
    });
    watched.chain(labels(host.last_of_this_boot(), &RESTARTS)).take(MOST).collect()
}

fn labels(line: Option<&Sample>, metric: &Metric) -> Vec<String> {
    match line.and_then(|line| line.values.entry(metric.name)) {
        Some(Entry::Labelled(labels)) => labels.iter().map(|(label, _)| label.clone()).collect(),
        _ => Vec::new(),
    }
}

fn list() -> Call<'static> {
    Call {
        destination: SYSTEMD,
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.systemd1.Manager",
        member: "ListUnitsFiltered",
        arguments: Arguments::List(ASKED_STATES),
        may_start: false,
    }
}

fn restarts_of(path: &str) -> Call<'_> {
    Call::property(SYSTEMD, path, "org.freedesktop.systemd1.Service", "NRestarts")
}

/// What is no service has no such number.
fn set_restarts(unit: &str, answer: &Answer, values: &mut Values) {
    if let Answer::Body(body) = answer
        && let Some(count) = body.number()
    {
        values.set_for(&RESTARTS, &label_text(unit.as_bytes()), u64::from(count));
    }
}

/// A unit of an earlier line that is well again stays, so that its alert ends.
fn set_failed(units: &[Unit], last: Option<&Sample>, values: &mut Values) {
    let is_failed = |unit: &&Unit| unit.active_state == "failed" && !is_ours(&unit.name);
    let failed: BTreeSet<String> =
        units.iter().filter(is_failed).map(|unit| label_text(unit.name.as_bytes())).collect();
    values.set(&FAILED_UNITS, failed.len() as u64);
    let well = labels(last, &FAILED).into_iter().filter(|label| !failed.contains(label));
    let both =
        failed.iter().map(|label| (label.clone(), 1_u64)).chain(well.map(|label| (label, 0)));
    for (label, value) in both.take(MOST) {
        values.set_for(&FAILED, &label, value);
    }
}

fn is_ours(unit: &str) -> bool {
    let kind = unit.rsplit('.').next();
    unit.starts_with(env!("CARGO_PKG_NAME")) && matches!(kind, Some("service" | "timer"))
}

#[cfg(test)]
mod tests;
