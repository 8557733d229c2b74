//! Arrays of several drives: whether they have all of them (kernel: admin-guide/md).

use std::path::Path;

use super::Reading;
use super::sysfs::{decimal, number};
use crate::metric::{Judged, Metric, Unit};
use crate::series::label_text;

pub(super) static DEGRADED: Metric =
    Metric::gauge("raid_degraded", Unit::Count, "Drives that a software RAID (md) lacks.")
        .labelled("array")
        .phrased("RAID {label} lacks {value}")
        .judged(&[Judged::critical(1.0).until(0.0)]);

/// Arrays without redundancy lack the file.
pub(super) fn md(drive: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    if let Some(lacking) = number(&drive.join("md/degraded"), decimal)? {
        reading.values.set_for(&DEGRADED, &label_text(name.as_bytes()), lacking);
    }
    Ok(())
}
