//! Holds the manual, the README and the example configuration to the program. `UPDATE=1 cargo test --test docs`
//! rewrites the manual's table of metrics and its list of default rules.

#![expect(clippy::panic, reason = "a helper fails as its test does")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use hostwatch::cli::{self, Exit};
use hostwatch::collector::built_in;
use hostwatch::config::defaults::keys;
use hostwatch::config::{self, EXAMPLE, KEYS};
use hostwatch::metric::{Judged, Metric, Unit};
use hostwatch::notify::program;
use hostwatch::template;
use hostwatch::time::span;
use serde_json::Value;

const MANUAL: &str = include_str!("../man/hostwatch.1");
const CONFIG_MANUAL: &str = include_str!("../man/hostwatch-config.5");
const README: &str = include_str!("../README.md");
const CONFIG_EXAMPLE: &str = include_str!("../config.example.json");
const EVENT_SOURCE: &str = include_str!("../src/event.rs");
const RULES_SOURCE: &str = include_str!("../src/config/rules.rs");
const LEVELS_SOURCE: &str = include_str!("../src/config/levels.rs");

/// Where the keys of a section of the configuration stand.
const SECTIONS: &[(&str, &str)] = &[
    ("monitoring.watch.", "WATCH"),
    ("monitoring.custom.", "CUSTOM METRICS"),
    ("monitoring.files.", "WATCHED FILES"),
    ("monitoring.", "MONITORING"),
    ("notifications.email.", "MAIL"),
    ("notifications.webhook.", "WEBHOOK"),
    ("notifications.command.", "COMMAND"),
    ("notifications.heartbeat.", "HEARTBEAT"),
    ("notifications.quiet_hours.", "QUIET HOURS"),
    ("notifications.", "QUIET HOURS"),
];

const TABLE_BEGINS: &str = ".\\\" metrics: begin";
const TABLE_ENDS: &str = ".\\\" metrics: end";

/// The text between two others.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to:?} after {from:?}")).0
}

/// A section of a manual, without its title.
fn section<'a>(manual: &'a str, title: &str) -> &'a str {
    let (_, rest) = manual
        .split_once(&format!("\n.Sh {title}\n"))
        .unwrap_or_else(|| panic!("no section {title}"));
    rest.split_once("\n.Sh ").map_or(rest, |(section, _)| section)
}

/// The subsection of COMMANDS about a command, found by the words of its title.
fn subsection(command: &[String]) -> &'static str {
    let is_meant = |text: &&str| {
        let title = text.lines().next().unwrap_or_default().split(' ');
        let words: Vec<&str> = title.filter(|word| !["Op", "Cm", "Ar"].contains(word)).collect();
        words.len() >= command.len() && words.iter().zip(command).all(|(a, b)| a == b)
    };
    let mut found = section(MANUAL, "COMMANDS").split("\n.Ss ").skip(1).filter(is_meant);
    found.next().unwrap_or_else(|| panic!("man/hostwatch.1 has no subsection {command:?}"))
}

/// Visits every command with the words that name it.
fn each_command(
    command: &clap::Command,
    words: &[String],
    visit: &mut dyn FnMut(&[String], &clap::Command),
) {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        let words = [words, &[inner.get_name().to_owned()]].concat();
        visit(&words, inner);
        each_command(inner, &words, visit);
    }
}

/// The long options of a command that are not hidden.
fn long_options(command: &clap::Command) -> impl Iterator<Item = (&str, bool)> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.filter_map(|argument| Some((argument.get_long()?, argument.is_global_set())))
}

/// The long options that a manual's text marks as such.
fn marked_flags(text: &str) -> BTreeSet<&str> {
    let words = text.split_whitespace();
    let pairs = words.clone().zip(words.skip(1));
    let marked = pairs.filter(|(macro_name, _)| macro_name.trim_start_matches('.') == "Fl");
    marked.filter_map(|(_, flag)| flag.strip_prefix('-')).collect()
}

#[test]
fn every_command_and_every_flag_stands_in_the_manual() {
    let definition = cli::definition();
    for (flag, _) in long_options(&definition).chain([("help", true), ("version", true)]) {
        assert!(
            marked_flags(section(MANUAL, "OPTIONS")).contains(flag),
            "man/hostwatch.1: OPTIONS: --{flag}"
        );
    }
    each_command(&definition, &[], &mut |words, command| {
        for (flag, _) in long_options(command).filter(|(_, is_global)| !is_global) {
            assert!(
                marked_flags(subsection(words)).contains(flag),
                "man/hostwatch.1: {words:?} --{flag}"
            );
        }
        _ = subsection(words);
    });
}

