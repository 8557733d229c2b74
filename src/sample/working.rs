//! That a collector works is known by its numbers: a line has only the flags of those that fail, and whoever reads one
//! finds the others again. What is written and read back is the same sample.

use super::{Entry, Sample, Sorted, Value, Values};
use crate::collector::{COLLECTOR_FAILED, COLLECTORS, known};

/// Collectors whose numbers were met: a bit each, in the order of `COLLECTORS`.
#[derive(Clone, Copy, Default)]
pub(super) struct Working(u64);

impl Working {
    /// A metric stands in the line; its name, if it is known.
    pub(super) fn meet(&mut self, name: &str) -> Option<&'static str> {
        let known = known(name)?;
        self.0 |= known.collector.map_or(0, |at| 1 << at);
        Some(known.metric.name)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        let collectors = COLLECTORS.iter().enumerate();
        collectors.filter(move |(at, _)| self.0 >> at & 1 == 1).map(|(_, collector)| collector.name)
    }
}

impl Sample {
    /// The line to store, without its newline.
    ///
    /// # Errors
    /// Those of `to_line`.
    pub fn stored_line(&mut self) -> serde_json::Result<String> {
        let flags = self.values.remove(COLLECTOR_FAILED.name);
        let mut working = Working::default();
        self.values.entries().for_each(|(name, _)| _ = working.meet(name));
        for (_, label, flag) in flags.iter().flat_map(|flags| flags.points(COLLECTOR_FAILED.name)) {
            if let Some(name) = label
                .filter(|name| flag.as_f64() > 0.0 || !working.names().any(|known| known == *name))
            {
                self.values.set_for(&COLLECTOR_FAILED, name, flag);
            }
        }
        let line = self.to_line();
        if let Some(flags) = flags {
            self.values.insert(COLLECTOR_FAILED.name.into(), flags);
        }
        line
    }
}

impl Values {
    /// These have numbers in the line: those that it does not call failed work.
    pub(super) fn add_working(&mut self, working: Working) {
        let mut flags = match self.remove(COLLECTOR_FAILED.name) {
            Some(Entry::Labelled(flags)) => flags,
            Some(other) => return self.insert(COLLECTOR_FAILED.name.into(), other),
            None => Sorted::default(),
        };
        for name in working.names() {
            if flags.get(name).is_none() {
                flags.insert(name.to_owned(), Value::Unsigned(0));
            }
        }
        if !flags.is_empty() {
            self.insert(COLLECTOR_FAILED.name.into(), Entry::Labelled(flags));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector;
    use crate::collector::tests::{fixture, tree};
    use crate::sample::read::{Wanted, line};

    const BEGIN: &str = r#"{"timestamp":"2026-11-22T09:41:06+01:00","epoch":1795336866,"schema":1,"boot_id":"6c","uptime":9,"cpu_percent":12.5,"load1":1"#;

    fn read(flags: &str, wanted: &Wanted) -> Sample {
        line(format!("{BEGIN}{flags}}}").as_bytes(), wanted).unwrap()
    }

    #[test]
    fn only_the_flags_that_say_something_are_written_and_all_are_read() {
        let flags = r#","collector_failed":{"cpu":0,"custom:x":0,"load":1,"pressure":0,"tcp":1}"#;
        let told = r#","collector_failed":{"custom:x":0,"load":1,"pressure":0,"tcp":1}"#;
        let mut sample = read(flags, &Wanted::everything());
        let before = sample.clone();
        assert_eq!(sample.stored_line().unwrap(), format!("{BEGIN}{told}}}"));
        assert_eq!(sample, before, "and stays as it was");
        assert_eq!(read(told, &Wanted::everything()), before);
    }

    #[test]
    fn a_line_without_flags_is_one_of_collectors_that_work() {
        let flags = r#","collector_failed":{"cpu":0,"load":0}"#;
        assert_eq!(read(flags, &Wanted::everything()).stored_line().unwrap(), format!("{BEGIN}}}"));
        for wanted in [Wanted::everything(), Wanted::names(["collector_failed"])] {
            let sample = read("", &wanted);
            let flags = ["cpu", "load", "tcp"]
                .map(|name| sample.values.get("collector_failed", Some(name)));
            assert_eq!(flags, [Some(0.0), Some(0.0), None]);
        }
        assert!(read("", &Wanted::names(["load1"])).values.entry("collector_failed").is_none());
    }

    #[test]
    fn whoever_wants_the_line_as_it_is_written_gets_it() {
        let mut wanted = Wanted::everything();
        wanted.as_written = true;
        let sample = read("", &wanted);
        assert_eq!(sample.to_line().unwrap(), format!("{BEGIN}}}"));
    }

    #[test]
    fn every_host_is_read_back_as_it_was_written() {
        let trees = [
            "bare",
            "container",
            "raspberry-pi-4",
            "raspberry-pi-5",
            "virtual-machine",
            "x86-server",
        ];
        for name in trees {
            let root = tree(name);
            let mut reading = collector::run(&fixture(&root));
            collector::set_apart(&mut reading);
            let mut sample = read("", &Wanted::everything());
            sample.values = reading.values;
            let text = sample.stored_line().unwrap();
            let flags = |sample: &Sample| sample.values.entry("collector_failed").cloned();
            let again = line(text.as_bytes(), &Wanted::everything()).unwrap();
            assert_eq!(flags(&again), flags(&sample), "{name}");
            assert!(text.len() < sample.to_line().unwrap().len() - 90, "{name}: {text}");
        }
    }

    #[test]
    fn there_is_a_bit_for_every_collector() {
        assert!(COLLECTORS.len() <= 64);
    }

    #[test]
    fn a_boot_without_a_name_hides_no_collector() {
        let text = br#"{"timestamp":"2026-03-28T09:41:06Z","schema":1,"cpu_percent":3.1}"#;
        let sample = line(text, &Wanted::everything()).unwrap();
        assert_eq!(sample.values.get("collector_failed", Some("cpu")), Some(0.0));
    }

    #[test]
    fn the_original_module_knew_no_collectors() {
        let text = br#"{"timestamp":"2026-03-28T09:41:06.123456","cpu_percent":3.1}"#;
        let sample = line(text, &Wanted::everything()).unwrap();
        assert!(sample.values.entry("collector_failed").is_none());
    }
}
