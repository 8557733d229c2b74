//! The file that is edited: read and locked first, replaced at the end as a whole or not at all. What somebody else
//! wrote meanwhile is never written over.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::store::append::give_to_owner;

/// Of the copy of a file that is not there yet.
const COPY_MODE: u32 = 0o640;

pub(super) struct Original {
    /// Where it is, links followed.
    path: PathBuf,
    /// `None`: it is not there yet.
    found: Option<Found>,
    /// The directory, if it was made for this.
    made: Option<PathBuf>,
}

struct Found {
    content: Vec<u8>,
    /// Open, it holds the lock that keeps a second editor out: no file of its own, which would be left behind.
    file: File,
    mode: u32,
    owner: u32,
    group: u32,
}

impl Original {
    /// Reads and locks it.
    ///
    /// # Errors
    /// It cannot be read, is no file, or somebody else is editing it.
    pub(super) fn open(named: &Path) -> anyhow::Result<Self> {
        let could_not = || format!("could not edit {}", named.display());
        let is_there = match fs::symlink_metadata(named) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error).with_context(could_not),
        };
        if !is_there {
            let path = std::path::absolute(named).with_context(could_not)?;
            let made = make_directory(&path)?;
            return Ok(Original { path, found: None, made });
        }
        let path = fs::canonicalize(named).with_context(could_not)?;
        if !path.is_file() {
            bail!("{}: it is not a file", could_not());
        }
        let file = File::open(&path).with_context(could_not)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => bail!("{}: somebody else is editing it", could_not()),
            // A file system without locks: what is written meanwhile is noticed at the end.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let about = file.metadata().with_context(could_not)?;
        let (mode, owner, group) = (about.mode() & 0o7777, about.uid(), about.gid());
        let content = fs::read(&path).with_context(could_not)?;
        Ok(Original { path, found: Some(Found { content, file, mode, owner, group }), made: None })
    }

    pub(super) fn content(&self) -> Option<&[u8]> {
        self.found.as_ref().map(|found| found.content.as_slice())
    }

    /// Makes the copy that the editor gets, beside it.
    ///
    /// # Errors
    /// The directory cannot be written, or the copy would belong to somebody else.
    pub(super) fn copy(&self, content: &[u8]) -> anyhow::Result<PathBuf> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let copy = self.path.with_file_name(format!("{stem}.edit.{}.json", std::process::id()));
        let mode = self.found.as_ref().map_or(COPY_MODE, |found| found.mode);
        self.write(&copy, content, mode)
            .with_context(|| format!("could not make the copy to edit, {}", copy.display()))?;
        Ok(copy)
    }

    /// Whether it is as it was when it was read.
    pub(super) fn is_unchanged(&self) -> bool {
        match fs::read(&self.path) {
            Ok(content) => Some(content.as_slice()) == self.content(),
            Err(error) => error.kind() == io::ErrorKind::NotFound && self.found.is_none(),
        }
    }

    /// Puts `content` in its place, so that a power cut leaves the old or the new. One that was there keeps its owner
    /// and its mode.
    ///
    /// # Errors
    /// It cannot be written; it is then as it was.
    pub(super) fn replace(&self, content: &[u8], mode_if_new: u32) -> io::Result<()> {
        let mut temporary = self.path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        // One left by a power cut, or planted, is removed and not written through.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mode = self.found.as_ref().map_or(mode_if_new, |found| found.mode);
        self.write(&temporary, content, mode)?;
        if let Err(error) = fs::rename(&temporary, &self.path) {
            _ = fs::remove_file(&temporary);
            return Err(error);
        }
        File::open(self.directory())?.sync_all()
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Writes a new file of the same owner.
    fn write(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        // Nobody else reads it before it has its owner.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let owned = match &self.found {
            Some(found) => keep_owner(&file, found),
            None => give_to_owner(&file, self.directory()),
        };
        let written = owned
            .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all());
        if written.is_err() {
            _ = fs::remove_file(path);
        }
        written
    }

    /// Takes the directory away again if nothing came of it.
    pub(super) fn clean_up(&self) {
        if let Some(made) = &self.made {
            // It stays if there is something in it.
            _ = fs::remove_dir(made);
        }
    }

    /// Gives the lock back.
    pub(super) fn close(self) {
        if let Some(found) = self.found {
            _ = found.file.unlock();
        }
    }
}

