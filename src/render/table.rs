//! Views as tables: the only place that knows comfy-table.

use comfy_table::{
    Attribute, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};

use super::fit::{fitted, least_width, text};
use super::{Align, Cell, Terminal, View};
use crate::alert::Level;

/// Columns that names leave to the words behind them.
const LEAST_WRAPPED: usize = 20;
/// And what the words have, whatever the width: a line that is too long can be read, a letter a line cannot.
const LEAST_READABLE: usize = 12;

/// The table, each line indented by one and ended by a newline, without trailing blanks.
pub fn render(view: &View, terminal: &Terminal) -> String {
    arranged(&fitted(view, terminal.width, usize::MAX), terminal, None)
}

/// The same, with long texts wrapped to the width of the terminal, if it has one.
pub fn wrapped(view: &View, terminal: &Terminal) -> String {
    let view = fitted(view, terminal.width, LEAST_WRAPPED);
    let least = least_width(&view, LEAST_READABLE);
    arranged(&view, terminal, terminal.width.map(|width| width.max(least)))
}

fn arranged(view: &View, terminal: &Terminal, width: Option<usize>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // One column is the blank that every line begins with.
    if let Some(width) = width.and_then(|width| u16::try_from(width.saturating_sub(1)).ok()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    if terminal.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let bold = |title: &str| comfy_table::Cell::new(title).add_attribute(Attribute::Bold);
    if view.columns.iter().any(|column| !column.title.is_empty()) {
        table.set_header(view.columns.iter().map(|column| bold(&column.title)));
    }
    for row in &view.rows {
        table.add_row(row.iter().map(cell));
    }
    for (at, column) in view.columns.iter().enumerate() {
        let is_last = at + 1 == view.columns.len();
        if let Some(shown) = table.column_mut(at) {
            // Names are copied and searched for: only the last column, the words, is ever wrapped.
            if width.is_some() && !is_last {
                shown.set_constraint(ColumnConstraint::ContentWidth);
            }
            shown.set_padding((0, if is_last { 0 } else { 2 }));
            shown.set_cell_alignment(if column.align == Align::Right {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            });
        }
    }
    table.lines().fold(String::new(), |text, line| text + " " + line.trim_end() + "\n")
}

fn cell(cell: &Cell) -> comfy_table::Cell {
    let shown = comfy_table::Cell::new(text(cell));
    let Cell::Level(level) = cell else { return shown };
    let color = match level {
        Level::Ok => Color::Green,
        Level::Warning => Color::Yellow,
        Level::Critical => Color::Red,
        Level::Unknown => Color::Magenta,
    };
    shown.fg(color).add_attribute(Attribute::Bold)
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;
    use crate::metric::Unit;

    fn view() -> View {
        View {
            columns: vec![Column::left("series"), Column::right("now")],
            rows: vec![
                vec![Cell::text("cpu"), Cell::Number(5.0, Unit::Percent)],
                vec![Cell::Level(Level::Warning), Cell::Missing],
            ],
        }
    }

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_blanks() {
        let terminal = Terminal { is_terminal: false, width: None, color: false };
        assert_eq!(
            render(&view(), &terminal),
            " series     now\n cpu      5.0 %\n WARNING      -\n"
        );
    }

    #[test]
    fn words_are_never_wrapped_to_a_letter_a_line() {
        let columns = vec![Column::name("series"), Column::left("verdict")];
        let row = vec![Cell::text("x".repeat(30)), Cell::text("not judged yet")];
        let narrow = Terminal { is_terminal: true, width: Some(20), color: false };
        let text = wrapped(&View { columns, rows: vec![row] }, &narrow);
        assert!(text.lines().count() <= 3, "{text}");
    }

    #[test]
    fn colours_come_only_where_they_are_wanted() {
        let terminal = Terminal { is_terminal: true, width: Some(80), color: true };
        assert!(render(&view(), &terminal).contains('\x1b'));
    }
}
