//! Processes, from one read of `/proc/PID/stat` each (proc(5)): how many, how many threads, and the busiest and
//! largest ones. CPU is in per cent of one core over the time since the earlier reading, as `top` shows it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::bail;
use sysinfo::Users;

use super::command::command;
use super::earlier::{Earlier, Limits};
use super::scan::{self, Stat, scan};
use super::{Collector, Host, Reading, read_text};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Process;
use crate::series::label_text;

static PROCESSES: Metric =
    Metric::gauge("processes", Unit::Count, "Processes.").phrased("{value} processes");
static THREADS: Metric =
    Metric::gauge("threads", Unit::Count, "Threads of all processes.").phrased("{value} threads");
static ZOMBIES: Metric = Metric::gauge(
    "processes_zombie",
    Unit::Count,
    "Processes that ended and whose parent has not yet asked how.",
)
.phrased("{value} zombie processes")
.judged(&[Judged::warning(20.0).lasting(1_800.0)]);
static THREADS_PERCENT: Metric = Metric::gauge(
    "threads_percent",
    Unit::Percent,
    "Threads of all processes as a share of what the kernel allows: the smaller of kernel.threads-max and kernel.pid_max.",
)
.phrased("threads at {value} of the kernel's limit")
.judged(&[Judged::warning(80.0)]);
static FILES: Metric = Metric::gauge(
    "files_open",
    Unit::Count,
    "Open files of the whole host; not read where nobody can reach the limit (fs.file-max above a million), as counting costs time.",
)
.phrased("{value} open files");
static FILES_PERCENT: Metric = Metric::gauge(
    "files_percent",
    Unit::Percent,
    "Open files of the whole host as a share of fs.file-max; absent where files_open is.",
)
.phrased("open files at {value} of the kernel's limit")
.judged(&[Judged::warning(90.0)]);

pub static COLLECTOR: Collector = Collector::new(
    "process",
    &[&PROCESSES, &THREADS, &THREADS_PERCENT, &ZOMBIES, &FILES, &FILES_PERCENT],
    collect,
);

/// How many lead by CPU, and how many by memory.
const LEADERS: usize = 5;
/// A limit that nobody reaches.
const MANY_FILES: u64 = 1_000_000;

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let stats = scan(&host.path("proc"), host.earlier)?;
    if !stats.iter().any(|stat| stat.pid == 1) && others_are_hidden(host) {
        bail!(
            "could not see the processes of other users: /proc is mounted with hidepid; name a group there with gid=, and add the user that runs this to it"
        );
    }
    reading.values.set(&PROCESSES, stats.len() as u64);
    let threads = stats.iter().fold(0, |sum: u64, stat| sum.saturating_add(stat.threads));
    reading.values.set(&THREADS, threads);
    reading.values.set(&ZOMBIES, stats.iter().filter(|stat| stat.is_zombie()).count() as u64);
    let memory_total = reading.values.get("memory_total", None).unwrap_or(0.0);
    let mut top = top(&stats, host.earlier, host.uptime, memory_total);
    name(&host.path("proc"), &mut top);
    reading.top = top;
    let mut by_process: Vec<_> =
        stats.iter().map(|stat| (stat.pid, stat.start, stat.ticks)).collect();
    by_process.sort_unstable();
    reading.earlier.processes = by_process;
    reading.stats = Some(stats);
    limits(host, threads, reading)
}

/// Whether `/proc` is mounted so that one sees one's own processes alone (proc(5)): what is not seen is not missing.
fn others_are_hidden(host: &Host<'_>) -> bool {
    let table = host.read("proc/self/mountinfo").unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let mut mounts =
        table.lines().filter(|line| line.contains(" /proc ") && line.contains(" - proc "));
    mounts.any(|line| {
        let mut options =
            line.split([' ', ',']).filter_map(|option| option.strip_prefix("hidepid="));
        options.any(|level| !matches!(level, "0" | "off"))
    })
}

/// How much of what the kernel allows is in use.
fn limits(host: &Host<'_>, threads: u64, reading: &mut Reading) -> anyhow::Result<()> {
    let most = match host.earlier.and_then(|earlier| earlier.limits) {
        Some(known) if host.last_is_of_today() => known,
        _ => read_limits(host)?,
    };
    reading.earlier.limits = Some(most);
    if let Some(most) = Some(most.threads).filter(|most| *most > 0) {
        reading.values.set(&THREADS_PERCENT, 100.0 * threads as f64 / most as f64);
    }
    if let Some(most) = Some(most.files).filter(|most| (1..=MANY_FILES).contains(most))
        && let Some(open) = number(host, "proc/sys/fs/file-nr")?
    {
        reading.values.set(&FILES, open);
        reading.values.set(&FILES_PERCENT, 100.0 * open as f64 / most as f64);
    }
    Ok(())
}

