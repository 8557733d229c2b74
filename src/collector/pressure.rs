//! Pressure stall information, from `/proc/pressure` (kernel: accounting/psi): how long tasks waited for CPU, memory or
//! disks. Percentages are shares of the time since the previous line. Raspberry Pi OS has it off unless the kernel is
//! started with `psi=1`: then it is absent.

use super::{Collector, Host, Reading, read_text};
use crate::metric::Derived::Busy;
use crate::metric::{Metric, Unit};

const MICROSECONDS: u32 = 1_000_000;

static SOME_PERCENT: Metric = Metric::rate(
    "pressure_some_percent",
    Unit::Percent,
    "Share of time in which some task waited for the resource.",
)
.labelled("resource")
.phrased("tasks waiting for {label} {value} of the time");
static FULL_PERCENT: Metric = Metric::rate(
    "pressure_full_percent",
    Unit::Percent,
    "Share of time in which every task that could have run waited for the resource.",
)
.labelled("resource")
.phrased("all tasks waiting for {label} {value} of the time");
static SOME: Metric = Metric::counter(
    "pressure_some",
    Unit::Count,
    &[Busy(&SOME_PERCENT, MICROSECONDS)],
    "Microseconds since boot in which some task waited.",
)
.labelled("resource")
.apart();
static FULL: Metric = Metric::counter(
    "pressure_full",
    Unit::Count,
    &[Busy(&FULL_PERCENT, MICROSECONDS)],
    "Microseconds since boot in which every task waited.",
)
.labelled("resource")
.apart();

pub static COLLECTOR: Collector =
    Collector::new("pressure", &[&SOME_PERCENT, &FULL_PERCENT, &SOME, &FULL], collect);

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    for resource in ["cpu", "memory", "io"] {
        let Some(text) = read_text(&host.path("proc/pressure").join(resource)) else { continue };
        if let Some(total) = total(&text, "some") {
            reading.values.set_for(&SOME, resource, total);
        }
        // Some task always has the CPU: for the host as a whole the kernel gives 0.
        if let (Some(total), false) = (total(&text, "full"), resource == "cpu") {
            reading.values.set_for(&FULL, resource, total);
        }
    }
    Ok(())
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`.
fn total(text: &str, kind: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
    line.rsplit_once("total=")?.1.trim_ascii().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IO: &str = "some avg10=0.31 avg60=0.10 avg300=0.02 total=1234567\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=999\n";

    #[test]
    fn the_totals_are_read_by_kind() {
        assert_eq!((total(IO, "some"), total(IO, "full")), (Some(1_234_567), Some(999)));
    }

    #[test]
    fn an_old_kernel_has_no_full_for_cpu_and_odd_text_has_nothing() {
        let cpu = "some avg10=0.00 total=7\n";
        assert_eq!(
            (total(cpu, "some"), total(cpu, "full"), total("x", "some")),
            (Some(7), None, None)
        );
    }
}
