//! Reading every process once: most of what a run costs, so each costs as little as it can. `/proc/PID/stat` (proc(5))
//! for programs and for whoever is new; for kernel threads, which have one thread and no memory, from the next run on
//! `/proc/PID/schedstat`, which the kernel writes in a third of the time. Those of them that did nothing since boot, most
//! of them, are looked at in turn.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::Context;
use rustix::fs::{Dir, Mode, OFlags, openat};

use super::earlier::Earlier;
use super::read_text;
use crate::series::label_text;

#[derive(Debug)]
pub(super) struct Stat {
    pub pid: u32,
    /// Empty for a kernel thread: `name` reads it for those that are shown.
    pub name: String,
    /// Its letter in proc(5).
    pub state: u8,
    /// A thread of the kernel: it has no command line.
    pub kernel: bool,
    /// Clock ticks after boot; 0 for a kernel thread, and for nobody else.
    pub start: u64,
    /// CPU time in clock ticks.
    pub ticks: u64,
    pub threads: u64,
    pub pages: u64,
}

impl Stat {
    /// Ended, but not yet asked for by its parent; kernel threads have nobody who would.
    pub(super) fn is_zombie(&self) -> bool {
        !self.kernel && matches!(self.state, b'Z' | b'X' | b'x')
    }
}

/// `PF_KTHREAD` of the kernel's sched.h, in the flags of stat.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A kernel thread is read like a program once in so many runs, as its number may be another's by then; an idle one only
/// then.
const TURNS: u32 = 16;

/// Every process there is.
///
/// # Errors
/// The directory cannot be listed.
pub(super) fn scan(proc: &Path, earlier: Option<&Earlier>) -> anyhow::Result<Vec<Stat>> {
    let failed = || format!("could not list {}", proc.display());
    let mut reader = Reader {
        directory: File::open(proc).with_context(failed)?.into(),
        path: String::new(),
        content: Vec::with_capacity(4096),
    };
    let mut stats = Vec::with_capacity(256);
    for entry in Dir::read_from(&reader.directory).with_context(failed)?.flatten() {
        let digits = entry.file_name().to_str().ok();
        let process = digits.and_then(|name| Some((name, name.parse().ok()?)));
        let Some((digits, pid)) = process else { continue };
        // A process that ended since is not a failure.
        let known = match earlier.and_then(|earlier| kernel_ticks(pid, earlier)) {
            Some(0) => Some(kernel_thread(pid, 0)),
            Some(_) => reader.kernel_thread(digits, pid),
            None => None,
        };
        stats.extend(known.or_else(|| parse(pid, reader.read(digits, "stat")?)));
    }
    Ok(stats)
}

/// Programs that have the number of a kernel thread which ended, and were taken for it.
pub(super) fn taken_over(proc: &Path, stats: &[Stat]) -> Vec<Stat> {
    let read = |stat: &Stat| {
        let content = read_text(&proc.join(format!("{}/stat", stat.pid)))?;
        parse(stat.pid, content.as_bytes()).filter(|found| !found.kernel)
    };
    stats.iter().filter(|stat| stat.kernel).filter_map(read).collect()
}

/// The name of one process; empty if it ended.
pub(super) fn name(proc: &Path, pid: u32) -> String {
    read_text(&proc.join(format!("{pid}/comm")))
        .map(|name| label_text(name.as_bytes()))
        .unwrap_or_default()
}

/// The arguments of one process, a zero byte after each: the first page of them; empty if it ended.
pub(super) fn command_line(proc: &Path, pid: u32) -> Vec<u8> {
    let mut content = Vec::with_capacity(4 * 1024);
    if let Ok(file) = File::open(proc.join(format!("{pid}/cmdline"))) {
        // What cannot be read has no command line.
        _ = rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content));
    }
    content
}

/// Reads files below one open directory, each into the same buffer.
struct Reader {
    directory: OwnedFd,
    path: String,
    content: Vec<u8>,
}

impl Reader {
    fn read(&mut self, process: &str, file: &str) -> Option<&[u8]> {
        self.path.clear();
        self.path.extend([process, "/", file]);
        let directory = self.directory.as_fd();
        let file = openat(directory, self.path.as_str(), OFlags::CLOEXEC, Mode::empty()).ok()?;
        self.content.clear();
        rustix::io::read(&file, rustix::buffer::spare_capacity(&mut self.content)).ok()?;
        Some(&self.content)
    }

    /// `nanoseconds on a CPU, waiting, times`.
    fn kernel_thread(&mut self, process: &str, pid: u32) -> Option<Stat> {
        const NANOSECONDS: u64 = 1_000_000_000;
        let nanoseconds =
            self.read(process, "schedstat")?.split(|byte| *byte == b' ').next().and_then(number)?;
        let tick = NANOSECONDS.checked_div(rustix::param::clock_ticks_per_second())?;
        Some(kernel_thread(pid, nanoseconds.checked_div(tick)?))
    }
}

/// What an earlier run saw of a kernel thread whose turn it is not.
fn kernel_ticks(pid: u32, earlier: &Earlier) -> Option<u64> {
    earlier.process(pid, 0).filter(|_| pid % TURNS != earlier.turn % TURNS)
}

fn kernel_thread(pid: u32, ticks: u64) -> Stat {
    Stat {
        pid,
        name: String::new(),
        state: b'S',
        kernel: true,
        start: 0,
        ticks,
        threads: 1,
        pages: 0,
    }
}

