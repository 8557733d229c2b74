//! The performance data of a monitoring plugin: `'label'=value[UOM];warn;crit;min;max`, after the `|` of the first line
//! and after that of the lines below it. Numbers are scaled to seconds and bytes, and so are their limits. Pure.

use super::parse::{Format, Limit, Number, Parsed, count_lines, guess, number, shown, value};
use crate::sample::Value;

/// Whether an output has any.
pub(super) fn is_there(text: &str) -> bool {
    text.contains('|')
}

/// How much is kept of what one says.
const SAID: usize = 120;
/// The word for each exit status.
const WORDS: [&str; 4] = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];

/// Whether it is a plugin that printed this and ended so. One that ran into a limit of its own gives no data: then it
/// is told by what it was before, or by its word.
pub(super) fn is_of_plugin(text: &str, code: Option<i32>, is_known: bool) -> bool {
    let word = code.and_then(|code| WORDS.get(usize::try_from(code).ok()?));
    match (code, word) {
        (Some(0), _) => match guess(text) {
            Format::Lines => {
                // What is no text at all is no word of a plugin either.
                let is_text = !text.contains(char::REPLACEMENT_CHARACTER);
                is_fine(text) || is_known && is_text && count_lines(text).is_none()
            }
            guessed => guessed == Format::Nagios,
        },
        (_, Some(word)) => {
            is_there(text) || says(text, word) || is_known && !text.trim().is_empty()
        }
        _ => false,
    }
}

fn says(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    first_line(text).split(|c| !is_part(c)).any(|other| other == word)
}

/// `OK - …`, `NAME OK: …`; what may as well be lines of numbers is that only if it has a name.
fn is_fine(text: &str) -> bool {
    let Some((name, rest)) = first_line(text).split_once("OK") else { return false };
    let is_end = rest.trim().is_empty() || rest.trim_start().starts_with(['-', ':']);
    let is_word = is_end && (name.is_empty() || name.ends_with(' '));
    is_word && count_lines(text).is_none_or(|count| count == 1 && !name.is_empty())
}

/// `state` is the exit status.
pub(super) fn parse(text: &str, state: u64) -> Parsed {
    let mut parsed = Parsed { state: Some(state), ..Parsed::default() };
    let (first, rest) = text.trim_start().split_once('\n').unwrap_or((text, ""));
    for part in [first, rest] {
        let Some((_, mut data)) = part.split_once('|') else { continue };
        while let Some((token, after)) = next(data) {
            match item(token) {
                Ok(number) => parsed.numbers.extend(number),
                Err(fault) => parsed.fail(fault),
            }
            data = after;
        }
    }
    parsed.numbers.iter_mut().for_each(|number| agree(number, state));
    parsed
}

/// What the plugin says itself, in a word.
pub(super) fn summary(text: &str) -> String {
    shown(first_line(text))
}

/// The same for people, longer and without what a terminal would act upon.
pub(super) fn told(text: &str) -> Option<String> {
    let tame: String = first_line(text).chars().filter(|c| !c.is_control()).take(SAID).collect();
    let tame = tame.trim();
    (!tame.is_empty()).then(|| tame.to_owned())
}

fn first_line(text: &str) -> &str {
    let first = text.trim_start().lines().next().unwrap_or_default();
    first.split('|').next().unwrap_or_default()
}

/// Up to the next blank that is not within a quoted label.
fn next(data: &str) -> Option<(&str, &str)> {
    let data = data.trim_start();
    let mut quoted = false;
    let end = data.find(|c: char| {
        quoted ^= c == '\'';
        c.is_whitespace() && !quoted
    });
    let (token, rest) = data.split_at_checked(end.unwrap_or(data.len()))?;
    (!token.is_empty()).then_some((token, rest))
}

