//! Load averages, from `/proc/loadavg` (proc(5)).

use std::fs;
use std::os::unix::fs::MetadataExt;

use anyhow::Context;

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
static PER_CORE: Metric = Metric::gauge(
    "load15_per_core",
    Unit::Load,
    "load15 divided by the number of cores; absent where LXC gives a container cores of its own.",
)
.phrased("load over 15 min {value} a core")
.judged(&[Judged::warning(2.0).until(1.75)]);

pub static COLLECTOR: Collector =
    Collector::new("load", &[&LOAD1, &LOAD5, &LOAD15, &PER_CORE], collect);

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let content = host.read_if_there("proc/loadavg")?;
    if content.is_empty() {
        return Ok(());
    }
    let loads = parse(&content);
    let loads = loads.context("could not understand /proc/loadavg: no three numbers")?;
    let [one, five, fifteen] = loads;
    reading.values.set(&LOAD1, one);
    reading.values.set(&LOAD5, five);
    reading.values.set(&LOAD15, fifteen);
    let is_ours = !reading.contained || is_of_the_same(host);
    if let Some(cores) = reading.values.get(CORES.name, None).filter(|_| is_ours) {
        reading.values.set(&PER_CORE, fifteen / cores);
    }
    Ok(())
}

/// Whether the load is of those cores. LXC shows a container its own cores in a file of its own making, and beside them
/// mostly the load of the whole host.
fn is_of_the_same(host: &Host<'_>) -> bool {
    let served_by = |file: &str| fs::metadata(host.path(file)).map(|found| found.dev()).ok();
    let kernel = served_by("proc/version").or_else(|| served_by("proc"));
    served_by("proc/stat") == kernel
}

/// `0.42 0.38 0.31 1/123 4567`.
fn parse(content: &[u8]) -> Option<[f64; 3]> {
    let mut words = std::str::from_utf8(content).ok()?.split_ascii_whitespace();
    let mut load = || words.next()?.parse().ok().filter(|load: &f64| *load >= 0.0);
    Some([load()?, load()?, load()?])
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture;
    use super::*;

    #[test]
    fn the_load_of_another_is_not_held_against_ones_own_cores() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("proc")).unwrap();
        fs::write(root.path().join("proc/stat"), "").unwrap();
        let per_core = |contained| {
            let mut reading = Reading { contained, ..Reading::default() };
            reading.values.set(&CORES, 2);
            collect(&fixture(root.path()), &mut reading).unwrap();
            reading.values.get("load15_per_core", None)
        };
        fs::write(root.path().join("proc/loadavg"), "1 2 3 1/123 4567\n").unwrap();
        assert_eq!(per_core(true), Some(1.5));
        fs::remove_file(root.path().join("proc/stat")).unwrap();
        std::os::unix::fs::symlink("/proc/stat", root.path().join("proc/stat")).unwrap();
        assert_eq!((per_core(true), per_core(false)), (None, Some(1.5)));
    }

    #[test]
    fn three_numbers_are_the_loads_and_less_is_nothing() {
        assert_eq!(parse(b"0.42 0.38 0.31 1/123 4567\n"), Some([0.42, 0.38, 0.31]));
        assert_eq!(
            (parse(b"0.42 0.38\n"), parse(b"-1 2 3"), parse(b"NaN 1 1")),
            (None, None, None)
        );
    }
}
