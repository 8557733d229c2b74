//! The space of one file system, by statvfs(3), and the words in which another process of this program tells it.

use std::io;
use std::path::Path;

use rustix::io::Errno;

/// What a process is started with to answer.
pub const WORD: &str = "statvfs";

/// Bytes and inodes of a file system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    pub total: u64,
    /// Free for root.
    pub free: u64,
    /// Free for ordinary users.
    pub available: u64,
    /// 0 where the file system makes them as it needs them.
    pub inodes: u64,
    pub inodes_free: u64,
}

impl Space {
    pub fn used(self) -> u64 {
        self.total.saturating_sub(self.free)
    }

    pub fn percent(self) -> f64 {
        100.0 * self.used() as f64 / self.used().saturating_add(self.available) as f64
    }

    pub fn inodes_percent(self) -> Option<f64> {
        let used = self.inodes.saturating_sub(self.inodes_free);
        (self.inodes > 0).then(|| 100.0 * used as f64 / self.inodes as f64)
    }

    /// As the process that asks says it.
    pub fn words(self) -> String {
        let Space { total, free, available, inodes, inodes_free } = self;
        format!("{total} {free} {available} {inodes} {inodes_free}")
    }

    fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> =
            text.split_ascii_whitespace().map(|number| number.parse().ok()).collect();
        match *numbers?.as_slice() {
            [total, free, available, inodes, inodes_free] => {
                Some(Space { total, free, available, inodes, inodes_free })
            }
            _ => None,
        }
    }
}

/// Asks the kernel.
pub fn statvfs(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok(Space {
        total: bytes(stat.f_blocks),
        free: bytes(stat.f_bfree),
        available: bytes(stat.f_bavail),
        inodes: stat.f_files,
        inodes_free: stat.f_ffree,
    })
}

/// What the process says that was started to ask: numbers, or that of the error.
pub fn answer(path: &Path) -> String {
    // A bound file is no file system to watch: as if it were not there.
    let space = if path.is_file() { Err(Errno::NOENT.into()) } else { statvfs(path) };
    match space {
        Ok(space) => space.words(),
        Err(error) => format!("error {}", error.raw_os_error().unwrap_or_default()),
    }
}

/// What that means.
pub(super) fn heard(text: &str) -> io::Result<Space> {
    if let Some(code) = text.strip_prefix("error ").and_then(|code| code.trim().parse().ok()) {
        return Err(io::Error::from_raw_os_error(code));
    }
    Space::parse(text).ok_or_else(|| io::Error::other("the process that asked ended"))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// 1000 blocks, 800 used, 150 left for users; 40 of 100 inodes used.
    pub const SPACE: Space =
        Space { total: 1_000, free: 200, available: 150, inodes: 100, inodes_free: 60 };

    #[test]
    fn the_percentages_are_the_ones_df_shows() {
        // 800 / 950.
        assert!((SPACE.percent() - 84.21).abs() < 0.01);
        assert_eq!(SPACE.inodes_percent(), Some(40.0));
        assert_eq!(Space { inodes: 0, inodes_free: 0, ..SPACE }.inodes_percent(), None);
    }

    #[test]
    fn what_a_process_says_is_heard() {
        assert_eq!(heard(&SPACE.words()).unwrap(), SPACE);
        let directory = tempfile::tempdir().unwrap();
        assert!(heard(&answer(directory.path())).unwrap().total > 0);
        let error = heard(&answer(&directory.path().join("none"))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_bound_file_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("hosts"), "").unwrap();
        let error = heard(&answer(&directory.path().join("hosts"))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_process_that_was_killed_tells_nothing() {
        for text in ["", "1 2 3", "1 2 3 4 x"] {
            assert!(heard(text).is_err(), "{text}");
        }
    }
}
