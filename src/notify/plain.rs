//! A body as text: no line wider than a terminal, but for commands and charts that need it. Pure.

use super::body::{Body, Row};

const WIDTH: usize = 78;
/// Where the content of a row begins.
const MARGIN: usize = 11;
const UNITS: [&str; 11] = ["%", "°C", "B", "KiB", "MiB", "GiB", "TiB", "s", "min", "h", "d"];

impl Body {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for lead in &self.leads {
            for sentence in [Some(&lead.text), lead.pace.as_ref()].into_iter().flatten() {
                wrap(&mut text, sentence, 0);
            }
        }
        for group in &self.groups {
            text.push('\n');
            for row in group {
                write(&mut text, row);
            }
        }
        if !self.closing.is_empty() {
            text.push('\n');
            for line in &self.closing {
                wrap(&mut text, line, 0);
            }
        }
        if !self.commands.is_empty() {
            text.push('\n');
        }
        for commands in &self.commands {
            text.push_str(&format!("{}:\n", commands.purpose));
            for line in &commands.lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

fn write(text: &mut String, row: &Row) {
    match row {
        Row::Level(level, words) => {
            titled(text, &level.title());
            wrap(text, words, MARGIN);
        }
        Row::Words(title, lines) => {
            titled(text, title);
            for (at, line) in lines.iter().enumerate() {
                if at > 0 {
                    text.push_str(&" ".repeat(MARGIN));
                }
                wrap(text, line, MARGIN);
            }
        }
        Row::Chart(chart) => {
            titled(text, chart.title);
            let (bars, caption) = (chart.sparkline(), &chart.caption);
            let width = MARGIN + bars.chars().count() + 3 + caption.chars().count();
            let between =
                if width > WIDTH { format!("\n{}", " ".repeat(MARGIN)) } else { " ".repeat(3) };
            text.push_str(&format!("{bars}{between}{caption}\n"));
        }
    }
}

fn titled(text: &mut String, title: &str) {
    text.push_str(&format!(" {title:<9} "));
}

/// Appends a line that stands at `margin` already, broken between words.
fn wrap(text: &mut String, line: &str, margin: usize) {
    let mut column = margin;
    for (at, word) in words(line).into_iter().enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > WIDTH {
            text.truncate(text.trim_end_matches(' ').len());
            text.push_str(&format!("\n{}", " ".repeat(margin)));
            column = margin;
        } else if at > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += width;
    }
    text.push('\n');
}

/// The words of a line; a number and its unit are one.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let unit = word.trim_end_matches([',', '.', ';', ':', ')']);
        match words.last_mut() {
            Some(number)
                if UNITS.contains(&unit) && number.ends_with(|c: char| c.is_ascii_digit()) =>
            {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(line: &str, margin: usize) -> String {
        let mut text = " ".repeat(margin);
        wrap(&mut text, line, margin);
        text
    }

    #[test]
    fn a_line_is_broken_between_words_and_goes_on_below_its_content() {
        let long = format!("{} end", "word ".repeat(15).trim_end());
        assert_eq!(wrapped(&long, 0), format!("{long}\n"), "78 columns");
        let broken = wrapped(&long, 11);
        assert_eq!(broken.lines().map(|line| line.chars().count()).collect::<Vec<_>>(), [75, 24]);
        assert!(broken.lines().all(|line| line.starts_with("           word")), "{broken}");
    }

    #[test]
    fn a_word_that_is_too_long_stands_by_itself() {
        let long = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {long} b"), 0), format!("a\n{long}\nb\n"));
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        let line = format!("{} (1 h 50 min).", "word ".repeat(14).trim_end());
        assert_eq!(wrapped(&line, 0).lines().last(), Some("50 min)."));
        assert_eq!(words("up 3 d, 86 % of a word"), ["up", "3 d,", "86 %", "of", "a", "word"]);
    }

    #[test]
    fn spaces_within_a_line_are_kept() {
        assert_eq!(wrapped("a   b", 0), "a   b\n");
    }
}
