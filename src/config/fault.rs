//! Faults of the configuration, and where in the file they stand. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Something that was left out, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Keys from the top of the file to the culprit.
    pub path: Vec<String>,
    pub text: String,
    /// Line and column, from 1.
    pub place: Option<(usize, usize)>,
}

impl Fault {
    pub fn new(path: &[&str], text: impl Into<String>) -> Self {
        Fault {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            text: text.into(),
            place: None,
        }
    }

    /// `FILE:LINE:COLUMN: key.of.it: what is wrong`.
    pub fn line(&self, file: &str) -> String {
        let place =
            self.place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        format!("{file}{place}: {}: {}", self.path.join("."), self.text)
    }
}

/// Where the value at `path` stands in the text: the parser lends parts of the text, and their addresses tell.
/// A part that is not there is shown by the nearest that is.
pub fn position(text: &str, path: &[String]) -> Option<(usize, usize)> {
    let mut part = text;
    for key in path {
        let raw = if let Ok(index) = key.parse::<usize>() {
            serde_json::from_str::<Vec<&RawValue>>(part)
                .ok()
                .and_then(|list| list.get(index).copied())
        } else {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(part)
                .ok()
                .and_then(|map| map.get(key).copied())
        };
        match raw {
            Some(raw) => part = raw.get(),
            None => break,
        }
    }
    let offset = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
    Some((line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &[&str]) -> Option<(usize, usize)> {
        let text = "{\n  \"a\": {\"b\": [1,\n   {\"c\": 2}]}\n}";
        position(text, &path.iter().map(|&key| key.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_value_is_found_through_objects_and_lists() {
        assert_eq!(place(&["a"]), Some((2, 8)));
        assert_eq!(place(&["a", "b", "1", "c"]), Some((3, 10)));
    }

    #[test]
    fn what_is_not_there_is_shown_by_the_nearest_that_is() {
        assert_eq!(place(&["a", "x"]), Some((2, 8)));
    }
}
