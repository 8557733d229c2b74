//! CPU time by mode, from the first line of `/proc/stat` (proc(5)). The percentages are shares of the time since
//! the previous line.

use anyhow::Context;

use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Share, Unit};

static PERCENT: Metric =
    Metric::rate("cpu_percent", Unit::Percent, "Share of CPU time not idle (and not waiting for disks) since the previous sample, all cores together.")
        .phrased("CPU {value}")
        .judged(Judged::warning(80.0).lasting(600.0))
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
.phrased("CPU waiting for disks {value}");
static STEAL: Metric = Metric::rate(
    "cpu_steal_percent",
    Unit::Percent,
    "Share of CPU time taken by the hypervisor for others.",
)
.phrased("CPU taken by the hypervisor {value}");
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

pub static COLLECTOR: Collector =
    Collector::new("cpu", &[&PERCENT, &USER, &SYSTEM, &IOWAIT, &STEAL, &TICKS], collect);

/// The order of the columns; guest time is part of user and nice.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let content = host.read("proc/stat")?;
    let ticks = parse(&content).context("could not understand /proc/stat: no line \"cpu\"")?;
    for (mode, count) in ticks {
        reading.values.set_for(&TICKS, mode, count);
    }
    Ok(())
}

/// Old kernels have fewer columns; what is missing is absent.
fn parse(content: &[u8]) -> Option<Vec<(&'static str, u64)>> {
    let line = content.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"cpu "))?;
    let columns = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let ticks: Vec<_> = MODES
        .iter()
        .zip(columns)
        .map_while(|(mode, column)| Some((*mode, column.parse().ok()?)))
        .collect();
    (ticks.len() >= 4).then_some(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_are_read_in_the_kernels_order() {
        let ticks = parse(b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4\n").unwrap();
        assert_eq!(ticks.first(), Some(&("user", 1)));
        assert_eq!(ticks.last(), Some(&("steal", 8)));
    }

    #[test]
    fn an_old_or_odd_line_gives_what_it_has() {
        assert_eq!(parse(b"cpu  1 2 3 4\n").map(|ticks| ticks.len()), Some(4));
        assert_eq!(parse(b"cpu  1 2 3 4 x 6\n").map(|ticks| ticks.len()), Some(4));
        assert_eq!(parse(b"cpu  1 x\n"), None);
        assert_eq!(parse(b""), None);
    }
}
