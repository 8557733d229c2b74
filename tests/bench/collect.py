#!/usr/bin/env python3
"""What one `hostwatch collect` costs, beside `sadc -S XALL` and beside a psutil script that takes the same eleven metrics.

Usage: collect.py BINARY [--rounds N]

The three run in rotation on a host with at least 100 processes. Before every run the files of the command are put back to what
they were after its first samples, outside the measured time, so that every run finds what a run of the timer finds: a day file
with a previous line, warm caches in the runtime directory, and a previous sample old enough to derive rates from and to judge.

Needs the package sysstat (for sadc) and the Python package psutil. Exit 0: all requirements hold; 1: not all; 2: not measured.
"""

import argparse
import glob
import importlib.util
import os
import subprocess
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # leave no __pycache__ in the source tree

import measure

SADC = ("/usr/lib/sysstat/sadc", "/usr/lib64/sa/sadc", "/usr/lib/sa/sadc", "/usr/lib/sysstat/sa/sadc")
PROCESSES = 100
PREVIOUS_SAMPLE_AGE = 31
CPU_OF_SADC = 1.1
CPU_OF_PSUTIL = 1 / 20
PEAK_MEMORY = 8_000_000


class Snapshot:
    """The files below some directories as they are now; `restore` makes them so again."""

    def __init__(self, *directories):
        self.directories = directories
        self.files = {}
        for path in self.paths():
            with open(path, "rb") as file:
                self.files[path] = file.read()

    def paths(self):
        return [
            os.path.join(folder, name)
            for directory in self.directories
            for folder, _, names in os.walk(directory)
            for name in names
        ]

    def restore(self):
        for path in self.paths():
            if path not in self.files:
                os.remove(path)
        for path, content in self.files.items():
            self.restore_file(path, content)

    def restore_file(self, path, content):
        try:
            with open(path, "rb") as file:
                now = file.read()
        except FileNotFoundError:
            now = None
        if now == content:
            return
        with open(path, "r+b" if now is not None else "wb") as file:
            if now is not None and now.startswith(content):
                file.truncate(len(content))
            else:
                file.write(content)
                file.truncate()
            file.flush()
            os.fsync(file.fileno())


def find_sadc():
    for path in SADC:
        if os.access(path, os.X_OK):
            return path
    raise measure.Failed("SADC IS MISSING: install the package sysstat (apt-get install sysstat); nothing was measured")


def require_psutil():
    if importlib.util.find_spec("psutil") is None:
        raise measure.Failed(
            f"PSUTIL IS MISSING: install it for {sys.executable} (pip install psutil); nothing was measured"
        )


def count_processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))


def fill_up_processes():
    """Starts as many sleeping processes as are missing to `PROCESSES`."""
    missing = max(0, PROCESSES - count_processes())
    return [subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL) for _ in range(missing)]


def stop(children):
    for child in children:
        child.terminate()
    for child in children:
        child.wait()


def size_of(pattern):
    return sum(os.path.getsize(path) for path in glob.glob(pattern))


def growth(bench, command, pattern):
    """By how many bytes the files of `pattern` grow in one run."""
    before = size_of(pattern)
    bench.run(command)
    return size_of(pattern) - before


def measure_all(binary, rounds, scratch):
    bench = measure.Bench(scratch)
    home = os.path.join(scratch, "home")
    environment = measure.clean_environment(home)
    data = os.path.join(scratch, "data")
    sadc_data = os.path.join(scratch, "sadc")
    psutil_data = os.path.join(scratch, "psutil")
    for directory in (data, sadc_data, psutil_data):
        os.mkdir(directory)
    config = os.path.join(scratch, "config.json")
    with open(config, "w") as file:
        file.write("{}\n")

    here = os.path.dirname(os.path.abspath(__file__))
    # Installed, as the yardstick is: pages of a file that a linker just wrote are mapped one by one.
    installed = os.path.join(scratch, "hostwatch")
    shutil.copy(binary, installed)
    binary = installed
    # The timer's own command line; what a unit would say by its directories stands in the environment.
    own = environment | {"HOSTWATCH_CONFIG": config, "HOSTWATCH_DATA_DIR": data}
    hostwatch = measure.Command("hostwatch", [binary, "collect"], own)
    sadc = measure.Command("sadc", [find_sadc(), "-S", "XALL", "1", "1", os.path.join(sadc_data, "sa")], environment)
    # psutil may stand in the site-packages of the user: this one keeps the HOME of the caller.
    sample = os.path.join(here, "psutil_sample.py")
    psutil = measure.Command("psutil", [sys.executable, sample, psutil_data])
    commands = [hostwatch, sadc, psutil]

    for command in commands:
        bench.run(command)
    print(f"waiting {PREVIOUS_SAMPLE_AGE} s, until the previous sample is old enough to derive rates from and to judge")
    time.sleep(PREVIOUS_SAMPLE_AGE)
    patterns = {
        "hostwatch": os.path.join(data, "metrics_*.jsonl"),
        "sadc": os.path.join(sadc_data, "sa"),
        "psutil": os.path.join(psutil_data, "metrics_*"),
    }
    for command, directories in [(hostwatch, (data, home)), (sadc, (sadc_data,)), (psutil, (psutil_data,))]:
        command.before = Snapshot(*directories).restore
    stored = {command.name: growth(bench, command, patterns[command.name]) for command in commands}

    print(bench.choose_cpu_clock(sadc))
    print(f"{count_processes()} processes, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, {rounds} rounds")
    runs = bench.rotate(commands, rounds)
    memory = {command.name: bench.peak_memory(command) for command in commands}

    print()
    measure.print_costs(runs, memory)
    print()
    of_sadc = measure.ratio(runs["hostwatch"], runs["sadc"])
    of_psutil = measure.ratio(runs["hostwatch"], runs["psutil"])
    for other, cpu in [("sadc", of_sadc), ("psutil", of_psutil)]:
        wall = measure.ratio(runs["hostwatch"], runs[other], "wall")
        print(f"hostwatch / {other}: CPU {cpu:.3f} (1/{1 / cpu:.1f}), wall {wall:.3f} (medians of the ratios within each round)")
    print("bytes per sample: " + ", ".join(f"{name} {size}" for name, size in stored.items()))
    print("psutil measured with cpu_percent(interval=None), its cheapest call; in a fresh process that value is always 0.0")

    return measure.conclude([
        (f"CPU <= {CPU_OF_SADC:.1f} x sadc -S XALL", f"{of_sadc:.3f} x", of_sadc <= CPU_OF_SADC),
        (f"CPU <= 1/{1 / CPU_OF_PSUTIL:.0f} of psutil", f"1/{1 / of_psutil:.1f}", of_psutil <= CPU_OF_PSUTIL),
        (
            f"peak memory < {PEAK_MEMORY / 1e6:.0f} MB",
            f"{memory['hostwatch'] / 1e6:.2f} MB",
            memory["hostwatch"] < PEAK_MEMORY,
        ),
    ])


def body():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the release build of hostwatch")
    parser.add_argument("--rounds", type=int, default=60, help="measured rounds after the warm-up (default 60)")
    arguments = parser.parse_args()
    require_psutil()
    find_sadc()
    children = fill_up_processes()
    try:
        with tempfile.TemporaryDirectory(prefix="hostwatch-bench-") as scratch:
            return measure_all(arguments.binary, arguments.rounds, scratch)
    finally:
        stop(children)


if __name__ == "__main__":
    measure.main(body)
