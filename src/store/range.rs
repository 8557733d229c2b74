//! Reading a range of days, one day in memory at a time: promises 5 and 8 of the store.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use flate2::read::MultiGzDecoder;

use super::days::{DayFile, Kind};
use super::{Store, tail};
use crate::render::wording::one_line;
use crate::sample::Sample;
use crate::sample::read::{Wanted, line};
use crate::time::Zone;

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    pub path: PathBuf,
    /// From 1; 0 for a file that could not be read at all.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for Damage {
    /// `FILE:LINE: why`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        match self.line {
            0 => write!(out, "{name}: {}", self.reason),
            line => write!(out, "{name}:{line}: {}", self.reason),
        }
    }
}

/// How much could not be read, and where first; `None` if nothing.
pub fn damage_words(damage: &[Damage]) -> Option<String> {
    let first = damage.first()?;
    let lines = damage.iter().filter(|one| one.line > 0).count();
    let counted = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        many => Some(format!("{many} {what}s")),
    };
    let parts = [counted(lines, "damaged line"), counted(damage.len() - lines, "unreadable file")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(format!(
        "{} ({}{first})",
        parts.join(" and "),
        if damage.len() > 1 { "first: " } else { "" }
    ))
}

/// A stretch of time; `since` is in it, `until` is not, unless it is now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// What was sampled in this very second belongs to "until now".
    pub up_to_now: bool,
}

impl Range {
    /// The time from `seconds` ago up to now.
    pub fn last(seconds: i64, now: DateTime<Utc>) -> Self {
        Range { since: now - TimeDelta::seconds(seconds), until: now, up_to_now: true }
    }

    pub fn holds(&self, epoch: i64) -> bool {
        let end = self.until.timestamp() + i64::from(self.up_to_now);
        self.since.timestamp() <= epoch && epoch < end
    }

    pub fn seconds(&self) -> f64 {
        (self.until - self.since).as_seconds_f64().max(0.0)
    }
}

/// Samples of a range, oldest first.
pub struct Samples<'a> {
    days: VecDeque<Vec<DayFile>>,
    range: Range,
    wanted: &'a Wanted,
    day: std::vec::IntoIter<Sample>,
    pub damage: Vec<Damage>,
}

impl Store {
    /// The samples whose instant lies in `range`.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn samples<'a>(&self, range: Range, wanted: &'a Wanted) -> anyhow::Result<Samples<'a>> {
        let days = days_of(self.files()?, Kind::Metrics, range);
        Ok(Samples { days, range, wanted, day: Vec::new().into_iter(), damage: Vec::new() })
    }
}

/// Files by day, from a day before the range to a day after: a name is a local date, in the zone of its time.
pub fn days_of(files: &[DayFile], kind: Kind, range: Range) -> VecDeque<Vec<DayFile>> {
    let day = |instant: DateTime<Utc>| Zone::Local.date(instant);
    let first = day(range.since).checked_sub_days(Days::new(1)).unwrap_or(NaiveDate::MIN);
    let last = day(range.until).checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    let mut by_day: BTreeMap<NaiveDate, Vec<DayFile>> = BTreeMap::new();
    let in_range = |file: &&DayFile| file.kind == kind && first <= file.date && file.date <= last;
    for file in files.iter().filter(in_range) {
        by_day.entry(file.date).or_default().push(file.clone());
    }
    by_day.into_values().collect()
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        loop {
            if let Some(sample) = self.day.next() {
                return Some(sample);
            }
            let files = self.days.pop_front()?;
            let range = self.range;
            let files: Vec<&DayFile> = files.iter().filter(|file| may_hold(file, range)).collect();
            let (samples, damage) = read_day(&files, self.wanted, Some(self.range));
            self.damage.extend(damage);
            self.day = samples.into_iter();
        }
    }
}

