//! The disk's speed, in a file that is open and whose blocks nobody else has: one sequential write past the page cache,
//! small writes each forced to the disk, and small reads at random places, one at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl, fstatfs};
use rustix::io::Errno;

use super::random::Random;

/// What is written and read at a time where the latency counts.
const BLOCK: usize = 4 << 10;
/// What is written at a time where the rate counts.
const CHUNK: usize = 1 << 20;
/// Where the page cache cannot be passed by it is emptied so often, lest the limit be found out too late.
const CACHED: u64 = 16 << 20;
/// Direct access is of whole blocks, from memory that begins at one.
const ALIGNMENT: usize = 4 << 10;
/// Fewer have no percentiles.
const FEWEST: usize = 5;

const TMPFS: u64 = 0x0102_1994;
const BTRFS: u64 = 0x9123_683e;
const F2FS: u64 = 0xf2f5_2010;

/// How much to do, and for how long at most.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Bytes of the file.
    pub size: u64,
    pub write_limit: Duration,
    pub syncs: usize,
    pub sync_limit: Duration,
    pub reads: usize,
    pub read_limit: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            size: 64 << 20,
            write_limit: Duration::from_secs(8),
            syncs: 200,
            sync_limit: Duration::from_secs(6),
            reads: 1_000,
            read_limit: Duration::from_secs(3),
        }
    }
}

/// The sequential write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written {
    pub bytes: u64,
    /// Bytes a second, until they are on the disk.
    pub rate: f64,
    /// Whether it went past the page cache.
    pub is_direct: bool,
}

/// Writes the file from its beginning, as far as the time allows.
///
/// # Errors
/// The disk failed, or is full.
pub fn write(file: &File, plan: &Plan) -> io::Result<Written> {
    if set_direct(file, true)? {
        match write_through(file, plan, true) {
            // The file system takes the flag and refuses the access.
            Err(error) if is_invalid(&error) => _ = set_direct(file, false)?,
            outcome => return outcome,
        }
    }
    let written = write_through(file, plan, false)?;
    forget(file, 0, written.bytes);
    Ok(written)
}

fn write_through(file: &File, plan: &Plan, is_direct: bool) -> io::Result<Written> {
    let mut chunk = Aligned::new(CHUNK);
    Random::new(1).fill(chunk.bytes_mut());
    let started = Instant::now();
    let mut bytes = 0;
    while bytes < plan.size && (bytes == 0 || started.elapsed() < plan.write_limit) {
        file.write_all_at(chunk.bytes(), bytes)?;
        bytes += CHUNK as u64;
        if !is_direct && bytes.is_multiple_of(CACHED) {
            file.sync_data()?;
        }
    }
    file.sync_data()?;
    let rate = bytes as f64 / started.elapsed().as_secs_f64();
    Ok(Written { bytes, rate, is_direct })
}

/// Milliseconds of each small write with its fsync(2), over what was written before.
///
/// # Errors
/// The disk failed.
pub fn sync(file: &File, written: &Written, plan: &Plan) -> io::Result<Vec<f64>> {
    // As programs do it: through the page cache.
    set_direct(file, false)?;
    let mut block = vec![0; BLOCK];
    let mut random = Random::new(2);
    repeat(plan.syncs, plan.sync_limit, |number| {
        random.fill(&mut block);
        let place = number as u64 * BLOCK as u64 % written.bytes.max(1);
        let started = Instant::now();
        file.write_all_at(&block, place)?;
        file.sync_all()?;
        Ok(started.elapsed())
    })
}

/// Milliseconds of each small read, at random places of what was written.
///
/// # Errors
/// The disk failed.
pub fn read(file: &File, written: &Written, plan: &Plan) -> io::Result<Vec<f64>> {
    let is_direct = written.is_direct && set_direct(file, true)?;
    if !is_direct {
        // Reading ahead is not reading at random.
        _ = fadvise(file, 0, None, Advice::Random);
    }
    let mut block = Aligned::new(BLOCK);
    let mut random = Random::new(3);
    repeat(plan.reads, plan.read_limit, |_| {
        let place = random.below(written.bytes / BLOCK as u64) * BLOCK as u64;
        if !is_direct {
            forget(file, place, BLOCK as u64);
        }
        let started = Instant::now();
        file.read_exact_at(block.bytes_mut(), place)?;
        Ok(started.elapsed())
    })
}

/// Milliseconds of each time `access` was done, as often as the time allows.
fn repeat(
    most: usize,
    limit: Duration,
    mut access: impl FnMut(usize) -> io::Result<Duration>,
) -> io::Result<Vec<f64>> {
    let started = Instant::now();
    let mut took = Vec::with_capacity(most);
    while took.len() < most && (took.len() < FEWEST || started.elapsed() < limit) {
        took.push(access(took.len())?.as_secs_f64() * 1_000.0);
    }
    Ok(took)
}

/// Accesses a second, one after the other.
pub fn per_second(milliseconds: &[f64]) -> Option<f64> {
    let sum: f64 = milliseconds.iter().sum();
    (sum > 0.0).then(|| milliseconds.len() as f64 * 1_000.0 / sum)
}

/// What has to be known of this file system to read its numbers.
pub fn remark(file: &File) -> Option<&'static str> {
    #[expect(clippy::cast_sign_loss, reason = "a number of 32 bits")]
    let kind = fstatfs(file).ok()?.f_type as u64 & 0xffff_ffff;
    remark_of(kind)
}

