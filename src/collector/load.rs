//! Load averages, by sysinfo (`/proc/loadavg`, proc(5)).

use anyhow::Context;
use sysinfo::System;

use super::cpu::CORES;
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};

static LOAD1: Metric = Metric::gauge(
    "load1",
    Unit::Load,
    "Processes running or waiting for a CPU or a disk, averaged over 1 minute.",
)
.phrased("load {value}")
.in_overview();
static LOAD5: Metric = Metric::gauge("load5", Unit::Load, "The same over 5 minutes.")
    .phrased("load over 5 min {value}");
static LOAD15: Metric = Metric::gauge("load15", Unit::Load, "The same over 15 minutes.")
    .phrased("load over 15 min {value}");

static PER_CORE: Metric =
    Metric::gauge("load15_per_core", Unit::Load, "load15 divided by the number of cores.")
        .phrased("load over 15 min {value} a core")
        .judged(Judged::warning(2.0).until(1.75));

pub static COLLECTOR: Collector =
    Collector::new("load", &[&LOAD1, &LOAD5, &LOAD15, &PER_CORE], collect);

fn collect(_: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let load = System::load_average().context("could not read the load averages")?;
    reading.values.set(&LOAD1, load.one);
    reading.values.set(&LOAD5, load.five);
    reading.values.set(&LOAD15, load.fifteen);
    if let Some(cores) = reading.values.get(CORES.name, None) {
        reading.values.set(&PER_CORE, load.fifteen / cores);
    }
    Ok(())
}
