#!/bin/bash
# The program on two emulated Raspberry Pis, 3 (64 bit) and 2 (32 bit): built for them, booted with Debian's own kernels, run
# from an SD card, and its lines compared with those kept in tests/fixtures/store-arm.
#
#   run.sh [AARCH64_BINARY ARMV7_BINARY]   without them, builds both: static, with musl
#
# One line a check, `ok - ...` or `not ok - ...`, what the boards said, then `N passed, N failed`. Exits 1 if any failed.
# HOSTWATCH_ARM_CACHE=DIR  where what is downloaded is kept (default ~/.cache/hostwatch-arm)
# UPDATE=1                 keeps the new lines as fixtures
# Needs a Debian machine (it installs what is missing), Rust, about 4 GB, and half an hour the first time.

# shellcheck disable=SC2317,SC2329 # functions are called through check
set -euo pipefail

here=$(dirname "$(realpath "$0")")
tree=$(realpath "$here/../..")
kept=$tree/tests/fixtures/store-arm
cache=${HOSTWATCH_ARM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hostwatch-arm}
target_directory=${CARGO_TARGET_DIR:-$tree/target/arm}
work=$(mktemp -d "${TMPDIR:-/tmp}/hostwatch-arm.XXXXXX")
emulator=
passed=0 failed=0