/// `pid (name) state ppid …`: the name may hold anything, so it ends at the last `)`.
fn parse(pid: u32, content: &[u8]) -> Option<Stat> {
    let open = content.iter().position(|byte| *byte == b'(')?;
    let close = content.iter().rposition(|byte| *byte == b')')?;
    let name = label_text(content.get(open + 1..close)?);
    let mut fields = content.get(close + 1..)?.split(|byte| *byte == b' ').skip(1);
    // Fields 3, 9, 14, 15, 20, 22 and 24 of proc(5).
    let state = *fields.next()?.first()?;
    let mut field = |skip: usize| number(fields.nth(skip)?);
    let (flags, user, system, threads, start, pages) =
        (field(5)?, field(4)?, field(0)?, field(4)?, field(1)?, field(1)?);
    let ticks = user.saturating_add(system);
    if flags & KERNEL_THREAD != 0 {
        return Some(kernel_thread(pid, ticks));
    }
    let start = start.max(1);
    Some(Stat { pid, name, state, kernel: false, start, ticks, threads, pages })
}

fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = b"12 (a) R 1 1 (x) S 1 12 12 0 -1 4194560 10 0 0 0 30 12 0 0 20 0 3 0 77 1000 25 18446744073709551615";
        let stat = parse(12, line).unwrap();
        assert_eq!(
            (stat.name.as_str(), stat.ticks, stat.threads, stat.start, stat.pages),
            ("a) R 1 1 (x", 42, 3, 77, 25)
        );
        assert!(stat.state == b'S' && !stat.kernel && !stat.is_zombie());
    }

    #[test]
    fn a_zombie_and_a_kernel_thread_are_known_by_their_line() {
        let line = |state: &str, flags: &str| {
            format!("12 (x) {state} 1 12 12 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0 0")
        };
        let read = |state, flags| parse(12, line(state, flags).as_bytes()).unwrap();
        assert!(read("Z", "4194560").is_zombie() && !read("R", "4194560").is_zombie());
        assert!(read("I", "69238880").kernel && !read("Z", "4194560").kernel);
    }

    #[test]
    fn odd_content_is_left_out() {
        for content in [
            "",
            "12",
            "12 (x",
            "12 (x) S 1 2",
            ")(",
            "12 (x) S a b c d e f g h i j k l m n o p q r s t u v",
        ] {
            assert!(parse(12, content.as_bytes()).is_none(), "{content}");
        }
    }

    const KSWAPD: &str = "3 (kswapd0) S 2 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 7 0 0 0\n";
    const BASH: &str = "3 (bash) S 1 40 40 0 -1 4194304 0 0 0 0 30 12 0 0 20 0 2 0 0 1000 25 0\n";

    /// PID, start, CPU time and kind of process 3, with what an earlier run saw.
    fn seen(stat: &str, earlier: Option<(u64, u32)>) -> Vec<(u32, u64, u64, bool)> {
        let proc = tempfile::tempdir().unwrap();
        std::fs::create_dir(proc.path().join("3")).unwrap();
        std::fs::write(proc.path().join("3/stat"), stat).unwrap();
        std::fs::write(proc.path().join("3/schedstat"), "2500000000 7 8\n").unwrap();
        let earlier = earlier.map(|(ticks, turn)| {
            let processes = vec![(3, 0, ticks)];
            Earlier { turn, processes, ..Earlier::default() }
        });
        let stats = scan(proc.path(), earlier.as_ref()).unwrap();
        stats.iter().map(|stat| (stat.pid, stat.start, stat.ticks, stat.kernel)).collect()
    }

    #[test]
    fn a_kernel_thread_is_known_by_its_line_and_then_read_by_its_run_time() {
        assert_eq!(seen(KSWAPD, None), [(3, 0, 5, true)]);
        assert_eq!(seen(KSWAPD, Some((9, 1))), [(3, 0, 250, true)]);
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("3")).unwrap();
        std::fs::write(directory.path().join("3/comm"), "kswapd0\n").unwrap();
        let names = [3, 77].map(|pid| name(directory.path(), pid));
        assert_eq!(names, ["kswapd0", ""]);
    }

    #[test]
    fn an_idle_kernel_thread_is_looked_at_in_turn_and_a_busy_or_new_one_always() {
        let idle = (0..16).map(|turn| seen(KSWAPD, Some((0, turn))));
        let looked_at = idle.enumerate().filter(|(_, seen)| *seen != [(3, 0, 0, true)]);
        assert_eq!(looked_at.map(|(turn, _)| turn).collect::<Vec<_>>(), [3]);
        assert!((0..16).all(|turn| seen(KSWAPD, Some((9, turn))) != [(3, 0, 9, true)]));
    }

    #[test]
    fn a_number_that_a_program_took_over_is_its_own_within_a_round_of_turns() {
        assert_eq!(seen(BASH, Some((9, 3))), [(3, 1, 42, false)]);
        assert_eq!(seen(BASH, Some((0, 3))), [(3, 1, 42, false)]);
    }

    #[test]
    fn the_first_program_began_with_the_kernel_and_is_none_of_its_threads() {
        assert_eq!(seen(BASH, None), [(3, 1, 42, false)]);
    }
}
