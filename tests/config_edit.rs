//! `config edit`: an editor gets a copy, and only what is without faults, or meant so, takes the place of the file.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]
#![expect(clippy::print_stderr, reason = "what was not tested is said")]

mod common;

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{BINARY, Host, Ran};

const GOOD: &str = r#"{"monitoring": {"log_interval": 60}}"#;
const FAULTY: &str = "{\"monitoring\": {\n  \"log_intervall\": 60}}";

/// A host and an editor that does what this shell script says with its last argument, `$f`.
fn host(script: &str) -> Host {
    let host = Host::new("raspberry-pi-4");
    editor(&host, script);
    host
}

fn editor(host: &Host, script: &str) {
    fs::write(host.path("editor"), format!("#!/bin/sh\nfor f; do :; done\n{script}\n")).unwrap();
}

/// Run by the shell: a file just written cannot be run itself while another test starts a program.
fn visual(host: &Host) -> String {
    format!("sh {}", host.path("editor").display())
}

fn writes(text: &str) -> String {
    format!("cat > \"$f\" <<'END'\n{text}\nEND")
}

fn edit(host: &Host) -> Command {
    let mut command = host.command(&["config", "edit"]);
    command.env("VISUAL", visual(host));
    command
}

fn config(host: &Host) -> String {
    fs::read_to_string(host.path("config.json")).unwrap()
}

/// What stands beside the configuration that was not there before.
fn litter(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("config") && name != "config.json").collect()
}

#[test]
fn what_is_without_faults_takes_the_place_of_the_file() {
    let host = host(&format!("echo \"$f\" > seen\n{}", writes(GOOD)));
    let file = host.path("config.json");
    fs::set_permissions(&file, Permissions::from_mode(0o604)).unwrap();
    let said = Ran::of(&mut edit(&host)).done();
    assert!(said.contains("config.json: saved, without faults"), "{said}");
    assert_eq!(config(&host).trim_end(), GOOD);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o604);
    let seen = fs::read_to_string(host.path("seen")).unwrap();
    let seen = Path::new(seen.trim_end());
    assert_eq!((seen.parent(), seen.extension().unwrap()), (file.parent(), "json".as_ref()));
    assert!(seen != file && litter(host.path("").as_path()).is_empty());
}

#[test]
fn what_did_not_change_is_not_written() {
    let host = host(":");
    let before = fs::metadata(host.path("config.json")).unwrap().ino();
    let said = Ran::of(&mut edit(&host)).done();
    assert!(said.ends_with("config.json: nothing changed\n"), "{said}");
    assert_eq!(fs::metadata(host.path("config.json")).unwrap().ino(), before);
    assert!(litter(host.path("").as_path()).is_empty());
}

#[test]
fn without_a_terminal_faults_are_named_and_nothing_is_saved() {
    let host = host(&writes(FAULTY));
    let ran = Ran::of(&mut edit(&host));
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
    let mut lines = ran.err.lines();
    let named = lines.next().unwrap();
    for word in ["/config.json:2:20: ", "monitoring.log_intervall", "\"log_interval\""] {
        assert!(named.contains(word), "{named}");
    }
    assert!(lines.next().unwrap().ends_with("config.json: nothing is saved"), "{ran:?}");
    assert_eq!(config(&host), "{}");
    assert!(litter(host.path("").as_path()).is_empty());
    editor(&host, &writes("{"));
    let ran = Ran::of(&mut edit(&host));
    assert!(ran.err.contains("config.json:") && ran.code == Some(3), "{ran:?}");
    assert_eq!(config(&host), "{}");
}

#[test]
fn the_lines_are_those_of_config_check() {
    let host = host(&writes(FAULTY));
    let ran = Ran::of(&mut edit(&host));
    host.configure(FAULTY);
    let checked = host.run(&["config", "check"]);
    assert!(ran.err.starts_with(&checked.err) && !checked.err.is_empty(), "{ran:?} {checked:?}");
}