/// They hardly ever change, and are read once a day and once a boot.
fn read_limits(host: &Host<'_>) -> anyhow::Result<Limits> {
    let threads_max = number(host, "proc/sys/kernel/threads-max")?;
    let pid_max = number(host, "proc/sys/kernel/pid_max")?;
    let files = number(host, "proc/sys/fs/file-max")?;
    let threads = threads_max.into_iter().chain(pid_max).min();
    Ok(Limits { threads: threads.unwrap_or(0), files: files.unwrap_or(0) })
}

/// The first number of a file, if it is there.
fn number(host: &Host<'_>, path: &str) -> anyhow::Result<Option<u64>> {
    let path = host.path(path);
    let Some(text) = read_text(&path) else { return Ok(None) };
    match text.split_whitespace().next().and_then(|word| word.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => bail!("could not understand {}: \"{}\"", path.display(), text.escape_default()),
    }
}

/// CPU time since the earlier reading, in per cent of one core.
pub(super) fn cpu_percent(stat: &Stat, earlier: Option<&Earlier>, uptime: f64) -> Option<f64> {
    let earlier = earlier?;
    let elapsed = Some(uptime - earlier.uptime).filter(|elapsed| *elapsed > 0.0)?;
    let known = earlier.process(stat.pid, stat.start);
    // One that was not read at every run: nobody knows when it began to work.
    if stat.kernel && known == Some(0) && stat.ticks > 0 {
        return None;
    }
    // One that started since had no ticks before.
    let before = known.unwrap_or(0);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some(100.0 * stat.ticks.saturating_sub(before) as f64 / per_second / elapsed)
}

/// The leaders by CPU and by memory, sorted by CPU, without those under 1 % of both.
fn top(stats: &[Stat], earlier: Option<&Earlier>, uptime: f64, memory_total: f64) -> Vec<Process> {
    let page = rustix::param::page_size() as u64;
    let percent =
        |stat: &Stat| cpu_percent(stat, earlier, uptime).map(|share| Unit::Percent.round(share));
    let measured: Vec<(Option<f64>, u64, &Stat)> =
        stats.iter().map(|stat| (percent(stat), stat.pages.saturating_mul(page), stat)).collect();
    let cpu = |at: &usize| measured.get(*at).and_then(|one| one.0).unwrap_or(0.0);
    let memory = |at: &usize| measured.get(*at).map_or(0, |one| one.1);
    let mut order: Vec<usize> = (0..measured.len()).collect();
    let mut leaders = BTreeSet::new();
    order.sort_by_key(|at| std::cmp::Reverse(memory(at)));
    leaders.extend(
        order.iter().take(LEADERS).copied().filter(|at| memory(at) as f64 * 100.0 >= memory_total),
    );
    order.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)));
    leaders.extend(order.iter().take(LEADERS).copied().filter(|at| cpu(at) >= 1.0));
    let mut chosen: Vec<usize> = leaders.into_iter().collect();
    chosen.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)).then(memory(b).cmp(&memory(a))));
    let process = |(percent, memory, stat): &(Option<f64>, u64, &Stat)| Process {
        pid: stat.pid,
        name: stat.name.clone(),
        user: String::new(),
        cpu_percent: *percent,
        memory: *memory,
        command: String::new(),
    };
    chosen.iter().filter_map(|at| measured.get(*at)).map(process).collect()
}

