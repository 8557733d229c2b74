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

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let sensors = |kind: &str| -> Vec<Sensor> {
        reading.chips(host).iter().flat_map(|chip| chip.sensors(kind)).collect()
    };
    let (voltages, fans) = (sensors("in"), sensors("fan"));
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
