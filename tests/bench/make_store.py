#!/usr/bin/env python3
"""Writes a synthetic store: the day files of a small host over some days, as `hostwatch collect` would have written them.

Usage: make_store.py DIR --days N [--interval 300] [--until DATE]

The numbers are made up but consistent: counters grow within a boot and start anew with the next, rates and percentages follow from
the counters of the line before, `disk_*` is `filesystem_*{/}`, `network_*` is the sum of the interfaces. Every few weeks there is a
reboot (with a few missing samples), about every second week an hour past 70 °C with its two events, rarely a collector that fails.
The same arguments and time zone give the same store.
"""

import argparse
import datetime
import math
import os
import random
import sys
import time

HOST = "gate-pi"
CPUS = 4
TICKS_PER_SECOND = 100
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
MEMORY_TOTAL = 2_018_000_896
SWAP_TOTAL = 104_853_504
# Mount, size in bytes, bytes reserved for root, share used at the start.
FILESYSTEMS = (
    ("/", 31_268_536_320, 1_340_342_272, 0.58),
    ("/boot", 264_289_280, 0, 0.31),
    ("/data", 250_790_436_864, 12_541_000_000, 0.62),
)
INTERFACES = ("eth0", "wlan0")
DEVICES = ("mmcblk0", "sda")
# Name, user, usual share of one core, resident bytes.
PROCESSES = (
    ("recognizer", "gate", 0.38, 310_000_000),
    ("postgres", "postgres", 0.06, 145_000_000),
    ("python3", "gate", 0.04, 96_000_000),
)
HOT_LEVEL = 70.0
HOT_CLEAR = 66.5


class Boot:
    """One boot: its identity and the counters that grow within it."""

    def __init__(self, started, rng):
        self.started = started
        self.id = f"{rng.getrandbits(128):032x}"
        self.ticks = [0] * len(MODES)
        self.sent = [0] * len(INTERFACES)
        self.received = [0] * len(INTERFACES)
        self.written = [0] * len(DEVICES)
        self.pids = sorted(rng.randrange(400, 30_000) for _ in PROCESSES)
        self.last_uptime = None


