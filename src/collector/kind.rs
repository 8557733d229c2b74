//! Kinds of file systems, and places of those that belong to somebody else, by their names.

/// Kernel interfaces, memory without a size, and images that are full by design.
pub(super) fn is_pseudo(kind: &str) -> bool {
    matches!(
        kind,
        "aufs"
            | "autofs"
            | "binder"
            | "binfmt_misc"
            | "bpf"
            | "cgroup"
            | "cgroup2"
            | "configfs"
            | "cramfs"
            | "debugfs"
            | "devpts"
            | "devtmpfs"
            | "efivarfs"
            | "erofs"
            | "functionfs"
            | "fusectl"
            | "hugetlbfs"
            | "iso9660"
            | "mqueue"
            | "nsfs"
            | "overlay"
            | "proc"
            | "pstore"
            | "ramfs"
            | "romfs"
            | "rootfs"
            | "rpc_pipefs"
            | "securityfs"
            | "selinuxfs"
            | "smackfs"
            | "squashfs"
            | "sysfs"
            | "tracefs"
            | "udf"
    )
}

/// Served by another machine, which may be gone.
pub(super) fn is_network(kind: &str) -> bool {
    matches!(
        kind,
        "9p" | "afs"
            | "beegfs"
            | "ceph"
            | "cifs"
            | "coda"
            | "glusterfs"
            | "gpfs"
            | "lustre"
            | "ncpfs"
            | "nfs"
            | "nfs4"
            | "orangefs"
            | "pvfs2"
            | "smb3"
            | "smbfs"
            | "virtiofs"
    )
}

/// By another machine or by a process of this one, which may not answer.
pub(super) fn is_served(kind: &str) -> bool {
    kind.starts_with("fuse") || kind == "autofs" || is_network(kind)
}

/// Those that the kernel makes read-only for an error, and for no other reason: some it cannot write at all.
pub(super) fn turns_read_only(kind: &str) -> bool {
    matches!(kind, "ext2" | "ext3" | "ext4" | "btrfs" | "vfat" | "exfat" | "f2fs" | "jfs")
}

/// Where memory is mounted that the system, or a container, has for its own.
const NOT_FOR_FILES: &[&[u8]] = &[
    b"/dev",
    b"/proc",
    b"/opt/nomad",
    b"/run",
    b"/snap",
    b"/sys",
    b"/var/lib/containerd",
    b"/var/lib/containers",
    b"/var/lib/docker",
    b"/var/lib/incus",
    b"/var/lib/k0s",
    b"/var/lib/kubelet",
    b"/var/lib/lxc",
    b"/var/lib/lxd",
    b"/var/lib/machines",
    b"/var/lib/nomad",
    b"/var/lib/rancher",
    b"/var/lib/snapd",
    b"/var/lock",
    b"/var/run",
    b"/var/snap",
];

pub(super) fn is_for_files(point: &[u8]) -> bool {
    !NOT_FOR_FILES.iter().any(|place| is_in(point, place))
}

/// At a place, or below it.
pub(super) fn is_in(point: &[u8], place: &[u8]) -> bool {
    point.strip_prefix(place).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}