#[test]
fn an_editor_that_fails_or_is_not_there_saves_nothing() {
    let host = host("exit 7");
    let fails = Ran::of(&mut edit(&host));
    fails.says(3, &["editor", "exit status: 7", "nothing is saved"]);
    let mut command = edit(&host);
    Ran::of(command.env("VISUAL", "/nowhere/editor -w"))
        .says(3, &["/nowhere/editor", "No such file", "nothing is saved"]);
    let mut command = edit(&host);
    Ran::of(command.env_remove("VISUAL").env("PATH", host.path("home"))).says(3, &["set EDITOR"]);
    assert!(config(&host) == "{}" && litter(host.path("").as_path()).is_empty());
    // What it had written is not thrown away.
    editor(&host, &format!("{}\nexit 1", writes(GOOD)));
    let ran = Ran::of(&mut edit(&host));
    ran.says(3, &["what you wrote is in", ".json"]);
    assert_eq!((config(&host).as_str(), litter(host.path("").as_path()).len()), ("{}", 1));
}

#[test]
fn the_editor_is_told_in_words_without_a_shell() {
    let host = host(&format!("echo \"$1 $2\" > seen\n{}", writes(GOOD)));
    let mut command = host.command(&["config", "edit"]);
    command.env("EDITOR", format!("{} --wait $(id)", visual(&host)));
    Ran::of(&mut command).done();
    assert_eq!(fs::read_to_string(host.path("seen")).unwrap(), "--wait $(id)\n");
}

#[test]
fn the_usual_editors_are_looked_for_in_the_path() {
    let host = host(&writes(GOOD));
    let programs = host.path("programs");
    fs::create_dir(&programs).unwrap();
    fs::set_permissions(host.path("editor"), Permissions::from_mode(0o755)).unwrap();
    copy(&host.path("editor"), &programs.join("vi"));
    // Only those of the test: this machine may have any of them.
    copy(Path::new("/bin/cat"), &programs.join("cat"));
    let mut command = host.command(&["config", "edit"]);
    Ran::of(command.env("PATH", &programs).env("VISUAL", " ").env("EDITOR", "")).done();
    assert_eq!(config(&host).trim_end(), GOOD);
}

/// By a program of its own, so that this one never holds a program open for writing.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-p").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_file_changed_meanwhile_is_not_written_over() {
    let host = host(&format!("echo '{{\"x\": 1}}' > config.json\n{}", writes(GOOD)));
    let ran = Ran::of(&mut edit(&host));
    ran.says(3, &["config.json", "somebody else changed it meanwhile", "your version is in"]);
    assert_eq!(config(&host), "{\"x\": 1}\n");
    let kept = litter(host.path("").as_path());
    assert!(kept.len() == 1 && ran.err.contains(&kept[0]), "{kept:?} {ran:?}");
    assert_eq!(fs::read_to_string(host.path(&kept[0])).unwrap().trim_end(), GOOD);
}

#[test]
fn two_do_not_edit_at_once() {
    let host =
        host(&format!("echo > begun; while [ ! -e go ]; do sleep 0.02; done\n{}", writes(GOOD)));
    let mut first = edit(&host).stdout(Stdio::null()).spawn().unwrap();
    wait_for(&host, "begun", &mut first);
    let second = Ran::of(&mut edit(&host));
    second.says(3, &["config.json", "somebody else is editing it"]);
    fs::write(host.path("go"), "").unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(config(&host).trim_end(), GOOD);
    Ran::of(&mut edit(&host)).done();
}