/// Whether a file of a neighbouring day may hold lines of the range: only if it was written in another zone. Its first
/// and last line tell, without reading the rest.
fn may_hold(file: &DayFile, range: Range) -> bool {
    let is_inside =
        Zone::Local.date(range.since) <= file.date && file.date <= Zone::Local.date(range.until);
    if is_inside || file.is_compressed() {
        return true;
    }
    let is_of_its_day = |text: Option<Vec<u8>>| {
        let epoch = text.as_deref().and_then(early_epoch);
        epoch.is_some_and(|epoch| Zone::Local.at_epoch(epoch).date_naive() == file.date)
    };
    let last = tail::Backwards::open(&file.path).and_then(|mut lines| lines.next());
    !(is_of_its_day(tail::first_bytes(&file.path)) && is_of_its_day(last))
}

/// One day from all its files: sorted by time, stably, each line once.
pub fn read_day(
    files: &[&DayFile],
    wanted: &Wanted,
    range: Option<Range>,
) -> (Vec<Sample>, Vec<Damage>) {
    let (mut samples, mut damage) = (Vec::new(), Vec::new());
    for file in files {
        let sink = |sample: Sample| {
            if range.is_none_or(|range| range.holds(sample.epoch())) {
                samples.push(sample);
            }
        };
        damage.extend(read_file(file, wanted, range, sink));
    }
    samples.sort_by(|a, b| {
        let within_boot =
            if a.boot_id == b.boot_id { a.uptime.partial_cmp(&b.uptime) } else { None };
        a.epoch().cmp(&b.epoch()).then(within_boot.unwrap_or(Ordering::Equal))
    });
    let mut seen = HashSet::new();
    samples.retain(|sample| {
        seen.insert((sample.boot_id.clone(), sample.uptime.map(f64::to_bits), sample.epoch()))
    });
    (samples, damage)
}

fn read_file(
    file: &DayFile,
    wanted: &Wanted,
    range: Option<Range>,
    mut sink: impl FnMut(Sample),
) -> Vec<Damage> {
    let content = match content(file) {
        Ok(content) => content,
        // It was removed, or is not ours to read: said as one damage, and the rest is read.
        Err(error) => {
            return vec![Damage {
                path: file.path.clone(),
                line: 0,
                reason: one_line(&error.to_string()),
            }];
        }
    };
    let mut damage = Vec::new();
    for (number, text, finished) in lines(&content) {
        if range.is_some_and(|range| early_epoch(text).is_some_and(|epoch| !range.holds(epoch))) {
            continue;
        }
        match line(text, wanted) {
            Ok(sample) => sink(sample),
            Err(reason) if finished => {
                damage.push(Damage { path: file.path.clone(), line: number, reason });
            }
            // A write in progress.
            Err(_) => {}
        }
    }
    damage
}

/// The lines of a file with their numbers, and whether they ended in a newline. Empty ones say nothing.
pub fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8], bool)> {
    content
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
        .map(|(at, text)| (at + 1, text.trim_ascii(), text.ends_with(b"\n")))
        .filter(|(_, text, _)| !text.is_empty())
}

