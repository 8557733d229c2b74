//! `monitoring.files`: files that must be there, and how old or small they may be.

use serde_json::Value;

use super::defaults::warning_rule;
use super::fault::Fault;
use super::key::{Form, Key};
use super::reader::Reader;
use super::several::Several;
use crate::alert::rule::Rule;
use crate::collector::file::{AGE, SIZE, Watched};

pub static FILES: Key = Key::new(
    "monitoring.files",
    Form::Sections,
    "[]",
    "Files that must be there, such as backups; see FILES.",
);
pub static NAME: Key = Key::new(
    "monitoring.files.name",
    Form::Text,
    "",
    "The label of its series, of a-z, 0-9, _ and -.",
);
pub static PATH: Key = Key::new(
    "monitoring.files.path",
    Form::Text,
    "",
    "An absolute path; * and ? stand for a part of any component, and the newest match counts.",
);
pub static MAX_AGE: Key =
    Key::new("monitoring.files.max_age", Form::Seconds, "", "A warning once it is as old as this.");
pub static MIN_SIZE: Key = Key::new(
    "monitoring.files.min_size",
    Form::Bytes,
    "",
    "A warning once it is as small as this.",
);
pub static ENABLED: Key =
    Key::new("monitoring.files.enabled", Form::Boolean, "true", "`false` leaves the entry out.");

const SECTION: Several =
    Several { prefix: "monitoring.files", name: &NAME, enabled: &ENABLED, hyphens: true };

/// The entries without a fault, and the rules that they make.
pub(super) fn read(value: Option<&Value>, faults: &mut Vec<Fault>) -> (Vec<Watched>, Vec<Rule>) {
    let read = SECTION.read(value, faults, |reader, name| {
        let watched = Watched { name: name.to_owned(), path: path(reader) };
        if !reader.has(&NAME) {
            reader.fault(&["name"], "no name: it is the label, such as \"backup\"");
        }
        let age = reader.seconds(&MAX_AGE).map(|age| warning_rule(&AGE, name, age, false));
        let size = reader.has(&MIN_SIZE).then(|| reader.count(&MIN_SIZE) as f64);
        let size = size.map(|size| warning_rule(&SIZE, name, size, true));
        (watched, [age, size])
    });
    let (watched, rules): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    (watched, rules.into_iter().flatten().flatten().collect())
}

/// Where the entry says what a rule came of.
pub fn place(rule: &Rule, document: &Value) -> Option<Vec<String>> {
    let key = [(AGE.name, &MAX_AGE), (SIZE.name, &MIN_SIZE)];
    let key = key.iter().find(|(metric, _)| *metric == rule.pattern.metric)?.1;
    let (name, stated) = (rule.pattern.label.as_deref()?, document.pointer("/monitoring/files")?);
    let is_meant = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some(name);
    let last = key.path.rsplit('.').next()?;
    let at = match stated.as_array() {
        Some(entries) => Some(entries.iter().position(|entry| is_meant(&entry))?.to_string()),
        None => None,
    };
    let path = ["monitoring", "files"].into_iter().chain(at.as_deref()).chain([last]);
    Some(path.map(str::to_owned).collect())
}

fn path(reader: &mut Reader<'_>) -> String {
    let path = reader.text(&PATH);
    match path.as_deref() {
        None if reader.has(&PATH) => {}
        None => reader
            .fault(&["path"], "no path: name the file, or a pattern such as \"/backup/*.tar\""),
        Some(path) if !path.starts_with('/') => {
            reader.fault(&["path"], format!("\"{path}\" must be an absolute path"));
        }
        Some(path) if has_braces(path) => reader.fault(&["path"], braces(path)),
        Some(_) => {}
    }
    path.unwrap_or_default()
}

/// `/{a,b}`, which a shell would make two names of.
pub(super) fn has_braces(path: &str) -> bool {
    let inner = path.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    inner.is_some_and(|(inner, _)| inner.contains(','))
}

