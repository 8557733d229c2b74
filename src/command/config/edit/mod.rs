//! `config edit`, as visudo does it: an editor gets a copy, which takes the place of the file only once it is without
//! faults, or somebody says so. What could not be used at all is never saved: it would stop the monitor.

mod ask;
mod editor;
mod original;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use super::super::Context;
use super::value_of;
use crate::cli::Exit;
use crate::config::{Config, EXAMPLE, KEYS, from_text};
use crate::notify::secret;
use ask::{Choice, ask};
use original::{Original, read_copy, remove_copy};

/// Readable by the service's user, who is not the file's owner.
const NEW_MODE: u32 = 0o644;
/// With a secret in it.
const SECRET_MODE: u32 = 0o640;

/// How a session ended, short of an error.
enum End {
    Unchanged,
    /// The text, and what it says.
    Save(Vec<u8>, Box<Config>),
    Dropped,
}

pub(super) fn run(context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let named = path(context)?;
    let search = (context.variable)("PATH");
    let editor = editor::words(context.variable, |name| editor::is_in(search.as_ref(), name))?;
    let original = Original::open(&named)?;
    let begin = original.content().unwrap_or(EXAMPLE.as_bytes()).to_vec();
    let copy = original.copy(&begin).inspect_err(|_| original.clean_up())?;
    let ended = session(&named, &begin, &copy, &editor, context)
        .and_then(|end| finish(&named, &original, &copy, end, context));
    original.clean_up();
    original.close();
    ended
}

/// The file that would be used; where there is none, the one to begin.
fn path(context: &Context<'_>) -> anyhow::Result<PathBuf> {
    if let Some(path) = context.config_path() {
        return Ok(path);
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/etc/hostwatch/config.json"));
    }
    let set =
        |name: &str| (context.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    base.map(|base| base.join("hostwatch/config.json")).ok_or_else(|| {
        anyhow!(
            "could not tell what to edit: neither XDG_CONFIG_HOME nor HOME is set; use --config"
        )
    })
}

/// Edits until it is right, or somebody has enough.
fn session(
    named: &Path,
    begin: &[u8],
    copy: &Path,
    editor: &[OsString],
    context: &mut Context<'_>,
) -> anyhow::Result<End> {
    loop {
        context.out.flush()?;
        if let Err(error) = editor::run(editor, copy) {
            return Err(nothing_saved(&error, begin, copy));
        }
        let edited = read_copy(copy)?;
        if edited == begin {
            return Ok(End::Unchanged);
        }
        let read = check(&edited, named);
        let lines = match &read {
            Ok(config) => config.fault_lines(),
            Err(error) => vec![format!("{error:#}")],
        };
        for line in &lines {
            context.complain(line);
        }
        let choice = match &read {
            Ok(_) if lines.is_empty() => Choice::Save,
            _ if !context.stdin_is_terminal => Choice::Exit,
            _ => ask(context.input, context.err, read.is_ok())?,
        };
        match (choice, read) {
            (Choice::EditAgain, _) => {}
            (Choice::Save, Ok(config)) => return Ok(End::Save(edited, Box::new(config))),
            (Choice::Exit | Choice::Save, _) => return Ok(End::Dropped),
        }
    }
}

/// Reads it as if it stood in its place already.
fn check(edited: &[u8], named: &Path) -> anyhow::Result<Config> {
    let text = std::str::from_utf8(edited).ok().with_context(|| {
        format!("could not read the configuration {}: it is not UTF-8 text", named.display())
    })?;
    from_text(text, Some(named))
}

/// The editor failed: what it had written by then is work, and is not thrown away.
fn nothing_saved(error: &anyhow::Error, begin: &[u8], copy: &Path) -> anyhow::Error {
    if read_copy(copy).is_ok_and(|edited| edited == begin) {
        remove_copy(copy);
        return anyhow!("{error:#}; nothing is saved");
    }
    anyhow!("{error:#}; nothing is saved, what you wrote is in {}", copy.display())
}

fn finish(
    named: &Path,
    original: &Original,
    copy: &Path,
    end: End,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let shown = named.display();
    let (edited, config) = match end {
        End::Unchanged => {
            remove_copy(copy);
            let is_new = original.content().is_none();
            let made = if is_new { "; the file was not made" } else { "" };
            writeln!(context.out, "{shown}: nothing changed{made}")?;
            return Ok(Exit::Done);
        }
        End::Dropped => {
            remove_copy(copy);
            bail!("{shown}: nothing is saved");
        }
        End::Save(edited, config) => (edited, config),
    };
    let kept = || format!("your version is in {}", copy.display());
    if !original.is_unchanged() {
        bail!("could not save {shown}: somebody else changed it meanwhile; {}", kept());
    }
    let has_secret = KEYS.iter().any(|key| key.secret && value_of(&config.document, key).is_some());
    let mode = if has_secret { SECRET_MODE } else { NEW_MODE };
    original
        .replace(&edited, mode)
        .map_err(|error| anyhow!("could not save {shown}: {error}; {}", kept()))?;
    remove_copy(copy);
    if has_secret && let Err(error) = secret::refuse_world_readable(named, "the password in") {
        context.complain(&format!("{error:#}"));
    }
    let faults = match config.faults.len() {
        0 => "without faults; hostwatch config check looks further".to_owned(),
        1 => "with 1 fault".to_owned(),
        many => format!("with {many} faults"),
    };
    writeln!(context.out, "{shown}: saved, {faults}")?;
    Ok(Exit::Done)
}
