//! Units of systemd as they are installed: the file that counts, with its drop-ins (systemd.unit(5)).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Below the root, the first wins.
const DIRECTORIES: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// One line of a unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    /// As people name it, without the root.
    pub file: PathBuf,
    pub section: String,
    pub key: String,
    pub value: String,
}

/// The settings of a unit in the order in which they count; `None` if it is not installed, or masked.
pub(super) fn settings(root: &Path, name: &str) -> Option<Vec<Setting>> {
    let (path, text) = DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find_map(|path| {
            let text = fs::read_to_string(root.join(&path)).ok()?;
            Some((path, text))
        })
        // One that is empty, or leads to /dev/null, is masked.
        .filter(|(_, text)| !text.trim().is_empty())?;
    let mut settings = parse(&path, &text);
    for path in drop_ins(root, name) {
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        settings.extend(parse(&path, &text));
    }
    Some(settings)
}

/// By their names, whatever their directory; of one name, that of the first directory.
fn drop_ins(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = BTreeMap::new();
    for directory in DIRECTORIES {
        let directory = Path::new(directory).join(format!("{name}.d"));
        let Ok(entries) = fs::read_dir(root.join(&directory)) else { continue };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            if Path::new(&name).extension().is_some_and(|ending| ending == "conf") {
                let path = directory.join(&name);
                found.entry(name).or_insert(path);
            }
        }
    }
    found.into_values().collect()
}

fn parse(path: &Path, text: &str) -> Vec<Setting> {
    let file = Path::new("/").join(path);
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in text.replace("\\\n", " ").lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=') {
            settings.push(Setting {
                file: file.clone(),
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            });
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn values(files: &[(&str, &str)]) -> Option<String> {
        let settings = settings(tree(files).path(), "x.timer")?;
        let shown = settings.iter().map(|one| format!("{}.{}={}", one.section, one.key, one.value));
        Some(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_administrators_file_wins_over_the_packages() {
        let files = [
            ("usr/lib/systemd/system/x.timer", "[Timer]\nA=1\n"),
            ("etc/systemd/system/x.timer", "# why\n[Timer]\nA = 2\n; B=3\n"),
        ];
        assert_eq!(values(&files).unwrap(), "Timer.A=2");
        assert_eq!(values(&files[..1]).unwrap(), "Timer.A=1");
        assert_eq!(values(&[]), None);
    }

    #[test]
    fn drop_ins_follow_by_name_and_hide_those_of_the_same_name() {
        let files = [
            ("lib/systemd/system/x.timer", "[Timer]\nA=1\n"),
            ("lib/systemd/system/x.timer.d/20.conf", "[Timer]\nA=hidden\n"),
            ("etc/systemd/system/x.timer.d/20.conf", "[Timer]\nA=3\n"),
            ("run/systemd/system/x.timer.d/10.conf", "[Timer]\nA=\\\n 2\n"),
            ("etc/systemd/system/x.timer.d/20.conf~", "[Timer]\nA=4\n"),
        ];
        assert_eq!(values(&files).unwrap(), "Timer.A=1 Timer.A=2 Timer.A=3");
    }

    #[test]
    fn a_masked_unit_is_not_installed() {
        let files =
            [("lib/systemd/system/x.timer", "[Timer]\nA=1\n"), ("etc/systemd/system/x.timer", "")];
        assert_eq!(values(&files), None);
    }
}
