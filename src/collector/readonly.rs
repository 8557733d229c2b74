//! Whether file systems can be written, and which of them stopped by themselves: because of an error, not because
//! somebody mounted them so.

use super::Host;
use super::mountinfo::{Mount, Writing};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Values;

pub(super) static READ_ONLY: Metric = Metric::gauge(
    "filesystem_readonly",
    Unit::Count,
    "1 if nothing can be written to the file system, else 0.",
)
.labelled("mount")
.phrased_as_state("{label} is read-only", "{label} can be written again")
.carried()
.inhibits();
pub(super) static TURNED: Metric = Metric::gauge(
    "filesystem_turned_readonly",
    Unit::Count,
    "1 if the file system turned read-only though nobody mounted it so (or, of /, came back so): it could be written in an earlier sample, or is of a kind that only errors turn so; 0 once that is over; else absent.",
)
.labelled("mount")
.phrased_as_state("{label} turned read-only", "{label} is mounted as it should be again")
.judged(&[Judged::critical(1.0).until(0.0)])
.carried()
.inhibits();

pub(super) fn fill(host: &Host<'_>, mount: &Mount<'_>, label: &str, values: &mut Values) {
    values.set_for(&READ_ONLY, label, u64::from(mount.is_read_only()));
    let before = |metric: &Metric| host.last?.values.get(metric.name, Some(label));
    let turned = before(&TURNED);
    // One that never could be written is meant to be so, and one that always could has nothing to tell.
    let could_be_written = || turned == Some(1.0) || before(&READ_ONLY) == Some(0.0);
    let has_turned = match mount.writing {
        Writing::Possible => false,
        // Nobody means the root to be so after it was not: its check failed at boot.
        Writing::NotMeant => *mount.point == *b"/" && could_be_written(),
        Writing::NotPossible => could_be_written(),
        Writing::Failed => true,
    };
    if turned.is_some() || has_turned {
        values.set_for(&TURNED, label, u64::from(has_turned));
    }
}

#[cfg(test)]
mod tests {
    use super::super::filesystem::COLLECTOR;
    use super::super::filesystem::tests::table;
    use super::super::tests::fixture;
    use super::super::{Host, Reading};
    use super::*;
    use crate::sample::Sample;
    use crate::sample::read::{Wanted, line};

    /// What is told of a mount, by its own options and those of its file system, and what was told before.
    fn turned(mount: &str, kind: &str, options: &str, last: Option<(&Metric, u64)>) -> Option<f64> {
        let (own, whole) = options.split_once(' ').unwrap();
        let directory = table(&[&format!("28 1 8:1 / {mount} {own} - {kind} /dev/sda1 {whole}")]);
        let last: Option<Sample> = last.map(|(metric, number)| {
            let values = format!("\"{}\":{{\"{mount}\":{number}}}", metric.name);
            let text = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",{values}}}");
            line(text.as_bytes(), &Wanted::everything()).unwrap()
        });
        let mut reading = Reading::default();
        let host = Host { last: last.as_ref(), ..fixture(directory.path()) };
        (COLLECTOR.collect)(&host, &mut reading).unwrap();
        reading.values.get(TURNED.name, Some(mount))
    }

    const WRITABLE: Option<(&Metric, u64)> = Some((&READ_ONLY, 0));
    const TOLD: Option<(&Metric, u64)> = Some((&TURNED, 1));

    #[test]
    fn one_that_turned_read_only_is_told_until_it_can_be_written_again() {
        let of = |options, last| turned("/", "ext4", options, last);
        assert_eq!((of("rw rw", None), of("rw rw", WRITABLE)), (None, None));
        assert_eq!((of("rw ro", WRITABLE), of("rw ro", TOLD)), (Some(1.0), Some(1.0)));
        assert_eq!(of("rw rw", TOLD), Some(0.0));
        assert_eq!(of("rw ro", None), Some(1.0), "the kernel found an error");
        assert_eq!(of("rw ro", Some((&TURNED, 0))), Some(1.0), "and another one");
    }

    #[test]
    fn a_root_that_comes_back_read_only_was_not_meant_to() {
        let of = |last| turned("/", "ext4", "ro ro", last);
        assert_eq!((of(WRITABLE), of(TOLD)), (Some(1.0), Some(1.0)));
        assert_eq!(of(None), None, "it is meant to be so");
        assert_eq!(of(Some((&READ_ONLY, 1))), None, "it always was");
    }

    #[test]
    fn what_somebody_mounted_read_only_did_not_turn_so() {
        let of = |options, last| turned("/boot", "vfat", options, last);
        assert_eq!((of("ro ro", WRITABLE), of("ro rw", WRITABLE)), (None, None));
        assert_eq!(of("ro ro", TOLD), Some(0.0), "first by itself, then on purpose");
        assert_eq!(of("ro ro", Some((&TURNED, 0))), Some(0.0));
        assert_eq!(of("rw ro", Some((&TURNED, 0))), Some(1.0));
    }

    #[test]
    fn a_zfs_that_somebody_set_read_only_did_not_turn_so() {
        assert_eq!(turned("/tank", "zfs", "rw ro", WRITABLE), None);
    }

    #[test]
    fn a_kind_that_the_kernel_may_not_write_turned_only_if_it_once_was_written() {
        let of = |last| turned("/media/mac", "hfsplus", "rw ro", last);
        assert_eq!((of(None), of(Some((&READ_ONLY, 1)))), (None, None));
        assert_eq!((of(WRITABLE), of(TOLD)), (Some(1.0), Some(1.0)));
        assert_eq!(turned("/data", "xfs", "rw rw,emergency_ro", None), Some(1.0));
    }
}
