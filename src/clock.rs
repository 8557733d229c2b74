//! Reads which boot this is and how long it has been up; `main` adds the wall clock.

use std::path::Path;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Timelike, Utc};

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
    Ok(Now { utc, boot_id, uptime })
}

/// The name of this host.
pub fn host(root: &Path) -> String {
    read_text(&root.join("proc/sys/kernel/hostname"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