fn item(token: &str) -> Result<Option<Number>, String> {
    let wrong = || format!("\"{}\" is no performance data", shown(token));
    let (label, rest) = match token.strip_prefix('\'') {
        // A label may hold an equals sign, and a quote that is doubled.
        Some(rest) => rest.rsplit_once("'=").ok_or_else(wrong)?,
        None => token.split_once('=').ok_or_else(wrong)?,
    };
    let label = label.replace("''", "'");
    if label.is_empty() {
        return Err(wrong());
    }
    let mut fields = rest.split(';');
    let text = fields.next().unwrap_or_default();
    // Unknown.
    if text == "U" || text.is_empty() {
        return Ok(None);
    }
    let is_digit = |c: char| c.is_ascii_digit() || "+-.".contains(c);
    let end = text.find(|c| !is_digit(c)).unwrap_or(text.len());
    let exponent = exponent(text, end);
    let (digits, unit) = text.split_at_checked(end + exponent).ok_or_else(wrong)?;
    let scale = scale(unit);
    let value = value(digits).map_err(|fault| format!("{}: {fault}", shown(&label)))?;
    let mut number = number(Some(&label), scaled(value, scale));
    number.warning = fields.next().and_then(|range| limit(range, scale));
    number.critical = fields.next().and_then(|range| limit(range, scale));
    Ok(Some(number))
}

/// The length of an exponent at that place: `e-5`.
fn exponent(text: &str, at: usize) -> usize {
    let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(['e', 'E'])) else {
        return 0;
    };
    let signed = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let digits = signed.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { 0 } else { 1 + rest.len() - signed.len() + digits }
}

/// To seconds and bytes; what else there is stays as it is.
fn scale(unit: &str) -> f64 {
    match unit {
        "ms" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => match unit.to_ascii_uppercase().as_str() {
            "KB" | "KIB" => 1024.0,
            "MB" | "MIB" => 1024_f64.powi(2),
            "GB" | "GIB" => 1024_f64.powi(3),
            "TB" | "TIB" => 1024_f64.powi(4),
            _ => 1.0,
        },
    }
}

fn scaled(value: Value, scale: f64) -> Value {
    if scale.total_cmp(&1.0).is_eq() { value } else { Value::Float(value.as_f64() * scale) }
}

/// A range with one end that matters: `N`, `0:N` and `~:N` allow no more, `N:` no less. Others have two, or none.
fn limit(range: &str, scale: f64) -> Option<Limit> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let (level, below) = match range.trim().split_once(':') {
        None => (number(range.trim())?, false),
        Some((least, "")) => (number(least)?, true),
        Some(("~" | "0" | "", most)) => (number(most)?, false),
        Some(_) => return None,
    };
    Some(Limit { level: level * scale, below })
}