fn wait_for(host: &Host, name: &str, child: &mut Child) {
    let started = Instant::now();
    while !host.path(name).exists() {
        assert!(started.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn where_there_is_none_it_begins_with_the_example() {
    let host = host("cp \"$f\" seen");
    let file = host.path("home/new/config.json");
    let run = || {
        let mut command = host.bare(&[BINARY]);
        command.arg("--config").arg(&file).args(["config", "edit"]);
        command.env("VISUAL", visual(&host));
        Ran::of(&mut command)
    };
    let said = run().done();
    assert!(said.ends_with("nothing changed; the file was not made\n"), "{said}");
    assert!(!host.path("home/new").exists());
    let example = host.run(&["config", "example"]).done();
    assert_eq!(fs::read_to_string(host.path("seen")).unwrap(), example);
    editor(&host, &writes(GOOD));
    assert!(run().done().contains("saved, without faults"));
    // The service's user is not the file's owner.
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn a_new_file_with_a_password_is_not_for_everybody_and_an_open_one_is_complained_of() {
    let text = r#"{"notifications": {"email": {"smtp_server": "127.0.0.1", "username": "u",
        "security": "none", "password": "hunter2", "to_addresses": ["a@example.com"]}}}"#;
    let host = host(&writes(text));
    fs::remove_file(host.path("config.json")).unwrap();
    Ran::of(&mut edit(&host)).done();
    let file = host.path("config.json");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let ran = Ran::of(&mut edit(&host));
    ran.says_in_one_line(&["the password in", "chmod o-r"]);
    assert!(ran.code == Some(0) && ran.out.contains("saved") && !ran.err.contains("hunter2"));
}

#[test]
fn an_ordinary_user_begins_an_own_one_and_cannot_take_over_anothers() {
    let host = host(&writes(GOOD));
    chown(host.path("home"), Some(65534), Some(65534)).ok();
    let user = |arguments: &[&str]| {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            return None;
        }
        let program = host.path("hostwatch");
        copy(Path::new(BINARY), &program);
        let setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let words = [&setpriv[..], &[program.to_str().unwrap()]].concat();
        let mut command = host.bare(&words);
        command.args(arguments).env("VISUAL", visual(&host));
        Some(Ran::of(&mut command))
    };
    let Some(ran) = user(&["config", "edit"]) else {
        eprintln!("skipped: only root can be somebody else");
        return;
    };
    let own = host.path("home/.config/hostwatch/config.json");
    assert!(ran.done().contains("home/.config/hostwatch/config.json: saved"));
    assert_eq!(fs::metadata(&own).unwrap().uid(), 65534);
    // Root's file in a directory that is not its own.
    let named = own.to_str().unwrap();
    chown(&own, Some(0), Some(0)).unwrap();
    fs::write(&own, "{}").unwrap();
    let ran = user(&["--config", named, "config", "edit"]).unwrap();
    ran.says(3, &["could not make the copy to edit", "only its owner, or root"]);
    assert_eq!(fs::read_to_string(&own).unwrap(), "{}");
    let closed = host.path("config.json");
    let ran = user(&["--config", closed.to_str().unwrap(), "config", "edit"]).unwrap();
    ran.says(3, &["could not make the copy to edit", "denied"]);
}

/// The whole conversation, on a terminal of its own; `None` where there is no script(1) to make one.
fn on_a_terminal(host: &Host, typed: &str) -> Option<(i32, String)> {
    let words =
        ["--config", host.path("config.json").to_str().unwrap(), "config", "edit"].join(" ");
    let line = format!("{BINARY} {words}; echo \"exit $?\"");
    let mut child = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("VISUAL", visual(host))
        .current_dir(host.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let code = said.rsplit("exit ").next().unwrap().trim().parse().unwrap();
    Some((code, said))
}

#[test]
fn on_a_terminal_it_asks_what_to_do_with_faults() {
    let twice = format!(
        "[ -e second ] && {{ {}\n}}\n[ -e second ] || {{ touch second; {}\n}}",
        writes(GOOD),
        writes(FAULTY)
    );
    let host = host(&twice);
    let Some((code, said)) = on_a_terminal(&host, "e\n") else {
        eprintln!("skipped: no script(1) here");
        return;
    };
    assert_eq!((code, said.matches("What now?").count()), (0, 1), "{said}");
    assert!(said.contains("log_intervall") && said.contains("(s)ave anyway"), "{said}");
    assert_eq!(config(&host).trim_end(), GOOD);
    editor(&host, &writes(FAULTY));
    let (code, said) = on_a_terminal(&host, "x\n").unwrap();
    assert_eq!((code, config(&host).trim_end()), (3, GOOD), "{said}");
    let (code, said) = on_a_terminal(&host, "s\n").unwrap();
    assert_eq!((code, config(&host).trim_end()), (0, FAULTY), "{said}");
    assert!(said.contains("saved, with 1 fault"), "{said}");
    editor(&host, &writes("{"));
    let (code, said) = on_a_terminal(&host, "s\nx\n").unwrap();
    assert_eq!((code, config(&host).trim_end()), (3, FAULTY), "{said}");
    assert!(said.contains("cannot be saved") && litter(host.path("").as_path()).is_empty());
}
