#!/bin/bash
# A real systemd as PID 1, in its own namespaces, over a copy-on-write overlay of a root file system: what happens inside
# never reaches this machine, and is gone after `stop`.
#
#   lab.sh start         boot it
#   lab.sh exec CMD...   run CMD inside as root, with a clean environment
#   lab.sh stop          power off, drop everything; fine to call at any time
#
# LAB_DIR     where its state is kept (default /tmp/hostwatch-lab); one directory, one lab
# LAB_ROOT    the root (default /, without what is mounted below it), or a directory with another system, say by debootstrap
# LAB_SHARE   a directory to be seen inside, read-only, as /run/share
# LAB_MOUNTS  directories inside that get a small ext4 of their own; a trailing :ro makes it read-only
#
# Needs root, cgroup2, util-linux, iproute2 and systemd (in LAB_ROOT); for LAB_MOUNTS also loop devices and e2fsprogs.
set -euo pipefail

lab=${LAB_DIR:-/tmp/hostwatch-lab}
cgroups=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET || true)
group=$cgroups/hostwatch-lab${lab//\//-}

# The wall clock and the modules have no namespace: a lab that could set them would set the machine's.
drop=(setpriv --bounding-set '-sys_time,-sys_module')

fail() { echo "lab.sh: $*" >&2; exit 1; }

running() { [ -s "$lab/pid" ] && kill -0 "$(<"$lab/pid")" 2>/dev/null; }

# Only what a test needs; none of the services that the root has enabled.
write_target() { # DIRECTORY
  mkdir -p "$1"
  printf '%s\n' '[Unit]' 'Description=Lab' 'Requires=sysinit.target dbus.socket timers.target' \
    'After=sysinit.target dbus.socket timers.target' 'AllowIsolate=yes' > "$1/lab.target"
  # These would act on the kernel, which is shared.
  local unit
  for unit in systemd-{sysctl,modules-load,udevd,remount-fs,update-utmp,hwdb-update}.service \
    sys-kernel-{debug,tracing}.mount sys-fs-fuse-connections.mount systemd-journald-audit.socket; do
    ln -s /dev/null "$1/$unit"
  done
  # timers.target would start those of the root.
  for unit in "$2"/etc/systemd/system/timers.target.wants/* "$2"/{usr/,}lib/systemd/system/timers.target.wants/*; do
    [ ! -L "$unit" ] || ln -sf /dev/null "$1/${unit##*/}"
  done
}

# Inside the new namespaces: build the root, enter it, become systemd.
boot() {
  local base=$lab/mount root=$lab/mount/root node mount option index=0
  mkdir -p "$base"
  mount -t tmpfs -o mode=755 tmpfs "$base"
  mkdir "$base/upper" "$base/work" "$root"
  mount -t overlay overlay -o "lowerdir=$LAB_ROOT,upperdir=$base/upper,workdir=$base/work" "$root"
  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r node major minor <<< "$node"
    mknod -m 666 "$root/dev/$node" c "$major" "$minor"
  done
  : > "$root/dev/console"
  mount --bind "$lab/console.log" "$root/dev/console"

  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  if [ -n "${LAB_SHARE:-}" ]; then
    mkdir "$root/run/share"
    mount --bind "$LAB_SHARE" "$root/run/share"
    mount -o remount,bind,ro "$root/run/share"
  fi
  for mount in ${LAB_MOUNTS:-}; do
    option=loop
    case $mount in *:ro) option=loop,ro mount=${mount%:ro} ;; esac
    index=$((index + 1))
    truncate -s 8M "$base/$index.img"
    mkfs.ext4 -q "$base/$index.img"
    mkdir -p "$root$mount"
    mount -t ext4 -o "$option" "$base/$index.img" "$root$mount"
  done

  write_target "$root/run/systemd/system" "$root"
  rm -f "$root/etc/machine-id"
  tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
  hostname lab
  ip link set lo up

  cd "$root"
  mkdir -p .old
  pivot_root . .old
  umount --lazy /.old
  rmdir /.old
  # systemd hands credentials to a service by mount propagation; without it their directory is unreadable.
  mount --make-rshared /
  exec "${drop[@]}" /lib/systemd/systemd --system --unit=lab.target
}

start() {
  [ "$(id -u)" = 0 ] || fail 'root is needed for namespaces and mounts'
  [ -n "$cgroups" ] || fail 'no cgroup2 file system is mounted'
  ! running || fail "already running in $lab"
  mkdir -p "$lab" "$group"
  : > "$lab/console.log"

  # shellcheck disable=SC2016 # expanded by the inner shell
  setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lab \
    LAB_DIR="$lab" LAB_ROOT="${LAB_ROOT:-/}" LAB_SHARE="${LAB_SHARE:-}" LAB_MOUNTS="${LAB_MOUNTS:-}" \
    bash -c 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"' - "$group" \
    unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child --propagation private \
    "$(realpath "$0")" boot < /dev/null > "$lab/boot.log" 2>&1 &
  echo $! > "$lab/unshare"

  local init='' state=''
  for _ in {1..100}; do
    sleep 0.1
    init=$(tr -d ' ' < "/proc/$!/task/$!/children" 2>/dev/null) || break
    [ -z "$init" ] || [ "$(cat "/proc/$init/comm" 2>/dev/null)" != systemd ] || break
  done
  if [ -z "$init" ] || ! kill -0 "$init" 2>/dev/null; then
    cat "$lab/boot.log" >&2
    stop
    fail 'did not boot'
  fi
  echo "$init" > "$lab/pid"
  for _ in {1..150}; do
    state=$(inside systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) return ;; esac
    sleep 0.1
  done
  cat "$lab/console.log" >&2
  stop
  fail "systemd inside is still '$state'"
}

inside() {
  nsenter --target "$(<"$lab/pid")" --all "${drop[@]}" \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

stop() {
  local init
  if running; then
    init=$(<"$lab/pid")
    kill -s RTMIN+4 "$init" 2>/dev/null || true # systemd's signal for power off
    for _ in {1..50}; do
      kill -0 "$init" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$init" 2>/dev/null || true
  elif [ -s "$lab/unshare" ]; then
    # Still booting: --kill-child takes the rest down with it.
    kill -KILL "$(<"$lab/unshare")" 2>/dev/null || true
  fi
  for _ in {1..20}; do
    [ -d "$group" ] || break
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ ! -d "$group" ] || sleep 0.1
  done
  rm -f "$lab"/{pid,unshare,boot.log,console.log}
  rmdir "$lab/mount" "$lab" 2>/dev/null || true
}

case ${1:-} in
  start) start ;;
  exec)
    running || fail "not running in $lab"
    shift
    inside "$@"
    ;;
  stop) stop ;;
  boot) boot ;; # for `start` only
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