cleanup() {
  [ -z "$emulator" ] || kill "$emulator" 2> /dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() { echo "run.sh: $*" >&2; exit 2; }

check() { # TITLE COMMAND...
  local title=$1 seen
  shift
  if seen=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok - $title"
  else
    failed=$((failed + 1))
    echo "not ok - $title"
    [ -z "$seen" ] || echo "#   ${seen//$'\n'/$'\n#   '}"
  fi
}

packages() { # PACKAGE...
  local package missing=() sudo
  for package in "$@"; do
    dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# zig links for every target, and its C compiler is what the cryptography needs.
linker() {
  [ -x "$cache/venv/bin/cargo-zigbuild" ] && return
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" --quiet install ziglang cargo-zigbuild
}

# Where the standard library for a target cannot be had ready-made, it is built from the sources that Debian packages, by the
# compiler that they belong to. Nothing is installed: it is unpacked beside.
sources() {
  [ -x "$cache/rustc" ] && return
  local library archive
  mkdir -p "$cache/debs"
  library=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-[0-9]/ {print $2; exit}')
  [ -n "$library" ] || fail "no standard library for ARM: neither rustup nor the package rust-web-src has it"
  (
    cd "$cache/debs"
    apt-get download -q rustc-web libstd-rust-web-dev rust-web-src "$library" > /dev/null
    apt-get download -q "$(apt-cache depends "$library" | awk '/Depends: libllvm/ {print $2; exit}')" > /dev/null
  )
  for archive in "$cache"/debs/*.deb; do
    dpkg -x "$archive" "$cache/root"
  done
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
    "$(echo "$cache"/root/usr/lib/*-linux-gnu)" "$cache/root/usr/bin/rustc" > "$cache/rustc"
  chmod +x "$cache/rustc"
}

build() { # TARGET
  local flags
  flags=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<< "$1")_RUSTFLAGS
  linker
  export CARGO_TARGET_DIR=$target_directory PATH=$cache/venv/bin:$PATH
  cd "$tree"
  if command -v rustup > /dev/null && timeout 300 rustup target add "$1" 2> /dev/null; then
    cargo zigbuild --quiet --release --locked --target "$1"
  else
    echo "rustup has no standard library for $1: it is built too"
    sources
    env RUSTC="$cache/rustc" RUSTC_BOOTSTRAP=1 "$flags=-C link-self-contained=no -C target-feature=+crt-static" \
      cargo-zigbuild zigbuild --quiet -Zbuild-std=std,panic_abort --release --locked --target "$1"
  fi
}

# Debian's kernel and busybox of an architecture, unpacked.
system() { # ARCHITECTURE KERNEL_PACKAGE
  local base=$cache/$1 options archive
  [ -d "$base/root" ] && return
  mkdir -p "$base/lists/partial" "$base/debs"
  options=(-q "-oAPT::Architecture=$1" "-oAPT::Architectures=$1" "-oDir::State::Lists=$base/lists" -oDir::State::status=/dev/null)
  # A mirror that is being refreshed fails in part.
  apt-get "${options[@]}" update > /dev/null 2>&1 || true
  (
    cd "$base/debs"
    apt-get "${options[@]}" download busybox-static \
      "$(apt-cache "${options[@]}" depends "$2" | awk '/Depends: linux-image/ {print $2; exit}')" > /dev/null 2>&1
  )
  for archive in "$base"/debs/*.deb; do
    dpkg -x "$archive" "$base/unpacked"
  done
  depmod -b "$base/unpacked" "$(ls "$base/unpacked/lib/modules")"
  mv "$base/unpacked" "$base/root"
}

# What finds the SD card and goes on from there.
first_stage() { # SYSTEM DIRECTORY
  local version module file
  version=$(ls "$1/lib/modules")
  mkdir -p "$2"/{bin,modules,proc,sys,dev,card}
  cp "$1/bin/busybox" "$2/bin/"
  for module in bcm2835_dma bcm2835 sdhci_iproc ext4 bcm2835_thermal phy_generic dwc2 cdc_ether; do
    modprobe -d "$1" -S "$version" --show-depends "$module" | awk '/^insmod/ {print $2}' | while read -r file; do
      [ -e "$2/modules/${file##*/}" ] || echo "${file##*/}" >> "$2/modules/order"
      cp "$file" "$2/modules/"
    done
  done
  cat > "$2/init" << 'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module" 2> /dev/null; done < /modules/order
# The card is there a while before it can be read.
until mount -t ext4 /dev/mmcblk0 /card; do sleep 1; done
for mount in proc sys dev; do mount -o move "/$mount" "/card/$mount"; done
exec switch_root /card /bin/board
INIT
  chmod +x "$2/init"
  (cd "$2" && find . | cpio --quiet -o -H newc | gzip -1) > "$2.gz"
}

card() { # SYSTEM BINARY DIRECTORY
  mkdir -p "$3"/{bin,proc,sys,dev,run,tmp,root,etc,var/tmp,var/lib}
  cp "$1/bin/busybox" "$3/bin/"
  cp "$2" "$3/bin/hostwatch"
  install -m 755 "$here/board.sh" "$3/bin/board"
  mke2fs -q -t ext4 -d "$3" "$3.img" 64M > /dev/null
}

boot() { # BOARD SYSTEM EMULATOR DEVICE_TREE
  local console=$work/$1.console waited=0
  : > "$console"
  mkdir "$work/$1"
  "$3" -M "$1" -display none -monitor none -serial "file:$console" \
    -kernel "$2"/boot/vmlinuz-* -initrd "$work/$1.stage.gz" -dtb "$2"/usr/lib/linux-image-*/"$4" \
    -append "console=ttyAMA0,115200 quiet loglevel=1 board=$1 epoch=$(date +%s)" \
    -drive "file=$work/$1.card.img,if=sd,format=raw" -usb -device usb-net,netdev=net -netdev user,id=net \
    < /dev/null > "$work/$1.emulator" 2>&1 &
  emulator=$!
  # These boards cannot switch themselves off.
  while [ $waited -lt 300 ] && ! grep -aqE 'BOARD OFF|Kernel panic' "$console" && kill -0 "$emulator" 2> /dev/null; do
    sleep 0.5
    waited=$((waited + 1))
  done
  kill "$emulator" 2> /dev/null || true
  wait "$emulator" 2> /dev/null || true
  emulator=
  debugfs -R "rdump /var/lib/hostwatch $work/$1" "$work/$1.card.img" > /dev/null 2>&1 || true
  debugfs -R "dump /seen $work/$1/seen" "$work/$1.card.img" > /dev/null 2>&1 || true
  [ -s "$work/$1/seen" ] || { tail -n 40 "$console" "$work/$1.emulator"; fail "the board $1 said nothing"; }
}

stored() { cat "$work/$1"/hostwatch/metrics_*.jsonl; }
line() { stored "$1" | sed -n "$2p"; }
said() { cat "$work/$1/seen"; }
has() { said "$1" | grep -qE -- "$2" || { echo "no line like: $2"; return 1; }; }
holds() { line "$1" "$2" | jq -e "$3" > /dev/null || { line "$1" "$2"; return 1; }; }

# From run to run differ only: which processes lead, and whether the card was used in the moment before the first line.
keys() {
  jq -r 'to_entries[] | select(.key | IN("top", "device_wait_ms") | not) | .key as $metric
    | if .value | type == "object" then .value | keys[] | "\($metric){\(.)}" else $metric end' | sort
}

# A key that is gone is a fault; one that is new is told.
same_keys() { # BOARD LINE
  local gone
  gone=$(comm -23 <(sed -n "$2p" "$kept/$1"/metrics_*.jsonl | keys) <(line "$1" "$2" | keys))
  [ -z "$gone" ] || { echo "gone:"; echo "$gone"; return 1; }
}

new_keys() { # BOARD
  local new
  new=$(comm -13 <(sed -n 2p "$kept/$1"/metrics_*.jsonl | keys) <(line "$1" 2 | keys))
  [ -z "$new" ] || echo "$1: new since the lines were kept (UPDATE=1 keeps these): ${new//$'\n'/ }"
}

silent() { # BOARD
  local said
  said=$(said "$1" | sed -n '/^\$ hostwatch collect/,/^\$/p' | grep -v '^\$') || return 0
  echo "$said"
  return 1
}

examine() { # BOARD
  local zone total disk
  zone=$(said "$1" | awk '$1 == "zone" {print $3 / 1000}')
  total=$(said "$1" | awk '$1 == "MemTotal:" {print $2 * 1024}')
  disk=$(said "$1" | awk '$1 == "disk" && $2 ~ "^/dev/" {print $3 * 1024}')
  check "$1: both samples are taken in silence" silent "$1"
  check "$1: two lines are stored" test "$(stored "$1" | wc -l)" = 2
  check "$1: every collector understands what it reads" holds "$1" 2 '[.errors, .collector_failed] | all(. == null)'
  check "$1: cpu_temp is the kernel's thermal zone, $zone degrees" holds "$1" 2 "(.cpu_temp - $zone) | fabs < 0.06"
  check "$1: the sensor is there once, by its name" holds "$1" 2 '.temperature | keys == ["cpu_thermal"]'
  check "$1: memory_total is the kernel's" holds "$1" 2 ".memory_total == $total"
  check "$1: disk_total is what df says" holds "$1" 2 ".disk_total == $disk"
  check "$1: the first line has rates of the moment that it took" holds "$1" 1 '.interval < 3 and .cpu_percent > 0'
  check "$1: the second line has the processor's shares" holds "$1" 2 '.interval > 12 and .cpu_percent > 0 and .cpu_system_percent > 0'
  check "$1: and the card's rates" holds "$1" 2 '.device_written_rate.mmcblk0 > 100000 and .device_wait_ms.mmcblk0 > 0'
  check "$1: and the interface's rates" holds "$1" 2 '.interface_sent_rate.usb0 > 0 and .interface_received_rate.usb0 > 0'
  check "$1: status shows the temperature" has "$1" '^ *cpu_temp +[0-9.]+ °C'
  check "$1: a condition can be checked" has "$1" '^OK: cpu_temp '
  check "$1: nothing ended in failure" test "$(said "$1" | grep -c '^ended with')" = 0
  if [ "$1" = raspi2b ]; then
    echo "LEFT OUT: $1 past 2^31 seconds (19 January 2038): with musl on 32 bit, Rust's standard library fails there"
  else
    check "$1: time goes on past 2^31 seconds" has "$1" '^2038-01-19T03:14:[0-9+:]*,21474836[5-9]'
  fi
  if [ -n "${UPDATE:-}" ]; then
    mkdir -p "$kept/$1"
    rm -f "$kept/$1"/*
    cp "$work/$1"/hostwatch/metrics_*.jsonl "$kept/$1/"
  fi
  check "$1: the first line has every key of the one kept" same_keys "$1" 1
  check "$1: the second line has every key of the one kept" same_keys "$1" 2
  new_keys "$1"
}

is_static_for() { # FILE MACHINE
  readelf -h "$1" | grep -E "Machine: +$2" && ! readelf -d "$1" | grep NEEDED
}

# BOARD TARGET ARCHITECTURE MACHINE KERNEL_PACKAGE EMULATOR DEVICE_TREE [BINARY]
try() {
  local binary=${8:-$target_directory/$2/release/hostwatch} started=$SECONDS
  [ -n "${8:-}" ] || build "$2"
  echo "$1: built in $((SECONDS - started)) s, $(stat -c %s "$binary") bytes"
  check "$1: the program is static, for $4" is_static_for "$binary" "$4"
  system "$3" "$5"
  first_stage "$cache/$3/root" "$work/$1.stage"
  card "$cache/$3/root" "$binary" "$work/$1.card"
  started=$SECONDS
  boot "$1" "$cache/$3/root" "$6" "$7"
  echo "$1: ran for $((SECONDS - started)) s"
  said "$1"
  examine "$1"
}

mkdir -p "$cache"
packages qemu-system-arm kmod cpio e2fsprogs binutils jq python3-venv
try raspi3b aarch64-unknown-linux-musl arm64 AArch64 linux-image-arm64 qemu-system-aarch64 broadcom/bcm2837-rpi-3-b.dtb "${1:-}"
try raspi2b armv7-unknown-linux-musleabihf armhf ARM linux-image-armmp qemu-system-arm bcm2836-rpi-2-b.dtb "${2:-}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
