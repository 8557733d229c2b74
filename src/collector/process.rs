//! Processes, from one read of `/proc/PID/stat` each (proc(5)): how many, how many threads, and the busiest and
//! largest ones. CPU is in per cent of one core over the time since the earlier reading, as `top` shows it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sysinfo::Users;

use super::earlier::Earlier;
use super::scan::{self, Stat, scan};
use super::{Collector, Host, Reading};
use crate::metric::{Metric, Unit};
use crate::sample::Process;
use crate::series::label_text;

static PROCESSES: Metric =
    Metric::gauge("processes", Unit::Count, "Processes.").phrased("{value} processes");
static THREADS: Metric =
    Metric::gauge("threads", Unit::Count, "Threads of all processes.").phrased("{value} threads");

pub static COLLECTOR: Collector = Collector::new("process", &[&PROCESSES, &THREADS], collect);

/// How many lead by CPU, and how many by memory.
const LEADERS: usize = 5;

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let stats = scan(&host.path("proc"))?;
    reading.values.set(&PROCESSES, stats.len() as u64);
    reading
        .values
        .set(&THREADS, stats.iter().fold(0, |sum: u64, stat| sum.saturating_add(stat.threads)));
    let memory_total = reading.values.get("memory_total", None).unwrap_or(0.0);
    let mut top = top(&stats, host.earlier, host.uptime, memory_total);
    name(&host.path("proc"), &mut top);
    reading.top = top;
    let mut by_process: Vec<_> =
        stats.iter().map(|stat| (stat.pid, stat.start, stat.ticks)).collect();
    by_process.sort_unstable();
    reading.earlier.processes = by_process;
    Ok(())
}

/// The leaders by CPU and by memory, sorted by CPU, without those under 1 % of both.
fn top(stats: &[Stat], earlier: Option<&Earlier>, uptime: f64, memory_total: f64) -> Vec<Process> {
    let page = rustix::param::page_size() as u64;
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    let elapsed = earlier.map(|earlier| uptime - earlier.uptime).filter(|elapsed| *elapsed > 0.0);
    let percent = |stat: &Stat| {
        // One that started since had no ticks before.
        let before = earlier?.process(stat.pid, stat.start).unwrap_or(0);
        Some(
            Unit::Percent
                .round(100.0 * stat.ticks.saturating_sub(before) as f64 / per_second / elapsed?),
        )
    };
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
    };
    chosen.iter().filter_map(|at| measured.get(*at)).map(process).collect()
}

/// The owner of `/proc/PID` is the process's effective user; kernel threads were read without their names.
fn name(proc: &Path, top: &mut [Process]) {
    if top.is_empty() {
        return;
    }
    let users = Users::new_with_refreshed_list().ok();
    for process in top {
        if process.name.is_empty() {
            process.name = scan::name(proc, process.pid);
        }
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
        Stat { pid, name: format!("p{pid}"), start: 7, ticks, threads: 1, pages }
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
    fn a_tree_of_odd_processes_is_counted() {
        let (root, mut reading) = (tree("raspberry-pi-4"), Reading::default());
        collect(&fixture(&root), &mut reading).unwrap();
        let (processes, threads) = (
            reading.values.get("processes", None).unwrap(),
            reading.values.get("threads", None).unwrap(),
        );
        assert!(processes >= 4.0 && threads > processes, "{processes} {threads}");
    }
}
