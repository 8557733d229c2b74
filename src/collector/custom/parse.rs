//! What a command prints, as numbers: one number, lines, JSON; and which of the forms it is. Pure.

use std::str::FromStr;

use super::{exposition, perfdata};
use crate::sample::Value;
use crate::series::label_text;

/// More numbers than this make no line of a sample.
const MOST: usize = 256;
const LONGEST_LABEL: usize = 200;
/// How much of what is not understood is shown.
const SHOWN: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Auto,
    Number,
    Lines,
    Json,
    Nagios,
    Prometheus,
}

impl Format {
    /// By its name in the configuration.
    pub fn named(name: &str) -> Option<Format> {
        Some(match name {
            "auto" => Format::Auto,
            "number" => Format::Number,
            "lines" => Format::Lines,
            "json" => Format::Json,
            "nagios" => Format::Nagios,
            "prometheus" => Format::Prometheus,
            _ => return None,
        })
    }

    /// Whether the exit status of a command may be a result of its own.
    pub fn may_have_state(self) -> bool {
        matches!(self, Format::Auto | Format::Nagios)
    }
}

/// One side of what is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub level: f64,
    /// Low is bad.
    pub below: bool,
}

/// A number, and what its plugin says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// `None`: it is the only one.
    pub label: Option<String>,
    pub value: Value,
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
}

/// What was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    pub numbers: Vec<Number>,
    /// Of a plugin: 0 ok, 1 warning, 2 critical.
    pub state: Option<u64>,
    /// What a plugin says that is not content.
    pub said: Option<String>,
    /// The first thing that was not understood.
    pub fault: Option<String>,
}

impl Parsed {
    pub(super) fn add(&mut self, label: &str, value: Value) {
        self.numbers.push(number(Some(label), value));
    }

    pub(super) fn fail(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    /// # Errors
    /// There is nothing, or too much.
    pub(super) fn checked(self) -> Result<Parsed, String> {
        match self.numbers.len() {
            0 if self.state.is_none() => Err(self.fault.unwrap_or_else(|| "no number".to_owned())),
            0..=MOST => Ok(self),
            many => Err(format!("{many} numbers; {MOST} are the most")),
        }
    }
}

pub(super) fn number(label: Option<&str>, value: Value) -> Number {
    let label =
        label.map(|label| label_text(label.as_bytes()).chars().take(LONGEST_LABEL).collect());
    Number { label, value, warning: None, critical: None }
}

/// Understands what ended without an error.
///
/// # Errors
/// What it is instead.
pub fn parse(format: Format, text: &str) -> Result<Parsed, String> {
    let parsed = match format {
        Format::Auto => return parse(guess(text), text),
        Format::Number => only(text)?,
        Format::Lines => lines(text),
        Format::Json => json(text)?,
        Format::Nagios => perfdata::parse(text, 0),
        Format::Prometheus => exposition::parse(text),
    };
    parsed.checked()
}

/// Which form it has.
pub(super) fn guess(text: &str) -> Format {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        Format::Json
    } else if value(trimmed).is_ok() {
        Format::Number
    } else if ["# HELP ", "# TYPE "].iter().any(|start| trimmed.starts_with(start))
        || trimmed.lines().any(exposition::is_labelled)
    {
        Format::Prometheus
    } else if perfdata::is_there(text) {
        Format::Nagios
    } else {
        Format::Lines
    }
}

/// A number as it is written: whole ones stay whole.
pub(super) fn value(text: &str) -> Result<Value, String> {
    if let Ok(whole) = u64::from_str(text) {
        return Ok(Value::Unsigned(whole));
    }
    match f64::from_str(text) {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        Ok(_) => Err(format!("{} is no finite number", shown(text))),
        Err(_) => Err(format!("\"{}\" is no number", shown(text))),
    }
}

