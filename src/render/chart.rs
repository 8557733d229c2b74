//! A chart in the terminal: values over time with an axis each way. Pure.

use crate::metric::Unit;
use crate::sparkline::bucketed;

const HEIGHT: usize = 8;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Points between two moments; `time` writes a moment on the axis.
pub fn chart(
    title: &str,
    unit: Unit,
    points: &[(i64, f64)],
    start: i64,
    end: i64,
    width: usize,
    time: impl Fn(i64) -> String,
) -> String {
    let known = || points.iter().map(|(_, value)| *value);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    if !high.is_finite() {
        return format!(" {title}\n   nothing in this range\n");
    }
    let top = ceiling(unit, high);
    let labels: Vec<String> = (0..HEIGHT).map(|row| label(unit, top, row)).collect();
    let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 4).max(10);
    let values = bucketed(points, start, end, columns);
    let mut text = format!(" {title}\n");
    for (row, label) in labels.iter().enumerate() {
        let floor = (HEIGHT - 1 - row) as f64;
        let bars: String = values.iter().map(|value| bar(*value, top, floor)).collect();
        text.push_str(&format!(" {label:>margin$} ┤{}\n", bars.trim_end()));
    }
    let middle = start + (end - start) / 2;
    let marks = [time(start), time(middle), time(end)];
    let used: usize = marks.iter().map(|mark| mark.chars().count()).sum();
    let space = " ".repeat(columns.saturating_sub(used) / 2);
    text.push_str(&format!(
        " {:>margin$} └{}\n {:>margin$}  {}\n",
        "",
        "─".repeat(columns),
        "",
        marks.join(&space)
    ));
    text
}

/// Every other row has its value.
fn label(unit: Unit, top: f64, row: usize) -> String {
    let share = (HEIGHT - row) as f64 / HEIGHT as f64;
    if row.is_multiple_of(2) { unit.bare(top * share) } else { String::new() }
}

/// Percentages are drawn on a whole scale where they use most of it, else up to a round number above.
fn ceiling(unit: Unit, high: f64) -> f64 {
    if unit == Unit::Percent && high > 50.0 {
        return high.max(100.0);
    }
    if high <= 0.0 {
        return 1.0;
    }
    let mut magnitude = 1.0;
    while magnitude * 10.0 <= high {
        magnitude *= 10.0;
    }
    while magnitude > high {
        magnitude /= 10.0;
    }
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .iter()
        .map(|step| step * magnitude)
        .find(|top| *top >= high)
        .unwrap_or(high)
}

fn bar(value: Option<f64>, top: f64, floor: f64) -> char {
    let Some(value) = value else { return ' ' };
    let filled = (value.max(0.0) / top * HEIGHT as f64 - floor).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8")]
    let eighths = (filled * 8.0).round() as usize;
    // A value of nothing is a line on the floor, unlike no value.
    let eighths = if floor == 0.0 { eighths.max(1) } else { eighths };
    EIGHTHS.get(eighths).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_rise_from_the_axis_and_holes_are_blank() {
        let points = [(0, 100.0), (10, 50.0), (30, 0.0)];
        let text =
            chart("cpu_percent", Unit::Percent, &points, 0, 40, 20, |epoch| format!("{epoch}"));
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[1].starts_with(" 100.0 ┤█"), "{text}");
        assert!(rows[8].trim_end().ends_with('▁'), "{text}");
        assert_eq!(rows.len(), 11);
    }

    #[test]
    fn nothing_to_draw_is_said() {
        assert!(
            chart("x", Unit::Count, &[], 0, 40, 20, |_| String::new())
                .contains("nothing in this range")
        );
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!(
            (ceiling(Unit::Percent, 61.0), ceiling(Unit::Percent, 7.3), ceiling(Unit::Load, 0.0)),
            (100.0, 8.0, 1.0)
        );
    }
}
