//! Whether something keeps the clock right. systemd-timesyncd leaves a file. Of every other program only the kernel
//! knows (adjtimex(2)), and systemd-timedated says what the kernel says. That is started in order to answer, so it is
//! asked now and then, and what it said holds until the next time.

use std::time::Duration;

use super::Host;
use super::bus::Bus;
use super::bus::message::{Answer, Call};

/// What was said of the clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// Until when it holds, in seconds of uptime.
    pub until: f64,
    /// `None`: nobody could be asked.
    pub synchronized: Option<bool>,
}

/// A slow machine starts who answers from its card.
const LONGEST: Duration = Duration::from_secs(5);
/// Seconds until it is asked again. The kernel gives a clock that is no longer kept up after some hours.
const HOLDS: f64 = 3_600.0;
/// The same while the clock is not right: after a start it soon will be.
const HOLDS_WRONG: f64 = 240.0;

/// Whether the clock is right; `None` where nobody can tell. What is to be remembered is put into `said`.
pub(super) fn synchronized(host: &Host<'_>, said: &mut Option<Said>) -> Option<bool> {
    // The directory is there while the service runs, the file from the first answer of a server on.
    let timesync = host.path("run/systemd/timesync");
    if timesync.is_dir() {
        return Some(timesync.join("synchronized").exists());
    }
    let before = host.earlier.and_then(|earlier| earlier.clock);
    let holds = |before: &Said| (0.0..=HOLDS).contains(&(before.until - host.uptime));
    let known = before.filter(holds);
    let now = known.unwrap_or_else(|| {
        let answer = ask(host);
        // Who does not answer may not answer at the next run either, and soon after.
        let is_wrong = !matches!(answer, Ok(Some(true) | None));
        let seconds = if is_wrong { HOLDS_WRONG } else { HOLDS };
        Said { until: host.uptime + seconds, synchronized: answer.ok().flatten() }
    });
    *said = Some(now);
    now.synchronized
}

/// systemd-timedated; `None` where there is no such thing.
fn ask(host: &Host<'_>) -> anyhow::Result<Option<bool>> {
    let Some(mut bus) = Bus::open(host, LONGEST)? else { return Ok(None) };
    let (name, path) = ("org.freedesktop.timedate1", "/org/freedesktop/timedate1");
    let call = Call { may_start: true, ..Call::property(name, path, name, "NTPSynchronized") };
    Ok(match bus.ask(&[call])?.first() {
        Some(Answer::Body(body)) => body.flag(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::bus::message::tests::{answer, error};
    use super::super::bus::tests::{bus, welcomed};
    use super::super::earlier::Earlier;
    use super::super::tests::fixture;
    use super::*;

    const RIGHT: &[u8] = &[1, b'b', 0, 0, 1, 0, 0, 0];
    const WRONG: &[u8] = &[1, b'b', 0, 0, 0, 0, 0, 0];

    /// With what the bus answers, a thousand seconds after boot.
    fn asked(answers: &[Vec<u8>]) -> (Option<bool>, Option<Said>, String) {
        let (root, told) = bus(vec![welcomed(answers)]);
        let mut said = None;
        let found = synchronized(&fixture(root.path()), &mut said);
        (found, said, told.join().unwrap().concat())
    }

    #[test]
    fn timesyncd_leaves_a_file_and_nobody_is_asked() {
        let root = tempfile::tempdir().unwrap();
        let of = || {
            let mut said = None;
            (synchronized(&fixture(root.path()), &mut said), said)
        };
        fs::create_dir_all(root.path().join("run/systemd/timesync")).unwrap();
        assert_eq!(of(), (Some(false), None));
        fs::write(root.path().join("run/systemd/timesync/synchronized"), "").unwrap();
        assert_eq!(of(), (Some(true), None));
    }

    #[test]
    fn without_it_timedated_says_what_the_kernel_knows() {
        let (found, said, call) = asked(&[answer(2, "v", RIGHT)]);
        assert_eq!(found, Some(true));
        assert_eq!(said, Some(Said { until: 4_600.0, synchronized: Some(true) }));
        assert!(call.contains("org.freedesktop.timedate1") && call.contains("NTPSynchronized"));
        let (found, said, _) = asked(&[answer(2, "v", WRONG)]);
        assert_eq!(found, Some(false));
        assert_eq!(said, Some(Said { until: 1_240.0, synchronized: Some(false) }));
    }

    #[test]
    fn where_nobody_can_tell_nothing_is_said_and_that_is_remembered() {
        let nobody = "org.freedesktop.DBus.Error.ServiceUnknown";
        let unknown = Some(Said { until: 4_600.0, synchronized: None });
        for answers in [error(2, nobody), answer(2, "s", b"\x01\0\0\0x\0"), answer(2, "v", b"")] {
            let (found, said, _) = asked(&[answers]);
            assert_eq!((found, said), (None, unknown));
        }
        let root = tempfile::tempdir().unwrap();
        let mut said = None;
        assert_eq!(synchronized(&fixture(root.path()), &mut said), None);
        assert_eq!(said, unknown);
    }

    #[test]
    fn a_bus_that_breaks_off_is_asked_again_soon() {
        let (root, _told) = bus(vec![b"nonsense\r\n".to_vec()]);
        let mut said = None;
        assert_eq!(synchronized(&fixture(root.path()), &mut said), None);
        assert_eq!(said, Some(Said { until: 1_240.0, synchronized: None }));
    }

    #[test]
    fn what_was_said_is_not_asked_again() {
        let said = Said { until: 1_001.0, synchronized: Some(true) };
        let earlier = Earlier { clock: Some(said), ..Earlier::default() };
        let root = tempfile::tempdir().unwrap();
        let host = Host { earlier: Some(&earlier), ..fixture(root.path()) };
        let mut kept = None;
        assert_eq!((synchronized(&host, &mut kept), kept), (Some(true), Some(said)));
    }
}
