//! The links of the measured interfaces, from `/sys/class/net` (kernel: sysfs-class-net): whether there is one, how fast
//! it is, and how much of it is used. Wireless and virtual interfaces name no speed.

use super::{Collector, Host, Reading, read_text};
use crate::metric::{Metric, Unit};
use crate::sample::Entry;

static CARRIER: Metric = Metric::gauge(
    "interface_carrier",
    Unit::Count,
    "1 if the interface has a link, else 0; absent while it is switched off.",
)
.labelled("interface")
.phrased_as_state("{label} has a link", "{label} has no link");
pub(super) static SPEED: Metric =
    Metric::gauge("interface_speed", Unit::BitsPerSecond, "Speed of the link.")
        .labelled("interface")
        .phrased("{label} link at {value}");
static SATURATION: Metric = Metric::rate(
    "interface_saturation_percent",
    Unit::Percent,
    "Traffic in the busier direction since the previous sample, as a share of the link's speed.",
)
.labelled("interface")
.phrased("{label} link {value} used");

pub static COLLECTOR: Collector =
    Collector::new("link", &[&CARRIER, &SPEED, &SATURATION], collect).following(saturation);

const MEGABIT: u64 = 1_000_000;

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let Some(Entry::Labelled(interfaces)) = reading.values.entry("interface_received") else {
        return Ok(());
    };
    let names: Vec<String> = interfaces.iter().map(|(name, _)| name.clone()).collect();
    let class = host.path("sys/class/net");
    for name in names.iter().filter(|name| !name.contains('/')) {
        let number = |file: &str| read_text(&class.join(name).join(file))?.parse::<u64>().ok();
        // One that is switched off refuses to say; an unknown speed reads as -1.
        let Some(carrier) = number("carrier") else { continue };
        reading.values.set_for(&CARRIER, name, carrier);
        if let (1, Some(megabits @ 1..)) = (carrier, number("speed")) {
            reading.values.set_for(&SPEED, name, megabits.saturating_mul(MEGABIT));
        }
    }
    Ok(())
}

fn saturation(reading: &mut Reading) {
    let values = &mut reading.values;
    let Some(Entry::Labelled(speeds)) = values.entry(SPEED.name) else { return };
    let share = |name: &str, bits: f64| {
        let rate = |metric| values.get(metric, Some(name));
        let (received, sent) = (rate("interface_received_rate")?, rate("interface_sent_rate")?);
        Some((name.to_owned(), 100.0 * 8.0 * received.max(sent) / bits))
    };
    let shares: Vec<(String, f64)> =
        speeds.iter().filter_map(|(name, bits)| share(name, bits.as_f64())).collect();
    for (name, share) in shares {
        values.set_for(&SATURATION, &name, share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static RECEIVED: Metric =
        Metric::rate("interface_received_rate", Unit::BytesPerSecond, "Test.")
            .labelled("interface");
    static SENT: Metric =
        Metric::rate("interface_sent_rate", Unit::BytesPerSecond, "Test.").labelled("interface");

    #[test]
    fn the_busier_direction_fills_the_link() {
        let mut reading = Reading::default();
        let values = &mut reading.values;
        values.set_for(&SPEED, "eth0", 100 * MEGABIT);
        values.set_for(&RECEIVED, "eth0", 2_500_000.0);
        values.set_for(&SENT, "eth0", 10.0);
        saturation(&mut reading);
        assert_eq!(reading.values.get("interface_saturation_percent", Some("eth0")), Some(20.0));
    }

    #[test]
    fn without_a_rate_or_a_speed_nothing_follows() {
        let mut reading = Reading::default();
        let values = &mut reading.values;
        values.set_for(&SPEED, "eth0", 100 * MEGABIT);
        saturation(&mut reading);
        assert_eq!(reading.values.get("interface_saturation_percent", Some("eth0")), None);
    }
}