class Host:
    """The made-up host: what changes slowly, and how a sample is drawn from it."""

    def __init__(self, rng, first, interval):
        self.rng = rng
        self.interval = interval
        self.boot = Boot(first - rng.randrange(3 * 86400, 12 * 86400), rng)
        self.boot.last_uptime = first - interval - self.boot.started
        self.age_counters(self.boot.last_uptime)
        self.filled = [share for _, _, _, share in FILESYSTEMS]
        self.memory = 0.42
        self.busy = 0.1
        self.load = [0.4, 0.4, 0.4]
        self.temperature = 48.0
        self.hot_until = 0
        self.next_hot = first + rng.randrange(86400, 14 * 86400)
        self.next_reboot = first + rng.randrange(10 * 86400, 40 * 86400)

    def age_counters(self, seconds):
        """Gives the boot that was running before the first sample its history."""
        boot = self.boot
        total = int(seconds * CPUS * TICKS_PER_SECOND)
        shares = (0.09, 0.002, 0.02, 0.88, 0.004, 0.0, 0.004, 0.0)
        boot.ticks = [int(total * share) for share in shares]
        for counters, rates in [(boot.sent, (9e3, 90)), (boot.received, (4e4, 300)), (boot.written, (2e4, 6e4))]:
            counters[:] = [int(seconds * rate) for rate in rates]

    def reboot_due(self, now):
        return now >= self.next_reboot

    def reboot(self, now):
        """Starts a new boot some minutes after `now`; returns when it is up."""
        started = now + self.rng.randrange(40, 1200)
        self.boot = Boot(started, self.rng)
        self.next_reboot = started + self.rng.randrange(20 * 86400, 90 * 86400)
        return started + 25

    def advance_load(self, now, second_of_day):
        """How busy the host is: a daily course, noise, and a hot hour now and then."""
        chance = self.rng.random
        if now >= self.next_hot:
            self.hot_until = now + 3600
            self.next_hot = now + self.rng.randrange(8 * 86400, 20 * 86400)
        hot = now < self.hot_until
        course = 0.5 - 0.5 * math.cos((second_of_day - 14_400) * math.tau / 86400)
        wanted = 0.66 if hot else 0.03 + 0.12 * course + 0.1 * chance() ** 4
        self.busy += (wanted - self.busy) * 0.6
        warm = (72.0 + 1.5 * chance()) if hot else 43.0 + 60.0 * self.busy + 0.8 * chance()
        self.temperature += (min(warm, 74.0 if hot else 64.0) - self.temperature) * 0.7
        self.memory = min(0.7, max(0.35, self.memory + 0.01 * (chance() - 0.5)))
        for index, weight in enumerate((0.9, 0.6, 0.25)):
            self.load[index] += (self.busy * CPUS * (0.7 + 0.6 * chance()) - self.load[index]) * weight
        for index, pace in enumerate((2e-6, 0.0, 9e-6)):
            filled = self.filled[index] + pace * chance() * 2
            # A clean-up when it gets full.
            self.filled[index] = filled if filled < 0.8 else 0.62

    def sample(self, now, local, failed):
        """The line of the sample at `now`."""
        chance = self.rng.random
        boot = self.boot
        self.advance_load(now, local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec)
        busy = self.busy
        uptime = round(now - boot.started + chance() * 0.8, 2)
        if boot.last_uptime is None:
            interval = 0.2
            self.age_counters(uptime - interval)
        else:
            interval = round(uptime - boot.last_uptime, 2)
        boot.last_uptime = uptime

        total = interval * CPUS * TICKS_PER_SECOND
        used = total * busy
        iowait = total * 0.004 * chance()
        added = [
            int(used * 0.78), int(used * 0.01), int(used * 0.17), max(0, int(total - used - iowait)), int(iowait), 0, int(used * 0.04), 0,
        ]
        ticks = boot.ticks = [tick + more for tick, more in zip(boot.ticks, added)]
        ticked = sum(added) or 1
        cpu_percent = 100 * (ticked - added[3] - added[4]) / ticked
        iowait_percent = 100 * added[4] / ticked

        sent = [int(interval * 12e3 * (busy + 0.2 * chance())), int(interval * 120 * chance())]
        received = [int(interval * 9e4 * (busy + 0.3 * chance())), int(interval * 400 * chance())]
        written = [int(interval * 3e4 * (busy + 0.1)), int(interval * 9e4 * chance() * (busy + 0.1))]
        for counters, more in [(boot.sent, sent), (boot.received, received), (boot.written, written)]:
            counters[0] += more[0]
            counters[1] += more[1]

        memory_used = int(MEMORY_TOTAL * self.memory)
        swap_used = int(SWAP_TOTAL * max(0.0, self.memory - 0.45))
        percents, useds, availables = [], [], []
        for (_, size, reserved, _), filled in zip(FILESYSTEMS, self.filled):
            fs_used = int(size * filled) & ~4095
            available = size - reserved - fs_used
            percents.append(100 * fs_used / (fs_used + available))
            useds.append(fs_used)
            availables.append(available)

        celsius = self.temperature
        cpu_temp = "" if failed else f',"cpu_temp":{celsius:.1f}'
        temperature = "" if failed else f'"temperature":{{"cpu_thermal":{celsius:.1f},"nvme":{celsius - 9:.1f}}},'
        failures = ',"collector_failed":{"temperature":1}' if failed else ""
        errors = ',"errors":{"temperature":"could not read /sys/class/thermal: Input/output error (os error 5)"}' if failed else ""

        top = sorted(
            ((usual * 100 * (0.3 + busy * 5 * chance()), name, user, pid, memory)
             for (name, user, usual, memory), pid in zip(PROCESSES, boot.pids)),
            reverse=True,
        )
        tops = ",".join(
            f'{{"pid":{pid},"name":"{name}","user":"{user}","cpu_percent":{cpu:.1f},"memory":{memory}}}'
            for cpu, name, user, pid, memory in top
        )
        line = (
            f'{{"timestamp":"{timestamp(local)}","epoch":{now},"schema":1,"host":"{HOST}","boot_id":"{boot.id}"'
            f',"uptime":{uptime},"interval":{interval}'
            f',"cpu_percent":{cpu_percent:.1f},"cpu_iowait_percent":{iowait_percent:.1f}'
            f',"load1":{round(self.load[0], 2)},"load5":{round(self.load[1], 2)},"load15":{round(self.load[2], 2)}'
            f',"memory_percent":{100 * memory_used / MEMORY_TOTAL:.1f},"memory_used":{memory_used},"memory_total":{MEMORY_TOTAL}'
            f',"memory_available":{MEMORY_TOTAL - memory_used}'
            f',"swap_percent":{100 * swap_used / SWAP_TOTAL:.1f},"swap_used":{swap_used},"swap_total":{SWAP_TOTAL}'
            f',"disk_percent":{percents[0]:.1f},"disk_used":{useds[0]},"disk_total":{FILESYSTEMS[0][1]}'
            f',"network_sent":{sum(boot.sent)},"network_received":{sum(boot.received)}'
            f',"network_sent_rate":{sum(sent) / interval:.0f},"network_received_rate":{sum(received) / interval:.0f}'
            f'{cpu_temp},"processes":{140 + int(busy * 40)}'
            f',"filesystem_percent":{{"/":{percents[0]:.1f},"/boot":{percents[1]:.1f},"/data":{percents[2]:.1f}}}'
            f',"filesystem_available":{{"/":{availables[0]},"/boot":{availables[1]},"/data":{availables[2]}}}'
            f',"interface_sent":{{"eth0":{boot.sent[0]},"wlan0":{boot.sent[1]}}}'
            f',"interface_received":{{"eth0":{boot.received[0]},"wlan0":{boot.received[1]}}}'
            f',"interface_received_rate":{{"eth0":{received[0] / interval:.0f},"wlan0":{received[1] / interval:.0f}}}'
            f',{temperature}"cpu_ticks":{{"user":{ticks[0]},"nice":{ticks[1]},"system":{ticks[2]},"idle":{ticks[3]}'
            f',"iowait":{ticks[4]},"irq":{ticks[5]},"softirq":{ticks[6]},"steal":{ticks[7]}}}'
            f'{failures},"top":[{tops}]{errors}}}\n'
        )
        # 52 rather than 52.0, as the program writes it.
        return line.replace(".0,", ",").replace(".0}", "}")

    def event(self, now, local, kind, more=""):
        uptime = self.boot.last_uptime
        return (
            f'{{"timestamp":"{timestamp(local)}","epoch":{now},"schema":1,"host":"{HOST}","boot_id":"{self.boot.id}"'
            f',"uptime":{uptime},"event":"{kind}"{more}}}\n'
        )


