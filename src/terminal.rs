//! What the terminal can do, by the usual conventions (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, `COLUMNS`).

use std::ffi::OsString;
use std::os::fd::AsFd;

use crate::cli::Color;

/// Columns, of the terminal or as `COLUMNS` says; `None` in a pipe.
pub fn width(
    terminal: Option<impl AsFd>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<usize> {
    let stated =
        variable("COLUMNS").and_then(|text| text.to_str()?.parse().ok()).filter(|width| *width > 0);
    let asked = terminal
        .and_then(|terminal| rustix::termios::tcgetwinsize(terminal).ok())
        .map(|size| usize::from(size.ws_col))
        .filter(|width| *width > 0);
    asked.or(stated)
}

pub fn wants_color(
    told: Color,
    is_terminal: bool,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    match told {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto
            if variable("CLICOLOR_FORCE")
                .is_some_and(|value| !value.is_empty() && value != "0") =>
        {
            true
        }
        Color::Auto => is_terminal && variable("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(is_terminal: bool, name: &'static str, value: &'static str) -> bool {
        wants_color(Color::Auto, is_terminal, &move |asked| {
            (asked == name).then(|| OsString::from(value))
        })
    }

    #[test]
    fn colour_is_for_terminals_unless_told() {
        assert!(auto(true, "TERM", "xterm") && !auto(false, "TERM", "xterm"));
        assert!(!auto(true, "NO_COLOR", "1") && auto(true, "NO_COLOR", ""));
        assert!(auto(false, "CLICOLOR_FORCE", "1") && !auto(false, "CLICOLOR_FORCE", "0"));
        assert!(!auto(true, "TERM", "dumb"));
    }
}
