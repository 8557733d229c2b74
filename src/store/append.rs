//! Appending a line so that nothing is lost or torn: promises 2, 3, 4 and 9 of the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::lock;

/// What to do about a full disk. No other failure is told with these words.
const FULL: &str = "free some space, or lower monitoring.retention.size";

/// Whether a failure to store, as it was told, was for want of space.
pub fn says_full(failure: &str) -> bool {
    failure.contains(FULL)
}

/// When a written line is forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    Always,
    Never,
}

/// Whether the append began a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    NewFile,
    SameFile,
}

/// Appends `lines`, each without its newline, in one write.
///
/// # Errors
/// The directory cannot be locked, or the file not be written; the file is then as long as before.
pub fn append(path: &Path, lines: &[String], sync: Sync) -> anyhow::Result<Appended> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let held = lock::directory(directory, lock::PATIENCE)?;
    let appended = append_locked(path, lines, sync).map_err(|error| explain(path, &error))?;
    if sync == Sync::Always && appended == Appended::NewFile {
        held.sync_all().with_context(|| format!("could not sync {}", directory.display()))?;
    }
    Ok(appended)
}

fn append_locked(path: &Path, lines: &[String], sync: Sync) -> io::Result<Appended> {
    let (mut file, appended) = open_for_writing(path, 0o644)?;
    let before = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(4096);
    if ends_torn(&file, before)? {
        bytes.push(b'\n');
    }
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    let outcome = write_once(&mut file, &bytes)
        .and_then(|()| if sync == Sync::Always { file.sync_data() } else { Ok(()) });
    if let Err(error) = outcome {
        // Nothing more can be done if even this fails; a torn line costs itself alone.
        _ = file.set_len(before);
        return Err(error);
    }
    Ok(appended)
}

fn ends_torn(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

fn write_once(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let written = file.write(bytes)?;
    match bytes.get(written..) {
        None | Some([]) => Ok(()),
        // The next write names the reason.
        Some(rest) => match file.write(rest) {
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::StorageFull.into()),
        },
    }
}

/// Opens a file of the data directory to append to, never through a link: the directory may belong to another user
/// than the one who runs this. A file that root makes belongs to the directory's owner.
pub fn open_for_writing(path: &Path, mode: u32) -> io::Result<(File, Appended)> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(mode).custom_flags(no_follow);
    match options.open(path) {
        Ok(file) => {
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            return Ok((file, Appended::SameFile));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            give_to_owner(&file, path.parent().unwrap_or(Path::new(".")))?;
            Ok((file, Appended::NewFile))
        }
        // Another run made it in between.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((options.open(path)?, Appended::SameFile))
        }
        Err(error) => Err(error),
    }
}

/// Only root can, and only root needs to.
pub fn give_to_owner(file: &File, directory: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(directory)?;
    if owner.uid() == 0 && owner.gid() == 0 {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

fn explain(path: &Path, error: &io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            return anyhow!("could not store the sample in {}: {error}; {FULL}", path.display());
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; if this runs as a service, allow the directory with ReadWritePaths= in a drop-in (systemctl edit hostwatch-collect.service)"
        }
        io::ErrorKind::PermissionDenied => {
            "; run it as the directory's owner, or choose another with --data-dir"
        }
        _ => "",
    };
    anyhow!("could not store the sample in {}: {error}{advice}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(content: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics_2026-11-22.jsonl");
        if !content.is_empty() {
            fs::write(&path, content).unwrap();
        }
        (directory, path)
    }

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn promise_1_a_line_once_written_is_never_changed() {
        let (_directory, path) = store("{\"a\":1}\n");
        append(&path, &lines(&["{\"b\":2}"]), Sync::Always).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn promise_2_a_torn_line_costs_itself_and_nothing_else() {
        let (_directory, path) = store("{\"a\":1}\n{\"tor");
        append(&path, &lines(&["{\"b\":2}"]), Sync::Always).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"tor\n{\"b\":2}\n");
    }

    #[test]
    fn promise_3_a_failed_write_leaves_the_file_as_long_as_before() {
        // /dev/full takes no byte and has no length; a regular file is cut back the same way.
        let mut full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        assert_eq!(write_once(&mut full, b"x\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let says = |kind: io::ErrorKind| {
            says_full(&format!("{:#}", explain(Path::new("/x/y"), &kind.into())))
        };
        assert!(says(io::ErrorKind::StorageFull) && says(io::ErrorKind::QuotaExceeded));
        assert!(!says(io::ErrorKind::ReadOnlyFilesystem) && !says(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn promise_4_the_first_line_of_a_day_begins_a_new_file_whose_entry_is_synced() {
        let (_directory, path) = store("");
        assert_eq!(append(&path, &lines(&["{}"]), Sync::Always).unwrap(), Appended::NewFile);
        assert_eq!(append(&path, &lines(&["{}"]), Sync::Always).unwrap(), Appended::SameFile);
    }

    #[test]
    fn promise_7_a_second_writer_waits_and_then_says_so() {
        let (directory, _path) = store("");
        let _held = lock::directory(directory.path(), lock::PATIENCE).unwrap();
        let error =
            lock::directory(directory.path(), std::time::Duration::from_millis(5)).unwrap_err();
        assert!(format!("{error:#}").contains("another hostwatch"));
    }

    #[test]
    fn promise_9_a_link_planted_in_the_directory_is_not_followed() {
        let (directory, path) = store("");
        let target = directory.path().join("target");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(append(&path, &lines(&["{}"]), Sync::Never).is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }
}