fn make_directory(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    if directory.is_dir() {
        return Ok(None);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .with_context(|| format!("could not make {}", directory.display()))?;
    Ok(Some(directory.to_owned()))
}

fn keep_owner(file: &File, found: &Found) -> io::Result<()> {
    let about = file.metadata()?;
    if (about.uid(), about.gid()) == (found.owner, found.group) {
        return Ok(());
    }
    fchown(file, Some(found.owner), Some(found.group)).map_err(|_| {
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            "only its owner, or root, can edit it and leave its owner as it is",
        )
    })
}

/// What the editor left, never through a link: the directory may belong to another user than the one who runs this.
///
/// # Errors
/// It is not there, or no file.
pub(super) fn read_copy(path: &Path) -> anyhow::Result<Vec<u8>> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut content = Vec::new();
    OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path)
        .and_then(|mut file| file.read_to_end(&mut content))
        .with_context(|| format!("could not read the edited copy {}", path.display()))?;
    Ok(content)
}

/// Removes the copy, and what editors leave beside it.
pub(super) fn remove_copy(path: &Path) {
    _ = fs::remove_file(path);
    let mut backup = path.as_os_str().to_owned();
    backup.push("~");
    _ = fs::remove_file(backup);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_copy_and_the_new_file_have_the_mode_of_the_old_one() {
        let (directory, path) = file(0o604);
        let original = Original::open(&path).unwrap();
        let copy = original.copy(b"{}").unwrap();
        assert_eq!((copy.extension().unwrap(), copy.parent()), ("json".as_ref(), path.parent()));
        assert_eq!(mode(&copy), 0o604);
        original.replace(b"{ }", 0o640).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("{ }", 0o604));
        remove_copy(&copy);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link_and_what_it_leads_to_is_replaced() {
        let (directory, path) = file(0o644);
        let link = directory.path().join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        Original::open(&link).unwrap().replace(b"[]", 0o640).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "[]");
    }

    #[test]
    fn a_second_editor_is_kept_out_until_the_first_ends() {
        let (_directory, path) = file(0o644);
        let first = Original::open(&path).unwrap();
        let error = Original::open(&path).err().unwrap();
        assert!(format!("{error:#}").ends_with("somebody else is editing it"));
        first.close();
        assert!(Original::open(&path).is_ok());
    }

    #[test]
    fn what_was_written_meanwhile_is_noticed() {
        let (directory, path) = file(0o644);
        let original = Original::open(&path).unwrap();
        assert!(original.is_unchanged());
        fs::write(&path, "{ }").unwrap();
        assert!(!original.is_unchanged());
        let new = Original::open(&directory.path().join("new/c.json")).unwrap();
        assert!(new.is_unchanged() && new.content().is_none());
        fs::write(directory.path().join("new/c.json"), "").unwrap();
        assert!(!new.is_unchanged());
    }

    #[test]
    fn a_directory_that_was_made_for_nothing_goes_again() {
        let directory = tempfile::tempdir().unwrap();
        let original = Original::open(&directory.path().join("new/c.json")).unwrap();
        assert!(directory.path().join("new").is_dir());
        original.clean_up();
        assert!(!directory.path().join("new").exists());
    }

    #[test]
    fn what_is_no_file_is_not_edited_and_a_planted_link_is_not_read() {
        let (directory, path) = file(0o644);
        assert!(Original::open(directory.path()).is_err());
        let link = directory.path().join("c.edit.1.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_copy(&link).is_err() && read_copy(&path).is_ok());
    }
}