def timestamp(local):
    offset = local.tm_gmtoff
    sign, minutes = ("-", -offset // 60) if offset < 0 else ("+", offset // 60)
    return (
        f"{local.tm_year:04}-{local.tm_mon:02}-{local.tm_mday:02}T{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}"
        f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    )


class DayFiles:
    """Appends lines to the file of their local day."""

    def __init__(self, directory, prefix):
        self.directory = directory
        self.prefix = prefix
        self.day = None
        self.file = None

    def append(self, local, line):
        day = (local.tm_year, local.tm_mon, local.tm_mday)
        if day != self.day:
            self.close()
            name = f"{self.prefix}_{day[0]:04}-{day[1]:02}-{day[2]:02}.jsonl"
            self.file = open(os.path.join(self.directory, name), "a", buffering=1 << 20)
            self.day = day
        self.file.write(line)

    def close(self):
        if self.file:
            self.file.close()


def write_store(directory, days, interval=300, until=None):
    """Writes the store into the empty `directory`; `until` is the epoch of the last sample. Returns the number of lines."""
    until = int(time.time()) if until is None else int(until)
    count = days * 86400 // interval
    first = until - (count - 1) * interval
    os.makedirs(directory, exist_ok=True)
    if os.listdir(directory):
        raise FileExistsError(f"{directory} is not empty")
    rng = random.Random(f"{days} {interval}")
    host = Host(rng, first, interval)
    samples, events = DayFiles(directory, "metrics"), DayFiles(directory, "events")
    written = 0
    up_from = first
    last = first - interval
    rebooted = firing = False
    for now in range(first, until + 1, interval):
        if now < up_from and now != until:
            continue
        if host.reboot_due(now) and until - now > 86400:
            up_from = host.reboot(now)
            rebooted = True
            continue
        local = time.localtime(now)
        failed = not firing and rng.random() < 0.0002
        samples.append(local, host.sample(now, local, failed))
        written += 1
        if rebooted:
            rebooted = False
            events.append(local, host.event(now, local, "reboot"))
            if now - last > 2.5 * interval:
                events.append(local, host.event(now, local, "gap", f',"cause":"off","text":"{now - last} s"'))
        if failed:
            events.append(local, host.event(now, local, "collector_failed", ',"text":"temperature"'))
        if not firing and not failed and host.temperature >= HOT_LEVEL:
            firing = True
            details = f',"series":"cpu_temp","level":"warning","value":{host.temperature:.1f},"threshold":{HOT_LEVEL:.0f}'
            events.append(local, host.event(now, local, "raised", details))
        elif firing and host.temperature < HOT_CLEAR:
            firing = False
            details = f',"series":"cpu_temp","level":"ok","value":{host.temperature:.1f},"threshold":{HOT_LEVEL:.0f}'
            events.append(local, host.event(now, local, "recovered", details))
        last = now
    samples.close()
    events.close()
    return written


def parse_until(text, interval):
    """The epoch of the last sample: a date means the last sample of that local day, else an RFC 3339 time or `now`."""
    if text == "now":
        return int(time.time())
    if len(text) == len("2026-11-22"):
        following = datetime.date.fromisoformat(text) + datetime.timedelta(days=1)
        return int(datetime.datetime.combine(following, datetime.time()).timestamp()) - interval
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIR", help="an empty or new directory")
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--interval", type=int, default=300, help="seconds between samples (default 300)")
    parser.add_argument("--until", default="now", help="a date (through its end), an RFC 3339 time, or now (default)")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        until = parse_until(arguments.until, arguments.interval)
        written = write_store(arguments.directory, arguments.days, arguments.interval, until)
    except (OSError, ValueError) as error:
        print(f"make_store.py: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"{written} lines in {arguments.directory}, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
