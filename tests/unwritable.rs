//! A data directory that cannot be written: said, told once, and told again when it is over.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = r#"{"monitoring": {"default_rules": false, "log_interval": 300}, "notifications": {"email":
    {"transport": "sendmail", "sendmail_path": "DIR/sendmail", "to_addresses": ["admin@example.com"]}}}"#;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// As an ordinary user: root may write anywhere.
fn collect(directory: &Path) -> Output {
    let path = |name: &str| directory.join(name).into_os_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(path("hostwatch"));
    command.arg("--config").arg(path("config.json")).arg("--data-dir").arg(path("data"));
    command.arg("collect").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", directory).env("XDG_RUNTIME_DIR", path("run")).output().unwrap()
}

fn subjects(directory: &Path) -> Vec<String> {
    let mut mails: Vec<_> =
        fs::read_dir(directory.join("mails")).unwrap().map(|entry| entry.unwrap().path()).collect();
    mails.sort();
    let subject = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix("Subject: ")).map(str::to_owned)
    };
    mails.iter().filter_map(|mail| subject(&fs::read_to_string(mail).unwrap())).collect()
}

#[test]
fn promise_3_a_directory_that_cannot_be_written_is_one_mail_and_never_one_a_run() {
    if !rustix::process::geteuid().is_root() {
        // Written past the harness, which would swallow it.
        _ = fs::write(
            "/dev/stderr",
            "LEFT OUT: a directory that cannot be written (needs root to become another user)\n",
        );
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path();
    mode(directory, 0o755);
    fs::copy(env!("CARGO_BIN_EXE_hostwatch"), directory.join("hostwatch")).unwrap();
    fs::write(
        directory.join("config.json"),
        CONFIG.replace("DIR", &directory.display().to_string()),
    )
    .unwrap();
    let script =
        format!("#!/bin/sh\nexec cat >{0}/mails/$(ls {0}/mails | wc -l)\n", directory.display());
    fs::write(directory.join("sendmail"), script).unwrap();
    mode(&directory.join("sendmail"), 0o755);
    for (name, bits) in [("data", 0o555), ("run", 0o777), ("mails", 0o777)] {
        fs::create_dir(directory.join(name)).unwrap();
        mode(&directory.join(name), bits);
    }
    let first = collect(directory);
    let said = String::from_utf8(first.stderr).unwrap();
    assert_eq!((first.status.code(), said.lines().count()), (Some(3), 2), "{said}");
    assert!(
        said.contains("could not store the sample in")
            && said.contains("mailed to admin@example.com"),
        "{said}"
    );
    for _ in 0..3 {
        let again = collect(directory);
        assert_eq!(
            (again.status.code(), again.stderr.as_slice()),
            (Some(3), &b""[..]),
            "said and told once"
        );
    }
    assert_eq!(subjects(directory).len(), 1);
    assert!(
        subjects(directory)
            .iter()
            .all(|subject| subject.ends_with("CRITICAL: samples cannot be stored"))
    );
    mode(&directory.join("data"), 0o777);
    assert_eq!(collect(directory).status.code(), Some(0));
    assert_eq!(collect(directory).status.code(), Some(0));
    assert_eq!(subjects(directory).len(), 2);
    assert!(
        subjects(directory)
            .iter()
            .any(|subject| subject.contains("RECOVERED: samples are stored again"))
    );
}
