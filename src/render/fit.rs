//! Names and words cut to what leaves the numbers on the screen. In a pipe nothing is cut. Pure.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Cell, Cut, View};

/// Names are not cut to less, whatever is left.
const SHORTEST_NAME: usize = 16;
const SHORTEST_WORDS: usize = 8;
/// Between two columns.
const SPACE: usize = 2;

/// Below so many columns a table leaves out what is asked for least, or follows from the rest.
const WIDE: usize = 110;

pub fn is_narrow(width: Option<usize>) -> bool {
    width.is_some_and(|width| width < WIDE)
}

/// The view; where there is little room, without the columns of these titles.
pub fn narrowed(view: View, width: Option<usize>, left_out: &[&str]) -> View {
    if !is_narrow(width) {
        return view;
    }
    let is_kept: Vec<bool> =
        view.columns.iter().map(|column| !left_out.contains(&column.title.as_str())).collect();
    let kept = |row: Vec<Cell>| {
        let cells = row.into_iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
        cells.map(|(cell, _)| cell).collect()
    };
    let columns = view.columns.into_iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
    View {
        columns: columns.map(|(column, _)| column).collect(),
        rows: view.rows.into_iter().map(kept).collect(),
    }
}

/// The view with what is too long for the width cut; its last column counts as no wider than `last`.
pub fn fitted(view: &View, width: Option<usize>, last: usize) -> View {
    let mut view = view.clone();
    let Some(width) = width else { return view };
    let mut widths = widths(&view);
    if let Some(end) = widths.last_mut() {
        *end = (*end).min(last);
    }
    for (cut, shortest) in [(Cut::End, SHORTEST_WORDS), (Cut::Middle, SHORTEST_NAME)] {
        for (at, column) in view.columns.iter().enumerate().filter(|(_, it)| it.cut == cut) {
            let excess = total(&widths).saturating_sub(width);
            let Some(own) = widths.get_mut(at) else { continue };
            let most = own.saturating_sub(excess).max(shortest.max(length(&column.title)));
            if excess == 0 || most >= *own {
                continue;
            }
            *own = most;
            for cell in view.rows.iter_mut().filter_map(|row| row.get_mut(at)) {
                if let Cell::Text(text) = cell {
                    *text = if cut == Cut::End { end(text, most) } else { middle(text, most) };
                }
            }
        }
    }
    view
}

/// Columns that the view takes.
pub fn width(view: &View) -> usize {
    total(&widths(view))
}

/// Columns that it takes at least where its last column, the words, is wrapped: to no less than `last`.
pub fn least_width(view: &View, last: usize) -> usize {
    let mut widths = widths(view);
    if let Some(end) = widths.last_mut() {
        *end = (*end).min(last);
    }
    total(&widths)
}

/// The text without its middle, if it is longer than that.
pub fn middle(text: &str, most: usize) -> String {
    let length = length(text);
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head = first(text.chars(), kept.div_ceil(2));
    let tail: String = first(text.chars().rev(), kept / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

/// The text without its end, if it is longer than that.
pub fn end(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let head = first(text.chars(), most.saturating_sub(1));
    format!("{}…", head.trim_end())
}

/// In lines of that width, where there are blanks to break it at; what goes on is indented.
pub fn folded(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else { return text.to_owned() };
    let (mut folded, mut used) = (String::new(), 0);
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && used + 1 + length(word) > width && used > indent {
            folded.push_str(&format!("\n{}", " ".repeat(indent)));
            used = indent;
        } else if at > 0 {
            folded.push(' ');
            used += 1;
        }
        folded.push_str(word);
        used += length(word);
    }
    folded
}

/// A cell as it is shown.
pub(super) fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(value, unit) => unit.human(*value),
        Cell::Bare(value, unit) => unit.bare(*value),
        Cell::Missing => "-".to_owned(),
        Cell::Level(level) => level.title(),
    }
}

fn widths(view: &View) -> Vec<usize> {
    let width = |(at, column): (usize, &super::Column)| {
        let cells = view.rows.iter().filter_map(|row| row.get(at)).map(text);
        let title = column.title.lines().map(length).max().unwrap_or(0);
        cells.map(|text| length(&text)).max().unwrap_or(0).max(title)
    };
    view.columns.iter().enumerate().map(width).collect()
}

/// With the blank that every line begins with.
fn total(widths: &[usize]) -> usize {
    1 + widths.iter().sum::<usize>() + SPACE * widths.len().saturating_sub(1)
}

/// Columns that a text takes: some characters take two.
pub fn length(text: &str) -> usize {
    text.width()
}

/// As many characters as there are columns for.
fn first(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= columns
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;
    use crate::metric::Unit;

    fn view(name: &str) -> View {
        let row = vec![Cell::text(name), Cell::Number(5.0, Unit::Percent), Cell::text("a b c d e")];
        let columns = vec![Column::name("series"), Column::right("now"), Column::words("")];
        View { columns, rows: vec![row] }
    }

    fn first(view: &View) -> String {
        view.rows[0].first().map(text).unwrap_or_default()
    }

    #[test]
    fn a_name_is_cut_in_its_middle_to_what_leaves_the_rest() {
        let long = view(&"abcdefghij".repeat(20));
        let shown = fitted(&long, Some(40), usize::MAX);
        assert_eq!(width(&shown), 40);
        assert!(first(&shown).starts_with("abcdefgh") && first(&shown).ends_with("hij"));
        assert_eq!(first(&fitted(&long, Some(5), usize::MAX)).chars().count(), SHORTEST_NAME);
    }

    #[test]
    fn in_a_pipe_nothing_is_cut() {
        let long = view(&"x".repeat(300));
        assert_eq!(first(&fitted(&long, None, 4)).len(), 300);
    }

    #[test]
    fn a_text_is_cut_at_its_end_or_in_its_middle() {
        assert_eq!((end("abcdef", 4), middle("abcdef", 4)), ("abc…".to_owned(), "ab…f".to_owned()));
        assert_eq!((end("äöü", 3), middle("äöü", 3)), ("äöü".to_owned(), "äöü".to_owned()));
    }

    #[test]
    fn a_character_that_takes_two_columns_counts_twice() {
        assert_eq!((length("日本"), length("ab")), (4, 2));
        assert_eq!(
            (middle("日本語の名前", 7), end("日本語の", 6)),
            ("日…前".to_owned(), "日本…".to_owned())
        );
    }

    #[test]
    fn long_lines_are_folded_at_blanks() {
        assert_eq!(folded("aa bb cc dd", Some(6), 1), "aa bb\n cc dd");
        assert_eq!(folded("aa bb cc dd", None, 1), "aa bb cc dd");
        assert_eq!(folded("aaaaaaaa b", Some(4), 1), "aaaaaaaa\n b");
    }
}
