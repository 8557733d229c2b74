//! What to do with an edited configuration that has faults. Pure: where to ask is an argument.

use std::io::{self, BufRead, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    EditAgain,
    Exit,
    Save,
}

/// Asks until the answer is one. No more input is the wish to leave.
pub(super) fn ask(
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    may_save: bool,
) -> io::Result<Choice> {
    let save = if may_save { ", (s)ave anyway" } else { "" };
    loop {
        write!(out, "What now? (e)dit again, (x) exit without saving{save}: ")?;
        out.flush()?;
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            writeln!(out)?;
            return Ok(Choice::Exit);
        }
        match String::from_utf8_lossy(&line).trim().to_lowercase().as_str() {
            "" | "e" | "edit" => return Ok(Choice::EditAgain),
            "x" | "exit" => return Ok(Choice::Exit),
            "s" | "save" if may_save => return Ok(Choice::Save),
            "s" | "save" => writeln!(out, "It cannot be saved: no command could read it.")?,
            _ => writeln!(out, "Answer with one of the letters, or nothing to edit again.")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(typed: &str, may_save: bool) -> (Choice, String) {
        let mut out = Vec::new();
        let choice = ask(&mut typed.as_bytes(), &mut out, may_save).unwrap();
        (choice, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_letter_is_a_choice_and_nothing_is_to_edit_again() {
        for (typed, choice) in [
            ("e\n", Choice::EditAgain),
            ("\n", Choice::EditAgain),
            ("x\n", Choice::Exit),
            (" S \n", Choice::Save),
            ("save", Choice::Save),
        ] {
            assert_eq!(answer(typed, true).0, choice, "{typed:?}");
        }
    }

    #[test]
    fn no_more_input_is_the_wish_to_leave() {
        assert_eq!(answer("", true).0, Choice::Exit);
        assert_eq!(answer("perhaps\n", true).0, Choice::Exit);
    }

    #[test]
    fn what_no_command_could_read_is_not_saved_whatever_is_answered() {
        let (choice, said) = answer("s\nx\n", false);
        assert_eq!(choice, Choice::Exit);
        assert!(said.contains("cannot be saved") && !said.contains("anyway"), "{said}");
        assert!(answer("x\n", true).1.ends_with("saving, (s)ave anyway: "));
    }

    #[test]
    fn anything_else_is_asked_again() {
        let (choice, said) = answer("\u{fffd}?\nx\n", true);
        assert_eq!((choice, said.matches("What now?").count()), (Choice::Exit, 2));
    }
}
