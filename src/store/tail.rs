//! The end of a day file, read backwards: what `collect` and `status` need costs the same however long the file is.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::sample::Sample;
use crate::sample::read::{Wanted, line};

/// Lines of a file from the last to the first.
pub struct Backwards {
    file: File,
    /// What is not read yet ends here.
    position: u64,
    /// Read but not yet handed out; it ends with a line's last byte.
    buffer: Vec<u8>,
}

impl Backwards {
    /// `None` if the file cannot be opened: it then has no lines.
    pub fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let position = file.metadata().ok()?.len();
        Some(Backwards { file, position, buffer: Vec::new() })
    }

    fn fill(&mut self) -> bool {
        const STEP: u64 = 8 * 1024;
        let start = self.position.saturating_sub(STEP);
        let mut chunk = vec![0; usize::try_from(self.position - start).unwrap_or(0)];
        if chunk.is_empty() || self.file.read_exact_at(&mut chunk, start).is_err() {
            return false;
        }
        self.position = start;
        chunk.append(&mut self.buffer);
        self.buffer = chunk;
        true
    }
}

impl Iterator for Backwards {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(newline) = self.buffer.iter().rposition(|byte| *byte == b'\n') {
                let found = self.buffer.split_off(newline + 1);
                self.buffer.truncate(newline);
                if found.is_empty() {
                    continue;
                }
                return Some(found);
            }
            if !self.fill() {
                let first = std::mem::take(&mut self.buffer);
                return (!first.is_empty()).then_some(first);
            }
        }
    }
}

/// The beginning of a file: enough of its first line to tell when it was.
pub fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    let mut start = vec![0; 128];
    let length = File::open(path).ok()?.read_at(&mut start, 0).ok()?;
    start.truncate(length);
    Some(start)
}

/// Samples of a file from the last to the first; damaged lines are passed over.
pub fn samples<'a>(path: &Path, wanted: &'a Wanted) -> impl Iterator<Item = Sample> + use<'a> {
    Backwards::open(path).into_iter().flatten().filter_map(move |text| line(&text, wanted).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backwards(content: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, content).unwrap();
        Backwards::open(&path).unwrap().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn lines_come_from_the_last_to_the_first() {
        assert_eq!(backwards("a\nbb\nccc\n"), ["ccc", "bb", "a"]);
        assert_eq!(backwards("a\nbb\ntorn"), ["torn", "bb", "a"]);
        assert_eq!(backwards("\n\na\n\n"), ["a"]);
        assert!(backwards("").is_empty());
    }

    #[test]
    fn lines_longer_than_a_step_are_whole() {
        let (long, short) = ("x".repeat(20_000), "y");
        assert_eq!(
            backwards(&format!("{short}\n{long}\n{short}\n")),
            [short, long.as_str(), short]
        );
    }
}
