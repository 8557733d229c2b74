//! What holds a Raspberry Pi back, from its firmware: too little voltage, too much heat. The firmware also keeps what
//! was once so since boot: one that was not set at the last sample tells of a moment that no sample saw.
//!
//! In this order: the firmware itself by `vcgencmd` (it needs `/dev/vcio`, so the group `video`), the driver of the
//! supply's sensor (hwmon `rpi_volt`, under-voltage alone), the driver of the firmware (sysfs), which on some kernels
//! never learns of anything.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Collector, Host, Reading, read_text};
use crate::child;
use crate::metric::{Judged, Metric, Unit};

static THROTTLED: Metric = Metric::gauge(
    "throttled",
    Unit::Count,
    "1 while the firmware holds the Raspberry Pi back for the cause, or did so since the previous sample, else 0.",
)
.labelled("cause")
.phrased_as_state("held back by {label}", "no longer held back by {label}")
.judged(&[Judged::warning(1.0).until(0.0)]);
static SINCE_BOOT: Metric = Metric::gauge(
    "throttled_since_boot",
    Unit::Count,
    "1 if that was ever so since boot; absent if not.",
)
.labelled("cause")
.phrased_as_state("once held back by {label}", "not held back by {label} since boot")
.carried();

pub static COLLECTOR: Collector = Collector::new("throttling", &[&THROTTLED, &SINCE_BOOT], collect);

/// Bits 0 to 3 mean now; sixteen higher, since boot.
pub const CAUSES: [&str; 4] =
    ["under-voltage", "capped frequency", "throttling", "temperature limit"];
const SINCE: u32 = 16;
const UNDER_VOLTAGE: u32 = 1;

/// What is known of them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    bits: u32,
    /// How many of the causes are known of.
    causes: usize,
    keeps: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    if let Some(known) = firmware(host.root).or_else(|| drivers(host, reading)) {
        fill(known, host, reading);
    }
    Ok(())
}

/// The bits of the firmware or of its driver.
pub fn bits(host: &Host<'_>) -> Option<u32> {
    firmware(host.root).map(|known| known.bits).or_else(|| sysfs(host))
}

fn fill(known: Known, host: &Host<'_>, reading: &mut Reading) {
    let last = host.last_of_this_boot();
    for (bit, cause) in (0..).zip(CAUSES).take(known.causes) {
        let is_now = known.bits >> bit & 1 == 1;
        let ever = known.bits >> (bit + SINCE) & 1 == 1;
        // The first sample of a boot knows nothing of before: what was set till then is news.
        let was_set =
            last.is_some_and(|last| last.values.get(SINCE_BOOT.name, Some(cause)).is_some());
        let news = known.keeps && ever && !was_set;
        reading.values.set_for(&THROTTLED, cause, u64::from(is_now || news));
        if known.keeps && ever {
            reading.values.set_for(&SINCE_BOOT, cause, 1);
        }
    }
}

/// Longer than it ever takes.
const LIMIT: Duration = Duration::from_secs(2);

/// `vcgencmd get_throttled` says `throttled=0x50005`.
fn firmware(root: &Path) -> Option<Known> {
    // In a tree of files there is no firmware to ask.
    if root != Path::new("/") || File::open("/dev/vcio").is_err() {
        return None;
    }
    let argv = ["vcgencmd", "get_throttled"].map(str::to_owned);
    let mut command = child::bare(&argv, "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = command.spawn().ok()?;
    if child::wait(&mut running, Instant::now() + LIMIT).ok()?.is_none() {
        _ = child::kill(&mut running);
        return None;
    }
    let mut said = String::new();
    running.stdout.take()?.take(100).read_to_string(&mut said).ok()?;
    Some(Known { bits: hexadecimal(said.split_once('=')?.1)?, causes: CAUSES.len(), keeps: true })
}

fn drivers(host: &Host<'_>, reading: &Reading) -> Option<Known> {
    let supply = reading.chips(host).iter().find(|chip| chip.is_called("rpi_volt"));
    let alarm = supply.and_then(|chip| chip.number("in0_lcrit_alarm"));
    let low = alarm.map(|alarm| if alarm == 0 { 0 } else { UNDER_VOLTAGE });
    match (low, sysfs(host)) {
        (low, Some(bits)) => {
            Some(Known { bits: bits | low.unwrap_or(0), causes: CAUSES.len(), keeps: true })
        }
        (Some(bits), None) => Some(Known { bits, causes: 1, keeps: false }),
        (None, None) => None,
    }
}

/// Where the driver of the firmware stands, below the devices of the platform: as the device tree calls it up to the
/// Raspberry Pi 4, and on the 5 since Linux 6.12.
const FIRMWARE: [&str; 2] = ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"];

fn sysfs(host: &Host<'_>) -> Option<u32> {
    let platform = host.path("sys/devices/platform");
    let bits = |place: &&str| hexadecimal(&read_text(&platform.join(place).join("get_throttled"))?);
    FIRMWARE.iter().find_map(bits)
}

fn hexadecimal(text: &str) -> Option<u32> {
    let text = text.trim();
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fixture, tree};
    use super::*;
    use crate::sample::Sample;
    use crate::sample::read::{Wanted, line};

    /// `throttled` and `throttled_since_boot` of under-voltage, after a line in which the latter was set or not.
    fn judged(bits: u32, before: Option<u64>) -> (Option<f64>, Option<f64>) {
        let text = |before: u64| {
            format!(
                r#"{{"timestamp":"2026-11-22T00:00:00Z","boot_id":"boot","uptime":900,"throttled_since_boot":{{{}}}}}"#,
                if before == 1 { "\"under-voltage\":1" } else { "" }
            )
        };
        let last: Option<Sample> =
            before.map(|before| line(text(before).as_bytes(), &Wanted::everything()).unwrap());
        let host = Host { last: last.as_ref(), ..fixture(Path::new("/nonexistent")) };
        let mut reading = Reading::default();
        fill(Known { bits, causes: 4, keeps: true }, &host, &mut reading);
        let of = |name| reading.values.get(name, Some("under-voltage"));
        (of("throttled"), of("throttled_since_boot"))
    }

    #[test]
    fn what_is_so_now_is_told() {
        assert_eq!(judged(0x5_0005, Some(1)), (Some(1.0), Some(1.0)));
        assert_eq!(judged(0, Some(0)), (Some(0.0), None));
    }

    #[test]
    fn a_moment_between_two_samples_is_told_once() {
        assert_eq!(judged(0x1_0000, Some(0)), (Some(1.0), Some(1.0)));
        assert_eq!(judged(0x1_0000, Some(1)), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn what_happened_before_the_first_sample_of_a_boot_is_told() {
        assert_eq!(judged(0x1_0000, None), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn the_driver_of_the_firmware_is_found_on_both_kinds_of_board() {
        let bits = |name| bits(&fixture(&tree(name)));
        assert_eq!((bits("raspberry-pi-4"), bits("raspberry-pi-5")), (Some(0), Some(0x5_0000)));
        assert_eq!(bits("x86-server"), None);
    }

    #[test]
    fn the_firmwares_number_is_read_with_and_without_its_mark() {
        assert_eq!(
            (hexadecimal("0x50005\n"), hexadecimal("50005")),
            (Some(0x5_0005), Some(0x5_0005))
        );
        assert_eq!(hexadecimal("none"), None);
    }
}
