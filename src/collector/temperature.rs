//! Temperatures, from `/sys/class/hwmon` and `/sys/class/thermal` (kernel: sysfs-class-hwmon, sysfs-class-thermal;
//! millidegrees).

use std::path::{Path, PathBuf};

use super::hwmon::{Chip, Sensor, named, sorted};
use super::{Collector, Host, Reading, read_text};
use crate::metric::{Judged, Metric, Unit};
use crate::series::label_text;

static CPU: Metric = Metric::gauge("cpu_temp", Unit::Celsius, "Temperature of the CPU.")
    .phrased("CPU at {value}")
    .judged(&[Judged::warning(70.0)])
    .in_overview();
static TEMPERATURE: Metric =
    Metric::gauge("temperature", Unit::Celsius, "Temperature of the sensor.")
        .labelled("sensor")
        .phrased("{label} at {value}");

pub static COLLECTOR: Collector = Collector::new("temperature", &[&CPU, &TEMPERATURE], collect);

/// Sensors of CPUs, the truest first: chip or zone, and how its label begins. Of several of a kind the hottest counts.
const CPU_SENSORS: &[(&str, &str)] = &[
    ("cpu_thermal", ""),
    ("coretemp", "Package id"),
    ("k10temp", "Tdie"),
    ("k10temp", "Tctl"),
    ("zenpower", "Tdie"),
    ("k8temp", ""),
    ("via_cputemp", ""),
    ("cpu-thermal", ""),
    ("cpu0-thermal", ""),
    ("soc_thermal", ""),
    ("soc-thermal", ""),
    ("x86_pkg_temp", ""),
    ("coretemp", ""),
    ("k10temp", ""),
    ("zynqmp", ""),
    ("bigcore0_thermal", ""),
    ("cpu_thermal0", ""),
];

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let chips = reading.chips(host);
    let mut sensors: Vec<Sensor> = chips.iter().flat_map(|chip| chip.sensors("temp")).collect();
    // The kernel shows most zones a second time as a hwmon of the same name.
    let zones = zones(&host.path("sys/class/thermal"));
    let hidden: Vec<Sensor> = zones.into_iter().filter(|zone| !is_shown(zone, chips)).collect();
    sensors.extend(hidden);
    sensors.retain(|sensor| IN_EARNEST.contains(&sensor.raw));
    if let Some(celsius) = cpu(&sensors) {
        reading.values.set(&CPU, celsius);
    }
    for (name, sensor) in named(&sensors) {
        reading.values.set_for(&TEMPERATURE, &name, sensor.celsius());
    }
    Ok(())
}

/// Absurd readings are those of an absent or sleeping sensor.
const IN_EARNEST: std::ops::RangeInclusive<i64> = -60_000..=250_000;

impl Sensor {
    fn celsius(&self) -> f64 {
        self.raw as f64 / 1_000.0
    }
}

fn is_shown(zone: &Sensor, chips: &[Chip]) -> bool {
    let name = zone.chip.replace('-', "_");
    chips.iter().any(|chip| {
        chip.is_called(&name)
            && chip.number("temp1_input").is_some_and(|raw| IN_EARNEST.contains(&raw))
    })
}

fn cpu(sensors: &[Sensor]) -> Option<f64> {
    let hottest = |(chip, label): &(&str, &str)| {
        let alike =
            sensors.iter().filter(|sensor| sensor.chip == *chip && sensor.label.starts_with(label));
        alike.max_by_key(|sensor| sensor.raw)
    };
    CPU_SENSORS.iter().find_map(hottest).map(Sensor::celsius)
}

fn zones(class: &Path) -> Vec<Sensor> {
    let is_zone = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("thermal_zone"))
    };
    let sensor = |zone: &PathBuf| {
        let chip = read_text(&zone.join("type")).map(|name| label_text(name.as_bytes()));
        Some(Sensor {
            chip: chip.filter(|name| !name.is_empty())?,
            label: String::new(),
            address: String::new(),
            raw: read_text(&zone.join("temp"))?.parse().ok()?,
        })
    };
    sorted(class).iter().filter(is_zone).filter_map(sensor).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fixture, tree};
    use super::*;
    use crate::sample::Values;

    fn collected(name: &str) -> Values {
        let (root, mut reading) = (tree(name), Reading::default());
        collect(&fixture(&root), &mut reading).unwrap();
        reading.values
    }

    fn sensors(values: &Values) -> Vec<String> {
        values
            .points()
            .filter(|(name, ..)| *name == "temperature")
            .filter_map(|(_, label, _)| label.map(str::to_owned))
            .collect()
    }

    #[test]
    fn a_raspberry_pi_shows_its_one_sensor_once() {
        let values = collected("raspberry-pi-4");
        assert_eq!(sensors(&values), ["cpu_thermal"]);
        assert_eq!(values.get("cpu_temp", None), values.get("temperature", Some("cpu_thermal")));
    }

    #[test]
    fn a_servers_cpu_is_the_package_and_not_a_drive() {
        let values = collected("x86-server");
        let names = sensors(&values);
        let package = names.iter().find(|name| name.contains("Package id 0")).unwrap();
        assert_eq!(values.get("cpu_temp", None), values.get("temperature", Some(package)));
    }

    #[test]
    fn of_two_cpus_the_hotter_counts() {
        let sensor = |label: &str, raw| Sensor {
            chip: "coretemp".to_owned(),
            label: label.to_owned(),
            address: String::new(),
            raw,
        };
        let cores = [sensor("Core 0", 99_000), sensor("Package id 0", 48_000)];
        assert_eq!(cpu(&cores), Some(48.0));
        let two = cores.into_iter().chain([sensor("Package id 1", 101_000)]);
        assert_eq!(cpu(&two.collect::<Vec<_>>()), Some(101.0));
    }

    #[test]
    fn two_drives_of_one_model_stay_two() {
        let names = sensors(&collected("x86-server"));
        let drives: Vec<_> = names.iter().filter(|name| name.contains("Composite")).collect();
        assert_eq!(drives, ["nvme-0000:01:00.0 Composite", "nvme-0000:02:00.0 Composite"]);
    }

    #[test]
    fn no_sensors_are_no_metrics_and_no_failure() {
        assert!(collected("empty-sys").is_empty());
        assert!(collected("container").is_empty());
    }
}
