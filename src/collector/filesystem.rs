//! Space on file systems, by statvfs(3). Percentages as `df` gives them: used / (used + available). A mount that may
//! never answer is asked by another process.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use super::apart::{self, Question};
use super::mountinfo::{self, Mount};
use super::readonly;
use super::space::{self, Space, heard};
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::series::label_text;

static DISK_PERCENT: Metric =
    Metric::gauge("disk_percent", Unit::Percent, "Share of the root file system in use.")
        .phrased("/ {value} full")
        .judged(&[Judged::warning(90.0)])
        .of_capacity(&AVAILABLE, &TOTAL)
        .in_overview()
        .of_label("/");
static DISK_USED: Metric =
    Metric::gauge("disk_used", Unit::Bytes, "Bytes used on the root file system.")
        .phrased("{value} used on /");
static DISK_TOTAL: Metric =
    Metric::gauge("disk_total", Unit::Bytes, "Size of the root file system.");
pub static PERCENT: Metric =
    Metric::gauge("filesystem_percent", Unit::Percent, "Share of the file system in use.")
        .labelled("mount")
        .phrased("{label} {value} full")
        // `/` is left to `disk_percent`.
        .judged(&[Judged::warning(90.0).except(&["/"])])
        .of_capacity(&AVAILABLE, &TOTAL);
static USED: Metric = Metric::gauge("filesystem_used", Unit::Bytes, "Bytes used.")
    .labelled("mount")
    .phrased("{value} used on {label}");
static AVAILABLE: Metric = Metric::gauge(
    "filesystem_available",
    Unit::Bytes,
    "Bytes that ordinary users can still write.",
)
.labelled("mount")
.phrased("{value} free on {label}");
static TOTAL: Metric =
    Metric::gauge("filesystem_total", Unit::Bytes, "Size of the file system.").labelled("mount");

static INODES: Metric = Metric::gauge(
    "filesystem_inodes_percent",
    Unit::Percent,
    "Share of the inodes in use; absent where the file system makes them as it needs them.",
)
.labelled("mount")
.phrased("{label} {value} of its inodes used")
.judged(&[Judged::warning(90.0).until(80.0).and_critical(98.0)]);

pub static COLLECTOR: Collector = Collector::new(
    "filesystem",
    &[
        &DISK_PERCENT,
        &DISK_USED,
        &DISK_TOTAL,
        &PERCENT,
        &USED,
        &AVAILABLE,
        &TOTAL,
        &INODES,
        &readonly::READ_ONLY,
        &readonly::TURNED,
    ],
    collect,
);

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    // The table of PID 1 shows the host's mounts even where a sandbox has its own.
    let table = host.read("proc/1/mountinfo").or_else(|_| host.read("proc/self/mountinfo"));
    let mounts = match &table {
        Ok(content) => {
            let all = mountinfo::parse(content);
            reading.served = all.iter().any(|mount| mount.apart && !mount.is_of_the_kernel());
            mountinfo::select(&all, &host.settings.filesystems)
        }
        Err(error) => {
            failures.push(format!("{error:#}"));
            Vec::new()
        }
    };
    let root = (host.space)(host.root);
    match &root {
        Ok(space) if space.total > 0 => {
            reading.values.set(&DISK_PERCENT, space.percent());
            reading.values.set(&DISK_USED, space.used());
            reading.values.set(&DISK_TOTAL, space.total);
        }
        Ok(_) => {}
        Err(error) => failures.push(format!("could not measure /: {error}")),
    }
    let (apart, here): (Vec<_>, Vec<_>) =
        mounts.iter().partition(|mount| mount.apart && *mount.point != *b"/");
    for mount in here {
        if let (b"/", Ok(space)) = (&*mount.point, &root) {
            fill(host, mount, *space, reading);
        } else if let Some(space) = measure(host, mount) {
            failures.extend(take(host, mount, space, reading).err());
        }
    }
    measure_apart(host, &apart, reading, &mut failures);
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

