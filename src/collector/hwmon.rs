//! Sensors of chips, from `/sys/class/hwmon` (kernel: sysfs-class-hwmon). A sensor's name is its chip, the device's
//! address where a host can have several of the chip, and its label: never the number of the hwmon, which changes from
//! boot to boot.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Host, Reading, read_text};
use crate::series::label_text;

/// One chip, listed once for all that is read from it.
#[derive(Debug)]
pub struct Chip {
    name: String,
    /// What tells two of the chip apart; empty where there is only ever one.
    address: String,
    directory: PathBuf,
    files: Vec<String>,
}

/// One input of a chip.
pub(super) struct Sensor {
    pub chip: String,
    pub label: String,
    pub address: String,
    /// As the kernel gives it: thousandths.
    pub raw: i64,
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

impl Reading {
    /// The chips of the host, listed once.
    pub(super) fn chips(&self, host: &Host<'_>) -> &[Chip] {
        self.chips.get_or_init(|| {
            sorted(&host.path("sys/class/hwmon")).into_iter().filter_map(Chip::open).collect()
        })
    }
}

/// Sensors by a name of their own; twins that nothing tells apart are numbered.
pub(super) fn named(sensors: &[Sensor]) -> impl Iterator<Item = (String, &Sensor)> {
    let mut seen = BTreeMap::new();
    sensors.iter().map(move |sensor| {
        let name = sensor.name();
        let count = *seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
        (if count > 1 { format!("{name} #{count}") } else { name }, sensor)
    })
}

impl Chip {
    fn open(directory: PathBuf) -> Option<Self> {
        let name = read_text(&directory.join("name"))?;
        let name = Some(label_text(name.as_bytes())).filter(|name| !name.is_empty())?;
        let files = sorted(&directory)
            .iter()
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect();
        Some(Chip { name, address: address(&directory), directory, files })
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name == name
    }

    /// A number that stands in one of its files.
    pub(super) fn number(&self, file: &str) -> Option<i64> {
        let is_there = self.files.iter().any(|known| known == file);
        is_there.then(|| read_text(&self.directory.join(file))?.parse().ok()).flatten()
    }

    /// What it measures of a kind: `temp`, `in` or `fan`.
    pub(super) fn sensors(&self, kind: &str) -> Vec<Sensor> {
        let number = |file: &String| -> Option<u32> {
            file.strip_prefix(kind)?.strip_suffix("_input")?.parse().ok()
        };
        let mut numbers: Vec<u32> = self.files.iter().filter_map(number).collect();
        numbers.sort_unstable();
        let single = numbers.len() == 1;
        let sensor = |number: u32| {
            let label = format!("{kind}{number}_label");
            let label = self.files.contains(&label).then(|| self.directory.join(label));
            let label = label.and_then(|path| read_text(&path));
            let label = label.map(|label| label_text(label.as_bytes()));
            let label = label
                .filter(|label| !label.is_empty())
                .unwrap_or_else(|| if single { String::new() } else { format!("{kind}{number}") });
            Some(Sensor {
                chip: self.name.clone(),
                label,
                address: self.address.clone(),
                raw: self.number(&format!("{kind}{number}_input"))?,
            })
        };
        numbers.into_iter().filter_map(sensor).collect()
    }
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

/// Entries by the number in their name, so that names given to twins do not depend on the directory's order.
pub(super) fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    paths
}
