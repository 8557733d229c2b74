//! The events files, beside the samples and under the same promises.

use chrono::NaiveDate;

use super::append::{Sync, append};
use super::days::Kind;
use super::range::{Range, content, days_of, lines};
use super::{Store, tail};
use crate::event::Event;

impl Store {
    /// Appends events to the file of `date`.
    ///
    /// # Errors
    /// As for a sample.
    pub fn append_events(
        &self,
        date: NaiveDate,
        events: &[Event],
        sync: Sync,
    ) -> anyhow::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> =
            events.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        append(&self.events_file(date), &lines, sync)?;
        Ok(())
    }

    /// The events of a range, oldest first; damaged lines are passed over.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn events(&self, range: Range) -> anyhow::Result<Vec<Event>> {
        let mut events = Vec::new();
        for files in days_of(self.files()?, Kind::Events, range) {
            for content in files.iter().filter_map(|file| content(file).ok()) {
                events.extend(
                    lines(&content)
                        .filter_map(|(_, text, _)| serde_json::from_slice::<Event>(text).ok()),
                );
            }
        }
        events.retain(|event| range.holds(event.epoch));
        events.sort_by_key(|event| event.epoch);
        Ok(events)
    }

    /// The last `count` events, oldest first.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn last_events(&self, count: usize) -> anyhow::Result<Vec<Event>> {
        let mut events: Vec<Event> = Vec::new();
        let files = self.files()?;
        for file in
            files.iter().rev().filter(|file| file.kind == Kind::Events && !file.is_compressed())
        {
            let backwards = tail::Backwards::open(&file.path).into_iter().flatten();
            events.extend(
                backwards
                    .filter_map(|text| serde_json::from_slice(&text).ok())
                    .take(count - events.len()),
            );
            if events.len() >= count {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }
}
