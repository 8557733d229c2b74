//! Whether samples can be stored where the configuration says, by this user and by the service.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::super::super::Context;
use super::Finding;
use super::units::{self, Setting};
use crate::config::Config;
use crate::config::monitoring::METRICS_PATH;

const SERVICE: &str = "hostwatch-collect.service";

pub(super) fn look(config: &Config, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok(store) = context.store(config) {
        findings.extend(directory(&store.directory));
    }
    let settings = units::settings(context.root, SERVICE);
    if let (Some(path), Some(settings)) = (&config.metrics_path, settings) {
        findings.extend(sandbox(&std::path::absolute(path).unwrap_or(path.clone()), &settings));
    }
    findings
}

fn directory(path: &Path) -> Option<Finding> {
    let shown = path.display();
    // What stands in the way is the nearest part that is there.
    let part = path.ancestors().find(|part| fs::symlink_metadata(part).is_ok())?;
    if !part.is_dir() {
        let what = if part == path { "it is" } else { &format!("{} is", part.display()) };
        return Some(Finding::fault(
            METRICS_PATH.path,
            format!("could not use {shown} as the data directory: {what} not a directory"),
        ));
    }
    let is_ours = access(part, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    (!is_ours).then(|| {
        Finding::Remark(format!("{shown} is not writable for you; the service's user writes there"))
    })
}

/// The directory must be one of those that the service may write.
fn sandbox(path: &Path, settings: &[Setting]) -> Option<Finding> {
    let service = || settings.iter().filter(|setting| setting.section == "Service");
    let last = |key: &str| service().rfind(|setting| setting.key == key);
    let is_strict = last("ProtectSystem").is_some_and(|setting| setting.value == "strict");
    if !is_strict || writable(service()).iter().any(|open| path.starts_with(open)) {
        return None;
    }
    let shown = path.display();
    Some(Finding::warning(
        METRICS_PATH.path,
        format!(
            "{SERVICE} may not write {shown}: allow it with ReadWritePaths={shown} under [Service] in /etc/systemd/system/{SERVICE}.d/override.conf (systemctl edit {SERVICE}); the directory must exist and belong to its user"
        ),
    ))
}

/// The directories that the sandbox leaves open.
fn writable<'a>(service: impl Iterator<Item = &'a Setting>) -> Vec<PathBuf> {
    let (mut open, mut state) = (Vec::new(), Vec::new());
    for setting in service {
        let (list, base) = match setting.key.as_str() {
            "ReadWritePaths" => (&mut open, "/"),
            "StateDirectory" => (&mut state, "/var/lib"),
            _ => continue,
        };
        // The empty value drops what was said before.
        if setting.value.is_empty() {
            list.clear();
        }
        let words = setting.value.split_whitespace();
        let paths = words.map(|word| word.trim_matches('"').trim_start_matches(['-', '+']));
        list.extend(paths.map(|path| Path::new(base).join(path)));
    }
    open.extend(state);
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(path: &str, lines: &[(&str, &str)]) -> bool {
        let shipped = [("ProtectSystem", "strict"), ("StateDirectory", "hostwatch")];
        let setting = |(key, value): &(&str, &str)| Setting {
            file: "/x".into(),
            section: "Service".to_owned(),
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        let settings: Vec<Setting> = shipped.iter().chain(lines).map(setting).collect();
        sandbox(Path::new(path), &settings).is_some()
    }

    #[test]
    fn the_sandbox_leaves_the_state_directory_and_what_a_drop_in_names() {
        assert!(!warned("/var/lib/hostwatch", &[]) && !warned("/var/lib/hostwatch/gate", &[]));
        assert!(warned("/srv/metrics", &[]) && warned("/var/lib/hostwatch2", &[]));
        assert!(!warned("/srv/metrics", &[("ReadWritePaths", "-/mnt /srv")]));
        assert!(warned("/srv/metrics", &[("ReadWritePaths", "/srv"), ("ReadWritePaths", "")]));
        assert!(!warned("/srv/metrics", &[("ProtectSystem", "no")]));
    }

    #[test]
    fn a_directory_below_a_file_cannot_be_made() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("file"), "").unwrap();
        assert_eq!(directory(&base.path().join("new/data")), None);
        for (path, words) in [("file", "it is not"), ("file/data", "file is not a directory")] {
            let Some(Finding::Fault(fault)) = directory(&base.path().join(path)) else {
                panic!("{path} is no fault")
            };
            assert!(fault.text.contains(words), "{}", fault.text);
        }
    }
}
