//! The mark of a clean shutdown, which `systemd/hostwatch-shutdown.service` leaves in the data directory.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::collector::read_text;
use crate::shutdown::Mark;

/// The mark in a directory; `None` if there is none that reads.
pub fn mark(directory: &Path) -> Option<Mark> {
    let path = directory.join("shutdown");
    let data = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let written = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Mark::parse(&read_text(&path)?, i64::try_from(written.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_boot_id_and_the_time_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(mark(directory.path()), None);
        let id = "6c1d4a0e-93b7-4f28-8a51-0d2e7f96c3b4";
        let path = directory.path().join("shutdown");
        fs::write(&path, format!("{id}\n")).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(1_000)).unwrap();
        assert_eq!(mark(directory.path()), Mark::parse(id, 1_000));
    }

    #[test]
    fn a_directory_of_that_name_is_no_mark() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("shutdown")).unwrap();
        assert_eq!(mark(directory.path()), None);
    }
}
