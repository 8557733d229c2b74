//! Where a result goes: standard output, or a file that is replaced atomically.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Context;

/// Gives `write` the place to write to.
///
/// # Errors
/// What `write` says, or that the file cannot be replaced.
pub fn to(
    output: Option<&Path>,
    context: &mut Context<'_>,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(path) = output.filter(|path| *path != Path::new("-")) else {
        return write(context.out);
    };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = replace(path, &temporary, write);
    if written.is_err() {
        _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("could not write {}", path.display()))
}

fn replace(
    path: &Path,
    temporary: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(temporary)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    fs::rename(temporary, path)?;
    Ok(())
}