pub(super) fn shown(text: &str) -> String {
    let text = text.trim();
    let short: String = text.chars().take(SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    label_text(short.as_bytes()) + more
}

fn only(text: &str) -> Result<Parsed, String> {
    let value = value(text.trim())?;
    Ok(Parsed { numbers: vec![number(None, value)], ..Parsed::default() })
}

/// `name value`, as munin's plugins have it too: `name.value 3`, and `U` for what is not known.
fn lines(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((name, number)) = line.rsplit_once(char::is_whitespace) else {
            parsed.fail(format!("\"{}\" is no name and number", shown(line)));
            continue;
        };
        let name = name.trim_end().trim_end_matches([':', '=']).trim_end();
        let name = name.strip_suffix(".value").unwrap_or(name);
        match value(number) {
            _ if number == "U" => {}
            Ok(_) if name.is_empty() => parsed.fail(format!("\"{}\" has no name", shown(line))),
            Ok(value) => parsed.add(name, value),
            Err(fault) => parsed.fail(format!("{}: {fault}", shown(name))),
        }
    }
    parsed
}

/// How many there are, where all lines are understood.
pub(super) fn count_lines(text: &str) -> Option<usize> {
    let parsed = lines(text);
    Some(parsed.numbers.len()).filter(|count| *count > 0 && parsed.fault.is_none())
}

fn json(text: &str) -> Result<Parsed, String> {
    let object: serde_json::Value = serde_json::from_str(text.trim())
        .map_err(|error| format!("no JSON: {error}; it begins with \"{}\"", shown(text)))?;
    let mut parsed = Parsed::default();
    match &object {
        serde_json::Value::Object(_) => flatten(&object, "", &mut parsed),
        _ => return Err(format!("must be a JSON object, not {}", shown(text))),
    }
    Ok(parsed)
}

