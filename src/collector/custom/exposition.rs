//! The text format of Prometheus, as commands print it and `*.prom` files hold it: counters and gauges. A series is
//! `metric`, or `metric,label=value,…` in the order of the labels' names, without quotes: one spelling whatever the
//! order in which they are printed. Histograms and summaries are passed over. Pure.

use std::collections::BTreeSet;

use super::parse::{Parsed, shown, value};

pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut passed_over = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_whitespace();
            if let (Some("TYPE"), Some(name), Some("histogram" | "summary")) =
                (words.next(), words.next(), words.next())
            {
                passed_over.insert(name);
            }
            continue;
        }
        match sample(line) {
            Some((name, labels, number)) => {
                if is_part_of(&passed_over, name) || is_nothing(number) {
                    continue;
                }
                match value(number) {
                    Ok(value) => parsed.add(&spelt(name, labels), value),
                    Err(fault) => parsed.fail(format!("{}: {fault}", shown(name))),
                }
            }
            None => parsed.fail(format!("\"{}\" is no sample", shown(line))),
        }
    }
    parsed
}

/// Whether a line is what no other format has: `metric{label="value"} 1`.
pub(super) fn is_labelled(line: &str) -> bool {
    sample(line.trim()).is_some_and(|(_, labels, _)| !labels.is_empty())
}

/// No value is one in this format.
fn is_nothing(number: &str) -> bool {
    number.parse().is_ok_and(|number: f64| !number.is_finite())
}

fn is_part_of(passed_over: &BTreeSet<&str>, name: &str) -> bool {
    let parts = ["", "_bucket", "_sum", "_count"];
    parts.iter().any(|end| name.strip_suffix(end).is_some_and(|base| passed_over.contains(base)))
}

fn spelt(name: &str, mut labels: Vec<(&str, String)>) -> String {
    labels.sort();
    let mut text = name.to_owned();
    for (label, value) in labels {
        text.push_str(&format!(",{label}={value}"));
    }
    text
}

type Labels<'a> = Vec<(&'a str, String)>;

/// Name, labels and number of a line; a time stamp after the number is left alone.
fn sample(line: &str) -> Option<(&str, Labels<'_>, &str)> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at_checked(end)?;
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    if name.is_empty() || !name.chars().all(is_fit) {
        return None;
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), rest),
    };
    Some((name, labels, rest.split_whitespace().next()?))
}

/// Up to the closing bracket, and what is behind it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((found, behind));
        }
        let (name, quoted) = rest.split_once('=')?;
        let (text, behind) = text(quoted.trim_start().strip_prefix('"')?)?;
        found.push((name.trim(), text));
        rest = behind;
    }
}

/// Up to the closing quote, with what is escaped.
fn text(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((text, quoted.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => text.push('\n'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::parse::tests::words;
    use super::*;

    fn read(text: &str) -> String {
        words(Ok(parse(text))).join("; ")
    }

    #[test]
    fn a_series_is_its_metric_with_its_labels_in_their_order() {
        for (text, expected) in [
            ("# HELP a Text.\n# TYPE a gauge\na 1\n", "a 1"),
            ("a{device=\"sda\"} 2", "a,device=sda 2"),
            ("a{z=\"1\",b=\"2\"} 3", "a,b=2,z=1 3"),
            ("a{b=\"2\", z=\"1\" ,} 3 1700000000000", "a,b=2,z=1 3"),
            ("a { c=\"d\" } 1", "a,c=d 1"),
            ("a{} 4", "a 4"),
            ("ns:a_total 5", "ns:a_total 5"),
            ("a{p=\"C:\\\\x\\\"y\\nz\"} 6", "a,p=C:\\x\"y\\x0az 6"),
            ("a{p=\"}\"} 7", "a,p=} 7"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn histograms_and_summaries_are_passed_over() {
        let text = "# TYPE t histogram\nt_bucket{le=\"1\"} 3\nt_bucket{le=\"+Inf\"} 4\nt_sum 5\nt_count 4\n\
            # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 9\n# TYPE c counter\nc_total 7\nc_sum 8";
        assert_eq!(read(text), "c_total 7; c_sum 8");
    }

    #[test]
    fn what_has_no_value_is_absent() {
        assert_eq!(read("a NaN\nb +Inf\nc -Inf\nd 1"), "d 1");
    }

    #[test]
    fn what_is_no_sample_is_named_and_the_rest_stands() {
        for (text, expected) in [
            ("a 1\n<html>\nb 2", "a 1; b 2; ! \"<html>\" is no sample"),
            ("a{b=\"c} 1", "! \"a{b=\"c} 1\" is no sample"),
            ("a{b=c} 1", "! \"a{b=c} 1\" is no sample"),
            ("a one", "! a: \"one\" is no number"),
            ("a", "! \"a\" is no sample"),
            ("a{b=\"c\"}", "! \"a{b=\"c\"}\" is no sample"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
