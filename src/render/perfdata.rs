//! The one line of a monitoring plugin: text and performance data, as the monitoring plugins guidelines have it. Pure.

use crate::alert::Level;
use crate::metric::Unit;

/// Receivers cut longer ones.
const MOST_BYTES: usize = 1_024;

/// `OK: text | data`; text has at most half of the line where data follow, and what does not fit is left out.
pub fn line(level: Level, text: &str, data: impl IntoIterator<Item = String>) -> String {
    let word = if level == Level::Ok { "OK".to_owned() } else { level.title() };
    let mut data = data.into_iter().peekable();
    let most = if data.peek().is_some() { MOST_BYTES / 2 } else { MOST_BYTES };
    let mut line = cut(&format!("{word}: {text}").replace(is_refused, "/"), most);
    let mut separator = " | ";
    for one in data {
        if line.len() + separator.len() + one.len() > MOST_BYTES {
            break;
        }
        line.push_str(separator);
        line.push_str(&one);
        separator = " ";
    }
    line
}

/// The value is rounded already. `'label'=value[UOM];warn;crit;min;max`; quotes are doubled, and `=` may not stand in a label.
pub fn datum(label: &str, value: f64, unit: Unit, warning: &str, critical: &str) -> String {
    let label = label.replace('\'', "''").replace(|c: char| c == '=' || is_refused(c), "_");
    let range = if unit == Unit::Percent { ";0;100" } else { "" };
    format!("'{label}'={}{};{warning};{critical}{range}", value, unit.perfdata())
}

/// Begins the data, or another line.
fn is_refused(c: char) -> bool {
    c == '|' || c.is_control()
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end =
        (0..=most.saturating_sub(3)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn performance_data_follow_the_guidelines() {
        assert_eq!(
            datum("cpu_percent", 12.5, Unit::Percent, "80", ""),
            "'cpu_percent'=12.5%;80;;0;100"
        );
        assert_eq!(
            datum("memory_available", 5.0, Unit::Bytes, "80:", ""),
            "'memory_available'=5B;80:;"
        );
        assert_eq!(datum("t{it's=x|y\n}", 1.0, Unit::Count, "80", ""), "'t{it''s_x_y_}'=1;80;");
    }

    #[test]
    fn the_text_begins_no_data_and_no_line() {
        assert_eq!(line(Level::Ok, "a|b\nc", []), "OK: a/b/c");
        assert_eq!(
            line(Level::Unknown, "x", ["'a'=1".to_owned(), "'b'=2".to_owned()]),
            "UNKNOWN: x | 'a'=1 'b'=2"
        );
    }

    #[test]
    fn data_that_do_not_fit_are_left_out_whole() {
        let data = |_| format!("'{}'=1", "x".repeat(200));
        let line = line(Level::Ok, &"ä".repeat(600), (0..9).map(data));
        assert!(line.len() <= MOST_BYTES && line.ends_with("'=1"), "{line}");
        assert_eq!(line.matches("=1").count(), 2);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "ä".repeat(600);
        assert!(cut(&text, 512).len() <= 512 && cut("short", 512) == "short");
        assert!((1_020..=1_024).contains(&line(Level::Ok, &text, []).len()));
    }
}