pub(super) fn braces(path: &str) -> String {
    format!("\"{path}\": braces are no wildcards; use * and ?, or an entry for each")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::from_text;
    use super::*;

    fn lines(section: &Value) -> String {
        let mut faults = Vec::new();
        read(Some(section), &mut faults);
        faults.iter().map(|fault| fault.line("f")).collect::<Vec<_>>().join("\n")
    }

    /// The warning level of a series, as the rules of a whole configuration have it; of each rule that speaks of it.
    fn levels(monitoring: &Value, series: &str) -> Vec<f64> {
        let text = json!({ "monitoring": monitoring }).to_string();
        let config = from_text(&text, None).unwrap();
        assert_eq!(config.faults, []);
        let series = crate::series::Series::parse(series);
        let of = |rule: &Rule| {
            rule.levels_for(&series.metric, series.label.as_deref())?.warning.map(|one| one.level)
        };
        config.rules.iter().filter_map(of).collect()
    }

    fn entry() -> Value {
        json!([{"name": "backup", "path": "/b/*", "max_age": "26h", "min_size": "1M"}])
    }

    #[test]
    fn an_entry_makes_rules_for_its_label() {
        let monitoring = json!({ "files": entry() });
        assert_eq!(levels(&monitoring, "file_age_seconds{backup}"), [93_600.0]);
        assert_eq!(levels(&monitoring, "file_size{backup}"), [1_048_576.0]);
        assert!(levels(&monitoring, "file_age_seconds{other}").is_empty());
    }

    #[test]
    fn a_rule_for_the_same_series_wins_and_a_wider_one_leaves_it() {
        let with = |rules: Value| json!({"files": entry(), "alert_thresholds": rules});
        let own = with(json!({"file_age_seconds{backup}": "3h"}));
        assert_eq!(levels(&own, "file_age_seconds{backup}"), [10_800.0]);
        let label =
            with(json!({"file_age_seconds": {"warning": "1h", "labels": {"backup": "2h"}}}));
        assert_eq!(levels(&label, "file_age_seconds{backup}"), [7_200.0]);
        let wide = with(json!({"file_age_seconds": "3h"}));
        assert_eq!(levels(&wide, "file_age_seconds{backup}"), [93_600.0]);
        assert_eq!(levels(&wide, "file_age_seconds{other}"), [10_800.0]);
        let off = with(json!({"file_age_seconds": false}));
        assert!(levels(&off, "file_age_seconds{backup}").is_empty());
    }

    #[test]
    fn a_rule_knows_its_entry() {
        let config =
            from_text(&json!({"monitoring": {"files": entry()}}).to_string(), None).unwrap();
        let rule = config.rules.iter().find(|rule| rule.key == "file_size{backup}").unwrap();
        let path = place(rule, &config.document).unwrap();
        assert_eq!(path, ["monitoring", "files", "0", "min_size"]);
    }

    #[test]
    fn a_fault_is_named_and_leaves_out_its_own_entry() {
        for (section, words) in [
            (json!([{"path": "/x"}]), "files.0.name: no name"),
            (json!([{"name": "x"}]), "files.0.path: no path"),
            (json!([{"name": "x", "path": 3}]), "files.0.path: must be a text"),
            (json!([{"name": "x", "path": "b"}]), "\"b\" must be an absolute path"),
            (json!([{"name": "x", "path": "/b", "max_age": "long"}]), "must be seconds"),
            (json!([{"name": "x", "path": "/b", "min_size": -1}]), "must be bytes"),
            (json!([{"name": "X", "path": "/b"}]), "must be of a-z"),
            (json!([{"name": "x", "path": "/b", "age": 1}]), "no such key"),
            (json!("/b"), "monitoring.files: must be an object"),
        ] {
            let said = lines(&section);
            assert!(said.contains(words) && said.lines().count() == 1, "{section}: {said}");
        }
        let two = json!([{"name": "x"}, {"name": "y", "path": "/y"}]);
        assert_eq!(read(Some(&two), &mut Vec::new()).0.len(), 1);
    }
}
