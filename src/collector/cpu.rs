//! CPU time by mode and what the scheduler does, from `/proc/stat` (proc(5)). The percentages are shares of the time
//! since the previous line; the busiest core's, of the time since the earlier reading.

use anyhow::Context;

use super::earlier::Earlier;
use super::{Collector, Host, Reading};
use crate::metric::Derived::Rate;
use crate::metric::{Judged, Metric, Share, Unit};
use crate::rates::is_reset;

static PERCENT: Metric =
    Metric::rate("cpu_percent", Unit::Percent, "Share of CPU time not idle (and not waiting for disks) since the previous sample, all cores together.")
        .phrased("CPU {value}")
        .judged(&[Judged::warning(80.0).lasting(600.0)])
        .in_overview();
static USER: Metric = Metric::rate(
    "cpu_user_percent",
    Unit::Percent,
    "Share of CPU time in programs, nice ones included.",
)
.phrased("CPU in programs {value}");
static SYSTEM: Metric =
    Metric::rate("cpu_system_percent", Unit::Percent, "Share of CPU time in the kernel.")
        .phrased("CPU in the kernel {value}");
static IOWAIT: Metric = Metric::rate(
    "cpu_iowait_percent",
    Unit::Percent,
    "Share of CPU time idle while waiting for disks.",
)
.phrased("CPU waiting for disks {value}")
.judged(&[Judged::warning(40.0).until(20.0).lasting(1_800.0)]);
static STEAL: Metric = Metric::rate(
    "cpu_steal_percent",
    Unit::Percent,
    "Share of CPU time taken by the hypervisor for others.",
)
.phrased("CPU taken by the hypervisor {value}")
.judged(&[Judged::warning(10.0).until(5.0).lasting(1_200.0)]);
static TICKS: Metric = Metric::ticks(
    "cpu_ticks",
    &[
        Share { metric: &PERCENT, of: &["user", "nice", "system", "irq", "softirq", "steal"] },
        Share { metric: &USER, of: &["user", "nice"] },
        Share { metric: &SYSTEM, of: &["system", "irq", "softirq"] },
        Share { metric: &IOWAIT, of: &["iowait"] },
        Share { metric: &STEAL, of: &["steal"] },
    ],
    "CPU time by mode since boot, in clock ticks.",
)
.labelled("mode");

static BUSIEST: Metric = Metric::rate(
    "cpu_busiest_percent",
    Unit::Percent,
    "The same as cpu_percent for the busiest core alone.",
)
.phrased("busiest core {value}");
pub(super) static CORES: Metric = Metric::gauge("cpu_cores", Unit::Count, "Cores in use.");
static SWITCHES_RATE: Metric = Metric::rate(
    "context_switches_rate",
    Unit::PerSecond,
    "Changes from one process to another a second.",
)
.phrased("context switches {value}");
static SWITCHES: Metric = Metric::counter(
    "context_switches",
    Unit::Count,
    &[Rate(&SWITCHES_RATE)],
    "Changes from one process to another since boot.",
)
.apart();
static FORKS_RATE: Metric =
    Metric::rate("forks_rate", Unit::PerSecond, "Processes and threads started a second.")
        .phrased("{value} processes started");
static FORKS: Metric = Metric::counter(
    "forks",
    Unit::Count,
    &[Rate(&FORKS_RATE)],
    "Processes and threads started since boot.",
)
.apart();
static RUNNING: Metric = Metric::gauge(
    "processes_running",
    Unit::Count,
    "Threads running or waiting for a CPU, this program's own included.",
)
.phrased("{value} threads running");
static BLOCKED: Metric = Metric::gauge(
    "processes_blocked",
    Unit::Count,
    "Threads waiting for a disk, which nothing can interrupt.",
)
.phrased("{value} threads waiting for a disk");

pub static COLLECTOR: Collector = Collector::new(
    "cpu",
    &[
        &PERCENT,
        &USER,
        &SYSTEM,
        &IOWAIT,
        &STEAL,
        &TICKS,
        &BUSIEST,
        &CORES,
        &SWITCHES,
        &SWITCHES_RATE,
        &FORKS,
        &FORKS_RATE,
        &RUNNING,
        &BLOCKED,
    ],
    collect,
);

/// The order of the columns; guest time is part of user and nice.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// What the file says.
#[derive(Default)]
struct Stat {
    all: Vec<u64>,
    /// Core, its busy ticks, and all of them.
    cores: Vec<(u32, u64, u64)>,
    switches: Option<u64>,
    forks: Option<u64>,
    running: Option<u64>,
    blocked: Option<u64>,
}

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let stat = parse(&host.read("proc/stat")?);
    let stat = stat.context("could not understand /proc/stat: no line \"cpu\"")?;
    for (mode, count) in MODES.iter().zip(&stat.all) {
        reading.values.set_for(&TICKS, mode, *count);
    }
    let cores = Some(stat.cores.len() as u64).filter(|count| *count > 0);
    for (metric, value) in [
        (&SWITCHES, stat.switches),
        (&FORKS, stat.forks),
        (&RUNNING, stat.running),
        (&BLOCKED, stat.blocked),
        (&CORES, cores),
    ] {
        if let Some(value) = value {
            reading.values.set(metric, value);
        }
    }
    if let Some(percent) = host.earlier.and_then(|earlier| busiest(&stat.cores, earlier)) {
        reading.values.set(&BUSIEST, percent);
    }
    reading.earlier.cores = stat.cores;
    Ok(())
}

