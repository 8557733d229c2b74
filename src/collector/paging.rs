//! What memory pressure leads to, from `/proc/vmstat` (proc(5)): pages to and from swap, pages read from disks, kills.

use super::container::field;
use super::{Collector, Host, Reading, read_text};
use crate::metric::Derived::Rate;
use crate::metric::{Judged, Metric, Unit};

static SWAP_IN_RATE: Metric =
    Metric::rate("swap_in_rate", Unit::BytesPerSecond, "Bytes read back from swap a second.")
        .phrased("{value} read from swap");
static SWAP_OUT_RATE: Metric =
    Metric::rate("swap_out_rate", Unit::BytesPerSecond, "Bytes written to swap a second.")
        .phrased("{value} written to swap");
static SWAP_IN: Metric = Metric::counter(
    "swap_in",
    Unit::Bytes,
    &[Rate(&SWAP_IN_RATE)],
    "Bytes read back from swap since boot.",
)
.apart();
static SWAP_OUT: Metric = Metric::counter(
    "swap_out",
    Unit::Bytes,
    &[Rate(&SWAP_OUT_RATE)],
    "Bytes written to swap since boot.",
)
.apart();
static FAULTS_RATE: Metric = Metric::rate(
    "major_faults_rate",
    Unit::PerSecond,
    "Page faults a second that had to wait for a disk.",
)
.phrased("{value} pages read by faults");
static FAULTS: Metric = Metric::counter(
    "major_faults",
    Unit::Count,
    &[Rate(&FAULTS_RATE)],
    "Page faults since boot that had to wait for a disk.",
)
.apart();
static KILLS: Metric = Metric::counter(
    "oom_kills",
    Unit::Count,
    &[],
    "Processes killed since boot because memory ran out; in a container its own.",
)
.phrased("{value} processes killed for lack of memory")
.from_boot()
.judged(&[Judged::warning(1.0).within(1_800.0)]);

/// In version 2 and 1.
const KILLS_OF_A_GROUP: [&str; 2] = ["memory.events", "memory/memory.oom_control"];

pub static COLLECTOR: Collector = Collector::new(
    "paging",
    &[&SWAP_IN, &SWAP_IN_RATE, &SWAP_OUT, &SWAP_OUT_RATE, &FAULTS, &FAULTS_RATE, &KILLS],
    collect,
);

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let content = host.read_if_there("proc/vmstat")?;
    let page = rustix::param::page_size() as u64;
    // Without swap, its traffic is nothing to speak of.
    let has_swap = reading.values.get("swap_total", None).is_some();
    for line in content.split(|byte| *byte == b'\n') {
        let (metric, scale) = match line {
            [b'p', b's', b'w', b'p', b'i', b'n', b' ', ..] if has_swap => (&SWAP_IN, page),
            [b'p', b's', b'w', b'p', b'o', b'u', b't', b' ', ..] if has_swap => (&SWAP_OUT, page),
            [b'p', b'g', b'm', b'a', ..] if line.starts_with(b"pgmajfault ") => (&FAULTS, 1),
            [b'o', b'o', b'm', ..] if line.starts_with(b"oom_kill ") => (&KILLS, 1),
            _ => continue,
        };
        if let Some(count) = last_number(line) {
            reading.values.set(metric, count.saturating_mul(scale));
        }
    }
    // A container sees its whole host's; its own stand in its control group.
    if reading.contained
        && let Some(count) = KILLS_OF_A_GROUP
            .iter()
            .find_map(|file| field(&read_text(&host.path("sys/fs/cgroup").join(file))?, "oom_kill"))
    {
        reading.values.set(&KILLS, count);
    }
    Ok(())
}

fn last_number(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.rsplit_once(' ')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture;
    use super::*;
    use crate::sample::Values;

    static SWAP: Metric = Metric::gauge("swap_total", Unit::Bytes, "Test.");

    fn collected(vmstat: &str, has_swap: bool) -> Values {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        std::fs::write(root.path().join("proc/vmstat"), vmstat).unwrap();
        let mut reading = Reading::default();
        if has_swap {
            reading.values.set(&SWAP, 1_u64);
        }
        collect(&fixture(root.path()), &mut reading).unwrap();
        reading.values
    }

    #[test]
    fn pages_are_bytes_and_the_rest_are_counts() {
        let text = "pswpin 2\npswpout x\npgmajfault 7\noom_kill 1\noom_kill_x 9\n";
        let values = collected(text, true);
        let page = rustix::param::page_size() as f64;
        assert_eq!(values.get("swap_in", None), Some(2.0 * page));
        assert_eq!(values.get("swap_out", None), None);
        assert_eq!(values.get("major_faults", None), Some(7.0));
        assert_eq!(values.get("oom_kills", None), Some(1.0));
    }

    #[test]
    fn a_container_counts_its_own_kills() {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("proc/vmstat", "oom_kill 9\n"),
            ("sys/fs/cgroup/memory.events", "oom 3\noom_kill 2\n"),
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let kills = |contained| {
            let mut reading = Reading { contained, ..Reading::default() };
            collect(&fixture(root.path()), &mut reading).unwrap();
            reading.values.get("oom_kills", None)
        };
        assert_eq!((kills(true), kills(false)), (Some(2.0), Some(9.0)));
        std::fs::remove_file(root.path().join("sys/fs/cgroup/memory.events")).unwrap();
        std::fs::create_dir(root.path().join("sys/fs/cgroup/memory")).unwrap();
        let old = root.path().join("sys/fs/cgroup/memory/memory.oom_control");
        std::fs::write(old, "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n").unwrap();
        assert_eq!(kills(true), Some(4.0));
    }

    #[test]
    fn without_swap_there_is_no_traffic_with_it() {
        assert_eq!(collected("pswpin 0\npswpout 0\n", false).get("swap_in", None), None);
    }
}
