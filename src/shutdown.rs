//! How a boot ended, told by the next one: from the mark that a clean shutdown leaves, and from wtmp(5). Pure.

use crate::gap::Cause;
use crate::time::Moment;

/// Bytes that hold a whole number of records of either size.
pub const WHOLE_RECORDS: u64 = 9_600;
/// A boot is recorded so many seconds after it began, at most.
const BOOTING: f64 = 60.0;

/// Left by a boot that ended cleanly (`systemd/hostwatch-shutdown.service`).
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    boot_id: String,
    /// When it was written.
    epoch: i64,
}

impl Mark {
    /// `None` if that is no boot's id: a file cut off by a full disk says nothing.
    pub fn parse(text: &str, epoch: i64) -> Option<Self> {
        let boot_id = text.trim().replace('-', "");
        let is_id = boot_id.len() == 32 && boot_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(Mark { boot_id, epoch })
    }
}

/// What wtmp keeps of boots and their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Boot(i64),
    Shutdown(i64),
}

/// How the boot of the last sample ended: `Off`, `PowerCut`, or `Unknown` where nothing tells.
pub fn cause(last: &Moment, interval: f64, mark: Option<&Mark>, records: &[Record]) -> Cause {
    let by_mark = mark.and_then(|mark| by_mark(last, interval, mark));
    let by_records = by_records(last, interval, records);
    if [by_mark, by_records].contains(&Some(Cause::Off)) {
        return Cause::Off;
    }
    by_mark.or(by_records).unwrap_or(Cause::Unknown)
}

fn by_mark(last: &Moment, interval: f64, mark: &Mark) -> Option<Cause> {
    let since_sample = (mark.epoch - last.epoch) as f64;
    if mark.boot_id == last.boot_id {
        // An older one was written when the service was stopped by hand, and the boot went on.
        return Some(if since_sample >= -interval { Cause::Off } else { Cause::PowerCut });
    }
    // A newer one is of a boot between that has no sample.
    (since_sample <= 0.0).then_some(Cause::PowerCut)
}

/// The last boot recorded is this one, if it came after the last sample's; what came first after that sample, a
/// shutdown or a boot, tells how its boot ended.
fn by_records(last: &Moment, interval: f64, records: &[Record]) -> Option<Cause> {
    let earliest = last.epoch as f64 - 2.0 * interval;
    let begun = last.epoch as f64 - last.uptime + BOOTING;
    let is_after = |record: &&Record| match **record {
        Record::Boot(epoch) => epoch as f64 >= earliest && epoch as f64 > begun,
        Record::Shutdown(epoch) => epoch as f64 >= earliest,
    };
    let this_boot = records.iter().rposition(|record| matches!(record, Record::Boot(_)))?;
    records.get(this_boot).filter(is_after)?;
    let first = records.iter().take(this_boot).find(is_after);
    let is_clean = matches!(first, Some(Record::Shutdown(_)));
    Some(if is_clean { Cause::Off } else { Cause::PowerCut })
}

/// A record as the C library lays it out: 384 bytes with times of 32 bits, or (aarch64) 400 with times of 64.
struct Layout {
    size: usize,
    has_long_times: bool,
}

const LAYOUTS: [Layout; 2] =
    [Layout { size: 384, has_long_times: false }, Layout { size: 400, has_long_times: true }];

/// The boots and shutdowns in the bytes of a wtmp, in their order. Whatever else is there is passed over; read by the
/// wrong layout a record has no name or no time.
pub fn records(bytes: &[u8]) -> Vec<Record> {
    let read = |layout: &Layout| -> Vec<Record> {
        bytes.chunks_exact(layout.size).filter_map(|bytes| layout.record(bytes)).collect()
    };
    LAYOUTS.iter().map(read).max_by_key(Vec::len).unwrap_or_default()
}

impl Layout {
    fn record(&self, bytes: &[u8]) -> Option<Record> {
        const RUN_LVL: i16 = 1;
        const BOOT_TIME: i16 = 2;
        let kind = i16::from_ne_bytes(field(bytes, 0)?);
        let user: [u8; 32] = field(bytes, 44)?;
        let user = user.split(|byte| *byte == 0).next().unwrap_or_default();
        let (seconds, micros) = if self.has_long_times {
            (i64::from_ne_bytes(field(bytes, 344)?), i64::from_ne_bytes(field(bytes, 352)?))
        } else {
            // Unsigned they last until 2106.
            let short = |at: usize| Some(i64::from(u32::from_ne_bytes(field(bytes, at)?)));
            (short(340)?, short(344)?)
        };
        let is_time = (1_000_000..1 << 40).contains(&seconds) && (0..1_000_000).contains(&micros);
        match (kind, user) {
            (BOOT_TIME, b"reboot") if is_time => Some(Record::Boot(seconds)),
            (RUN_LVL, b"shutdown") if is_time => Some(Record::Shutdown(seconds)),
            _ => None,
        }
    }
}

