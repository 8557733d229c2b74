//! Why there were no samples since the last one: the lines tell a part, the rest is what the host left behind. It is
//! looked for only after a gap or a reboot.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::Context;
use super::happenings::{self, Evidence};
use super::judge::Run;
use crate::alert::state::State;
use crate::continuity::{Neighbour, between};
use crate::event::Event;
use crate::gap::Cause;
use crate::sample::Sample;
use crate::shutdown::{self, Record, WHOLE_RECORDS};
use crate::store::shutdown::mark;

/// Where the C library's programs keep who logged in, and the boots (wtmp(5)).
const WTMP: &str = "var/log/wtmp";
/// The last records are enough: about 2,000.
const MOST_BYTES: u64 = 80 * WHOLE_RECORDS;

/// What happened since the newest stored line. To be asked before the state forgets why samples were not stored.
pub(super) fn since(run: &Run<'_>, state: &State, context: &Context<'_>) -> Vec<Event> {
    let Some(newest) = &run.recent.newest else { return Vec::new() };
    // As long as samples cannot be stored the gap is not over.
    if run.failure.is_some() {
        return Vec::new();
    }
    let interval = run.recent.interval;
    let found = between(&Neighbour::from(newest), &Neighbour::from(run.sample), interval);
    let evidence = Evidence {
        store_failure: state.printed.get("store").map(|printed| printed.text.as_str()),
        ended: if found.reboot { ended(run, newest, context) } else { Cause::Unknown },
    };
    happenings::since(newest, run.sample, found, &evidence)
}

/// How the boot of the newest line ended.
fn ended(run: &Run<'_>, newest: &Sample, context: &Context<'_>) -> Cause {
    // Lines that were brought from another host tell nothing of this one.
    if newest.host != run.sample.host {
        return Cause::Unknown;
    }
    // The service writes where systemd says, wherever the samples are.
    let told = (context.variable)("STATE_DIRECTORY").map(PathBuf::from);
    let mark = mark(&run.store.directory).or_else(|| mark(told.as_deref()?));
    let records = wtmp(&context.root.join(WTMP)).unwrap_or_default();
    shutdown::cause(&newest.moment(), run.recent.interval, mark.as_ref(), &records)
}

/// The last records. `None`: there are none, as on hosts that count their users in another way.
fn wtmp(path: &Path) -> Option<Vec<Record>> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let surplus = file.metadata().ok()?.len().saturating_sub(MOST_BYTES);
    file.seek(SeekFrom::Start(surplus.next_multiple_of(WHOLE_RECORDS))).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(shutdown::records(&bytes))
}