/// The epoch of a line that has it where we write it, without reading the rest.
fn early_epoch(text: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b",\"epoch\":";
    // The time before it holds no comma.
    let comma = text.get(..64)?.iter().position(|byte| *byte == b',')?;
    let digits = text
        .get(comma..)?
        .strip_prefix(KEY)?
        .split(|byte| !(byte.is_ascii_digit() || *byte == b'-'))
        .next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The bytes of a day file, decompressed. A compressed file that ends early gives what it has.
pub fn content(file: &DayFile) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut handle = File::open(&file.path)?;
    if !file.is_compressed() {
        handle.read_to_end(&mut content)?;
        return Ok(content);
    }
    match MultiGzDecoder::new(handle).read_to_end(&mut content) {
        Err(error) if content.is_empty() => Err(error),
        _ => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn sample_line(time: &str, uptime: u32) -> String {
        let epoch = utc(time).timestamp();
        format!(
            "{{\"timestamp\":\"{time}\",\"epoch\":{epoch},\"boot_id\":\"a\",\"uptime\":{uptime},\"cpu_percent\":{uptime}}}\n"
        )
    }

    fn read(files: &[(&str, String)]) -> (Vec<u32>, Vec<Damage>) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(directory.path().join(name), content).unwrap();
        }
        read_in(directory.path())
    }

    fn read_in(directory: &std::path::Path) -> (Vec<u32>, Vec<Damage>) {
        let wanted = Wanted::names(["cpu_percent"]);
        let range = Range {
            since: utc("2026-03-01T00:00:00Z"),
            until: utc("2026-04-01T00:00:00Z"),
            up_to_now: false,
        };
        let mut samples = Store::new(directory).samples(range, &wanted).unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small numbers of this test"
        )]
        let seen = samples
            .by_ref()
            .filter_map(|sample| sample.uptime)
            .map(|uptime| uptime as u32)
            .collect();
        (seen, samples.damage)
    }

    #[test]
    fn promise_5_damaged_lines_are_skipped_and_counted_with_their_place() {
        let content = sample_line("2026-03-10T10:00:00Z", 1)
            + "garbage\n\n\0\0\0\n"
            + &sample_line("2026-03-10T10:05:00Z", 2);
        let (seen, damage) = read(&[("metrics_2026-03-10.jsonl", content)]);
        assert_eq!(
            (seen, damage.iter().map(|one| one.line).collect::<Vec<_>>()),
            (vec![1, 2], vec![2, 4])
        );
    }

    #[test]
    fn promise_5_an_unterminated_last_line_is_used_if_it_parses_and_is_no_damage() {
        let whole = sample_line("2026-03-10T10:00:00Z", 1);
        let open = sample_line("2026-03-10T10:05:00Z", 2);
        assert_eq!(
            read(&[("metrics_2026-03-10.jsonl", whole.clone() + open.trim_end())]),
            (vec![1, 2], vec![])
        );
        assert_eq!(read(&[("metrics_2026-03-10.jsonl", whole + &open[..40])]), (vec![1], vec![]));
    }

    #[test]
    fn promise_6_compressed_days_are_read_like_plain_ones() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("metrics_2026-03-10.jsonl.gz")).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        encoder.write_all(sample_line("2026-03-10T10:00:00Z", 1).as_bytes()).unwrap();
        encoder.finish().unwrap();
        assert_eq!(read_in(directory.path()), (vec![1], vec![]));
    }

    #[test]
    fn promise_8_all_files_of_a_day_are_sorted_together_and_equal_lines_count_once() {
        let (early, late) =
            (sample_line("2026-03-10T10:00:00Z", 1), sample_line("2026-03-10T11:00:00Z", 3));
        let files = [
            ("metrics_2026-03-10.json", sample_line("2026-03-10T10:30:00Z", 2)),
            ("metrics_2026-03-10.jsonl", late.clone() + &early + &late),
        ];
        assert_eq!(read(&files), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn promise_8_a_line_that_stands_in_the_file_of_a_neighbouring_day_is_found() {
        assert_eq!(
            read(&[("metrics_2026-02-28.jsonl", sample_line("2026-03-01T00:30:00Z", 7))]).0,
            [7]
        );
    }

    #[test]
    fn since_is_included_and_until_is_not() {
        let content =
            sample_line("2026-03-01T00:00:00Z", 1) + &sample_line("2026-04-01T00:00:00Z", 2);
        assert_eq!(read(&[("metrics_2026-03-01.jsonl", content)]).0, [1]);
        let late = sample_line("2026-04-01T00:00:00Z", 2);
        assert!(read(&[("metrics_2026-04-01.jsonl", late)]).0.is_empty());
    }

    #[test]
    fn windows_line_ends_and_lines_without_an_epoch_are_read() {
        let content = "{\"timestamp\":\"2026-03-10T10:00:00Z\",\"uptime\":9}\r\n".to_owned();
        assert_eq!(read(&[("metrics_2026-03-10.json", content)]), (vec![9], vec![]));
    }
}
