//! What may be lost: caches in the runtime directory, in memory on most hosts, never synced. What the last run
//! read, and what was told while the data directory could not be written. Whoever runs it for one store finds the same.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::state;
use crate::alert::state::State;
use crate::collector::earlier::Earlier;
use crate::collector::own::Cost;

/// That of the units.
const UNITS: &str = "/run/hostwatch";

/// `$RUNTIME_DIRECTORY`, that of the units if they keep this store, `$XDG_RUNTIME_DIR/hostwatch` or
/// `/run/user/UID/hostwatch`, else the data directory.
#[derive(Clone, Debug)]
pub struct Runtime {
    directory: PathBuf,
    /// Whether it is the data directory itself, which may be the very one that cannot be written.
    shared: bool,
    /// Whether another user may put files, and links, there.
    foreign: bool,
}

impl Runtime {
    /// Finds it, and makes it where it is missing.
    pub fn find(variable: impl Fn(&str) -> Option<OsString>, data: &Path) -> Self {
        Self::with(variable, Path::new(UNITS), data, |directory| {
            directory.is_dir() || fs::create_dir(directory).is_ok()
        })
    }

    /// Finds it without making anything.
    pub fn look(variable: impl Fn(&str) -> Option<OsString>, data: &Path) -> Self {
        Self::with(variable, Path::new(UNITS), data, Path::is_dir)
    }