#[test]
fn the_manual_names_no_flag_that_does_not_exist() {
    let definition = cli::definition();
    let mut known = BTreeSet::from(["help".to_owned(), "version".to_owned()]);
    known.extend(long_options(&definition).map(|(flag, _)| flag.to_owned()));
    each_command(&definition, &[], &mut |_, command| {
        known.extend(long_options(command).map(|(flag, _)| flag.to_owned()));
    });
    for flag in marked_flags(MANUAL) {
        assert!(known.contains(flag), "man/hostwatch.1 speaks of --{flag}");
    }
}

#[test]
fn every_exit_code_stands_in_the_manual_and_in_the_readme() {
    let codes = [Exit::Done, Exit::Warning, Exit::Critical, Exit::Failed, Exit::Owed, Exit::Faulty];
    for (expected, code) in codes.into_iter().enumerate() {
        let code = code as usize;
        assert_eq!(code, expected);
        let item = format!(".It {code}\n");
        assert!(section(MANUAL, "EXIT STATUS").contains(&item), "man/hostwatch.1: exit {code}");
        assert!(README.contains(&format!("\n| {code} |")), "README.md: exit {code}");
    }
}

#[test]
fn every_event_kind_stands_in_the_manual_and_no_other() {
    let declared = between(EVENT_SOURCE, "pub mod kind {", "\n}");
    let declared: BTreeSet<&str> = declared.split('"').skip(1).step_by(2).collect();
    let items = section(MANUAL, "EVENTS").lines().filter_map(|line| line.strip_prefix(".It Sy "));
    assert_eq!(items.collect::<BTreeSet<_>>(), declared);
    assert!(declared.contains(hostwatch::event::kind::RAISED) && declared.len() >= 18);
}

#[test]
fn every_configuration_key_and_its_default_stand_in_the_manual() {
    for key in KEYS {
        let (title, name) = SECTIONS
            .iter()
            .find_map(|(prefix, title)| Some((*title, key.path.strip_prefix(prefix)?)))
            .unwrap_or_else(|| panic!("man/hostwatch-config.5: no section for {}", key.path));
        let mut items = section(CONFIG_MANUAL, title).split("\n.It Ic ").skip(1);
        let item = items.find(|item| item.split([' ', '\n']).next() == Some(name));
        let item = item.unwrap_or_else(|| panic!("man/hostwatch-config.5: {title}: {name}"));
        let default = key.default.trim_matches('"');
        assert!(item.replace("\\(dq", "").contains(default), "{name}: default {default}");
    }
}

#[test]
fn every_placeholder_and_variable_of_telling_stands_in_the_manual() {
    let webhook = section(CONFIG_MANUAL, "WEBHOOK");
    for name in template::FACTS.iter().chain(template::ALERT_FACTS) {
        assert!(webhook.contains(&format!("{{{name}}}")), "WEBHOOK: {{{name}}}");
        assert!(webhook.contains(&format!("\"{name}\":")) || *name == "end", "Facts: {name}");
    }
    let facts = between(webhook, ".Bd -literal -offset indent\n", ".Ed");
    assert!(serde_json::from_str::<Value>(facts).is_ok());
    for name in program::VARIABLES {
        let variable = format!("HOSTWATCH_{}", name.to_uppercase());
        assert!(section(CONFIG_MANUAL, "COMMAND").contains(&variable), "COMMAND: {variable}");
    }
}

#[test]
fn every_rule_key_stands_in_the_manual() {
    let listed = [(RULES_SOURCE, "const RULE_KEYS"), (LEVELS_SOURCE, "const LEVEL_KEYS")];
    let names: BTreeSet<&str> = listed
        .iter()
        .flat_map(|(source, name)| between(source, name, ";").split('"').skip(1).step_by(2))
        .collect();
    assert!(names.contains("warning") && names.contains("level"), "{names:?}");
    for name in names {
        let is_named = |line: &str| {
            let mut words = line.split_whitespace();
            [".Ic", ".It"].contains(&words.next().unwrap_or_default())
                && words.any(|word| word == name)
        };
        assert!(section(CONFIG_MANUAL, "RULES").lines().any(is_named), "RULES: {name}");
    }
}