fn remark_of(kind: u64) -> Option<&'static str> {
    match kind {
        TMPFS => {
            Some("the data directory is in memory (tmpfs), and so is what was measured as disk")
        }
        BTRFS => Some("btrfs does not log a file without a name: fsync looks faster than it is"),
        F2FS => Some(
            "f2fs writes a checkpoint for a file without a name: fsync looks slower than it is",
        ),
        _ => None,
    }
}

/// Switches direct access on or off. Whether it is on now; the file system may not have it.
fn set_direct(file: &File, wanted: bool) -> io::Result<bool> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, wanted);
    match fcntl_setfl(file, flags) {
        Ok(()) => Ok(wanted),
        Err(Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_invalid(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INVAL)
}

/// Drops pages from the cache; it is advice, so nothing is lost where it is not taken.
fn forget(file: &File, from: u64, bytes: u64) {
    _ = fadvise(file, from, bytes.try_into().ok(), Advice::DontNeed);
}

/// Bytes that begin at a multiple of the alignment.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().addr().wrapping_neg() % ALIGNMENT;
        Aligned { bytes, start, length }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.start + self.length).unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.start + self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Plan = Plan {
        size: 2 << 20,
        write_limit: Duration::from_secs(5),
        syncs: 6,
        sync_limit: Duration::from_secs(5),
        reads: 20,
        read_limit: Duration::from_secs(5),
    };

    fn file() -> File {
        tempfile::tempfile().unwrap()
    }

    #[test]
    fn a_buffer_begins_where_direct_access_needs_it() {
        for length in [BLOCK, CHUNK] {
            let mut buffer = Aligned::new(length);
            assert_eq!(buffer.bytes().as_ptr().addr() % ALIGNMENT, 0);
            assert_eq!((buffer.bytes().len(), buffer.bytes_mut().len()), (length, length));
        }
    }

    #[test]
    fn a_file_is_written_whole_at_a_rate() {
        let file = file();
        let written = write(&file, &SMALL).unwrap();
        assert_eq!((written.bytes, file.metadata().unwrap().len()), (2 << 20, 2 << 20));
        assert!(written.rate > 0.0);
    }

    #[test]
    fn a_write_that_reaches_its_limit_has_what_it_wrote() {
        let plan = Plan { write_limit: Duration::ZERO, ..SMALL };
        assert_eq!(write(&file(), &plan).unwrap().bytes, CHUNK as u64);
    }

    #[test]
    fn where_there_is_no_direct_access_the_write_is_an_ordinary_one() {
        let file = file();
        let written = write_through(&file, &SMALL, false).unwrap();
        assert_eq!((written.bytes, written.is_direct), (2 << 20, false));
        assert_eq!(read(&file, &written, &SMALL).unwrap().len(), 20);
    }

    #[test]
    fn each_small_access_is_timed() {
        let file = file();
        let written = write(&file, &SMALL).unwrap();
        let (syncs, reads) = (sync(&file, &written, &SMALL), read(&file, &written, &SMALL));
        assert_eq!((syncs.as_ref().unwrap().len(), reads.as_ref().unwrap().len()), (6, 20));
        assert!(syncs.unwrap().iter().chain(&reads.unwrap()).all(|took| *took > 0.0));
        assert_eq!(file.metadata().unwrap().len(), 2 << 20, "it has not grown");
    }

    #[test]
    fn a_part_that_reaches_its_limit_has_a_few_at_least() {
        let took = repeat(200, Duration::ZERO, |_| Ok(Duration::from_micros(500))).unwrap();
        assert_eq!(took.len(), FEWEST);
        assert!(took.iter().all(|took| (took - 0.5).abs() < 1e-9));
    }

    #[test]
    fn no_more_are_done_than_asked_for() {
        assert_eq!(repeat(3, Duration::MAX, |_| Ok(Duration::ZERO)).unwrap().len(), 3);
        assert_eq!(repeat(0, Duration::MAX, |_| Ok(Duration::ZERO)).unwrap(), [0.0; 0]);
    }

    #[test]
    fn a_disk_that_fails_is_an_error() {
        let failing = |number| match number {
            2 => Err(io::Error::other("bad block")),
            _ => Ok(Duration::ZERO),
        };
        assert_eq!(repeat(9, Duration::MAX, failing).unwrap_err().to_string(), "bad block");
    }

    #[test]
    fn accesses_a_second_are_those_one_after_the_other() {
        assert_eq!(per_second(&[1.0, 3.0]), Some(500.0));
        assert_eq!((per_second(&[]), per_second(&[0.0])), (None, None));
    }

    #[test]
    fn direct_access_is_switched_on_and_off_again() {
        let file = file();
        let is_on = set_direct(&file, true).unwrap();
        assert_eq!(fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT), is_on);
        assert!(!set_direct(&file, false).unwrap());
        assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT));
    }

    #[test]
    fn a_file_system_that_falsifies_is_named() {
        assert!(remark_of(TMPFS).unwrap().contains("tmpfs"));
        assert!(remark_of(BTRFS).unwrap().contains("faster"));
        assert!(remark_of(F2FS).unwrap().contains("slower"));
        assert_eq!(remark_of(0xef53), None);
    }

    #[test]
    fn only_an_invalid_access_is_taken_for_one() {
        assert!(is_invalid(&Errno::INVAL.into()));
        assert!(!is_invalid(&Errno::NOSPC.into()) && !is_invalid(&io::Error::other("x")));
    }
}