/// `None`: a bound file (a container's /etc/hosts) is no file system to watch.
fn measure(host: &Host<'_>, mount: &Mount<'_>) -> Option<io::Result<Space>> {
    let path = below(host.root, &mount.point);
    let is_file = *mount.root != *b"/" && mount.kind != "btrfs" && path.is_file();
    (!is_file).then(|| (host.space)(&path))
}

/// For all mounts that may never answer together.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks about mounts that may never answer.
fn measure_apart(
    host: &Host<'_>,
    mounts: &[&Mount<'_>],
    reading: &mut Reading,
    failures: &mut Vec<String>,
) {
    let question = |mount: &&Mount<'_>| Question {
        about: mount.label(),
        word: space::WORD,
        path: below(host.root, &mount.point).into_os_string(),
    };
    let questions: Vec<Question> = mounts.iter().map(question).collect();
    let answers = apart::ask(host, &questions, PATIENCE, &mut reading.earlier.stuck);
    for (mount, answer) in mounts.iter().zip(answers) {
        failures.extend(match answer {
            Some(said) => take(host, mount, said.and_then(|text| heard(&text)), reading).err(),
            None => Some(silence(mount)),
        });
    }
}

/// The same words for as long as it lasts.
fn silence(mount: &Mount<'_>) -> String {
    let (seconds, source) = (PATIENCE.as_secs(), label_text(mount.source));
    let (label, kind) = (mount.label(), mount.kind);
    format!("could not measure {label}: no answer for {seconds} s ({kind} from {source})")
}

fn take(
    host: &Host<'_>,
    mount: &Mount<'_>,
    space: io::Result<Space>,
    reading: &mut Reading,
) -> Result<(), String> {
    match space {
        Ok(space) => fill(host, mount, space, reading),
        // Not ours to see, or not in our namespace: absent, not a failure.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
        }
        Err(error) => return Err(format!("could not measure {}: {error}", mount.label())),
    }
    Ok(())
}

fn fill(host: &Host<'_>, mount: &Mount<'_>, space: Space, reading: &mut Reading) {
    if space.total == 0 {
        return;
    }
    let (label, values) = (mount.label(), &mut reading.values);
    values.set_for(&PERCENT, &label, space.percent());
    values.set_for(&USED, &label, space.used());
    values.set_for(&AVAILABLE, &label, space.available);
    values.set_for(&TOTAL, &label, space.total);
    if let Some(percent) = space.inodes_percent() {
        values.set_for(&INODES, &label, percent);
    }
    readonly::fill(host, mount, &label, values);
}

