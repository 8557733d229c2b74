//! Temperatures, from `/sys/class/hwmon` and `/sys/class/thermal` (kernel: sysfs-class-hwmon, sysfs-class-thermal;
//! millidegrees). A sensor's name is its chip, the device's address where a host can have several of the chip, and
//! its label: never the number of the hwmon, which changes from boot to boot.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Collector, Host, Reading, read_text};
use crate::metric::{Judged, Metric, Unit};
use crate::series::label_text;

static CPU: Metric = Metric::gauge("cpu_temp", Unit::Celsius, "Temperature of the CPU.")
    .phrased("CPU at {value}")
    .judged(Judged::warning(70.0))
    .in_overview();
static TEMPERATURE: Metric =
    Metric::gauge("temperature", Unit::Celsius, "Temperature of the sensor.")
        .labelled("sensor")
        .phrased("{label} at {value}");

pub static COLLECTOR: Collector = Collector::new("temperature", &[&CPU, &TEMPERATURE], collect);

/// Sensors of CPUs, the truest first: chip or zone, and how its label begins.
const CPU_SENSORS: &[(&str, &str)] = &[
    ("cpu_thermal", ""),
    ("coretemp", "Package id 0"),
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

struct Sensor {
    chip: String,
    label: String,
    /// What tells two of the chip apart; empty where there is only ever one.
    address: String,
    celsius: f64,
}

impl Sensor {
    fn name(&self) -> String {
        let chip = if self.address.is_empty() {
            self.chip.clone()
        } else {
            format!("{}-{}", self.chip, self.address)
        };
        if self.label.is_empty() { chip } else { format!("{chip} {}", self.label) }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let mut sensors = hwmon(&host.path("sys/class/hwmon"));
    let zones = zones(&host.path("sys/class/thermal"));
    // The kernel shows most zones a second time as a hwmon of the same name.
    sensors.extend(zones.into_iter().filter(|zone| !is_shown(zone, &host.path("sys/class/hwmon"))));
    if let Some(celsius) = cpu(&sensors) {
        reading.values.set(&CPU, celsius);
    }
    let mut seen = BTreeMap::new();
    for sensor in &sensors {
        let name = sensor.name();
        let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
        let name = if *count > 1 { format!("{name} #{count}") } else { name };
        reading.values.set_for(&TEMPERATURE, &name, sensor.celsius);
    }
    Ok(())
}

fn is_shown(zone: &Sensor, hwmon: &Path) -> bool {
    let name = zone.chip.replace('-', "_");
    sorted(hwmon).iter().any(|chip| {
        read_text(&chip.join("name")).is_some_and(|text| text == name && has_input(chip))
    })
}

fn has_input(chip: &Path) -> bool {
    celsius(&chip.join("temp1_input")).is_some()
}

fn cpu(sensors: &[Sensor]) -> Option<f64> {
    CPU_SENSORS
        .iter()
        .find_map(|(chip, label)| {
            sensors.iter().find(|sensor| sensor.chip == *chip && sensor.label.starts_with(label))
        })
        .map(|sensor| sensor.celsius)
}

fn hwmon(class: &Path) -> Vec<Sensor> {
    sorted(class).iter().flat_map(|chip| chip_sensors(chip)).collect()
}

fn chip_sensors(chip: &Path) -> Vec<Sensor> {
    let name = read_text(&chip.join("name"))
        .map(|name| label_text(name.as_bytes()))
        .filter(|name| !name.is_empty());
    let Some(name) = name else { return Vec::new() };
    let address = address(chip);
    let mut inputs: Vec<(u32, PathBuf)> = sorted(chip)
        .into_iter()
        .filter_map(|path| {
            let number = path
                .file_name()?
                .to_str()?
                .strip_prefix("temp")?
                .strip_suffix("_input")?
                .parse()
                .ok()?;
            Some((number, path))
        })
        .collect();
    inputs.sort_unstable();
    let single = inputs.len() == 1;
    inputs
        .into_iter()
        .filter_map(|(number, path)| {
            let label = read_text(&chip.join(format!("temp{number}_label")))
                .map(|label| label_text(label.as_bytes()));
            let label = label
                .filter(|label| !label.is_empty())
                .unwrap_or_else(|| if single { String::new() } else { format!("temp{number}") });
            Some(Sensor {
                chip: name.clone(),
                label,
                address: address.clone(),
                celsius: celsius(&path)?,
            })
        })
        .collect()
}

/// Where the chip sits: a bus address (`0000:01:00.0`, `1-0048`), through the class device of a drive to the
/// slot below it. Virtual devices and the first of a platform's have none.
fn address(chip: &Path) -> String {
    let Ok(device) = fs::canonicalize(chip.join("device")) else { return String::new() };
    let names: Vec<&str> = device.iter().rev().filter_map(|part| part.to_str()).collect();
    let is_address =
        |name: &&str| name.starts_with(|c: char| c.is_ascii_digit()) && name.contains([':', '-']);
    let platform = |name: &&str| {
        name.rsplit_once('.')
            .is_some_and(|(_, number)| number.parse::<u32>().is_ok_and(|number| number > 0))
    };
    match names.iter().take(3).find(|name| is_address(name)) {
        Some(name) => label_text(name.as_bytes()),
        None => names
            .first()
            .filter(|name| platform(name))
            .map(|name| label_text(name.as_bytes()))
            .unwrap_or_default(),
    }
}

fn zones(class: &Path) -> Vec<Sensor> {
    sorted(class)
        .iter()
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("thermal_zone"))
        })
        .filter_map(|zone| {
            let chip = read_text(&zone.join("type"))
                .map(|name| label_text(name.as_bytes()))
                .filter(|name| !name.is_empty())?;
            Some(Sensor {
                chip,
                label: String::new(),
                address: String::new(),
                celsius: celsius(&zone.join("temp"))?,
            })
        })
        .collect()
}

/// Absurd readings are those of an absent or sleeping sensor.
fn celsius(path: &Path) -> Option<f64> {
    let millidegrees: i64 = read_text(path)?.parse().ok()?;
    (-60_000..=250_000).contains(&millidegrees).then_some(millidegrees as f64 / 1_000.0)
}

/// Entries by the number in their name, so that names given to twins do not depend on the directory's order.
fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    paths
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