/// Old kernels have fewer columns; what is missing is absent.
fn parse(content: &[u8]) -> Option<Stat> {
    let mut stat = Stat::default();
    for line in content.split(|byte| *byte == b'\n') {
        // By far the longest: every interrupt there is.
        if line.starts_with(b"intr") {
            continue;
        }
        let words = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
        let Some((name, rest)) = words else { continue };
        let first = || rest.trim_ascii().parse().ok();
        match name {
            "cpu" => stat.all = ticks(rest),
            "ctxt" => stat.switches = first(),
            "processes" => stat.forks = first(),
            "procs_running" => stat.running = first(),
            "procs_blocked" => stat.blocked = first(),
            _ => stat.cores.extend(core(name, rest)),
        }
    }
    (stat.all.len() >= 4).then_some(stat)
}

fn ticks(columns: &str) -> Vec<u64> {
    let columns = columns.split_ascii_whitespace().take(MODES.len());
    columns.map_while(|column| column.parse().ok()).collect()
}

/// Idle and waiting for disks are the fourth and fifth column.
fn core(name: &str, columns: &str) -> Option<(u32, u64, u64)> {
    let number = name.strip_prefix("cpu")?.parse().ok()?;
    let ticks = ticks(columns);
    let sum = |from: usize, count: usize| {
        let some = ticks.iter().skip(from).take(count);
        some.fold(0, |sum: u64, ticks| sum.saturating_add(*ticks))
    };
    let all = sum(0, MODES.len());
    Some((number, all.saturating_sub(sum(3, 2)), all))
}

/// A core that was not there before, or whose ticks fell, is unknown.
fn busiest(cores: &[(u32, u64, u64)], earlier: &Earlier) -> Option<f64> {
    let percent = |(number, busy, all): &(u32, u64, u64)| {
        let (_, before, all_before) = earlier.cores.iter().find(|(core, ..)| core == number)?;
        let (busy, all) = (busy.checked_sub(*before)?, all.checked_sub(*all_before)?);
        // Idle and waiting for disks may fall a little within a boot (proc(5)).
        let fell = busy.saturating_sub(all) as f64;
        let is_known = all > 0 && !is_reset(fell, busy as f64);
        is_known.then(|| (100.0 * busy as f64 / all as f64).min(100.0))
    };
    cores.iter().filter_map(percent).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &[u8] = b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4\ncpu3 10 0 0 80 10 0 0 0 0 0\nintr 5 1 2\nctxt 77\nbtime 1\nprocesses 9\nprocs_running 2\nprocs_blocked 1\n";

    #[test]
    fn the_modes_are_read_in_the_kernels_order() {
        assert_eq!(parse(STAT).unwrap().all, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn an_old_or_odd_line_gives_what_it_has() {
        let count = |text: &[u8]| parse(text).map(|stat| stat.all.len());
        assert_eq!(count(b"cpu  1 2 3 4\n"), Some(4));
        assert_eq!(count(b"cpu  1 2 3 4 x 6\n"), Some(4));
        assert_eq!((count(b"cpu  1 x\n"), count(b"")), (None, None));
    }

    #[test]
    fn the_scheduler_and_the_cores_stand_below() {
        let stat = parse(STAT).unwrap();
        assert_eq!((stat.switches, stat.forks), (Some(77), Some(9)));
        assert_eq!((stat.running, stat.blocked), (Some(2), Some(1)));
        assert_eq!(stat.cores, [(0, 6, 10), (3, 10, 100)]);
    }

    #[test]
    fn cores_are_counted_without_their_sum() {
        let count = |text: &[u8]| parse(text).map(|stat| stat.cores.len());
        assert_eq!(
            count(b"cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 0 0 0 0\nintr 1\ncpufreq 3\n"),
            Some(2)
        );
        assert_eq!(count(b"cpu  1 2 3 4\n"), Some(0));
    }

    #[test]
    fn the_busiest_core_has_the_largest_share_since_the_earlier_reading() {
        let cores = vec![(0, 100, 1_000), (1, 100, 1_000), (2, 7, 7)];
        let earlier = Earlier { cores, ..Earlier::default() };
        let now = [(0, 150, 1_100), (1, 190, 1_100), (2, 6, 7), (3, 9, 9)];
        assert_eq!(busiest(&now, &earlier), Some(90.0));
        assert_eq!(busiest(&now, &Earlier::default()), None);
    }

    #[test]
    fn a_core_whose_idle_time_fell_is_busy_for_no_more_than_all_of_it() {
        let earlier = Earlier { cores: vec![(0, 100, 1_000)], ..Earlier::default() };
        assert_eq!(busiest(&[(0, 110, 1_008)], &earlier), Some(100.0));
        assert_eq!(busiest(&[(0, 200, 1_001)], &earlier), None, "set back");
    }
}
