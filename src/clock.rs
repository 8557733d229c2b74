//! Reads which boot this is, how long it has been up and how long asleep; `main` adds the wall clock.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Timelike, Utc};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::collector::read_text;
use crate::time::Now;

/// The moment of this run. `told` is a wall clock to use instead of `wall`.
///
/// # Errors
/// `/proc/uptime` cannot be read, or `told` is no time.
pub fn read(root: &Path, told: Option<&str>, wall: DateTime<Utc>) -> anyhow::Result<Now> {
    let utc = match told {
        None => wall.with_nanosecond(0).unwrap_or(wall),
        Some(text) => DateTime::parse_from_rfc3339(text)
            .with_context(|| format!("could not understand --now {text}"))?
            .to_utc(),
    };
    let path = root.join("proc/uptime");
    let uptime = read_text(&path)
        .and_then(|text| text.split_ascii_whitespace().next()?.parse().ok())
        .ok_or_else(|| anyhow!("could not read {}", path.display()))?;
    // Some containers hide it; then no two lines are known to be of one boot.
    let boot_id = read_text(&root.join("proc/sys/kernel/random/boot_id"))
        .unwrap_or_default()
        .replace('-', "");
    // A tree of files never slept.
    let suspended = if root == Path::new("/") { suspended() } else { 0.0 };
    Ok(Now { utc, boot_id, uptime, suspended })
}

/// The moment that comes `elapsed` after `now`. A tree of files does not change while we work.
pub fn later(root: &Path, now: &Now, elapsed: Duration) -> Now {
    if root != Path::new("/") {
        return now.clone();
    }
    let utc = now.utc + elapsed;
    Now {
        utc: utc.with_nanosecond(0).unwrap_or(utc),
        uptime: now.uptime + elapsed.as_secs_f64(),
        ..now.clone()
    }
}

/// Seconds since boot that one clock counts and the other does not (see `clock_gettime(2)`).
fn suspended() -> f64 {
    let seconds = |time: Timespec| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let awake = seconds(clock_gettime(ClockId::Monotonic));
    (seconds(clock_gettime(ClockId::Boottime)) - awake).max(0.0)
}

/// The name of this host.
pub fn host(root: &Path) -> String {
    read_text(&root.join("proc/sys/kernel/hostname"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