/// Limits that look in two ways are none that one rule can have, and those that the plugin does not itself hold to
/// mean something else: many print zeros where none are set.
fn agree(number: &mut Number, state: u64) {
    let value = number.value.as_f64();
    let is_past =
        |limit: &Limit| if limit.below { value < limit.level } else { value > limit.level };
    let is_denied =
        |limit: Option<Limit>, from: u64| state < from && limit.as_ref().is_some_and(is_past);
    let is_split =
        matches!((number.warning, number.critical), (Some(a), Some(b)) if a.below != b.below);
    if is_split || is_denied(number.warning, 1) || is_denied(number.critical, 2) {
        (number.warning, number.critical) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::tests::words;
    use super::*;

    fn read(text: &str) -> String {
        words(Ok(parse(text, 0))).join(", ")
    }

    /// Warning and critical of the first number.
    fn limits(token: &str, state: u64) -> String {
        let parsed = parse(&format!("x | {token}"), state);
        let word = |limit: Option<Limit>| match limit {
            None => "-".to_owned(),
            Some(Limit { level, below }) => format!("{}{level}", if below { "<" } else { ">" }),
        };
        let first = &parsed.numbers[0];
        format!("{} {}", word(first.warning), word(first.critical))
    }

    #[test]
    fn the_data_of_common_plugins_is_understood() {
        for (text, expected) in [
            ("DISK OK - free | /=2643MB;5948;5958;0;5968", "/ 2771386368"),
            ("PING OK | rta=0.5ms;100;500;0 pl=0%;20;60;0", "rta 0.0005, pl 0"),
            ("LOAD OK|load1=0.11;5;4;3; load5=0.2;;;0;", "load1 0.11, load5 0.2"),
            ("x | 'a b'=1 'it''s'=2 'a=b'=3", "a b 1, it's 2, a=b 3"),
            ("x | sent=42c a=5KB b=1GB d=2us", "sent 42, a 5120, b 1073741824, d 0.000002"),
            ("x | a=U b= c=1", "c 1"),
            ("x | a=-5 b=+3 c=.5 d=1e-3s e=2E2", "a -5, b 3, c 0.5, d 0.001, e 200"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn data_may_go_on_below_the_text() {
        let text = "DISK OK | /=1\nlong text\nmore | /home=2\n/var=3 /srv=4\n";
        assert_eq!(read(text), "/ 1, /home 2, /var 3, /srv 4");
        assert_eq!(read("OK\nonly text | a=1"), "a 1");
    }

    #[test]
    fn without_data_there_is_the_state_alone() {
        let parsed = parse("CRITICAL - refused", 2).checked().unwrap();
        assert_eq!((parsed.state, parsed.numbers.len(), parsed.fault), (Some(2), 0, None));
    }

    #[test]
    fn what_is_no_data_is_named_and_the_rest_stands() {
        for (text, expected) in [
            ("x | nonsense a=1", "a 1, ! \"nonsense\" is no performance data"),
            ("x | =5", "! \"=5\" is no performance data"),
            ("x | 'open=5", "! \"'open=5\" is no performance data"),
            ("x | a=five", "! a: \"\" is no number"),
            ("x | a=nan b=1", "b 1, ! a: \"\" is no number"),
            ("x | a=1e999", "! a: 1e999 is no finite number"),
            ("x | a=1-2", "! a: \"1-2\" is no number"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_with_one_end_is_a_limit() {
        for (token, expected) in [
            ("a=1;10;20", ">10 >20"),
            ("a=1;0:10;~:20", ">10 >20"),
            ("a=50;10:;5:", "<10 <5"),
            ("a=1;;20", "- >20"),
            ("a=1", "- -"),
            ("a=1;10:20;@5:6", "- -"),
            ("a=1;~:;x", "- -"),
            ("a=1ms;100;500", ">0.1 >0.5"),
            ("a=1MB;2;3", ">2097152 >3145728"),
        ] {
            assert_eq!(limits(token, 0), expected, "{token}");
        }
    }

    #[test]
    fn limits_the_plugin_does_not_hold_to_are_none() {
        assert_eq!(limits("swap=1023MB;0;0;0;1023", 0), "- -");
        assert_eq!(limits("a=15;10;20", 0), "- -");
        assert_eq!(limits("a=15;10;20", 1), ">10 >20");
        assert_eq!(limits("a=25;10;20", 1), "- -");
        assert_eq!(limits("a=25;10;20", 2), ">10 >20");
        assert_eq!(limits("zombies=0;0;0", 0), ">0 >0");
        assert_eq!(limits("a=15;10;5:", 1), "- -");
    }

    #[test]
    fn a_plugin_is_told_by_its_data_its_word_or_what_it_was() {
        for (text, code, is_known, expected) in [
            ("HTTP CRITICAL - Socket timeout", 2, false, true),
            ("CRITICAL: refused", 2, false, true),
            ("DISK WARNING / 91%", 1, false, true),
            ("HTTP UNKNOWN - no host", 3, false, true),
            ("Connection refused", 2, false, false),
            ("Connection refused", 2, true, true),
            ("x | a=1", 1, false, true),
            ("", 2, true, false),
            ("OK", 2, false, false),
            ("it is critical", 2, false, false),
            ("CRITICAL - gone", 127, true, false),
            ("HTTP OK - 200", 0, false, true),
            ("PROCS OK: 42", 0, false, true),
            ("OK", 0, false, true),
            ("all is well", 0, true, true),
            ("a\u{fffd}b", 0, true, false),
            ("all is well", 0, false, false),
            ("OK 5\nbad", 0, false, false),
            ("OK: 5\nFAILED: 3", 0, false, false),
            ("a 1", 0, true, false),
            ("7", 0, true, false),
        ] {
            assert_eq!(is_of_plugin(text, Some(code), is_known), expected, "{text} {code}");
        }
        assert!(!is_of_plugin("CRITICAL - x", None, true));
    }

    #[test]
    fn its_own_words_end_before_the_data() {
        assert_eq!(summary("UNKNOWN - no route | a=1\nmore"), "UNKNOWN - no route");
        assert_eq!(summary(""), "");
        assert_eq!(
            told("DISK \u{1b}[31mCRITICAL: / 99% | /=99").as_deref(),
            Some("DISK [31mCRITICAL: / 99%")
        );
        assert_eq!((told(" | a=1"), told("")), (None, None));
        assert_eq!(told(&"x".repeat(500)).unwrap().len(), 120);
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in ["|", "||", "x|'", "x|=;;;;", "x|a=;;", "x|'a'='b'=3", "\u{0}|ä=1é;ö", "|e=e5"]
        {
            _ = parse(text, 0);
        }
    }
}
