//! The links of the measured interfaces, from `/sys/class/net` (kernel: sysfs-class-net): whether there is one, how fast
//! it is, and how much of it is used. Wireless interfaces name no speed, and that of a virtual one is not believed.

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
pub(super) static SPEED: Metric = Metric::gauge(
    "interface_speed",
    Unit::BitsPerSecond,
    "Speed of the link; absent without a card.",
)
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
        // A tunnel makes one up.
        if carrier == 1
            && reading.cards.contains(name)
            && let Some(megabits @ 1..) = number("speed")
        {
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
    use super::super::tests::fixture;
    use super::*;
    use std::fs;

    static COUNTED: Metric =
        Metric::counter("interface_received", Unit::Bytes, &[], "Test.").labelled("interface");
    static RECEIVED: Metric =
        Metric::rate("interface_received_rate", Unit::BytesPerSecond, "Test.")
            .labelled("interface");
    static SENT: Metric =
        Metric::rate("interface_sent_rate", Unit::BytesPerSecond, "Test.").labelled("interface");

    #[test]
    fn a_speed_is_believed_of_a_card_alone() {
        let root = tempfile::tempdir().unwrap();
        let mut reading = Reading { cards: vec!["eth0".to_owned()], ..Reading::default() };
        for name in ["eth0", "tun0"] {
            let directory = root.path().join("sys/class/net").join(name);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("carrier"), "1\n").unwrap();
            fs::write(directory.join("speed"), "10\n").unwrap();
            reading.values.set_for(&COUNTED, name, 1);
        }
        collect(&fixture(root.path()), &mut reading).unwrap();
        let of = |metric| ["eth0", "tun0"].map(|name| reading.values.get(metric, Some(name)));
        assert_eq!(of("interface_speed"), [Some(10_000_000.0), None]);
        assert_eq!(of("interface_carrier"), [Some(1.0), Some(1.0)]);
    }

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
