//! The mount table, from `/proc/PID/mountinfo` (proc(5)), and which of its entries are real file systems of this
//! host. Decided on the text alone, before any mount is touched: a dead network mount must not be asked.

use std::borrow::Cow;

use crate::series::label_text;

use super::Filter;
use super::kind::{is_for_files, is_in, is_network, is_pseudo, is_served, turns_read_only};

/// An entry, lent from the table as far as it can be: most are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount<'a> {
    /// `major:minor`.
    pub device: &'a [u8],
    /// The part of the file system that is mounted; `/` unless it is a bind mount or a subvolume.
    pub root: Cow<'a, [u8]>,
    pub point: Cow<'a, [u8]>,
    pub kind: &'a str,
    pub source: &'a [u8],
    pub writing: Writing,
    /// A call on it may never return.
    pub apart: bool,
}

/// Whether anything can be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Writing {
    Possible,
    /// It is mounted to be read only.
    NotMeant,
    /// It is mounted to be written, but the kernel cannot write it, or found an error.
    NotPossible,
    /// The same, and it is an error.
    Failed,
}

impl Mount<'_> {
    pub fn label(&self) -> String {
        label_text(&self.point)
    }

    pub fn is_read_only(&self) -> bool {
        self.writing != Writing::Possible
    }

    /// Where the kernel shows itself: what is served there answers, or nobody goes there for files.
    pub fn is_of_the_kernel(&self) -> bool {
        is_in(&self.point, b"/proc") || is_in(&self.point, b"/sys")
    }
}

/// Every entry; an odd line is left out.
pub fn parse(content: &[u8]) -> Vec<Mount<'_>> {
    content.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `id parent major:minor root point options [optional…] - kind source options`.
fn parse_line(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = fields.nth(2)?;
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let options = fields.next().unwrap_or_default();
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = std::str::from_utf8(rest.next()?).ok()?;
    let source = rest.next().unwrap_or_default();
    let whole = rest.next().unwrap_or_default();
    let writing = if has(options, b"ro") {
        Writing::NotMeant
    } else if has(whole, b"emergency_ro") {
        Writing::Failed
    } else if !has(whole, b"ro") {
        Writing::Possible
    } else if turns_read_only(kind) {
        Writing::Failed
    } else if kind == "zfs" {
        // It stops where it finds an error; read-only is what somebody set.
        Writing::NotMeant
    } else {
        Writing::NotPossible
    };
    Some(Mount { device, root, point, kind, source, writing, apart: is_served(kind) })
}

fn has(options: &[u8], option: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|one| one == option)
}

/// Space, tab, newline and backslash stand as three octal digits.
fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            digits.iter().try_fold(0_u32, |sum, digit| {
                (b'0'..=b'7').contains(digit).then(|| sum * 8 + u32::from(digit - b'0'))
            })
        };
        if let Some(byte) = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(octal)
            .and_then(|code| u8::try_from(code).ok())
        {
            out.push(byte);
            rest = tail.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    Cow::Owned(out)
}

/// The mounts to measure, `/` always among them unless excluded by name.
pub fn select<'a>(mounts: &[Mount<'a>], filter: &Filter) -> Vec<Mount<'a>> {
    let visible = mounts
        .iter()
        .enumerate()
        .filter(|(at, mount)| !mounts.iter().skip(at + 1).any(|later| later.point == mount.point));
    let (mut chosen, mut candidates) = (Vec::new(), Vec::new());
    for (_, mount) in visible {
        let label = if filter.is_empty() { String::new() } else { mount.label() };
        let excluded = filter.excludes(&label);
        if filter.includes(&label) || (*mount.point == *b"/" && !excluded) {
            chosen.push(mount.clone());
        } else if !excluded && !is_left_out(mount, mounts) {
            candidates.push(mount);
        }
    }
    // Whole file systems before bind mounts, then in the order of mounting.
    candidates.sort_by_key(|mount| *mount.root != *b"/");
    for mount in candidates {
        if !chosen.iter().any(|other| is_twin(mount, other)) {
            chosen.push(mount.clone());
        }
    }
    chosen.sort_by(|a, b| a.point.cmp(&b.point));
    for mount in &mut chosen {
        // The way there leads through every mount above.
        mount.apart |= mounts.iter().any(|above| above.apart && is_below(mount, above));
    }
    chosen
}

