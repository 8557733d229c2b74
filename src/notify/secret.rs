//! Secrets: from systemd's credential, a file, or the configuration. Read only when they are used; a file that
//! everybody may read is refused.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::email::Smtp;
use crate::regular;

const CREDENTIAL: &str = "smtp.password";

/// The password for `smtp`; `None` if it names no user.
///
/// # Errors
/// There is a user but no usable password.
pub fn password(
    smtp: &Smtp,
    config: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> anyhow::Result<Option<String>> {
    let Some(username) = &smtp.username else { return Ok(None) };
    if let Some(given) = credential(CREDENTIAL, variable) {
        return Ok(Some(given));
    }
    if let Some(path) = &smtp.password_file {
        return from_file(path, "the password file").map(Some);
    }
    if let Some(password) = &smtp.password {
        if let Some(path) = config {
            refuse_world_readable(path, "the password in")?;
        }
        return Ok(Some(password.0.clone()));
    }
    bail!(
        "no password for {username}: set \"password_file\", or the systemd credential {CREDENTIAL}"
    )
}

/// What systemd passes under this name. A blank one is the unit's way of saying that there is none.
pub(super) fn credential(
    name: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<String> {
    let path = PathBuf::from(variable("CREDENTIALS_DIRECTORY")?).join(name);
    text(&path).ok().map(|text| trimmed(&text)).filter(|text| !text.trim().is_empty())
}

fn text(path: &Path) -> std::io::Result<String> {
    let content = regular::whole(path, regular::MOST)?;
    String::from_utf8(content).map_err(|_| std::io::Error::other("it is no UTF-8 text"))
}

/// What a file of its own holds; `what` says in errors what that is.
///
/// # Errors
/// It cannot be read, everybody may read it, or it is empty.
pub fn from_file(path: &Path, what: &str) -> anyhow::Result<String> {
    let text =
        text(path).with_context(|| format!("could not read {what} {}", path.display())).map_err(
            |error| anyhow::anyhow!("{}", crate::render::wording::one_line(&format!("{error:#}"))),
        )?;
    refuse_world_readable(path, what)?;
    if text.trim().is_empty() {
        bail!("could not use {what} {}: it is empty", path.display());
    }
    Ok(trimmed(&text))
}

/// # Errors
/// Everybody may read what should stay a secret.
pub fn refuse_world_readable(path: &Path, what: &str) -> anyhow::Result<()> {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o004 != 0 {
        bail!(
            "could not use {what} {}: everybody may read it; chmod o-r {}",
            path.display(),
            path.display()
        );
    }
    Ok(())
}

/// Without the newline that an editor adds.
fn trimmed(text: &str) -> String {
    text.trim_end_matches(['\r', '\n']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::email::{Secret, Security};

    fn smtp(password_file: Option<PathBuf>, password: Option<&str>) -> Smtp {
        Smtp {
            server: "x".into(),
            port: 25,
            security: Security::Tls,
            username: Some("u".into()),
            password_file,
            password: password.map(|text| Secret(text.into())),
            ca_file: None,
        }
    }

    fn file(directory: &Path, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_that_everybody_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let open = file(directory.path(), "open", "secret\n", 0o644);
        let error = password(&smtp(Some(open), None), None, &|_| None).unwrap_err();
        assert!(format!("{error:#}").contains("everybody may read it"));
        let own = file(directory.path(), "own", "secret\n", 0o600);
        assert_eq!(
            password(&smtp(Some(own), None), None, &|_| None).unwrap().as_deref(),
            Some("secret")
        );
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = from_file(&pipe, "the password file").unwrap_err().to_string();
        assert!(error.ends_with("pipe: it is no regular file"), "{error}");
    }

    #[test]
    fn the_credential_wins_and_a_blank_one_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = directory.path().to_owned();
        let variable = move |_: &str| Some(credentials.clone().into_os_string());
        file(directory.path(), CREDENTIAL, "\n", 0o600);
        assert_eq!(
            password(&smtp(None, Some("inline")), None, &variable).unwrap().as_deref(),
            Some("inline")
        );
        file(directory.path(), CREDENTIAL, "given\n", 0o600);
        assert_eq!(
            password(&smtp(None, Some("inline")), None, &variable).unwrap().as_deref(),
            Some("given")
        );
    }

    #[test]
    fn without_a_user_no_password_is_needed_and_with_one_it_is() {
        let mut open = smtp(None, None);
        open.username = None;
        assert_eq!(password(&open, None, &|_| None).unwrap(), None);
        assert!(password(&smtp(None, None), None, &|_| None).is_err());
    }
}
