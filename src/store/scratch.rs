//! A file to try the disk with: it has blocks and no name, so that nothing is left of it however the run ends.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Its name for the moment between opening and unlinking.
const NAME: &str = "bench.tmp";

/// Opens an empty file of the directory that nobody else can open.
///
/// # Errors
/// The directory cannot be written.
pub fn open(directory: &Path) -> io::Result<File> {
    let path = directory.join(NAME);
    // Of a run that was killed in that very moment.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Never through a link: it must not be there.
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt, symlink};

    use super::*;

    #[test]
    fn a_scratch_file_can_be_used_and_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let file = open(directory.path()).unwrap();
        file.write_all_at(b"x", 10).unwrap();
        assert_eq!((file.metadata().unwrap().nlink(), file.metadata().unwrap().len()), (0, 11));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(NAME), "left").unwrap();
        assert_eq!(open(directory.path()).unwrap().metadata().unwrap().len(), 0);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_planted_there_costs_nobody_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("precious");
        fs::write(&precious, "text").unwrap();
        symlink(&precious, directory.path().join(NAME)).unwrap();
        open(directory.path()).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "text");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(open(Path::new("/nonexistent/x")).is_err());
    }
}
