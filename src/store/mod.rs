//! The store: plain files in one directory, one a local day. What it promises:
//!
//! 1. A line once written is never changed. Readers never write, and take no lock.
//! 2. A sample is one write of one line, appended under an exclusive lock of the directory that is held for the
//!    append alone. A torn line costs itself and nothing else.
//! 3. After a short or failed write the file is cut back to its length before.
//! 4. When `collect` says that a line is stored, the line survives a power cut (unless `sync` is `never`).
//! 5. Readers skip damaged lines and count them; no damaged line makes a command fail.
//! 6. Retention goes by the date in the file's name and by total size, oldest first, never today's file.
//! 7. Two runs at once do not mix lines; the second waits, and says so when it waited in vain.
//! 8. A clock that goes backwards, repeats an hour or starts in 1970 loses nothing.
//! 9. Who runs `collect` does not break it for others: what root creates belongs to the directory's owner.

pub mod append;
pub mod before;
pub mod days;
pub mod events;
pub mod holding;
pub mod lock;
pub mod range;
pub mod retention;
pub mod runtime;
pub mod scratch;
pub mod shutdown;
pub mod state;
pub mod tail;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::bail;
use chrono::NaiveDate;

use crate::sample::Sample;
use crate::sample::read::{Wanted, head, line};
use days::DayFile;

/// The directory of one host's files.
#[derive(Clone, Debug)]
pub struct Store {
    pub directory: PathBuf,
    /// Its day files, listed when first asked for: a reader sees the store of one moment.
    files: OnceCell<Vec<DayFile>>,
}

impl Store {
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Store { directory: directory.into(), files: OnceCell::new() }
    }

    /// The day files, oldest first.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn files(&self) -> anyhow::Result<&[DayFile]> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let listed = days::list(&self.directory)?;
        Ok(self.files.get_or_init(|| listed))
    }

    pub fn metrics_file(&self, date: NaiveDate) -> PathBuf {
        self.directory.join(format!("metrics_{date}.jsonl"))
    }

    pub fn events_file(&self, date: NaiveDate) -> PathBuf {
        self.directory.join(format!("events_{date}.jsonl"))
    }

    /// The newest sample: of the last believable day that has one, the last in time. `None` in an empty store.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn last(&self, today: NaiveDate, wanted: &Wanted) -> anyhow::Result<Option<Sample>> {
        let files = self.files()?;
        let tomorrow = today.succ_opt().unwrap_or(today);
        let metrics = |file: &&DayFile| file.kind == days::Kind::Metrics;
        let mut dates: Vec<NaiveDate> =
            files.iter().filter(metrics).map(|file| file.date).collect();
        dates.dedup();
        // Days after tomorrow are those of a clock that was wrong: only if there is nothing else.
        dates.sort_by_key(|date| (*date > tomorrow, std::cmp::Reverse(*date)));
        for date in dates {
            let newest = files
                .iter()
                .filter(metrics)
                .filter(|file| file.date == date)
                .filter_map(|file| newest_of(file, wanted));
            if let Some(sample) = newest.max_by_key(Sample::epoch) {
                return Ok(Some(sample));
            }
        }
        Ok(None)
    }

    pub fn has_samples(&self) -> bool {
        self.files().is_ok_and(|files| files.iter().any(|file| file.kind == days::Kind::Metrics))
    }
}

/// The last in time of a file. Lines may stand out of order, but not far: runs overlap by seconds.
fn newest_of(file: &DayFile, wanted: &Wanted) -> Option<Sample> {
    const NEAR_THE_END: usize = 8;
    if file.is_compressed() {
        return range::read_day(&[file], wanted, None).0.pop();
    }
    let last = tail::Backwards::open(&file.path)?
        .filter_map(|text| Some((head(&text).ok()?.epoch(), text)));
    let mut last: Vec<(i64, Vec<u8>)> = last.take(NEAR_THE_END).collect();
    // Stably: of equal times the line that was written last stays first.
    last.sort_by_key(|(epoch, _)| std::cmp::Reverse(*epoch));
    last.iter().find_map(|(_, text)| line(text, wanted).ok())
}

/// Makes the directory; the part of its path that exists must be a directory.
///
/// # Errors
/// Says what stands in the way.
pub fn create_directory(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if directory.is_dir() {
        return Ok(());
    }
    if directory.exists() {
        bail!("could not use {} as the data directory: it is not a directory", directory.display());
    }
    match std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory) {
        Ok(()) => Ok(()),
        Err(error) => bail!("could not create the data directory {}: {error}", directory.display()),
    }
}
