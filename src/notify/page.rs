//! A body as HTML that every mail program shows: inline styles alone, bars made of boxes, nothing from outside. Colours
//! stand on white and on black; a level is also said in words. Pure.

use maud::{DOCTYPE, Markup, html};

use super::body::{Body, Commands, Lead, Row};
use super::course::{Bar, Chart};
use super::plain::words;
use crate::alert::Level;

/// Pixels of the highest bar and of the lowest one.
const HIGHEST: f64 = 48.0;
const LOWEST: f64 = 3.0;
/// So many bars fill the width; fewer are as wide as these.
const FULL: usize = 24;
const DIM: &str = "opacity:.72";

impl Body {
    pub(super) fn html(&self, host: &str) -> String {
        let markup = html! {
            (DOCTYPE)
            html lang="en" style="color-scheme:light dark" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width,initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="supported-color-schemes" content="light dark";
                    title { (host) }
                }
                body style="margin:0;padding:0" {
                    div style="max-width:568px;margin:0 auto;padding:16px;font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif" {
                        @for one in &self.leads { (lead(one)) }
                        @for group in &self.groups { (rows(group)) }
                        @for line in &self.closing { p style="margin:0 0 6px" { (whole(line)) } }
                        @for one in &self.commands { (commands(one)) }
                    }
                }
            }
        };
        markup.into_string()
    }
}

fn lead(lead: &Lead) -> Markup {
    let style =
        format!("margin:0 0 12px;padding-left:12px;border-left:5px solid {}", colour(lead.level));
    html! {
        div style=(style) {
            p style="margin:0;font-size:18px;font-weight:600" { (whole(&lead.text)) }
            @if let Some(pace) = &lead.pace {
                p style="margin:4px 0 0;font-size:16px;font-weight:600" { (whole(pace)) }
            }
        }
    }
}

fn rows(rows: &[Row]) -> Markup {
    html! {
        table role="presentation" cellpadding="0" cellspacing="0" style="width:100%;border-collapse:collapse;margin:0 0 12px;border-top:1px solid #999" {
            @for one in rows { (row(one)) }
        }
    }
}

fn row(row: &Row) -> Markup {
    let cell = "padding:5px 0;overflow-wrap:anywhere;vertical-align:top";
    let title = format!(
        "padding:5px 12px 5px 0;text-align:left;font-weight:400;vertical-align:top;white-space:nowrap;width:80px;{DIM}"
    );
    match row {
        Row::Level(level, words) => html! {
            tr { td colspan="2" style=(cell) { (badge(*level)) " " (whole(words)) } }
        },
        Row::Words(name, lines) => html! {
            tr {
                th style=(title) { (name) }
                td style=(cell) { @for line in lines { div style="margin:0 0 3px" { (whole(line)) } } }
            }
        },
        Row::Chart(drawn) => html! {
            tr { td colspan="2" style=(cell) { (chart(drawn)) } }
        },
    }
}

fn badge(level: Level) -> Markup {
    let style = format!(
        "display:inline-block;padding:0 8px;border-radius:3px;font-weight:600;color:#fff;background:{}",
        colour(level)
    );
    html! { span style=(style) { (level.title()) } }
}

fn chart(chart: &Chart) -> Markup {
    let width = 100 * chart.bars.len().min(FULL) / FULL;
    let table = format!(
        "width:{width}%;border-collapse:collapse;table-layout:fixed;border-bottom:1px solid #999"
    );
    let words = format!("{}: {}", chart.title, chart.words());
    html! {
        div style=(DIM) { (chart.title) }
        table role="img" aria-label=(words) cellpadding="0" cellspacing="0" style=(table) {
            tr {
                @for (one, height) in chart.bars.iter().zip(chart.heights()) {
                    td style=(format!("height:{HIGHEST}px;padding:0 1px;vertical-align:bottom")) { (bar(*one, height)) }
                }
            }
        }
        div style="font-size:13px" {
            (whole(&chart.words()))
            @for (level, words) in &chart.legend {
                " "
                span style="white-space:nowrap" {
                    span style=(format!("display:inline-block;width:10px;height:10px;background:{}", colour(*level))) {}
                    " " (words)
                }
            }
        }
    }
}

fn bar(bar: Bar, share: Option<f64>) -> Markup {
    let style = |share: f64| {
        let height = (LOWEST + share.clamp(0.0, 1.0) * (HIGHEST - LOWEST)).round();
        let colour = if bar.level == Level::Ok { "#7a92a3" } else { colour(bar.level) };
        format!("height:{height}px;background:{colour};font-size:0;line-height:0")
    };
    html! { @if let Some(share) = share { div style=(style(share)) {} } }
}

/// With numbers that stay beside their units.
fn whole(line: &str) -> String {
    words(line).iter().map(|word| word.replace(' ', "\u{a0}")).collect::<Vec<_>>().join(" ")
}

fn commands(commands: &Commands) -> Markup {
    html! {
        p style=(format!("margin:12px 0 2px;{DIM}")) { (commands.purpose) ":" }
        pre style="margin:0;padding:8px 10px;border:1px solid #999;border-radius:4px;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere" { (commands.lines.join("\n")) }
    }
}

/// White text can be read on each, and each can be told from white and from black.
fn colour(level: Level) -> &'static str {
    match level {
        Level::Critical => "#c62828",
        Level::Warning => "#b45309",
        Level::Ok => "#2e7d32",
        Level::Unknown => "#6d5a9c",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Draft, about, day, fact};
    use crate::alert::due::Reason;

    fn page() -> String {
        Draft::of(&[fact(Reason::Raised)], &[day()]).message().html
    }

    #[test]
    fn nothing_comes_from_outside() {
        let page = page();
        for tag in ["<img", "<svg", "<link", "<script", "<style", "url(", "http", "class="] {
            assert!(!page.contains(tag), "{tag}");
        }
    }

    #[test]
    fn both_colour_schemes_are_fine() {
        assert!(page().contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert!(!page().contains("background:#fff"));
    }

    #[test]
    fn a_bar_is_a_box_and_its_colour_is_said_in_words() {
        let page = page();
        // 12 samples and 24 hours, the last of each past its level; and the lead, the badge and two legends.
        assert_eq!(page.matches("line-height:0\"></div></td>").count(), 12 + 24);
        assert_eq!(page.matches("background:#b45309;font-size:0").count(), 2);
        assert_eq!(page.matches("warning, past 85").count(), 2);
        assert!(
            page.contains("aria-label=\"Course: 79.8 to 86.0, one bar = 5 min, 01:30 to 02:25\"")
        );
    }

    #[test]
    fn an_hour_without_samples_has_no_bar() {
        let mut background = day();
        background.points.drain(24..48);
        let page = Draft::of(&[fact(Reason::Raised)], &[background]).message().html;
        assert_eq!(page.matches("line-height:0\"></div></td>").count(), 12 + 22);
    }

    #[test]
    fn a_label_is_text() {
        let odd = about("filesystem_percent{/<b>&}", 86.0, Reason::Raised);
        let page = Draft::of(&[odd], &[]).message().html;
        assert!(
            !page.contains("<b>") && page.contains("/&lt;b&gt;&amp; 86.0\u{a0}% full"),
            "{page}"
        );
    }
}
