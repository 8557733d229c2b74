//! Memory and swap, by sysinfo (`/proc/meminfo`). Percentages as `free` and psutil give them: total − available.

use anyhow::{Context, bail};
use sysinfo::System;

use super::{Collector, Host, Reading};
use crate::metric::{Metric, Unit};
use crate::sample::Values;

static PERCENT: Metric = Metric::gauge(
    "memory_percent",
    Unit::Percent,
    "Share of memory that is not available to programs.",
)
.phrased("memory {value} used")
.of_capacity(&AVAILABLE, &TOTAL)
.in_overview();
static USED: Metric =
    Metric::gauge("memory_used", Unit::Bytes, "Memory that is not available to programs.")
        .phrased("memory in use {value}");
static AVAILABLE: Metric = Metric::gauge(
    "memory_available",
    Unit::Bytes,
    "Memory that programs can have without swapping.",
)
.phrased("{value} of memory available");
static TOTAL: Metric = Metric::gauge("memory_total", Unit::Bytes, "All memory.");
static SWAP_PERCENT: Metric =
    Metric::gauge("swap_percent", Unit::Percent, "Share of swap space in use.")
        .phrased("swap {value} used");
static SWAP_USED: Metric =
    Metric::gauge("swap_used", Unit::Bytes, "Swap space in use.").phrased("swap in use {value}");
static SWAP_TOTAL: Metric = Metric::gauge("swap_total", Unit::Bytes, "All swap space.");

pub static COLLECTOR: Collector = Collector {
    name: "memory",
    metrics: &[&PERCENT, &USED, &AVAILABLE, &TOTAL, &SWAP_PERCENT, &SWAP_USED, &SWAP_TOTAL],
    collect,
};

struct Memory {
    total: u64,
    available: u64,
    swap_total: u64,
    swap_free: u64,
}

fn collect(_: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let mut system = System::new().context("could not read /proc/meminfo")?;
    system.refresh_memory();
    let memory = Memory {
        total: system.total_memory(),
        available: system.available_memory(),
        swap_total: system.total_swap(),
        swap_free: system.free_swap(),
    };
    if memory.total == 0 {
        bail!("could not read /proc/meminfo: no total");
    }
    fill(&memory, &mut reading.values);
    Ok(())
}

/// Containers may report more available than there is; that is then all of it.
fn fill(memory: &Memory, values: &mut Values) {
    let used = memory.total.saturating_sub(memory.available);
    values.set(&PERCENT, 100.0 * used as f64 / memory.total as f64);
    values.set(&USED, used);
    values.set(&AVAILABLE, memory.available.min(memory.total));
    values.set(&TOTAL, memory.total);
    if memory.swap_total > 0 {
        let used = memory.swap_total.saturating_sub(memory.swap_free);
        values.set(&SWAP_PERCENT, 100.0 * used as f64 / memory.swap_total as f64);
        values.set(&SWAP_USED, used);
        values.set(&SWAP_TOTAL, memory.swap_total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(total: u64, available: u64, swap_total: u64, swap_free: u64) -> Values {
        let mut values = Values::default();
        fill(&Memory { total, available, swap_total, swap_free }, &mut values);
        values
    }

    #[test]
    fn used_is_what_is_not_available() {
        let values = filled(1_000, 569, 100, 75);
        assert_eq!(
            (values.get("memory_percent", None), values.get("memory_used", None)),
            (Some(43.1), Some(431.0))
        );
        assert_eq!(values.get("swap_percent", None), Some(25.0));
    }

    #[test]
    fn more_available_than_there_is_is_none_used() {
        let values = filled(1_000, 4_000, 10, 20);
        assert_eq!(
            (values.get("memory_percent", None), values.get("memory_available", None)),
            (Some(0.0), Some(1_000.0))
        );
        assert_eq!(values.get("swap_used", None), Some(0.0));
    }

    #[test]
    fn a_host_without_swap_has_no_swap_metrics() {
        assert_eq!(filled(1_000, 500, 0, 0).get("swap_percent", None), None);
    }
}