fn below(root: &Path, point: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(point.strip_prefix(b"/").unwrap_or(point)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Filter;
    use super::super::Settings;
    use super::super::apart::Answer;
    use super::super::earlier::Stuck;
    use super::super::space::tests::SPACE;
    use super::super::tests::{fixture, tree};
    use super::*;

    pub(crate) fn table(lines: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("proc/1")).unwrap();
        let text = lines.join("\n");
        std::fs::write(directory.path().join("proc/1/mountinfo"), text).unwrap();
        directory
    }

    const ROOT: &str = "28 1 8:1 / / rw - ext4 /dev/sda1 rw";
    const NAS: &str = "29 28 0:40 / /mnt/nas rw - nfs4 server:/export rw,hard";

    #[test]
    fn an_empty_file_system_is_absent_rather_than_a_division_by_zero() {
        let (root, mut reading) = (tree("raspberry-pi-4"), Reading::default());
        let space = |_: &Path| Ok(Space { total: 0, ..SPACE });
        collect(&Host { space, ..fixture(&root) }, &mut reading).unwrap();
        assert!(reading.values.is_empty());
    }

    #[test]
    fn the_root_is_measured_without_a_mount_table_and_the_failure_is_told() {
        let mut reading = Reading::default();
        let error = collect(&fixture(Path::new("/nonexistent")), &mut reading).unwrap_err();
        assert!(format!("{error:#}").contains("mountinfo"));
        assert_eq!(reading.values.get("disk_percent", None), Some(84.2));
    }

    #[test]
    fn a_container_reads_its_own_table_and_shows_its_root() {
        let (root, mut reading) = (tree("container"), Reading::default());
        collect(&fixture(&root), &mut reading).unwrap();
        assert_eq!(reading.values.get("filesystem_percent", Some("/")), Some(84.2));
    }

    #[test]
    fn one_failing_mount_costs_the_others_nothing() {
        let (root, mut reading) = (tree("raspberry-pi-4"), Reading::default());
        let space = |path: &Path| {
            if path.ends_with("boot/firmware") {
                return Err(io::Error::from_raw_os_error(5));
            }
            Ok(SPACE)
        };
        let error = collect(&Host { space, ..fixture(&root) }, &mut reading).unwrap_err();
        assert!(format!("{error:#}").starts_with("could not measure /boot/firmware:"));
        assert_eq!(reading.values.get("filesystem_percent", Some("/")), Some(84.2));
    }
    fn with_nas(host: &Host<'_>) -> (Reading, Option<String>) {
        let directory = table(&[ROOT, NAS]);
        let filesystems = Filter { include: vec!["/mnt/nas".to_owned()], exclude: Vec::new() };
        let settings = Settings { filesystems, ..Settings::default() };
        // Nothing there is touched in this process.
        let space = |path: &Path| {
            assert!(!path.ends_with("mnt/nas"));
            Ok(SPACE)
        };
        let host = Host { root: directory.path(), settings: &settings, space, ..*host };
        let mut reading = Reading::default();
        let outcome = collect(&host, &mut reading);
        (reading, outcome.err().map(|error| format!("{error:#}")))
    }

    const SILENT: &str = "could not measure /mnt/nas: no answer for 5 s (nfs4 from server:/export)";

    #[test]
    fn a_mount_that_may_never_answer_is_asked_by_another_process() {
        let (reading, failure) = with_nas(&fixture(Path::new("/")));
        assert_eq!(failure, None);
        assert_eq!(reading.values.get("filesystem_percent", Some("/mnt/nas")), Some(84.2));
    }

    #[test]
    fn one_that_does_not_answer_is_told_and_remembered_and_costs_the_others_nothing() {
        let apart = |_: &[Question], _| vec![Answer::Silence { pid: 7, start: 8 }];
        let (reading, failure) = with_nas(&Host { apart, ..fixture(Path::new("/")) });
        assert_eq!(failure.as_deref(), Some(SILENT));
        assert_eq!(reading.values.get("filesystem_percent", Some("/")), Some(84.2));
        let stuck = Stuck { pid: 7, start: 8, about: "/mnt/nas".to_owned() };
        assert_eq!(reading.earlier.stuck, [stuck]);
    }

    #[test]
    fn while_somebody_waits_for_an_answer_nobody_else_asks() {
        let pid = std::process::id();
        let start = apart::started(pid).unwrap();
        let stuck = |start| [Stuck { pid, start, about: "/mnt/nas".to_owned() }];
        let apart = |_: &[Question], _| panic!("asked");
        let here = stuck(start);
        let host = Host { apart, stuck: &here, ..fixture(Path::new("/")) };
        let (reading, failure) = with_nas(&host);
        assert_eq!((failure.as_deref(), &*reading.earlier.stuck), (Some(SILENT), &here[..]));
        let other = stuck(start + 1);
        let (reading, failure) = with_nas(&Host { stuck: &other, ..fixture(Path::new("/")) });
        assert!(failure.is_none() && reading.earlier.stuck.is_empty(), "its number is used again");
    }

    #[test]
    fn inodes_are_measured_where_there_is_a_number_of_them() {
        let directory = table(&[ROOT]);
        let percent = |space| {
            let mut reading = Reading::default();
            collect(&Host { space, ..fixture(directory.path()) }, &mut reading).unwrap();
            reading.values.get(INODES.name, Some("/"))
        };
        let without = |_: &Path| Ok(Space { inodes: 0, inodes_free: 0, ..SPACE });
        assert_eq!((percent(|_| Ok(SPACE)), percent(without)), (Some(40.0), None));
    }
}
