//! The invariants of the architecture, held against the source: who may name what, and what no file may contain.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Path below `src` → text of every file there.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(found.len() > 50 && found.contains_key("main.rs"), "{:?}", found.keys());
    found
}

/// The code of a text: comments and the content of texts left out, lines kept.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            raw_text(rest).unwrap_or(1)
        } else if first == '"' {
            quoted(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\") {
            4
        } else {
            // A word at a time, so that a word that ends in r is no raw text.
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = word.max(first.len_utf8());
            code.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        };
        code.extend(rest[..length].chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    code
}

/// The length of `r"…"`, `r#"…"#` and so on.
fn raw_text(text: &str) -> Option<usize> {
    let marks = text[1..].find('"').filter(|at| text[1..=*at].bytes().all(|byte| byte == b'#'))?;
    let end = format!("\"{}", "#".repeat(marks));
    let start = marks + 2;
    Some(start + text[start..].find(&end)? + end.len())
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// Whether a name, perhaps of several words, stands in the code by itself.
fn names(code: &str, name: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(name).any(|(at, _)| {
        !is_word(code[..at].chars().next_back()) && !is_word(code[at + name.len()..].chars().next())
    })
}

/// Each name stands only in files whose path begins so, and does stand there.
fn only_in(allowed: &str, forbidden_elsewhere: &[&str]) {
    let mut wrong = Vec::new();
    for name in forbidden_elsewhere {
        let holders: Vec<_> =
            sources().into_iter().filter(|(_, text)| names(&code(text), name)).collect();
        let elsewhere = holders.into_iter().filter(|(path, _)| !path.starts_with(allowed));
        wrong.extend(elsewhere.map(|(path, _)| format!("src/{path} names {name}")));
    }
    assert!(wrong.is_empty(), "only {allowed} may: {wrong:#?}");
}

#[test]
fn comments_and_texts_are_no_code() {
    let text = "let a = \"sysinfo // \\\"x\"; // lettre\n/// clap\nlet r = r#\"dbg!\"#; let c = '\"'; tail(r);";
    assert_eq!(code(text), "let a = ; \n\nlet r = ; let c = ; tail(r);");
    assert!(names("use clap::Parser;", "clap") && !names("use clapper; x.clap_it()", "clap"));
}

#[test]
fn a_dependency_has_one_door() {
    only_in("collector/", &["sysinfo"]);
    only_in("notify/", &["lettre", "maud", "ureq"]);
    only_in("render/table.rs", &["comfy_table"]);
    only_in("cli/", &["clap"]);
}

#[test]
fn the_clock_is_read_in_main_alone() {
    only_in("main.rs", &["Utc::now", "Local::now", "SystemTime::now"]);
}

#[test]
fn main_alone_prints_and_ends_the_run() {
    let printing = ["println", "eprintln", "print", "eprint"].map(|name| format!("{name}!"));
    let texts: Vec<_> = sources().into_iter().map(|(path, text)| (path, code(&text))).collect();
    // A build script speaks to cargo by printing.
    let others = texts.iter().filter(|(path, _)| !["main.rs", "build.rs"].contains(&path.as_str()));
    for (path, text) in others {
        for name in &printing {
            let found = text
                .match_indices(name.as_str())
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            assert!(!found, "src/{path} has {name}");
        }
    }
    only_in("main.rs", &["process::exit", "io::stdout", "io::stderr", "stdout()", "stderr()"]);
}

#[test]
fn every_file_says_what_it_holds_and_stays_short() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "src/{path} does not open with a sentence about itself");
        let lines = text.lines().count();
        assert!(lines <= 400, "src/{path} has {lines} lines");
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    let marks = ["TODO", "FIXME", "XXX"];
    for (path, text) in sources() {
        let code = code(&text);
        for mark in ["todo!", "dbg!", "unimplemented!", "#[ignore", "#[should_panic"] {
            assert!(!code.contains(mark), "src/{path} has {mark}");
        }
        assert!(!names(&code, "unsafe"), "src/{path} is unsafe");
        for mark in marks {
            assert!(!names(&text, mark), "src/{path} has {mark}");
        }
    }
}
