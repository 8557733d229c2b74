//! What a reader asks of a line. Pure.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::collector::COLLECTOR_FAILED;
use crate::series::is_glob;

/// What a reader wants of a line. Who and when are always read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Metric names, sorted by length; `None`: all of them.
    names: Option<Vec<String>>,
    /// Names that need not be copied out of every line, sorted by length.
    declared: Vec<&'static str>,
    /// `top`, `errors` and `facts`.
    pub text: bool,
    /// `facts` alone.
    pub facts: bool,
    /// Only what stands in the line, and nothing that follows from it.
    pub as_written: bool,
    /// Old name → name, from the descriptors.
    pub formerly: Vec<(&'static str, &'static str)>,
}

impl Wanted {
    pub fn everything() -> Self {
        Wanted { text: true, ..Wanted::default() }
    }

    pub fn names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable_by(|a, b| by_length(a, b));
        Wanted { names: Some(names), ..Wanted::default() }
    }

    /// The metrics that these patterns mean; one that is open means all of them.
    pub fn matching<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let patterns: Vec<&str> = patterns.into_iter().collect();
        if patterns.iter().any(|pattern| is_glob(pattern)) {
            return Wanted::default();
        }
        Wanted::names(patterns)
    }

    /// The names asked for; none if all are.
    pub fn listed(&self) -> &[String] {
        self.names.as_deref().unwrap_or_default()
    }

    /// One name more.
    #[must_use]
    pub fn and(mut self, name: &str) -> Self {
        if let Some(names) = &mut self.names
            && let Err(place) = names.binary_search_by(|wanted| by_length(wanted, name))
        {
            names.insert(place, name.to_owned());
        }
        self
    }

    #[must_use]
    pub fn with_formerly(mut self, formerly: Vec<(&'static str, &'static str)>) -> Self {
        self.formerly = formerly;
        self
    }

    /// Where many lines are read: the names of the registry.
    #[must_use]
    pub fn with_declared(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.declared = names.into_iter().collect();
        self.declared.sort_unstable_by(|a, b| by_length(a, b));
        self
    }

    #[must_use]
    pub fn with_facts(mut self) -> Self {
        self.facts = true;
        self
    }

    #[must_use]
    pub fn with_text(mut self) -> Self {
        self.text = true;
        self
    }

    /// Whether it is asked which collectors work.
    pub(super) fn flags(&self) -> bool {
        !self.as_written && self.takes(COLLECTOR_FAILED.name)
    }

    pub(super) fn takes(&self, name: &str) -> bool {
        let names = self.names.as_deref();
        names.is_none_or(|names| names.binary_search_by(|wanted| by_length(wanted, name)).is_ok())
    }

    /// To be kept.
    pub(super) fn kept(&self, name: &str) -> Cow<'static, str> {
        let declared = self.declared.binary_search_by(|declared| by_length(declared, name));
        match declared.ok().and_then(|at| self.declared.get(at)) {
            Some(declared) => Cow::Borrowed(declared),
            None => Cow::Owned(name.to_owned()),
        }
    }

    pub(super) fn renamed<'a>(&self, name: &'a str) -> &'a str {
        self.formerly.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new)
    }
}

/// An order in which most names differ before their text is looked at.
fn by_length(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_pattern_asks_for_every_number_and_no_text() {
        let (named, open) = (Wanted::matching(["x", "y"]), Wanted::matching(["x", "y*"]));
        assert_eq!((named.takes("y"), named.takes("z"), open.takes("z")), (true, false, true));
        assert!(!named.text && !open.text);
    }

    #[test]
    fn a_name_is_kept_whether_it_is_declared_or_not() {
        let wanted = Wanted::everything().with_declared(["longer", "xy", "zz"]);
        assert!(matches!(wanted.kept("xy"), Cow::Borrowed("xy")));
        assert!(matches!(wanted.kept("ab"), Cow::Owned(name) if name == "ab"));
    }
}
