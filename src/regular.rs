//! Files that somebody else names. A pipe would make us wait, a device may never end, and looking is enough to wake
//! some: only regular files are opened, and no more of them is read than was asked for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Secrets and certificates are smaller.
pub const MOST: usize = 4 << 20;

/// # Errors
/// It cannot be opened, or is a directory, a pipe or a device.
pub fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // Something else may have come into its place.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Its first bytes, `most` of them.
///
/// # Errors
/// As for `open`, or it cannot be read.
pub fn head(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(most as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// All of it.
///
/// # Errors
/// As for `head`, or there is more than `most`.
pub fn whole(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let content = head(path, most.saturating_add(1))?;
    if content.len() > most {
        return Err(io::Error::other(format!("it has more than {} KiB", most / 1024)));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), directory.path()] {
            assert_eq!(head(path, 9).unwrap_err().to_string(), "it is no regular file");
        }
    }

    #[test]
    fn no_more_is_read_than_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![b'x'; 4_096]).unwrap();
        assert_eq!(head(&path, 10).unwrap().len(), 10);
        assert_eq!(whole(&path, 4_096).unwrap().len(), 4_096);
        assert_eq!(whole(&path, 4_095).unwrap_err().to_string(), "it has more than 3 KiB");
    }
}
