//! Series: a metric, or a labelled metric with its label, `filesystem_percent{/data}`. One spelling in commands,
//! configuration, alerts, events, mails, CSV headers and performance data. Pure.

use std::fmt;

use wildmatch::WildMatch;

/// One line of numbers over time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    pub metric: String,
    pub label: Option<String>,
}

impl Series {
    pub fn new(metric: impl Into<String>, label: Option<&str>) -> Self {
        Series { metric: metric.into(), label: label.map(str::to_owned) }
    }

    /// Reads `name` or `name{label}`; the label is the text from the first `{` to the last `}`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('{') {
            Some((metric, rest)) => {
                let label = rest.rfind('}').and_then(|end| rest.get(..end)).unwrap_or(rest);
                Series::new(metric, Some(label))
            }
            None => Series::new(text, None),
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(out, "{}{{{label}}}", self.metric),
            None => out.write_str(&self.metric),
        }
    }
}

/// What a person typed to mean series: `cpu_percent`, `filesystem_percent{/media/*}`, `memory_*`.
/// Without a label it means every label of the metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub metric: String,
    pub label: Option<String>,
}

impl Pattern {
    pub fn parse(text: &str) -> Self {
        let Series { metric, label } = Series::parse(text);
        Pattern { metric, label }
    }

    pub fn matches_metric(&self, metric: &str) -> bool {
        glob(&self.metric, metric)
    }

    pub fn matches(&self, metric: &str, label: Option<&str>) -> bool {
        self.matches_metric(metric)
            && match (&self.label, label) {
                (None, _) => true,
                (Some(pattern), Some(label)) => glob(pattern, label),
                (Some(_), None) => false,
            }
    }
}

/// `*` is any text, `?` any one character; everything else is itself.
pub fn glob(pattern: &str, text: &str) -> bool {
    pattern == text || (is_glob(pattern) && WildMatch::new(pattern).matches(text))
}

pub fn is_glob(pattern: &str) -> bool {
    pattern.bytes().any(|byte| matches!(byte, b'*' | b'?'))
}

/// Orders patterns by how exactly they name things: exact beats glob; among globs the most literal
/// characters win, then byte order.
pub fn precedence(pattern: &str) -> (bool, usize, std::cmp::Reverse<&str>) {
    let literal = pattern.chars().filter(|c| !matches!(c, '*' | '?')).count();
    (!is_glob(pattern), literal, std::cmp::Reverse(pattern))
}

/// A label as it is stored and shown: invalid UTF-8 lossily, control characters as `\xNN`.
pub fn label_text(bytes: &[u8]) -> String {
    // Nearly every label is this simple.
    if let (true, Ok(text)) =
        (bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), std::str::from_utf8(bytes))
    {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() {
            text.push_str(&format!("\\x{:02x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// The known names nearest to a mistyped one, best first, at most three.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| {
            (
                strsim::jaro_winkler(wrong, name)
                    .max(strsim::normalized_damerau_levenshtein(wrong, name)),
                name,
            )
        })
        .filter(|(score, _)| *score > 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// `; did you mean "a" or "b"?`, or nothing.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> =
        nearest(wrong, known).iter().map(|name| format!("\"{name}\"")).collect();
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_runs_from_the_first_brace_to_the_last() {
        assert_eq!(Series::parse("a{b{c}d}"), Series::new("a", Some("b{c}d")));
        assert_eq!(Series::parse("a{b{c}d}").to_string(), "a{b{c}d}");
        assert_eq!(Series::parse("cpu_percent"), Series::new("cpu_percent", None));
    }

    #[test]
    fn a_pattern_without_a_label_means_every_label() {
        assert!(Pattern::parse("filesystem_percent").matches("filesystem_percent", Some("/data")));
        assert!(Pattern::parse("memory_*").matches("memory_used", None));
        assert!(
            Pattern::parse("filesystem_*{/me*}").matches("filesystem_used", Some("/media/usb"))
        );
        assert!(!Pattern::parse("cpu_percent{x}").matches("cpu_percent", None));
    }

    #[test]
    fn exact_beats_glob_and_the_longer_glob_wins() {
        let mut patterns = ["*", "/media/*", "/media/usb", "/m*"];
        patterns.sort_by(|a, b| precedence(b).cmp(&precedence(a)));
        assert_eq!(patterns, ["/media/usb", "/media/*", "/m*", "*"]);
    }

    #[test]
    fn control_characters_in_labels_are_shown() {
        assert_eq!(label_text(b"a\x1bb\xff\n"), "a\\x1bb\u{fffd}\\x0a");
    }

    #[test]
    fn a_typo_is_offered_the_nearest_names() {
        assert_eq!(nearest("cpu_precent", ["cpu_percent", "uptime", "disk_used"]), ["cpu_percent"]);
        assert_eq!(did_you_mean("zzz", ["cpu_percent"]), "");
    }
}
