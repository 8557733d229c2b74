#!/usr/bin/env python3
"""Whether `hostwatch collect` sees the host as psutil does, on the same host in the same second.

Usage: agreement.py BINARY

psutil is read right before and right after `collect`; a stored number agrees if it lies between the two readings, widened by 1 % (and
by one unit of the rounding in the file). Memory, disk and network move while this happens, so each number has three tries. CPU use is
compared over some eight seconds with one core kept busy.

Needs the Python package psutil. Exit 0: all agree; 1: not all; 2: psutil is missing or `collect` failed.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import psutil
except ImportError:
    print(
        f"agreement.py: PSUTIL IS MISSING: install it for {sys.executable} (pip install psutil); nothing was compared",
        file=sys.stderr,
    )
    sys.exit(2)

ORIGINAL_NAMES = (
    "cpu_percent", "memory_percent", "memory_used", "memory_total", "disk_percent", "disk_used", "disk_total",
    "uptime", "network_sent", "network_received", "cpu_temp",
)
CPU_SENSORS = ("cpu_thermal", "cpu-thermal", "coretemp", "k10temp", "zenpower", "soc_thermal")
TRIES = 3
BETWEEN_SAMPLES = 2.5
RELATIVE = 0.01
PERCENT_ROUNDING = 0.1
UPTIME_SECONDS = 2
CPU_SECONDS = 8
CPU_POINTS = 5


class Checks:
    """Prints each check as it is made, and counts."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, holds, text):
        print(f"{'ok' if holds else 'not ok'} - {text}", flush=True)
        if holds:
            self.passed += 1
        else:
            self.failed += 1

    def conclude(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


class Hostwatch:
    """The program under test, with directories of its own."""

    def __init__(self, binary, scratch):
        self.data = os.path.join(scratch, "data")
        config = os.path.join(scratch, "config.json")
        with open(config, "w") as file:
            file.write("{}\n")
        self.argv = [os.path.abspath(binary), "--config", config, "--data-dir", self.data, "collect"]
        runtime = os.path.join(scratch, "run")
        for directory in (self.data, runtime):
            os.mkdir(directory)
        self.environment = {**os.environ, "HOME": scratch, "XDG_RUNTIME_DIR": runtime, "RUNTIME_DIRECTORY": runtime}

    def collect(self):
        """Takes a sample and returns it as stored."""
        ended = subprocess.run(self.argv, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if ended.returncode != 0:
            fail(f"{' '.join(self.argv)} ended with {ended.returncode}: {ended.stderr.strip()}")
        files = sorted(glob.glob(os.path.join(self.data, "metrics_*.jsonl")))
        if not files:
            fail(f"collect stored nothing in {self.data}")
        with open(files[-1]) as file:
            return json.loads(file.readlines()[-1])


def fail(text):
    print(f"agreement.py: {text}", file=sys.stderr)
    sys.exit(2)


def psutil_numbers():
    """The same numbers by psutil."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage("/")
    interfaces = [counters for name, counters in psutil.net_io_counters(pernic=True).items() if name != "lo"]
    return {
        "memory_percent": memory.percent,
        "memory_used": memory.total - memory.available,
        "memory_total": memory.total,
        "disk_percent": disk.percent,
        "disk_used": disk.used,
        "disk_total": disk.total,
        "network_sent": sum(counters.bytes_sent for counters in interfaces),
        "network_received": sum(counters.bytes_recv for counters in interfaces),
    }


def agrees(name, value, before, after):
    if not isinstance(value, (int, float)):
        return False
    rounding = PERCENT_ROUNDING if name.endswith("_percent") else 0
    low, high = min(before, after), max(before, after)
    return low * (1 - RELATIVE) - rounding <= value <= high * (1 + RELATIVE) + rounding


def compare_numbers(hostwatch, checks):
    """Compares one sample with psutil; returns the sample."""
    agreed, seen = set(), {}
    for attempt in range(TRIES):
        if attempt:
            time.sleep(BETWEEN_SAMPLES)
        before = psutil_numbers()
        sample = hostwatch.collect()
        after = psutil_numbers()
        for name in before:
            if name not in agreed:
                seen[name] = (sample.get(name), before[name], after[name])
                if agrees(name, *seen[name]):
                    agreed.add(name)
        if len(agreed) == len(before):
            break
    for name, (value, low, high) in seen.items():
        by_psutil = f"{low}" if low == high else f"{low} before, {high} after"
        checks.check(name in agreed, f"{name} is {value}, by psutil {by_psutil}")
    return sample


def compare_uptime(hostwatch, checks):
    sample = hostwatch.collect()
    wanted = time.time() - psutil.boot_time()
    uptime = sample.get("uptime")
    holds = isinstance(uptime, (int, float)) and abs(uptime - wanted) <= UPTIME_SECONDS
    checks.check(holds, f"uptime is {uptime}, by psutil {wanted:.2f} s, at most {UPTIME_SECONDS} s apart")


def cpu_sensor():
    """The temperature of the processor by psutil, or None where there is no such sensor."""
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    for name in CPU_SENSORS:
        if sensors.get(name):
            return sensors[name][0].current
    return None


def check_names(sample, checks):
    for name in ORIGINAL_NAMES:
        if name == "cpu_temp":
            continue
        value = sample.get(name)
        checks.check(isinstance(value, (int, float)) and not isinstance(value, bool), f"{name} is in the line, a number")
    by_psutil, value = cpu_sensor(), sample.get("cpu_temp")
    if by_psutil is not None:
        holds = isinstance(value, (int, float)) and abs(value - by_psutil) <= 10
        checks.check(holds, f"cpu_temp is {value}, by psutil {by_psutil}")
    else:
        holds = "cpu_temp" not in sample or isinstance(value, (int, float)) and value > 0
        shown = value if "cpu_temp" in sample else "absent"
        checks.check(holds, f"cpu_temp is {shown}: psutil knows no CPU sensor here, so it may be absent but never 0")


def cpu_percent_between(first, last):
    """What psutil.cpu_percent makes of two readings of psutil.cpu_times."""
    deltas = {name: max(0.0, getattr(last, name) - getattr(first, name)) for name in first._fields}
    # Guest time is already part of user and nice.
    total = sum(deltas.values()) - deltas.get("guest", 0) - deltas.get("guest_nice", 0)
    busy = total - deltas["idle"] - deltas.get("iowait", 0)
    return round(100 * busy / total, 1) if total else 0.0


def compare_cpu(hostwatch, checks):
    """One core is kept busy; CPU use is compared over the time between two samples."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
    try:
        time.sleep(BETWEEN_SAMPLES)
        earlier = hostwatch.collect()
        first = psutil.cpu_times()
        time.sleep(CPU_SECONDS)
        later = hostwatch.collect()
        last = psutil.cpu_times()
    finally:
        busy.terminate()
        busy.wait()
    seconds = later.get("uptime", 0) - earlier.get("uptime", 0)
    interval = later.get("interval")
    holds = isinstance(interval, (int, float)) and abs(interval - seconds) <= 0.5
    checks.check(holds, f"interval is {interval}, the samples are {seconds:.2f} s apart")
    value, wanted = later.get("cpu_percent"), cpu_percent_between(first, last)
    holds = isinstance(value, (int, float)) and abs(value - wanted) <= CPU_POINTS
    with_busy_core = f"cpu_percent with one busy core of {os.cpu_count()}"
    checks.check(holds, f"{with_busy_core} is {value}, by psutil {wanted}, at most {CPU_POINTS} points apart")
    least = 100 / os.cpu_count() * 0.7
    checks.check(isinstance(value, (int, float)) and value >= least, f"cpu_percent sees the busy core: {value}, at least {least:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the build of hostwatch")
    arguments = parser.parse_args()
    if not os.access(arguments.binary, os.X_OK):
        fail(f"could not find the program {arguments.binary}")
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="hostwatch-agreement-") as scratch:
        hostwatch = Hostwatch(arguments.binary, scratch)
        sample = compare_numbers(hostwatch, checks)
        check_names(sample, checks)
        time.sleep(BETWEEN_SAMPLES)
        compare_uptime(hostwatch, checks)
        compare_cpu(hostwatch, checks)
    sys.exit(checks.conclude())


if __name__ == "__main__":
    main()
