//! A way to tell that may be there more than once: one section, or a list of them with names of their own. A fault
//! leaves out only the section it is in.

use serde_json::Value;

use super::KEYS;
use super::fault::Fault;
use super::key::Key;
use super::reader::Reader;

/// What its declaration says about such a section.
pub(super) struct Several {
    /// With dots, from the top of the file.
    pub prefix: &'static str,
    pub name: &'static Key,
    pub enabled: &'static Key,
    /// Whether a name may have a hyphen: not where it is a part of a metric's.
    pub hyphens: bool,
}

impl Several {
    /// Reads each section with `one`, which gets its name. What has a fault or is disabled is left out.
    pub(super) fn read<T>(
        &self,
        value: Option<&Value>,
        faults: &mut Vec<Fault>,
        one: impl Fn(&mut Reader<'_>, &str) -> T,
    ) -> Vec<T> {
        let sections: Vec<(Option<usize>, &Value)> = match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                list.iter().enumerate().map(|(index, section)| (Some(index), section)).collect()
            }
            Some(other) => vec![(None, other)],
        };
        let (mut names, mut found) = (Vec::new(), Vec::new());
        for (index, section) in sections {
            // What stands here may be a secret and is not shown.
            let Value::Object(section) = section else {
                let number = index.map(|index| index.to_string());
                let path: Vec<&str> = self.prefix.split('.').chain(number.as_deref()).collect();
                faults.push(Fault::new(&path, "must be an object {…}, or a list of them"));
                continue;
            };
            let before = faults.len();
            let mut reader = Reader::new(self.prefix, section, faults);
            reader.index = index;
            let is_enabled = reader.boolean(self.enabled);
            let name = self.name(&mut reader, index.unwrap_or_default(), &names);
            // What is switched off may be unfinished, but not misspelt.
            let read = is_enabled.then(|| one(&mut reader, &name));
            reader.report_unknown(KEYS);
            found.extend(read.filter(|_| faults.len() == before));
            names.push(name);
        }
        found
    }

    /// `webhook`, `webhook2` and so on, unless it has its own.
    fn name(&self, reader: &mut Reader<'_>, index: usize, taken: &[String]) -> String {
        let kind = self.prefix.rsplit('.').next().unwrap_or_default();
        let number = if index == 0 { String::new() } else { (index + 1).to_string() };
        let name = reader.text(self.name).unwrap_or_else(|| format!("{kind}{number}"));
        let (others, words) = if self.hyphens {
            ("_-", "must be of a-z, 0-9, _ and -")
        } else {
            ("_", "must be of a-z, 0-9 and _, as in queue_length")
        };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c);
        if !name.chars().all(fits) {
            reader.fault(&["name"], words);
        } else if taken.contains(&name) {
            reader.fault(&["name"], format!("\"{name}\" is taken; names are unique"));
        }
        name
    }
}
