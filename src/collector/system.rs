//! Uptime, and how much of it the host slept.

use super::{Collector, Host, Reading};
use crate::continuity;
use crate::metric::{Metric, Unit};

static UPTIME: Metric =
    Metric::gauge("uptime", Unit::Seconds, "Time since boot.").phrased("up {value}");
static SUSPENDED: Metric = Metric::gauge(
    continuity::SUSPENDED,
    Unit::Seconds,
    "Time suspended since boot; the uptime counts it in.",
)
.phrased("suspended for {value} since boot");

pub static COLLECTOR: Collector = Collector::new("system", &[&UPTIME, &SUSPENDED], collect);

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    reading.values.set(&UPTIME, host.uptime);
    reading.values.set(&SUSPENDED, host.suspended);
    Ok(())
}
