//! Runs the README's `jq` examples with the real program on a store with data. Without jq or zcat they are left out,
//! loudly, but where `CI` is set that is a failure.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_hostwatch");
const README: &str = include_str!("../README.md");
const MARK: &str = "<!-- jq: tests/jq.rs runs every line -->\n```sh\n";
/// A rule that fires on every host.
const CONFIG: &str =
    r#"{"monitoring": {"log_interval": 300, "alert_thresholds": {"processes": 1}}}"#;

/// What an example prints.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Lines of so many columns with tabs between them.
    Tabs(usize),
    /// Lines of so many columns with commas between them.
    Commas(usize),
    Number,
    /// Lines of a count and a name.
    Counts,
    /// Times, or nothing.
    TimesIfAny,
}

/// Each example by a part of it.
const EXAMPLES: &[(&str, Shape)] = &[
    ("status --json | jq -r '.alerts[]", Shape::Tabs(3)),
    ("report --json | jq -r '.metrics|to_entries[]", Shape::Tabs(3)),
    ("history --format jsonl |", Shape::Commas(3)),
    ("history --since 2d --every 1h", Shape::Tabs(2)),
    (".age_seconds", Shape::Number),
    ("metrics --json", Shape::Tabs(2)),
    (".memory_available", Shape::TimesIfAny),
    ("max_by(.cpu_temp)", Shape::Tabs(2)),
    (".top[0].name", Shape::Counts),
    ("select(.event==\"raised\")", Shape::Tabs(3)),
];

/// The command lines of the marked blocks.
fn examples() -> Vec<&'static str> {
    let blocks = README.split(MARK).skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks.flat_map(|(block, _)| block.lines()).filter(|line| !line.starts_with('#')).collect()
}

/// A store with days of several forms and two samples of now.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { root: TempDir::new().unwrap() };
        for name in ["data", "run"] {
            fs::create_dir(place.root.path().join(name)).unwrap();
        }
        fs::write(place.root.path().join("config.json"), CONFIG).unwrap();
        let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
        for entry in fs::read_dir(days).unwrap().flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), place.data().join(entry.file_name())).unwrap();
            }
        }
        for _ in 0..2 {
            let output = place.shell("hostwatch collect");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        place
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Runs a line in the data directory, as one who installed the program would.
    fn shell(&self, line: &str) -> Output {
        let own = Path::new(BINARY).parent().unwrap().to_owned();
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([own].into_iter().chain(env::split_paths(&others))).unwrap();
        Command::new("sh")
            .args(["-c", line])
            .current_dir(self.data())
            .env("PATH", path)
            .env("HOME", self.root.path())
            .env("XDG_RUNTIME_DIR", self.root.path().join("run"))
            .env("HOSTWATCH_CONFIG", self.root.path().join("config.json"))
            .env("HOSTWATCH_DATA_DIR", self.data())
            .env_remove("RUNTIME_DIRECTORY")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn is_there(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// What is wrong with an output, if anything.
fn wrong(shape: Shape, text: &str) -> Option<String> {
    let is_number = |text: &str| text.trim().parse::<f64>().is_ok();
    let fits = |line: &str| match shape {
        Shape::Tabs(columns) => {
            let columns_seen: Vec<&str> = line.split('\t').collect();
            columns_seen.len() == columns && columns_seen.iter().all(|column| !column.is_empty())
        }
        Shape::Commas(columns) => {
            let columns_seen: Vec<&str> = line.split(',').collect();
            columns_seen.len() == columns && columns_seen.iter().all(|column| is_number(column))
        }
        Shape::Number => is_number(line),
        Shape::Counts => line.trim().split_once(' ').is_some_and(|(count, _)| is_number(count)),
        Shape::TimesIfAny => line.len() >= 19 && line.as_bytes().get(10) == Some(&b'T'),
    };
    if text.is_empty() && !matches!(shape, Shape::TimesIfAny) {
        return Some("no output".to_owned());
    }
    text.lines().find(|line| !fits(line)).map(|line| format!("{shape:?}: {line:?}"))
}

#[test]
fn every_jq_example_of_the_readme_has_a_known_shape() {
    for (part, _) in EXAMPLES {
        let count = examples().iter().filter(|line| line.contains(part)).count();
        assert_eq!(count, 1, "{part}");
    }
    assert_eq!(examples().len(), EXAMPLES.len());
}

#[test]
fn every_jq_example_of_the_readme_works_on_a_store_with_data() {
    if let Some(missing) = ["jq", "zcat"].into_iter().find(|program| !is_there(program)) {
        assert!(env::var_os("CI").is_none(), "{missing} is not installed");
        // Not by eprintln!, which the test harness keeps to itself.
        let text = "LEFT OUT: the README's jq examples were not run";
        writeln!(io::stderr(), "{text}: {missing} is not installed").unwrap();
        return;
    }
    let place = Place::new();
    for line in examples() {
        let (_, shape) = EXAMPLES.iter().find(|(part, _)| line.contains(part)).unwrap();
        let output = place.shell(line);
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && errors.is_empty(), "{line}: {errors}");
        if let Some(wrong) = wrong(*shape, &text) {
            panic!("{line}: {wrong}");
        }
    }
}