/// Texts, lists and null are no numbers, and passed over: such an object often says more than numbers.
fn flatten(value: &serde_json::Value, name: &str, parsed: &mut Parsed) {
    match value {
        serde_json::Value::Object(inner) => {
            for (key, value) in inner {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(value, &format!("{name}{dot}{key}"), parsed);
            }
        }
        serde_json::Value::Bool(flag) => parsed.add(name, Value::Unsigned(u64::from(*flag))),
        serde_json::Value::Number(number) => {
            let float = || number.as_f64().map(Value::Float);
            if let Some(value) = number.as_u64().map(Value::Unsigned).or_else(float) {
                parsed.add(name, value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Label and value of each, in their order; what was wrong as one more.
    pub(in super::super) fn words(parsed: Result<Parsed, String>) -> Vec<String> {
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return vec![format!("! {error}")],
        };
        let word = |number: &Number| {
            let label = number.label.as_deref().unwrap_or("-");
            format!("{label} {}", number.value.as_f64())
        };
        let fault = parsed.fault.iter().map(|fault| format!("! {fault}"));
        parsed.numbers.iter().map(word).chain(fault).collect()
    }

    fn read(format: Format, text: &str) -> String {
        words(parse(format, text)).join(", ")
    }

    #[test]
    fn a_number_may_have_blanks_around_it() {
        for (text, expected) in
            [("5", "- 5"), (" 5.25\n", "- 5.25"), ("-3", "- -3"), ("1e3", "- 1000"), ("+7", "- 7")]
        {
            assert_eq!(read(Format::Number, text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_great_whole_number_stays_exact() {
        let parsed = parse(Format::Number, "18446744073709551615").unwrap();
        assert_eq!(parsed.numbers[0].value, Value::Unsigned(u64::MAX));
    }

    #[test]
    fn what_is_no_finite_number_is_none() {
        for text in ["NaN", "inf", "-inf", "Infinity", "1e999"] {
            assert!(read(Format::Number, text).ends_with("is no finite number"), "{text}");
        }
        for text in ["", "  \n", "5 apples", "0x10", "1,5", "5\n6", "\u{1b}[31m5"] {
            assert!(read(Format::Number, text).ends_with("is no number"), "{text:?}");
        }
    }

    #[test]
    fn garbage_is_shown_short_and_tame() {
        let error = read(Format::Number, &format!("\u{1b}]{}", "x".repeat(500)));
        assert!(error.len() < 120 && error.contains("\\x1b]xxx") && error.contains('…'), "{error}");
    }

    #[test]
    fn lines_are_names_and_numbers() {
        for (text, expected) in [
            ("a 1\nb 2\n", "a 1, b 2"),
            ("# note\n\n a   1 \r\n", "a 1"),
            ("queue in: 3\nqueue out = 4", "queue in 3, queue out 4"),
            ("load.value 0.5\nswap.value U", "load 0.5"),
            ("a\t-1", "a -1"),
            ("ä 1", "ä 1"),
            ("a\u{7}b 1", "a\\x07b 1"),
        ] {
            assert_eq!(read(Format::Lines, text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_named_and_the_others_stand() {
        assert_eq!(read(Format::Lines, "a 1\nb two\nc 3"), "a 1, c 3, ! b: \"two\" is no number");
        assert_eq!(read(Format::Lines, "a 1\nb inf"), "a 1, ! b: inf is no finite number");
        assert_eq!(read(Format::Lines, "garbage"), "! \"garbage\" is no name and number");
        assert_eq!(read(Format::Lines, ": 5"), "! \": 5\" has no name");
        assert_eq!(read(Format::Lines, "\n# nothing\n"), "! no number");
    }

    #[test]
    fn an_object_may_hold_others_and_flags() {
        for (text, expected) in [
            (r#"{"a": 1, "b": {"c": 2.5, "d": {"e": -3}}}"#, "a 1, b.c 2.5, b.d.e -3"),
            (r#"{"up": true, "down": false}"#, "up 1, down 0"),
            (r#"{"version": "1.2", "hosts": [1], "none": null, "n": 4}"#, "n 4"),
        ] {
            assert_eq!(read(Format::Json, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_of_numbers_is_named() {
        for (text, words) in [
            ("{}", "no number"),
            ("{\"a\": \"x\"}", "no number"),
            ("[1]", "must be a JSON object, not [1]"),
            ("5", "must be a JSON object, not 5"),
            ("{\"a\": NaN}", "no JSON"),
            ("{\"a\": 1e999}", "no JSON"),
            ("{\"a\": 1", "no JSON"),
            ("", "no JSON"),
        ] {
            let said = read(Format::Json, text);
            assert!(said.starts_with("! ") && said.contains(words), "{text}: {said}");
        }
        let deep = "{\"a\":".repeat(1_000);
        assert!(read(Format::Json, &deep).contains("no JSON"));
    }

    #[test]
    fn the_form_is_told_by_what_is_there() {
        for (text, format) in [
            ("7\n", Format::Number),
            ("{\"a\": 1}", Format::Json),
            ("OK - fine | a=1", Format::Nagios),
            ("a 1\nb 2", Format::Lines),
            ("# TYPE a gauge\na 1", Format::Prometheus),
            ("a 1\nb{x=\"y|z\"} 2 1700000000000", Format::Prometheus),
            ("disk {a} 1", Format::Lines),
            ("", Format::Lines),
            ("NaN", Format::Lines),
        ] {
            assert_eq!(guess(text), format, "{text:?}");
        }
    }

    #[test]
    fn too_many_numbers_are_none() {
        let lines: Vec<String> = (0..257).map(|number| format!("n{number} 1")).collect();
        assert_eq!(read(Format::Lines, &lines.join("\n")), "! 257 numbers; 256 are the most");
    }

    #[test]
    fn a_long_name_is_cut() {
        let parsed = parse(Format::Lines, &format!("{} 1", "x".repeat(5_000))).unwrap();
        assert_eq!(parsed.numbers[0].label.as_ref().map(String::len), Some(200));
    }
}