fn field<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    bytes.get(at..at + LENGTH)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
    const B: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
    /// Of the last sample, in boot A, which was up for a day.
    const LAST: i64 = 1_795_336_866;

    fn last() -> Moment {
        Moment { epoch: LAST, boot_id: A.replace('-', ""), uptime: 86_400.0 }
    }

    fn marked(boot_id: &str, seconds_later: i64) -> Cause {
        let mark = Mark::parse(boot_id, LAST + seconds_later).unwrap();
        cause(&last(), 300.0, Some(&mark), &[])
    }

    /// Times are seconds after the last sample.
    fn recorded(records: &[Record]) -> Cause {
        let records: Vec<Record> = records
            .iter()
            .map(|record| match record {
                Record::Boot(later) => Record::Boot(LAST + later),
                Record::Shutdown(later) => Record::Shutdown(LAST + later),
            })
            .collect();
        cause(&last(), 300.0, None, &records)
    }

    fn bytes(layout: &Layout, kind: i16, user: &str, seconds: i64) -> Vec<u8> {
        let mut record = vec![0; layout.size];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[8] = b'~';
        record[44..44 + user.len()].copy_from_slice(user.as_bytes());
        record[76..85].copy_from_slice(b"6.1.0-rpi");
        if layout.has_long_times {
            record[344..352].copy_from_slice(&seconds.to_ne_bytes());
            record[352..360].copy_from_slice(&123_456_i64.to_ne_bytes());
        } else {
            let seconds = u32::try_from(seconds).unwrap();
            record[340..344].copy_from_slice(&seconds.to_ne_bytes());
            record[344..348].copy_from_slice(&123_456_u32.to_ne_bytes());
        }
        record
    }

    /// A boot, a login, a change of the run level, a shutdown and a boot.
    fn a_file(layout: &Layout) -> Vec<u8> {
        [
            bytes(layout, 2, "reboot", LAST - 86_400),
            bytes(layout, 7, "pi", LAST - 9_000),
            bytes(layout, 1, "runlevel", LAST - 86_300),
            bytes(layout, 1, "shutdown", LAST + 60),
            bytes(layout, 2, "reboot", LAST + 900),
        ]
        .concat()
    }

    fn expected() -> [Record; 3] {
        [Record::Boot(LAST - 86_400), Record::Shutdown(LAST + 60), Record::Boot(LAST + 900)]
    }

    #[test]
    fn a_mark_of_the_boot_of_the_last_sample_is_a_clean_end() {
        assert_eq!(marked(A, 120), Cause::Off);
        assert_eq!(marked(&A.replace('-', ""), 120), Cause::Off);
        assert_eq!(marked(A, -200), Cause::Off, "a sample while shutting down");
    }

    #[test]
    fn a_mark_long_before_the_last_sample_was_no_shutdown() {
        assert_eq!(marked(A, -301), Cause::PowerCut);
    }

    #[test]
    fn a_mark_of_an_older_boot_says_that_the_last_one_did_not_end_cleanly() {
        assert_eq!(marked(B, -90_000), Cause::PowerCut);
        assert_eq!(marked(B, -90), Cause::PowerCut);
    }

    #[test]
    fn a_mark_of_a_boot_without_samples_says_nothing() {
        assert_eq!(marked(B, 90), Cause::Unknown);
    }

    #[test]
    fn what_is_no_boot_id_is_no_mark() {
        for text in ["", "\n", "aaaa", "{}", &"x".repeat(32), &format!("{A}{A}")] {
            assert_eq!(Mark::parse(text, LAST), None, "{text}");
        }
    }

    #[test]
    fn a_shutdown_before_this_boot_is_a_clean_end() {
        assert_eq!(recorded(&[Record::Shutdown(60), Record::Boot(900)]), Cause::Off);
        assert_eq!(recorded(&[Record::Shutdown(-500), Record::Boot(900)]), Cause::Off);
    }

    #[test]
    fn a_boot_without_a_shutdown_before_it_is_a_power_cut() {
        assert_eq!(recorded(&[Record::Boot(900)]), Cause::PowerCut);
        assert_eq!(recorded(&[Record::Boot(-86_395), Record::Boot(900)]), Cause::PowerCut);
        let older = [Record::Shutdown(-87_000), Record::Boot(-86_395), Record::Boot(900)];
        assert_eq!(recorded(&older), Cause::PowerCut);
    }

    #[test]
    fn without_a_record_of_this_boot_nothing_is_known() {
        assert_eq!(recorded(&[]), Cause::Unknown);
        assert_eq!(recorded(&[Record::Boot(-86_395)]), Cause::Unknown);
        assert_eq!(recorded(&[Record::Boot(-86_395), Record::Shutdown(60)]), Cause::Unknown);
        assert_eq!(recorded(&[Record::Boot(-1_700_000_000)]), Cause::Unknown, "a clock of 1970");
    }

    #[test]
    fn of_several_boots_without_samples_the_first_tells() {
        let clean_first = [Record::Shutdown(60), Record::Boot(200), Record::Boot(900)];
        assert_eq!(recorded(&clean_first), Cause::Off);
        let cut_first = [Record::Boot(200), Record::Shutdown(600), Record::Boot(900)];
        assert_eq!(recorded(&cut_first), Cause::PowerCut);
    }

    #[test]
    fn a_boot_of_one_sample_is_not_taken_for_the_next_one() {
        let young = Moment { uptime: 60.0, ..last() };
        let records =
            [Record::Boot(LAST - 55), Record::Shutdown(LAST + 30), Record::Boot(LAST + 90)];
        assert_eq!(cause(&young, 300.0, None, &records), Cause::Off);
        assert_eq!(cause(&young, 300.0, None, &records[..1]), Cause::Unknown);
    }

    #[test]
    fn a_clean_end_that_either_knows_is_believed() {
        let mark = Mark::parse(B, LAST - 90_000);
        let records = [Record::Shutdown(LAST + 60), Record::Boot(LAST + 900)];
        assert_eq!(cause(&last(), 300.0, mark.as_ref(), &records), Cause::Off);
        let mark = Mark::parse(A, LAST + 60);
        assert_eq!(cause(&last(), 300.0, mark.as_ref(), &records[1..]), Cause::Off);
    }

    #[test]
    fn records_of_both_layouts_are_read() {
        for layout in &LAYOUTS {
            assert_eq!(records(&a_file(layout)), expected(), "{}", layout.size);
            assert_eq!(WHOLE_RECORDS % layout.size as u64, 0);
        }
    }

    #[test]
    fn one_record_is_read_by_its_own_layout() {
        for layout in &LAYOUTS {
            let one = bytes(layout, 2, "reboot", LAST);
            assert_eq!(records(&one), [Record::Boot(LAST)], "{}", layout.size);
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_gives_its_whole_records() {
        for layout in &LAYOUTS {
            let file = a_file(layout);
            for end in 0..file.len() {
                let found = records(&file[..end]);
                assert_eq!(found, expected()[..found.len()], "{end} of {}", layout.size);
            }
        }
    }

    #[test]
    fn garbage_is_no_record() {
        let noise: Vec<u8> = (0..40_000_u32).map(|at| (at * at % 251) as u8).collect();
        assert_eq!(records(&noise), []);
        assert_eq!(records(&vec![0xff; 9_600]), []);
        assert_eq!(records(&vec![0; 9_600]), []);
        let [short, long] = LAYOUTS;
        assert_eq!(records(&bytes(&short, 2, "rebooting", LAST)), []);
        assert_eq!(records(&bytes(&short, 7, "reboot", LAST)), [], "a user of that name");
        assert_eq!(records(&bytes(&long, 2, "reboot", -1)), []);
        assert_eq!(records(&bytes(&long, 2, "reboot", i64::MAX)), []);
        assert_eq!(records(&bytes(&short, 2, "reboot", 12)), []);
    }

    #[test]
    fn records_beside_a_damaged_one_are_still_read() {
        let [short, _] = LAYOUTS;
        let mut file = a_file(&short);
        file[384..768].fill(0xff);
        assert_eq!(records(&file), expected());
    }
}
