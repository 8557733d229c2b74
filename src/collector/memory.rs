//! Memory and swap, from `/proc/meminfo` (proc(5)). Percentages as `free` and psutil give them: total − available.

use anyhow::Context;

use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Values;

static PERCENT: Metric = Metric::gauge(
    "memory_percent",
    Unit::Percent,
    "Share of memory that is not available to programs.",
)
.phrased("memory {value} used")
.judged(&[Judged::warning(80.0)])
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

pub static COLLECTOR: Collector = Collector::new(
    "memory",
    &[&PERCENT, &USED, &AVAILABLE, &TOTAL, &SWAP_PERCENT, &SWAP_USED, &SWAP_TOTAL],
    collect,
);

struct Memory {
    total: u64,
    available: u64,
    swap_total: u64,
    swap_free: u64,
}

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let memory = parse(&host.read("proc/meminfo")?);
    let mut memory = memory.context("could not understand /proc/meminfo: no MemTotal")?;
    // What ZFS caches is given back like any cache, but the kernel does not count it as such. A container sees that of
    // its whole host.
    if !reading.contained {
        let cache = host.read_if_there("proc/spl/kstat/zfs/arcstats").unwrap_or_default();
        let cache = arc(&String::from_utf8_lossy(&cache)).unwrap_or(0);
        memory.available = memory.available.saturating_add(cache);
    }
    fill(&memory, &mut reading.values);
    Ok(())
}

/// How much of its cache ZFS would give back: `name type number`, one a line.
fn arc(text: &str) -> Option<u64> {
    let number = |name: &str| {
        let mut rows = text.lines().map(str::split_ascii_whitespace);
        let mut row = rows.find(|row| row.clone().next() == Some(name))?;
        row.nth(2)?.parse::<u64>().ok()
    };
    Some(number("size")?.saturating_sub(number("c_min")?))
}

/// Kernels before 3.14 name no `MemAvailable`; what can be dropped from the caches is then taken for available.
fn parse(content: &[u8]) -> Option<Memory> {
    let mut memory = Memory { total: 0, available: 0, swap_total: 0, swap_free: 0 };
    let (mut available, mut droppable) = (None, 0_u64);
    for line in content.split(|byte| *byte == b'\n') {
        let Some((name, bytes)) = field(line) else { continue };
        match name {
            "MemTotal" => memory.total = bytes,
            "MemAvailable" => available = Some(bytes),
            "MemFree" | "Buffers" | "Cached" | "SReclaimable" => {
                droppable = droppable.saturating_add(bytes);
            }
            "SwapTotal" => memory.swap_total = bytes,
            "SwapFree" => memory.swap_free = bytes,
            _ => {}
        }
    }
    memory.available = available.unwrap_or(droppable);
    (memory.total > 0).then_some(memory)
}

/// `Name:   123 kB`.
fn field(line: &[u8]) -> Option<(&str, u64)> {
    let (name, rest) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let kibibytes: u64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name, kibibytes.saturating_mul(1024)))
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
    fn the_table_is_read_by_name_and_odd_lines_are_left_out() {
        let memory = parse(b"MemTotal: 100 kB\nMemAvailable: 40 kB\nodd\nx: y kB\nSwapTotal: 8 kB\nSwapFree: 2 kB\n").unwrap();
        assert_eq!(
            (memory.total, memory.available, memory.swap_total, memory.swap_free),
            (102_400, 40_960, 8_192, 2_048)
        );
        assert!(parse(b"").is_none());
    }

    #[test]
    fn an_old_kernel_without_available_counts_what_it_could_drop() {
        assert_eq!(
            parse(b"MemTotal: 9 kB\nMemFree: 1 kB\nBuffers: 2 kB\nCached: 3 kB\n")
                .unwrap()
                .available,
            6_144
        );
    }

    #[test]
    fn what_zfs_would_give_back_is_available() {
        let text = "13 1 0x01 147 39984 5 9\nname type data\nc_min 4 100\nsize 4 900\nsize_x 4 1\n";
        assert_eq!((arc(text), arc("size 4 x\nc_min 4 1\n"), arc("")), (Some(800), None, None));
        assert_eq!(arc("size 4 9\nc_min 4 100\n"), Some(0));
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