/// A default rule as people would write it.
fn written(metric: &Metric, judged: &Judged) -> String {
    let number = |level: f64| match metric.unit {
        Unit::Seconds => format!("\"{}\"", span::human(level).replace(' ', "")),
        _ => level.to_string(),
    };
    let time = |seconds: f64| span::human(seconds).replace("min", "m").replace(' ', "");
    let mut keys = Vec::new();
    if judged.below {
        keys.push("\"below\": true".to_owned());
    }
    match (judged.warning, judged.within) {
        (Some(level), Some(within)) => {
            keys.push(format!("\"change\": \"{level}/{}\"", time(within)));
        }
        (Some(level), None) => keys.push(format!("\"warning\": {}", number(level))),
        (None, _) => {}
    }
    keys.extend(judged.critical.map(|level| format!("\"critical\": {}", number(level))));
    keys.extend(judged.clear.map(|level| format!("\"clear\": {}", number(level))));
    if judged.hold > 0.0 {
        keys.push(format!("\"for\": \"{}\"", time(judged.hold)));
    }
    keys.extend(judged.repeat.map(|seconds| format!("\"repeat\": \"{}\"", time(seconds))));
    if !judged.except.is_empty() {
        let off: Vec<_> = judged.except.iter().map(|label| format!("\"{label}\": false")).collect();
        keys.push(format!("\"labels\": {{{}}}", off.join(", ")));
    }
    format!("{{{}}}", keys.join(", "))
}

#[test]
fn the_default_rules_in_the_manual_are_those_of_the_program_and_read_as_such() {
    let rule = |metric: &'static Metric| {
        let several: Vec<String> =
            metric.judged.iter().map(|judged| written(metric, judged)).collect();
        let keys = metric.judged.first().map(|judged| keys(metric, judged))?;
        let rules = match several.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let rules = keys.iter().map(|key| format!("\"{key}\": {rules}"));
        Some(rules.collect::<Vec<_>>().join(",\n"))
    };
    let written = built_in().filter_map(rule).collect::<Vec<_>>().join(",\n");
    let begin = ".Bd -literal -offset indent\n";
    let (before, rest) = CONFIG_MANUAL.split_once(".Ss Defaults\n").unwrap();
    let (introduction, rest) = rest.split_once(begin).unwrap();
    let (shown, after) = rest.split_once("\n.Ed").unwrap();
    if env::var_os("UPDATE").is_some() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man/hostwatch-config.5");
        let text = format!("{before}.Ss Defaults\n{introduction}{begin}{written}\n.Ed{after}");
        fs::write(path, text).unwrap();
    } else {
        assert!(
            shown == written,
            "man/hostwatch-config.5 is behind: UPDATE=1 cargo test --test docs"
        );
    }
    let rules = |monitoring: &str| {
        let text = format!("{{\"monitoring\": {{{monitoring}}}}}");
        let config = config::from_text(&text, None).unwrap();
        assert_eq!(config.faults, []);
        config.rules
    };
    let read = rules(&format!("\"default_rules\": false, \"alert_thresholds\": {{{written}}}"));
    assert_eq!(read, rules(""));
}

#[test]
fn the_example_configuration_is_what_config_example_prints() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_hostwatch")).args(["config", "example"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), CONFIG_EXAMPLE);
    assert_eq!(EXAMPLE, CONFIG_EXAMPLE);
}

