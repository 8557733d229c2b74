//! Voltages and fans, from `/sys/class/hwmon` (kernel: sysfs-class-hwmon; millivolts, revolutions a minute).

use super::hwmon::{Sensor, named};
use super::{Collector, Host, Reading};
use crate::metric::{Metric, Unit};

static VOLTAGE: Metric = Metric::gauge("voltage", Unit::Volts, "Voltage at the sensor.")
    .labelled("sensor")
    .phrased("{label} at {value}");
static FAN: Metric = Metric::gauge("fan_rpm", Unit::Count, "Revolutions of the fan a minute.")
    .labelled("sensor")
    .phrased("{label} at {value} rpm");

pub static COLLECTOR: Collector = Collector::new("voltage", &[&VOLTAGE, &FAN], collect);

/// Chips whose inputs are no supply voltages. The Raspberry Pi 5 leaves those of its I/O controller open, or ties them to
/// dividers for the USB ports: what they read means nothing by itself.
const NO_SUPPLIES: &[&str] = &["rp1_adc"];

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let chips = reading.chips(host);
    let supplies = chips.iter().filter(|chip| !NO_SUPPLIES.iter().any(|name| chip.is_called(name)));
    let voltages: Vec<Sensor> = supplies.flat_map(|chip| chip.sensors("in")).collect();
    let fans: Vec<Sensor> = chips.iter().flat_map(|chip| chip.sensors("fan")).collect();
    for (name, sensor) in named(&voltages) {
        reading.values.set_for(&VOLTAGE, &name, sensor.raw as f64 / 1_000.0);
    }
    for (name, sensor) in named(&fans) {
        if let Ok(rpm) = u64::try_from(sensor.raw) {
            reading.values.set_for(&FAN, &name, rpm);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::{fixture, tree};
    use super::*;

    #[test]
    fn open_inputs_of_a_raspberry_pi_5_are_no_voltages_and_its_fan_is_a_fan() {
        let (root, mut reading) = (tree("raspberry-pi-5"), Reading::default());
        assert!(root.join("sys/class/hwmon/hwmon2/in1_input").exists());
        collect(&fixture(&root), &mut reading).unwrap();
        assert!(reading.values.entry("voltage").is_none());
        assert_eq!(reading.values.get("fan_rpm", Some("pwmfan")), Some(3_043.0));
    }

    #[test]
    fn a_supply_is_in_volts_whether_its_driver_names_it_or_not() {
        let root = tempfile::tempdir().unwrap();
        let chip = root.path().join("sys/class/hwmon/hwmon0");
        fs::create_dir_all(&chip).unwrap();
        for (file, text) in
            [("name", "ina219"), ("in0_input", "3"), ("in1_input", "5104"), ("in1_label", "+5V")]
        {
            fs::write(chip.join(file), text).unwrap();
        }
        let mut reading = Reading::default();
        collect(&fixture(root.path()), &mut reading).unwrap();
        let volts = |label| reading.values.get("voltage", Some(label));
        assert_eq!((volts("ina219 in0"), volts("ina219 +5V")), (Some(0.003), Some(5.104)));
    }
}
