//! Open files of processes, and how near each is to its own limit.

use std::fs;
use std::io;
use std::path::Path;

use super::super::scan::Stat;
use super::super::{Host, read_whole};

pub(super) struct Files {
    /// Of all together.
    pub open: u64,
    /// Of its own limit, the highest; `None` where none has one.
    pub percent: Option<f64>,
}

/// `None` where one of them may not be looked at.
pub(super) fn files(host: &Host<'_>, stats: &[&Stat]) -> Option<Files> {
    let mut files = Files { open: 0, percent: None };
    for stat in stats {
        let process = host.path(&format!("proc/{}", stat.pid));
        let open = match count(&process.join("fd"), host.root == Path::new("/")) {
            Ok(open) => open,
            // It ended since.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !process.exists() => continue,
            Err(_) => return None,
        };
        files.open += open;
        let limit = read_whole(&process.join("limits")).ok().and_then(|text| limit(&text));
        let percent =
            limit.filter(|limit| *limit > 0).map(|limit| 100.0 * open as f64 / limit as f64);
        files.percent = files.percent.into_iter().chain(percent).reduce(f64::max);
    }
    Some(files)
}

/// Kernels since 6.2 tell the number as the size of the directory, which needs no right to look into it.
fn count(directory: &Path, is_of_kernel: bool) -> io::Result<u64> {
    match fs::metadata(directory)?.len() {
        size if size > 0 && is_of_kernel => Ok(size),
        _ => Ok(fs::read_dir(directory)?.count() as u64),
    }
}

/// `Max open files   SOFT   HARD   files`; `None`: no limit.
fn limit(limits: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(limits);
    let rest = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read_and_unlimited_is_none() {
        let table = b"Limit      Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(limit(table), Some(1024));
        assert_eq!(limit(b"Max open files unlimited unlimited files\n"), None);
        assert_eq!((limit(b""), limit(b"\xff\nMax open files")), (None, None));
    }
}
