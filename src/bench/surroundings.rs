//! What a result depends on beside the machine: how busy, how warm and how throttled it is, which governor its
//! processor has, and what sizes the measurement needs. What this host does not tell is absent.

use std::path::Path;

use crate::collector::{Host, Reading, cpu, load, memory, read_text, temperature, throttling};

/// A core with more of the load than this is busy.
const BUSY: f64 = 0.5;
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    pub load1: Option<f64>,
    pub cores: usize,
    /// Bytes of the largest cache of a core.
    pub cache: Option<u64>,
    /// Bytes of memory that programs can have.
    pub available: Option<u64>,
    pub celsius: Option<f64>,
    pub governor: Option<String>,
    pub throttled: Option<u32>,
}

impl Surroundings {
    pub fn look(host: &Host<'_>) -> Self {
        let mut reading = Reading::default();
        for collector in
            [&cpu::COLLECTOR, &load::COLLECTOR, &memory::COLLECTOR, &temperature::COLLECTOR]
        {
            // What fails here fails again, and is reported, when the sample is taken.
            _ = (collector.collect)(host, &mut reading);
        }
        let text = |path: &str| read_text(&host.path(path));
        let count = |name: &str| reading.values.single(name)?.count();
        Surroundings {
            load1: reading.values.get("load1", None),
            cores: count("cpu_cores").map_or(1, |cores| usize::try_from(cores).unwrap_or(1)),
            cache: cache(&host.path("sys/devices/system/cpu/cpu0/cache")),
            available: count("memory_available"),
            celsius: reading.values.get("cpu_temp", None),
            governor: text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .filter(|governor| !governor.is_empty()),
            throttled: throttling::bits(host),
        }
    }

    /// Whether others need the machine; where nobody knows, they do not.
    pub fn is_busy(&self) -> bool {
        self.load1.is_some_and(|load| load > BUSY * self.cores.max(1) as f64)
    }

    /// `load 0.42 on 4 cores`.
    pub fn load_words(&self) -> Option<String> {
        let cores = if self.cores == 1 { "core" } else { "cores" };
        Some(format!("load {:.2} on {} {cores}", self.load1?, self.cores))
    }
}

/// What is to be known to read a result, measured between these two.
pub fn notes(before: &Surroundings, after: &Surroundings) -> Vec<String> {
    let load = before.load_words().map(|words| {
        if before.is_busy() { format!("the machine was busy: {words}") } else { words }
    });
    let warmth = before
        .celsius
        .zip(after.celsius)
        .map(|(before, after)| format!("CPU at {before:.1} °C before and {after:.1} °C after"));
    let governor = after.governor.as_ref().map(|governor| format!("CPU governor {governor}"));
    let throttled = before.throttled.zip(after.throttled);
    let throttled = throttled.and_then(|(before, after)| throttled_words(before, after));
    [load, warmth, governor, throttled].into_iter().flatten().collect()
}

/// What held the machine back at the beginning, at the end or for a moment in between.
fn throttled_words(before: u32, after: u32) -> Option<String> {
    let meanwhile = (after >> 16) & !(before >> 16);
    let during = before | after | meanwhile;
    let reasons: Vec<&str> = (0..)
        .zip(throttling::CAUSES)
        .filter(|(bit, _)| during >> bit & 1 == 1)
        .map(|(_, reason)| reason)
        .collect();
    (!reasons.is_empty()).then(|| format!("slowed down while measuring: {}", reasons.join(", ")))
}

/// The largest of a core's caches.
fn cache(directory: &Path) -> Option<u64> {
    (0..8)
        .filter_map(|index| size(&read_text(&directory.join(format!("index{index}/size")))?))
        .max()
}

/// `32768K`.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let scale = match unit {
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return text.parse().ok(),
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::tests::{fixture, tree};

    fn loaded(load1: f64, cores: usize) -> Surroundings {
        Surroundings { load1: Some(load1), cores, ..Surroundings::default() }
    }

    #[test]
    fn a_raspberry_pi_is_looked_at() {
        let root = tree("raspberry-pi-4");
        let found = Surroundings::look(&fixture(&root));
        assert_eq!((found.load1, found.cores), (Some(0.42), 4));
        assert!(found.celsius.is_some() && found.available.is_some());
        assert!(!found.is_busy());
    }

    #[test]
    fn a_host_that_tells_nothing_is_not_busy() {
        let found = Surroundings::look(&fixture(Path::new("/nonexistent")));
        assert_eq!(found, Surroundings { cores: 1, ..Surroundings::default() });
        assert!(!found.is_busy() && notes(&found, &found).is_empty());
    }

    #[test]
    fn half_a_core_s_load_each_is_not_busy_yet() {
        assert!(!loaded(2.0, 4).is_busy() && loaded(2.01, 4).is_busy());
        assert!(loaded(0.6, 1).is_busy() && loaded(0.6, 0).is_busy());
    }

    #[test]
    fn the_load_is_told_with_the_cores_that_carry_it() {
        assert_eq!(loaded(0.416, 4).load_words().unwrap(), "load 0.42 on 4 cores");
        assert_eq!(loaded(0.4, 1).load_words().unwrap(), "load 0.40 on 1 core");
        assert_eq!(
            notes(&loaded(3.0, 2), &loaded(0.0, 2))[0],
            "the machine was busy: load 3.00 on 2 cores"
        );
    }

    #[test]
    fn sizes_of_caches_have_units() {
        assert_eq!(
            (size("32768K"), size("8M"), size("512")),
            (Some(32 << 20), Some(8 << 20), Some(512))
        );
        assert_eq!((size(""), size("K"), size("many")), (None, None, None));
    }

    #[test]
    fn the_largest_cache_counts() {
        let directory = tempfile::tempdir().unwrap();
        for (index, size) in ["48K\n", "32K\n", "2048K\n", "36864K\n"].iter().enumerate() {
            let index = directory.path().join(format!("index{index}"));
            std::fs::create_dir(&index).unwrap();
            std::fs::write(index.join("size"), size).unwrap();
        }
        assert_eq!(cache(directory.path()), Some(36 << 20));
        assert_eq!(cache(Path::new("/nonexistent")), None);
    }

    #[test]
    fn conditions_before_and_after_are_noted() {
        let before = Surroundings {
            celsius: Some(48.31),
            governor: Some("ondemand".into()),
            throttled: Some(0),
            ..loaded(0.1, 4)
        };
        let after = Surroundings { celsius: Some(61.0), ..before.clone() };
        let expected = [
            "load 0.10 on 4 cores",
            "CPU at 48.3 °C before and 61.0 °C after",
            "CPU governor ondemand",
        ];
        assert_eq!(notes(&before, &after), expected);
    }

    #[test]
    fn what_holds_the_processor_back_is_named() {
        let words = |before, after| throttled_words(before, after).unwrap_or_default();
        assert_eq!(words(0, 0x5), "slowed down while measuring: under-voltage, throttling");
        assert_eq!(words(0, 0x2_0000), "slowed down while measuring: capped frequency");
    }

    #[test]
    fn what_held_it_back_before_is_no_note() {
        assert_eq!(throttled_words(0x5_0000, 0x5_0000), None);
        assert_eq!(throttled_words(0, 0), None);
    }
}
