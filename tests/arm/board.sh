#!/bin/busybox sh
# What the emulated board runs as its first program, from its SD card: two samples twelve seconds apart with some writing
# and some traffic between them, what readers make of them, what a sample costs, and a clock past 2038. Everything goes to
# the serial console, and to /seen on the card. BOARD OFF on the console: nothing is written any more.
# The kernel's command line names the board (board=) and the time (epoch=): it has no clock.
# shellcheck shell=dash

/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
ln -s /proc/self/mounts /etc/mtab
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd
value() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
hostname "$(value board)"
date -u -s "@$(value epoch)" > /dev/null

# The emulated hub takes its time.
waited=0
while [ ! -e /sys/class/net/usb0 ] && [ $waited -lt 30 ]; do sleep 1; waited=$((waited + 1)); done
ip link set lo up
ip address add 10.0.2.15/24 dev usb0
ip link set usb0 up

run() { # COMMAND...
  echo "\$ $*"
  "$@"
  code=$?
  [ $code = 0 ] || echo "ended with $code"
}

{
  uname -srm
  echo "zone $(cat /sys/class/thermal/thermal_zone0/type) $(cat /sys/class/thermal/thermal_zone0/temp)"
  for chip in /sys/class/hwmon/hwmon*; do echo "chip $(cat "$chip/name")"; done
  grep MemTotal /proc/meminfo
  df -k / | tail -1 | sed 's/^/disk /'
  run hostwatch collect
  dd if=/dev/zero of=/var/tmp/written bs=1M count=4 conv=fsync 2> /dev/null
  ping -c 2 10.0.2.2 > /dev/null 2>&1
  sleep 12
  run hostwatch collect
  run hostwatch status
  run hostwatch history --since 1h --every sample
  run hostwatch report --since 1h
  run hostwatch check 'cpu_temp < 70 and memory_percent < 90'
  echo "\$ 10 times hostwatch collect"
  time sh -c 'for n in 1 2 3 4 5 6 7 8 9 10; do hostwatch --data-dir /var/tmp/cost collect; done'
  echo "\$ 10 times busybox ps"
  time sh -c 'for n in 1 2 3 4 5 6 7 8 9 10; do /bin/busybox ps > /dev/null; done'
  # Past the end of seconds in 32 bits, where neither this busybox nor Rust's library for musl can follow on 32 bit.
  if [ "$(uname -m)" = aarch64 ]; then
    date -u -s @2147483640 > /dev/null
    sleep 12
    run hostwatch --data-dir /var/tmp/late collect
    run hostwatch --data-dir /var/tmp/late history --since 1h --format csv cpu_temp
  fi
} > /seen 2>&1
cat /seen
umount -a -r 2> /dev/null
echo "BOARD OFF"
while true; do sleep 60; done
