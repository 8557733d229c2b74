//! The limits of the container that the program runs in, beside the host's numbers, from its control group (kernel:
//! admin-guide/cgroup-v2; cgroup-v1/memory). A host's root group has no limits and so none of this.

use super::{Collector, Host, Reading, read_text};
use crate::metric::Derived::Busy;
use crate::metric::{Judged, Metric, Unit};

static MEMORY_PERCENT: Metric = Metric::gauge(
    "container_memory_percent",
    Unit::Percent,
    "Share of the container's memory limit in use, without what can be dropped.",
)
.phrased("container memory {value} used")
.judged(&[Judged::warning(90.0).and_critical(98.0).until(80.0)]);
static MEMORY_USED: Metric = Metric::gauge(
    "container_memory_used",
    Unit::Bytes,
    "Memory of the container in use, without what can be dropped.",
)
.phrased("container memory in use {value}");
static MEMORY_LIMIT: Metric = Metric::gauge(
    "container_memory_limit",
    Unit::Bytes,
    "Memory that the container may have; absent without a limit.",
);
static CPU_LIMIT: Metric = Metric::gauge(
    "container_cpu_limit",
    Unit::Load,
    "Cores that the container may keep busy; absent without a limit.",
);
static THROTTLED_PERCENT: Metric = Metric::rate(
    "container_throttled_percent",
    Unit::Percent,
    "Share of time in which the container had to wait because of its limit of CPU time.",
)
.phrased("container held back {value} of the time");
static THROTTLED: Metric = Metric::counter(
    "container_throttled",
    Unit::Count,
    &[Busy(&THROTTLED_PERCENT, 1_000_000)],
    "Microseconds in which the container had to wait because of its limit of CPU time.",
)
.apart();

pub static COLLECTOR: Collector = Collector::new(
    "container",
    &[&MEMORY_PERCENT, &MEMORY_USED, &MEMORY_LIMIT, &CPU_LIMIT, &THROTTLED_PERCENT, &THROTTLED],
    collect,
);

/// Version 1 writes "no limit" as the largest number of pages there is.
const NO_LIMIT: u64 = 1 << 60;

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let directory = host.path("sys/fs/cgroup");
    let text = |file: &str| read_text(&directory.join(file));
    let Some(limit) = text("memory.max") else {
        version_1(host, reading);
        return Ok(());
    };
    reading.contained = true;
    let used = text("memory.current").and_then(|text| text.parse().ok());
    let droppable = text("memory.stat")
        .map(|text| droppable(&text, &["active_file", "inactive_file", "slab_reclaimable"]));
    memory(limit.parse().ok(), used, droppable, reading);
    if let Some(cores) = text("cpu.max").and_then(|text| cores(&text)) {
        reading.values.set(&CPU_LIMIT, cores);
        if let Some(microseconds) = text("cpu.stat").and_then(|text| field(&text, "throttled_usec"))
        {
            reading.values.set(&THROTTLED, microseconds);
        }
    }
    Ok(())
}

fn version_1(host: &Host<'_>, reading: &mut Reading) {
    let directory = host.path("sys/fs/cgroup/memory");
    let text = |file: &str| read_text(&directory.join(file));
    let limit = text("memory.limit_in_bytes").and_then(|text| text.parse().ok());
    let Some(limit) = limit.filter(|limit| *limit < NO_LIMIT) else { return };
    reading.contained = true;
    let used = text("memory.usage_in_bytes").and_then(|text| text.parse().ok());
    let droppable = text("memory.stat")
        .map(|text| droppable(&text, &["total_active_file", "total_inactive_file"]));
    memory(Some(limit), used, droppable, reading);
}

fn memory(limit: Option<u64>, used: Option<u64>, droppable: Option<u64>, reading: &mut Reading) {
    let used = used.map(|used| used.saturating_sub(droppable.unwrap_or(0)));
    if let Some(used) = used {
        reading.values.set(&MEMORY_USED, used);
    }
    if let Some(limit) = limit.filter(|limit| *limit > 0) {
        reading.values.set(&MEMORY_LIMIT, limit);
        if let Some(used) = used {
            reading.values.set(&MEMORY_PERCENT, 100.0 * used as f64 / limit as f64);
        }
    }
}

/// What the kernel lets go of before anybody is killed, however lately it was used.
fn droppable(text: &str, fields: &[&str]) -> u64 {
    fields.iter().filter_map(|name| field(text, name)).fold(0, u64::saturating_add)
}

/// `name number`, one a line.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// `200000 100000`: so many microseconds of CPU time in each so many; or `max 100000`.
fn cores(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.trim().parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture;
    use super::*;
    use crate::sample::Values;

    fn collected(files: &[(&str, &str)]) -> Values {
        let root = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = root.path().join("sys/fs/cgroup").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let mut reading = Reading::default();
        collect(&fixture(root.path()), &mut reading).unwrap();
        reading.values
    }

    #[test]
    fn a_limited_container_shows_its_limits() {
        let values = collected(&[
            ("memory.max", "1000\n"),
            ("memory.current", "600\n"),
            ("memory.stat", "anon 1\ninactive_file 60\nactive_file 30\nslab_reclaimable 10\n"),
            ("cpu.max", "150000 100000\n"),
            ("cpu.stat", "usage_usec 7\nthrottled_usec 42\n"),
        ]);
        assert_eq!(values.get("container_memory_percent", None), Some(50.0));
        assert_eq!(values.get("container_cpu_limit", None), Some(1.5));
        assert_eq!(values.get("container_throttled", None), Some(42.0));
    }

    #[test]
    fn without_limits_there_is_only_what_is_used() {
        let values = collected(&[
            ("memory.max", "max\n"),
            ("memory.current", "600\n"),
            ("cpu.max", "max 100000\n"),
        ]);
        assert_eq!(values.get("container_memory_used", None), Some(600.0));
        assert_eq!(values.get("container_memory_limit", None), None);
        assert_eq!(values.get("container_cpu_limit", None), None);
    }

    #[test]
    fn a_host_of_its_own_has_none_of_it() {
        assert!(collected(&[]).is_empty());
        let unlimited = ("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert!(collected(&[unlimited]).is_empty());
    }

    #[test]
    fn version_1_has_the_same_under_other_names() {
        let values = collected(&[
            ("memory/memory.limit_in_bytes", "2000\n"),
            ("memory/memory.usage_in_bytes", "500\n"),
        ]);
        assert_eq!(values.get("container_memory_percent", None), Some(25.0));
    }
}