    fn with(
        variable: impl Fn(&str) -> Option<OsString>,
        units: &Path,
        data: &Path,
        made: impl Fn(&Path) -> bool,
    ) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // One user may keep several stores: each has a directory of its own, named after it.
        let name = data.to_string_lossy().trim_matches('/').replace('/', "-");
        let given = set("RUNTIME_DIRECTORY");
        if given.is_none()
            && let Some(found) = Self::of_the_units(units.join(&name))
        {
            return found;
        }
        let own = given.or_else(|| {
            let base = set("XDG_RUNTIME_DIR")
                .unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", geteuid().as_raw())));
            base.is_dir().then(|| base.join("hostwatch"))
        });
        match own
            .filter(|base| made(base))
            .map(|base| base.join(name))
            .filter(|directory| made(directory))
        {
            Some(directory) => Runtime { directory, shared: false, foreign: false },
            None => Runtime { directory: data.to_owned(), shared: true, foreign: true },
        }
    }

    /// By hand, as root or their user, what is left to the next run is found and left where the units do.
    fn of_the_units(directory: PathBuf) -> Option<Self> {
        // A link is not followed: the directory above may belong to another user.
        let found = fs::symlink_metadata(&directory).ok().filter(fs::Metadata::is_dir)?;
        let user = geteuid();
        let foreign = found.uid() != user.as_raw();
        (user.is_root() || !foreign).then_some(Runtime { directory, shared: false, foreign })
    }

    /// Writes a cache. Losing one is no error.
    fn write(&self, path: &Path, text: &str) {
        let mut options = fs::OpenOptions::new();
        options.write(true);
        if self.foreign {
            // No link is followed: the old file goes, a new one is made.
            _ = fs::remove_file(path);
            options.create_new(true);
        } else {
            // Written over in place: what is left of a longer one stands behind the end.
            options.create(true);
        }
        if let Ok(mut file) = options.open(path) {
            if self.foreign {
                _ = super::append::give_to_owner(&file, &self.directory);
            }
            _ = file.write_all(text.as_bytes());
        }
    }

    fn processes(&self) -> PathBuf {
        self.directory.join("processes.cache")
    }

    /// What an earlier run of this boot left.
    pub fn earlier(&self, boot_id: &str) -> Option<Earlier> {
        Earlier::parse(&fs::read_to_string(self.processes()).ok()?, boot_id)
    }

    /// Losing it costs one `top` by CPU.
    pub fn keep_earlier(&self, boot_id: &str, earlier: &Earlier) {
        self.write(&self.processes(), &earlier.format(boot_id));
    }

    /// What the run before cost.
    pub fn cost(&self) -> Option<Cost> {
        if self.shared { None } else { Cost::parse(&fs::read_to_string(self.costs()).ok()?) }
    }

    /// Nobody wears out a card to say how much it is worn.
    pub fn keep_cost(&self, cost: &Cost) {
        if !self.shared {
            self.write(&self.costs(), &cost.format());
        }
    }

    fn costs(&self) -> PathBuf {
        self.directory.join("cost.cache")
    }

    /// What was told while the data directory could not be written.
    pub fn state(&self) -> Option<State> {
        if self.shared { None } else { state::peek(&self.directory).ok().flatten() }
    }

    /// Returns whether it could be kept.
    pub fn keep_state(&self, state: &State) -> bool {
        !self.shared && state::save(&self.directory, state).is_ok()
    }

    pub fn forget_state(&self) {
        if !self.shared {
            _ = fs::remove_file(state::path(&self.directory));
        }
    }

    /// The right to judge and tell, where the data directory cannot hold the lock; `None` if it cannot be had here.
    pub fn lock(&self) -> Option<Option<fs::File>> {
        if self.shared { None } else { super::lock::notify(&self.directory).ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::earlier::tests::earlier;

    #[test]
    fn without_a_runtime_directory_the_data_directory_serves() {
        let data = tempfile::tempdir().unwrap();
        let nowhere =
            |name: &str| (name == "RUNTIME_DIRECTORY").then(|| OsString::from("/nonexistent/x"));
        let runtime = Runtime::find(nowhere, data.path());
        let left = earlier();
        runtime.keep_earlier("boot", &left);
        assert_eq!((runtime.earlier("boot"), runtime.lock().is_none()), (Some(left), true));
    }

    const NOTHING: fn(&str) -> Option<OsString> = |_| None;

    fn within(units: &Path) -> Runtime {
        Runtime::with(NOTHING, units, Path::new("/var/lib/hostwatch"), |_| false)
    }

    #[test]
    fn by_hand_the_runtime_directory_of_the_units_serves_if_they_keep_this_store() {
        let units = tempfile::tempdir().unwrap();
        assert!(within(units.path()).shared, "nothing is made there");
        let own = units.path().join("var-lib-hostwatch");
        fs::create_dir(&own).unwrap();
        let left = earlier();
        within(units.path()).keep_earlier("boot", &left);
        assert_eq!(within(units.path()).earlier("boot"), Some(left));
        assert!(own.join("processes.cache").is_file());
    }

    #[test]
    fn a_runtime_directory_that_is_given_goes_before_that_of_the_units() {
        let (units, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(units.path().join("var-lib-hostwatch")).unwrap();
        let variable =
            |name: &str| (name == "RUNTIME_DIRECTORY").then(|| given.path().as_os_str().to_owned());
        let data = Path::new("/var/lib/hostwatch");
        let runtime = Runtime::with(variable, units.path(), data, |_| true);
        assert!(runtime.directory.starts_with(given.path()));
    }

    #[test]
    fn a_link_planted_among_the_runtime_directories_of_the_units_is_not_followed() {
        let (units, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = units.path().join("var-lib-hostwatch");
        std::os::unix::fs::symlink(target.path(), link).unwrap();
        assert!(within(units.path()).shared);
    }

    #[test]
    fn in_a_directory_of_another_user_a_cache_is_not_written_through_a_link() {
        let (directory, target) =
            (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        for foreign in [true, false] {
            let directory = directory.path().to_owned();
            let runtime = Runtime { directory, shared: false, foreign };
            _ = fs::remove_file(runtime.costs());
            std::os::unix::fs::symlink(target.path(), runtime.costs()).unwrap();
            runtime.keep_cost(&Cost { milliseconds: 1.0, cpu_milliseconds: 1.0, written: 1 });
            let is_written = !fs::read(target.path()).unwrap().is_empty();
            assert_eq!(is_written, !foreign);
        }
    }
}