/// The owner of `/proc/PID` is the process's effective user; kernel threads were read without their names, and have no
/// command line.
fn name(proc: &Path, top: &mut [Process]) {
    if top.is_empty() {
        return;
    }
    let users = Users::new_with_refreshed_list().ok();
    for process in top {
        if process.name.is_empty() {
            process.name = scan::name(proc, process.pid);
        }
        let cmdline = scan::command_line(proc, process.pid);
        process.command = command(&cmdline, &process.name).unwrap_or_default();
        let Ok(metadata) = fs::metadata(proc.join(process.pid.to_string())) else { continue };
        let known =
            users.iter().flat_map(|users| users.iter()).find(|user| **user.id() == metadata.uid());
        process.user = known
            .map_or_else(|| metadata.uid().to_string(), |user| label_text(user.name().as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fixture, tree};
    use super::*;

    fn stat(pid: u32, ticks: u64, pages: u64) -> Stat {
        let (name, state, kernel) = (format!("p{pid}"), b'S', false);
        Stat { pid, name, state, kernel, start: 7, ticks, threads: 1, pages }
    }

    fn earlier(ticks: &[(u32, u64)]) -> Earlier {
        Earlier {
            uptime: 100.0,
            processes: ticks.iter().map(|(pid, ticks)| (*pid, 7, *ticks)).collect(),
            ..Earlier::default()
        }
    }

    #[test]
    fn cpu_is_per_cent_of_one_core_since_the_earlier_reading() {
        let top = top(&[stat(1, 1_500, 0)], Some(&earlier(&[(1, 500)])), 110.0, 1e12);
        assert_eq!(top.first().and_then(|process| process.cpu_percent), Some(100.0));
    }

    #[test]
    fn a_pid_that_was_used_again_starts_from_nothing() {
        let mut new = stat(1, 100, 0);
        new.start = 9_000;
        let top = top(&[new], Some(&earlier(&[(1, 50)])), 110.0, 1e12);
        assert_eq!(top.first().and_then(|process| process.cpu_percent), Some(10.0));
    }

    #[test]
    fn the_leaders_by_cpu_and_by_memory_are_listed_and_the_idle_are_not() {
        let mut stats: Vec<Stat> = (1..=8).map(|pid| stat(pid, u64::from(pid) * 100, 0)).collect();
        stats.push(stat(20, 0, 1_000_000));
        stats.push(stat(21, 0, 1));
        let top = top(&stats, Some(&earlier(&[])), 110.0, 1e9);
        assert_eq!(top.iter().map(|process| process.pid).collect::<Vec<_>>(), [8, 7, 6, 5, 4, 20]);
    }

    #[test]
    fn without_an_earlier_reading_there_is_memory_but_no_cpu() {
        let top = top(&[stat(1, 500, 1_000_000)], None, 110.0, 1e9);
        assert_eq!(top.first().map(|process| (process.pid, process.cpu_percent)), Some((1, None)));
    }

    #[test]
    fn where_others_are_hidden_nobody_is_counted() {
        let root = tempfile::tempdir().unwrap();
        let mounted = |options: &str| {
            let own = root.path().join("proc/7");
            fs::create_dir_all(&own).unwrap();
            fs::create_dir_all(root.path().join("proc/self")).unwrap();
            fs::write(own.join("stat"), "7 (x) S 1 7 7 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 9 9 9\n")
                .unwrap();
            let line = format!("20 1 0:19 / /proc rw,nosuid - proc proc rw{options}\n");
            fs::write(root.path().join("proc/self/mountinfo"), line).unwrap();
            let mut reading = Reading::default();
            let failed = collect(&fixture(root.path()), &mut reading).is_err();
            (failed, reading.values.get("processes", None))
        };
        assert_eq!(mounted(",hidepid=invisible"), (true, None));
        assert_eq!(mounted(",gid=4,hidepid=0"), (false, Some(1.0)));
        assert_eq!(mounted(""), (false, Some(1.0)));
    }

    #[test]
    fn a_tree_of_odd_processes_is_counted() {
        let (root, mut reading) = (tree("raspberry-pi-4"), Reading::default());
        collect(&fixture(&root), &mut reading).unwrap();
        let (processes, threads) = (
            reading.values.get("processes", None).unwrap(),
            reading.values.get("threads", None).unwrap(),
        );
        assert!(processes >= 4.0 && threads > processes, "{processes} {threads}");
    }

    /// What the numbers are with these files.
    fn limited(files: &[(&str, &str)], threads: u64) -> (Reading, anyhow::Result<()>) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join("proc/sys").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut reading = Reading::default();
        let outcome = limits(&fixture(root.path()), threads, &mut reading);
        (reading, outcome)
    }

    #[test]
    fn threads_are_held_against_the_smaller_limit() {
        let files = [("kernel/threads-max", "30000\n"), ("kernel/pid_max", "4000\n")];
        let percent = |files| limited(files, 1_000).0.values.get("threads_percent", None);
        assert_eq!(percent(&files), Some(25.0));
        assert_eq!((percent(&files[..1]), percent(&[])), (Some(3.3), None));
    }

    #[test]
    fn open_files_are_counted_where_there_is_a_limit_in_reach() {
        let open = |most| {
            let (reading, outcome) =
                limited(&[("fs/file-max", most), ("fs/file-nr", "1711\t0\t20000\n")], 1);
            outcome.unwrap();
            ["files_open", "files_percent"].map(|name| reading.values.get(name, None))
        };
        assert_eq!(open("20000\n"), [Some(1_711.0), Some(8.6)]);
        assert_eq!(open("9223372036854775807\n"), [None, None]);
    }

    #[test]
    fn a_limit_that_is_no_number_is_named() {
        let error = limited(&[("kernel/pid_max", "lots\n")], 1).1.unwrap_err().to_string();
        assert!(error.ends_with("/proc/sys/kernel/pid_max: \"lots\""), "{error}");
    }

    #[test]
    fn zombies_are_counted() {
        let (root, mut reading) = (tree("x86-server"), Reading::default());
        collect(&fixture(&root), &mut reading).unwrap();
        assert_eq!(reading.values.get("processes_zombie", None), Some(1.0));
    }
}