/// The keys of a document down to those that are declared, as paths.
fn paths(value: &Value, prefix: &str, found: &mut Vec<String>) {
    let Value::Object(object) = value else { return };
    for (name, inner) in object.iter().filter(|(name, _)| !name.starts_with(['_', '/'])) {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let is_section = KEYS.iter().any(|key| key.path.starts_with(&format!("{path}.")));
        if is_section {
            paths(inner, &path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_key_of_the_example_configuration_is_known() {
    let mut found = Vec::new();
    paths(&serde_json::from_str(CONFIG_EXAMPLE).unwrap(), "", &mut found);
    assert!(found.len() > 10);
    for path in found {
        assert!(KEYS.iter().any(|key| key.path == path), "config.example.json: {path}");
    }
}

#[test]
fn every_example_of_a_configuration_loads_without_a_fault() {
    let manual = between(section(CONFIG_MANUAL, "EXAMPLES"), ".Bd -literal\n", ".Ed");
    let readme = blocks(README, "json");
    assert!(readme.len() >= 2);
    let sections = ["CUSTOM METRICS", "WATCHED FILES"].map(|title| {
        between(section(CONFIG_MANUAL, title), ".Bd -literal -offset indent\n", ".Ed")
    });
    let all = [CONFIG_EXAMPLE, manual]
        .into_iter()
        .chain(sections)
        .chain(readme.iter().map(String::as_str));
    for text in all {
        let config = config::from_text(text, Some(Path::new("/x.json"))).unwrap();
        assert_eq!(config.fault_lines(), Vec::<String>::new(), "{text}");
    }
}

/// The fenced blocks of a language, those in lists included.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let (mut found, mut open) = (Vec::new(), None::<String>);
    for line in text.lines() {
        match (line.trim_start(), &mut open) {
            ("```", _) => found.extend(open.take()),
            (start, None) if start == fence => open = Some(String::new()),
            (_, Some(block)) => *block += &format!("{line}\n"),
            _ => {}
        }
    }
    found
}

/// The simple commands of a line of shell, as words.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (None, '|' | ';' | '&' | '>' | '<') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    all
}

/// The arguments of hostwatch, if that is what runs.
fn arguments(words: &[String]) -> Option<Vec<OsString>> {
    let rest = words.strip_prefix(&["sudo".to_owned()]).unwrap_or(words);
    let cargo = ["cargo", "run", "--release", "--"].map(str::to_owned);
    let rest = match (rest.strip_prefix(&cargo), rest.split_first()) {
        (Some(rest), _) => rest,
        (None, Some((program, rest))) if Path::new(program).ends_with("hostwatch") => rest,
        _ => return None,
    };
    Some(["hostwatch"].into_iter().chain(rest.iter().map(String::as_str)).map(Into::into).collect())
}

#[test]
fn every_command_of_the_readme_and_the_manual_is_understood() {
    let readme = blocks(README, "sh");
    let plain = MANUAL.replace("\\(aq", "'");
    let manual = plain.lines().filter_map(|line| line.strip_prefix(".Dl "));
    let lines = readme.iter().flat_map(|block| block.lines()).chain(manual);
    let mut count = 0;
    for arguments in lines.flat_map(commands).filter_map(|words| arguments(&words)) {
        let shown = format!("{arguments:?}");
        cli::parse(&arguments, &|_| None).unwrap_or_else(|usage| panic!("{shown}: {}", usage.text));
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_file_the_readme_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = README.split(|c: char| c.is_whitespace() || "`()*,;".contains(c));
    let named: BTreeSet<&str> = words
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| ["systemd/", "man/", "tests/"].iter().any(|start| word.starts_with(start)))
        .filter(|word| !word.ends_with('/'))
        .collect();
    assert!(named.len() >= 5, "{named:?}");
    for name in named {
        assert!(root.join(name).exists(), "README.md names {name}");
    }
}

/// How the table shows a unit.
fn symbol(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "%",
        Unit::Bytes => "B",
        Unit::BytesPerSecond => "B/s",
        Unit::Celsius => "\\(deC",
        Unit::Volts => "V",
        Unit::BitsPerSecond => "bit/s",
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::PerSecond => "/s",
        Unit::Count | Unit::Load => "-",
    }
}

fn row(metric: &Metric) -> String {
    let label = metric.label.unwrap_or("-");
    format!("{}\t{}\t{label}\tT{{\n{}\nT}}\n", metric.name, symbol(metric.unit), metric.help)
}

#[test]
fn the_table_of_metrics_is_the_registry() {
    let rows: String = built_in().map(row).collect();
    let table = format!(".TS\nl l l lx.\nname\tunit\tlabel\tmeaning\n_\n{rows}.TE\n");
    let (before, rest) = MANUAL.split_once(TABLE_BEGINS).unwrap();
    let (first_line, rest) = rest.split_once('\n').unwrap();
    let (shown, after) = rest.split_once(TABLE_ENDS).unwrap();
    if env::var_os("UPDATE").is_some() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man/hostwatch.1");
        let text = format!("{before}{TABLE_BEGINS}{first_line}\n{table}{TABLE_ENDS}{after}");
        fs::write(path, text).unwrap();
    } else {
        assert!(shown == table, "man/hostwatch.1 is behind: UPDATE=1 cargo test --test docs");
    }
}
