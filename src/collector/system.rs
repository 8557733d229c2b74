//! The system as a whole: how long it is up and how much of that it slept, whether it wants to be started again, whether
//! its clock is right, who is logged in, and what it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Collector, Host, Reading, clock, read_text, read_whole};
use crate::continuity;
use crate::metric::{Judged, Metric, Unit};
use crate::series::label_text;

static UPTIME: Metric =
    Metric::gauge("uptime", Unit::Seconds, "Time since boot.").phrased("up {value}");
static SUSPENDED: Metric = Metric::gauge(
    continuity::SUSPENDED,
    Unit::Seconds,
    "Time suspended since boot; the uptime counts it in.",
)
.phrased("suspended for {value} since boot");
static REBOOT_REQUIRED: Metric = Metric::gauge(
    "reboot_required",
    Unit::Count,
    "1 if an upgrade asks for a reboot (/run/reboot-required), else 0.",
)
.phrased_as_state("a reboot is required", "no reboot is required")
.judged(&[Judged::warning(1.0).until(0.0).reminded_every(7.0 * 86_400.0)]);
static UNSYNCHRONIZED: Metric = Metric::gauge(
    "clock_unsynchronized",
    Unit::Count,
    "1 while nothing keeps the clock right, else 0: systemd-timesyncd has not yet set it, or else the kernel says so of any program, asked now and then; absent where nobody can tell.",
)
.phrased_as_state("the clock is not synchronized", "the clock is synchronized")
.judged(&[Judged::warning(1.0).until(0.0).lasting(1_020.0).reminded_every(7.0 * 86_400.0)]);
static USERS: Metric = Metric::gauge("users", Unit::Count, "Sessions of users who are logged in.")
    .phrased("{value} users logged in");

pub static COLLECTOR: Collector = Collector::new(
    "system",
    &[&UPTIME, &SUSPENDED, &REBOOT_REQUIRED, &UNSYNCHRONIZED, &USERS],
    collect,
);

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    reading.values.set(&UPTIME, host.uptime);
    reading.values.set(&SUSPENDED, host.suspended);
    let run = host.path("run");
    if run.is_dir() {
        let required = run.join("reboot-required").exists();
        reading.values.set(&REBOOT_REQUIRED, u64::from(required));
    }
    if let Some(synchronized) = clock::synchronized(host, &mut reading.earlier.clock) {
        reading.values.set(&UNSYNCHRONIZED, u64::from(!synchronized));
    }
    if let Some(users) = users(&run) {
        reading.values.set(&USERS, users);
    }
    reading.earlier.facts = facts_of_today(host);
    Ok(())
}

/// From utmp(5), or from logind where nobody writes that any more.
fn users(run: &Path) -> Option<u64> {
    match read_whole(&run.join("utmp")) {
        Ok(content) => Some(utmp_sessions(&content)),
        Err(_) => Some(logind_sessions(&run.join("systemd/sessions"))?),
    }
}

/// The length of a record: some architectures have longer times in it.
const RECORD: usize =
    if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) { 400 } else { 384 };
const USER_PROCESS: u8 = 7;

/// The type of a record is its first number.
fn utmp_sessions(content: &[u8]) -> u64 {
    let is_user = |record: &&[u8]| match record {
        [low, high, ..] => u16::from_ne_bytes([*low, *high]) == u16::from(USER_PROCESS),
        _ => false,
    };
    content.chunks_exact(RECORD).filter(is_user).count() as u64
}

/// One file each, with lines such as `CLASS=user` and `STATE=active`.
fn logind_sessions(directory: &Path) -> Option<u64> {
    let files = fs::read_dir(directory).ok()?.flatten();
    let is_user = |text: &String| {
        text.lines().any(|line| line == "CLASS=user" || line == "CLASS=user-early")
            && !text.lines().any(|line| line == "STATE=closing")
    };
    // A fifo that logind keeps for each session stands beside its file.
    let sessions = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
    let texts = sessions.filter_map(|file| read_text(&file.path()));
    Some(texts.filter(is_user).count() as u64)
}

