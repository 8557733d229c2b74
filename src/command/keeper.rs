//! Keeps the state: in the data directory, or while that cannot be written, in the runtime directory.

use crate::alert::state::{Printed, State};
use crate::store::runtime::Runtime;
use crate::store::{Store, state};
use crate::time::Moment;

/// A failure that does not change is printed when it begins and once a day.
const PRINTED_AGAIN_AFTER: f64 = 86_400.0;

pub(super) struct Keeper<'a> {
    store: &'a Store,
    runtime: &'a Runtime,
    pub state: State,
    saved: State,
    /// Whether the one in force was found in the runtime directory.
    is_away: bool,
    /// What had to be said while loading.
    pub remark: Option<String>,
}

impl<'a> Keeper<'a> {
    /// # Errors
    /// The state is there and cannot be read.
    pub(super) fn load(store: &'a Store, runtime: &'a Runtime) -> anyhow::Result<Self> {
        let loaded = state::load(&store.directory)?;
        let newer = runtime.state().filter(|kept| kept.generation > loaded.state.generation);
        let is_away = newer.is_some();
        let state = newer.unwrap_or(loaded.state);
        let (saved, remark) = (state.clone(), loaded.set_aside);
        Ok(Keeper { store, runtime, state, saved, is_away, remark })
    }

    /// Saves what changed. `false`: nothing can remember it.
    pub(super) fn keep(&mut self) -> bool {
        if !self.state.differs(&self.saved) {
            return true;
        }
        self.state.generation = self.saved.generation + 1;
        let kept = if state::save(&self.store.directory, &self.state).is_ok() {
            self.runtime.forget_state();
            true
        } else {
            self.runtime.keep_state(&self.state)
        };
        if kept {
            self.saved = self.state.clone();
        }
        kept
    }

    /// Saves what a person changed, where those who collect will find it: they need not be the same user, and do not
    /// look into our runtime directory.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub(super) fn keep_in_place(&mut self) -> anyhow::Result<()> {
        if !self.state.differs(&self.saved) {
            return Ok(());
        }
        self.state.generation = self.saved.generation + 1;
        match state::save(&self.store.directory, &self.state) {
            Ok(()) => self.runtime.forget_state(),
            Err(_) if self.is_away && self.runtime.keep_state(&self.state) => {}
            Err(error) => return Err(error),
        }
        self.saved = self.state.clone();
        Ok(())
    }

    /// Whether a failure is to be printed now; `None` as text: it is over.
    pub(super) fn announces(&mut self, what: &str, text: Option<&str>, now: &Moment) -> bool {
        let Some(text) = text else {
            self.state.printed.remove(what);
            return false;
        };
        let unchanged = self.state.printed.get(what).filter(|printed| printed.text == text);
        if unchanged.is_some_and(|printed| now.seconds_since(&printed.at) < PRINTED_AGAIN_AFTER) {
            return false;
        }
        self.state
            .printed
            .insert(what.to_owned(), Printed { text: text.to_owned(), at: now.clone() });
        true
    }
}