fn is_left_out(mount: &Mount<'_>, all: &[Mount<'_>]) -> bool {
    let fuse = mount.kind.starts_with("fuse") && mount.kind != "fuseblk";
    let is_memory = || mount.kind == "tmpfs" && !is_memory_for_files(mount, all);
    // What its own `.zfs` directory shows while somebody looks there.
    let is_snapshot = || mount.kind == "zfs" && mount.source.contains(&b'@');
    fuse || is_pseudo(mount.kind) || is_network(mount.kind) || is_memory() || is_snapshot()
}

/// A container's shared memory is called `shm` wherever its files are kept; and what shows the memory of `/run` or
/// `/dev/shm` once more, as for a chroot, adds none.
fn is_memory_for_files(mount: &Mount<'_>, all: &[Mount<'_>]) -> bool {
    let mut places = all.iter().filter(|other| other.device == mount.device);
    !mount.is_read_only()
        && mount.source != b"shm"
        && places.all(|place| is_for_files(&place.point))
}

fn is_below(mount: &Mount<'_>, above: &Mount<'_>) -> bool {
    mount.point.strip_prefix(&*above.point).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Two mounts of one file system. Subvolumes of btrfs have devices of their own but share their source.
fn is_twin(a: &Mount<'_>, b: &Mount<'_>) -> bool {
    a.device == b.device || (a.kind == "btrfs" && b.kind == "btrfs" && a.source == b.source)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn mount<'a>(device: &'a str, root: &'a str, point: &'a str, kind: &'a str) -> Mount<'a> {
        Mount {
            device: device.as_bytes(),
            root: root.as_bytes().into(),
            point: point.as_bytes().into(),
            kind,
            source: device.as_bytes(),
            writing: Writing::Possible,
            apart: is_served(kind),
        }
    }

    fn labels(mounts: &[Mount<'_>], filter: &Filter) -> Vec<String> {
        select(mounts, filter).iter().map(Mount::label).collect()
    }

    #[test]
    fn a_mount_is_read_only_by_its_own_options_or_those_of_its_file_system() {
        for (own, whole, read_only) in [
            ("rw", "rw", false),
            ("ro", "rw", true),
            ("rw", "ro,errors=remount-ro", true),
            ("rw,noatime", "rw,errors=remount-ro", false),
        ] {
            let line = format!("36 35 98:0 / /data {own} - ext4 /dev/sda1 {whole}");
            assert_eq!(parse(line.as_bytes())[0].is_read_only(), read_only, "{line}");
        }
    }

    #[test]
    fn what_was_mounted_to_be_written_and_cannot_be_has_failed() {
        for (own, kind, whole, failed) in [
            ("rw", "ext4", "ro,errors=remount-ro", true),
            ("rw", "ext4", "rw,emergency_ro", true),
            ("ro", "ext4", "ro", false),
            ("ro", "ext4", "rw", false),
            ("rw", "squashfs", "ro", false),
            ("rw", "hfsplus", "ro", false),
            ("rw", "xfs", "rw,emergency_ro", true),
        ] {
            let line = format!("36 35 98:0 / /data {own} - {kind} /dev/sda1 {whole}");
            assert_eq!(parse(line.as_bytes())[0].writing == Writing::Failed, failed, "{line}");
        }
    }

    #[test]
    fn what_is_served_and_all_that_is_mounted_below_it_may_not_answer() {
        let mounts = [
            mount("8:1", "/", "/", "ext4"),
            mount("0:2", "/", "/nas", "nfs4"),
            mount("8:2", "/", "/nas/disk", "ext4"),
            mount("8:3", "/", "/nasty", "ext4"),
            mount("8:4", "/", "/usb", "fuseblk"),
        ];
        let chosen = select(&mounts, &Filter::default());
        let apart: Vec<_> = chosen.iter().map(|mount| (mount.label(), mount.apart)).collect();
        let expected = [("/", false), ("/nas/disk", true), ("/nasty", false), ("/usb", true)];
        assert_eq!(apart, expected.map(|(label, apart)| (label.to_owned(), apart)));
    }

    #[test]
    fn a_line_is_read_with_its_optional_fields_and_escapes() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
        let read = parse_line(line).unwrap();
        assert_eq!(
            (read.device, &*read.root, read.label().as_str(), read.kind),
            (&b"98:0"[..], &b"/mnt1"[..], "/mnt 2", "ext3")
        );
    }

    #[test]
    fn odd_lines_are_left_out() {
        assert!(parse(b"\n1 2\n36 35 98:0 / /x rw\nx y z a b c -\n").is_empty());
        assert_eq!(*unescape(br"a\04"), *br"a\04");
    }

    #[test]
    fn pseudo_network_and_fuse_mounts_are_left_out_but_fuseblk_is_not() {
        let mounts = [
            mount("0:1", "/", "/proc", "proc"),
            mount("0:2", "/", "/nas", "nfs4"),
            mount("0:3", "/", "/gvfs", "fuse.gvfsd-fuse"),
            mount("8:1", "/", "/usb", "fuseblk"),
            mount("0:5", "/", "/run", "tmpfs"),
        ];
        assert_eq!(labels(&mounts, &Filter::default()), ["/usb"]);
    }

    #[test]
    fn a_snapshot_of_zfs_is_left_out() {
        let mounts = [
            Mount { source: b"tank/home", ..mount("0:40", "/", "/home", "zfs") },
            Mount {
                source: b"tank/home@daily",
                ..mount("0:41", "/", "/home/.zfs/snapshot/daily", "zfs")
            },
        ];
        assert_eq!(labels(&mounts, &Filter::default()), ["/home"]);
    }

    #[test]
    fn memory_is_measured_where_files_are_written_to_it() {
        let mounts = [
            mount("0:1", "/", "/tmp", "tmpfs"),
            mount("0:2", "/", "/var/log", "tmpfs"),
            mount("0:2", "/apt", "/srv/log", "tmpfs"),
            Mount { writing: Writing::NotMeant, ..mount("0:3", "/", "/etc/frozen", "tmpfs") },
            mount("0:4", "/", "/runner", "tmpfs"),
        ];
        assert_eq!(labels(&mounts, &Filter::default()), ["/runner", "/tmp", "/var/log"]);
    }

    #[test]
    fn memory_of_the_system_and_of_containers_is_left_out_wherever_it_is_shown() {
        let mounts = [
            mount("0:1", "/", "/run", "tmpfs"),
            mount("0:1", "/", "/srv/chroot/run", "tmpfs"),
            mount("0:2", "/", "/dev/shm", "tmpfs"),
            mount("0:3", "/", "/var/lib/kubelet/pods/1/volumes/token", "tmpfs"),
            mount("0:4", "/", "/var/snap/lxd/common/ns", "tmpfs"),
            Mount { source: b"shm", ..mount("0:5", "/", "/ssd/docker/1/mounts/shm", "tmpfs") },
        ];
        assert!(labels(&mounts, &Filter::default()).is_empty());
    }

    #[test]
    fn the_root_stands_whatever_its_type() {
        assert_eq!(labels(&[mount("0:1", "/", "/", "overlay")], &Filter::default()), ["/"]);
    }

    #[test]
    fn of_bind_mounted_twins_the_whole_file_system_stands() {
        let mounts = [
            mount("8:2", "/www", "/srv/www", "xfs"),
            mount("8:2", "/", "/data", "xfs"),
            mount("8:2", "/a", "/b", "xfs"),
        ];
        assert_eq!(labels(&mounts, &Filter::default()), ["/data"]);
    }

    #[test]
    fn a_later_mount_hides_the_one_beneath() {
        let mounts = [mount("8:2", "/", "/data", "xfs"), mount("0:9", "/", "/data", "overlay")];
        assert!(labels(&mounts, &Filter::default()).is_empty());
    }

    #[test]
    fn an_explicit_include_wins_over_everything() {
        let mounts = [mount("0:2", "/", "/nas", "nfs4"), mount("8:2", "/", "/data", "xfs")];
        let filter = Filter { include: vec!["/nas".into()], exclude: vec!["/*".into()] };
        assert_eq!(labels(&mounts, &filter), ["/nas"]);
    }

    #[test]
    fn a_server_with_everything_shows_its_real_disks() {
        let content = std::fs::read(tree("x86-server").join("proc/1/mountinfo")).unwrap();
        let chosen = labels(&parse(&content), &Filter::default());
        assert!(
            chosen.contains(&"/".to_owned())
                && chosen.contains(&"/data".to_owned())
                && chosen.contains(&"/boot/efi".to_owned()),
            "{chosen:?}"
        );
        assert!(
            !chosen.iter().any(|label| label.contains("docker")
                || label.contains("snap")
                || label == "/srv/www"),
            "{chosen:?}"
        );
    }
}