/// They are read once a day and once a boot.
fn facts_of_today(host: &Host<'_>) -> BTreeMap<String, String> {
    let earlier = host.earlier.filter(|_| host.last_is_of_today());
    let known = earlier.filter(|earlier| !earlier.facts.is_empty());
    let read = || facts(host).map(|(name, text)| (name.to_owned(), text)).collect();
    known.map_or_else(read, |earlier| earlier.facts.clone())
}

/// Kernel, operating system (os-release(5)) and model (devicetree of a board, DMI of a PC).
fn facts(host: &Host<'_>) -> impl Iterator<Item = (&'static str, String)> {
    let text = |path: &str| read_text(&host.path(path));
    let shown = |text: String| Some(label_text(text.as_bytes())).filter(|text| !text.is_empty());
    let system = text("etc/os-release").or_else(|| text("usr/lib/os-release"));
    let model = text("sys/firmware/devicetree/base/model")
        .or_else(|| text("sys/class/dmi/id/product_name"));
    let facts = [
        ("kernel", text("proc/sys/kernel/osrelease")),
        ("model", model.map(|model| model.trim_end_matches('\0').trim().to_owned())),
        ("system", system.and_then(|text| pretty_name(&text))),
    ];
    facts.into_iter().filter_map(move |(name, text)| Some((name, text.and_then(shown)?)))
}

/// `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"`.
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture;
    use super::*;

    fn collected(files: &[(&str, &[u8])]) -> Reading {
        let root = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut reading = Reading::default();
        collect(&fixture(root.path()), &mut reading).unwrap();
        reading
    }

    #[test]
    fn records_of_users_are_counted_and_others_are_not() {
        let mut content = vec![0; 3 * RECORD + 5];
        content[..2].copy_from_slice(&7_u16.to_ne_bytes());
        content[RECORD..RECORD + 2].copy_from_slice(&8_u16.to_ne_bytes());
        content[2 * RECORD..2 * RECORD + 2].copy_from_slice(&7_u16.to_ne_bytes());
        assert_eq!(utmp_sessions(&content), 2);
    }

    #[test]
    fn without_utmp_the_sessions_of_logind_count() {
        let values = collected(&[
            ("run/systemd/sessions/1", b"UID=0\nCLASS=user\nSTATE=active\n"),
            ("run/systemd/sessions/2", b"CLASS=user\nSTATE=closing\n"),
            ("run/systemd/sessions/c1", b"CLASS=manager\nSTATE=active\n"),
        ]);
        assert_eq!(values.values.get("users", None), Some(1.0));
    }

    #[test]
    fn a_clock_that_nobody_keeps_is_a_flag() {
        let of =
            |files: &[(&str, &[u8])]| collected(files).values.get("clock_unsynchronized", None);
        assert_eq!(of(&[("run/x", b"")]), None);
        assert_eq!(of(&[("run/systemd/timesync/x", b"")]), Some(1.0));
        assert_eq!(of(&[("run/systemd/timesync/synchronized", b"")]), Some(0.0));
    }

    #[test]
    fn a_required_reboot_is_a_flag() {
        let of = |files: &[(&str, &[u8])]| collected(files).values.get("reboot_required", None);
        assert_eq!((of(&[]), of(&[("run/x", b"")])), (None, Some(0.0)));
        assert_eq!(of(&[("run/reboot-required", b"*** System restart required ***\n")]), Some(1.0));
    }

    #[test]
    fn the_host_says_what_it_is() {
        let facts = collected(&[
            ("proc/sys/kernel/osrelease", b"6.12.25+rpt-rpi-v8\n"),
            ("etc/os-release", b"ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("sys/firmware/devicetree/base/model", b"Raspberry Pi 4 Model B Rev 1.4\0"),
        ])
        .earlier
        .facts;
        assert_eq!(facts["kernel"], "6.12.25+rpt-rpi-v8");
        assert_eq!(facts["system"], "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(facts["model"], "Raspberry Pi 4 Model B Rev 1.4");
    }
}
