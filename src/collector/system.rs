//! Uptime.

use super::{Collector, Host, Reading};
use crate::metric::{Metric, Unit};

static UPTIME: Metric =
    Metric::gauge("uptime", Unit::Seconds, "Time since boot.").phrased("up {value}");

pub static COLLECTOR: Collector = Collector { name: "system", metrics: &[&UPTIME], collect };

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    reading.values.set(&UPTIME, host.uptime);
    Ok(())
}
