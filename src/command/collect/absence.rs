//! Why there were no samples since the last one: the lines tell a part, the rest is what the host left behind. It is
//! looked for only after a gap or a reboot.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::Context;
use super::happenings::{self, Evidence};
use super::judge::Run;
use super::lines::{MOST_DAYS, is_same};
use crate::alert::state::State;
use crate::continuity::{Neighbour, between};
use crate::event::Event;
use crate::gap::Cause;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::shutdown::{self, Record, WHOLE_RECORDS};
use crate::store::shutdown::mark;
use crate::store::tail;

/// Where the C library's programs keep who logged in, and the boots (wtmp(5)).
const WTMP: &str = "var/log/wtmp";
/// The last records are enough: about 2,000.
const MOST_BYTES: u64 = 80 * WHOLE_RECORDS;

/// What happened since the newest stored line. To be asked before the state forgets why samples were not stored.
pub(super) fn since(run: &Run<'_>, state: &State, context: &Context<'_>) -> Vec<Event> {
    let Some(newest) = run.recent.newest.as_deref() else { return Vec::new() };
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
    let mut events = happenings::since(newest, run.sample, found, &evidence);
    if !run.sample.facts.is_empty() {
        events.extend(happenings::facts(&facts_before(run), run.sample));
    }
    events
}

/// The last facts that were stored: once a day, once a boot, and when they change.
fn facts_before(run: &Run<'_>) -> BTreeMap<String, String> {
    let wanted = Wanted::names(Vec::<String>::new()).with_facts();
    let days = run.sample.timestamp.date_naive().iter_days().rev().take(MOST_DAYS);
    let lines = days.flat_map(|date| tail::samples(&run.store.metrics_file(date), &wanted));
    let is_ours = |line: &Sample| is_same(&line.moment(), &run.sample.moment());
    let told = lines.filter(|line| !is_ours(line)).find(|line| !line.facts.is_empty());
    told.map(|line| line.facts).unwrap_or_default()
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
