//! What may be lost: caches in the runtime directory, in memory on most hosts, never synced. What the last run
//! read, and what was told while the data directory could not be written.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::state;
use crate::alert::state::State;
use crate::collector::earlier::Earlier;
use crate::collector::own::Cost;

/// `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/hostwatch` or `/run/user/UID/hostwatch`, else the data directory.
#[derive(Clone, Debug)]
pub struct Runtime {
    directory: PathBuf,
    /// Whether it is the data directory itself, which may be the very one that cannot be written.
    shared: bool,
}

impl Runtime {
    /// Finds it, and makes it where it is missing.
    pub fn find(variable: impl Fn(&str) -> Option<OsString>, data: &Path) -> Self {
        Self::with(variable, data, |directory| {
            directory.is_dir() || fs::create_dir(directory).is_ok()
        })
    }

    /// Finds it without making anything.
    pub fn look(variable: impl Fn(&str) -> Option<OsString>, data: &Path) -> Self {
        Self::with(variable, data, Path::is_dir)
    }

    fn with(
        variable: impl Fn(&str) -> Option<OsString>,
        data: &Path,
        made: impl Fn(&Path) -> bool,
    ) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let own = set("RUNTIME_DIRECTORY").or_else(|| {
            let base = set("XDG_RUNTIME_DIR").unwrap_or_else(|| {
                PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw()))
            });
            base.is_dir().then(|| base.join("hostwatch"))
        });
        // One user may keep several stores: each has a directory of its own, named after it.
        let name = data.to_string_lossy().trim_matches('/').replace('/', "-");
        match own
            .filter(|base| made(base))
            .map(|base| base.join(name))
            .filter(|directory| made(directory))
        {
            Some(directory) => Runtime { directory, shared: false },
            None => Runtime { directory: data.to_owned(), shared: true },
        }
    }

    fn processes(&self) -> PathBuf {
        self.directory.join("processes.cache")
    }

    /// What an earlier run of this boot left.
    pub fn earlier(&self, boot_id: &str) -> Option<Earlier> {
        Earlier::parse(&fs::read_to_string(self.processes()).ok()?, boot_id)
    }

    /// Losing it costs one `top` by CPU, so a failure is no error.
    pub fn keep_earlier(&self, boot_id: &str, earlier: &Earlier) {
        let path = self.processes();
        let mut options = fs::OpenOptions::new();
        options.write(true);
        if self.shared {
            // In a directory of another user no link is followed: the old file goes, a new one is made.
            _ = fs::remove_file(&path);
            options.create_new(true);
        } else {
            // Written over in place: what is left of a longer one stands behind the end.
            options.create(true);
        }
        if let Ok(mut file) = options.open(&path) {
            if self.shared {
                _ = super::append::give_to_owner(&file, &self.directory);
            }
            _ = file.write_all(earlier.format(boot_id).as_bytes());
        }
    }

    /// What the run before cost.
    pub fn cost(&self) -> Option<Cost> {
        if self.shared { None } else { Cost::parse(&fs::read_to_string(self.costs()).ok()?) }
    }

    /// Nobody wears out a card to say how much it is worn.
    pub fn keep_cost(&self, cost: &Cost) {
        if self.shared {
            return;
        }
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(self.costs());
        if let Ok(mut file) = file {
            _ = file.write_all(cost.format().as_bytes());
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
}
