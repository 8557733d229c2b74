//! Which editor, and running it with the terminal. No shell is involved.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};

use crate::render::wording::one_line;

const USUAL: [&str; 3] = ["sensible-editor", "nano", "vi"];

/// The words of the editor's command: `$VISUAL`, else `$EDITOR`, else the first usual one that is there.
///
/// # Errors
/// There is none.
pub(super) fn words(
    variable: &dyn Fn(&str) -> Option<OsString>,
    is_there: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<OsString>> {
    for name in ["VISUAL", "EDITOR"] {
        let Some(value) = variable(name) else { continue };
        // A name that is no text has no words to tell apart.
        let words: Vec<OsString> = match value.to_str() {
            Some(text) => text.split_whitespace().map(OsString::from).collect(),
            None => vec![value],
        };
        if !words.is_empty() {
            return Ok(words);
        }
    }
    let usual = USUAL.into_iter().find(|name| is_there(name));
    usual.map(|name| vec![OsString::from(name)]).ok_or_else(|| {
        anyhow!("could not find an editor: set EDITOR, or install one of {}", USUAL.join(", "))
    })
}

/// Whether a program of this name is in one of the directories of `PATH`.
pub(super) fn is_in(path: Option<&OsString>, name: &str) -> bool {
    path.into_iter().flat_map(std::env::split_paths).any(|directory| {
        let program = directory.join(name).metadata();
        program.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// Lets the editor have the file, until it ends.
///
/// # Errors
/// It could not be started, or it says that it failed.
pub(super) fn run(words: &[OsString], file: &Path) -> anyhow::Result<()> {
    let Some((program, arguments)) = words.split_first() else { bail!("no editor") };
    let name = program.display();
    let ended = Command::new(program)
        .args(arguments)
        .arg(file)
        .status()
        .map_err(|error| anyhow!("{}", one_line(&error.to_string())))
        .with_context(|| format!("could not run the editor {name}"))?;
    if !ended.success() {
        bail!("the editor {name} failed ({ended})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], there: &[&str]) -> Result<String, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        let words = words(&variable, |name| there.contains(&name));
        words.map_err(|error| error.to_string()).map(|words| format!("{words:?}"))
    }

    #[test]
    fn visual_comes_before_editor_and_may_have_arguments() {
        let both = [("VISUAL", " code --wait "), ("EDITOR", "ed")];
        assert_eq!(chosen(&both, &["vi"]).unwrap(), r#"["code", "--wait"]"#);
        assert_eq!(chosen(&both[1..], &["vi"]).unwrap(), r#"["ed"]"#);
    }

    #[test]
    fn without_a_wish_the_first_usual_one_that_is_there_is_taken() {
        assert_eq!(chosen(&[("VISUAL", " ")], &["vi", "nano"]).unwrap(), r#"["nano"]"#);
        assert!(chosen(&[], &[]).unwrap_err().contains("set EDITOR"));
    }

    #[test]
    fn only_a_program_counts_as_being_there() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("vi"), "").unwrap();
        let path = OsString::from(directory.path());
        assert!(!is_in(Some(&path), "vi") && !is_in(None, "vi"));
        std::fs::set_permissions(
            directory.path().join("vi"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        assert!(is_in(Some(&path), "vi"));
    }

    #[test]
    fn an_editor_that_fails_or_is_not_there_is_named() {
        let run = |name: &str| run(&[name.into()], Path::new("/x")).map_err(|e| format!("{e:#}"));
        assert!(run("false").unwrap_err().starts_with("the editor false failed (exit status: 1"));
        assert!(run("no-such-editor").unwrap_err().contains("no-such-editor: No such file"));
        assert!(run("true").is_ok());
    }
}
