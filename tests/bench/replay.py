#!/usr/bin/env python3
"""Whether `hostwatch alerts replay` over a month of samples is as quick as a question and as small as a day.

Usage: replay.py BINARY [--rounds N]

Builds a store of 31 days with a sample a minute, and judges its last 30 days (43,200 lines) by 20 rules, beside a Python script that
does nothing but read the same files with `json`. They run in rotation. For orientation, without a requirement: `alerts suggest` over
the same days, which reads them twice, and replay with something in `expect`, which has to read every number of every line.

Exit 0: all requirements hold; 1: not all; 2: not measured.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import datetime

sys.dont_write_bytecode = True  # leave no __pycache__ in the source tree

import make_store
import measure

INTERVAL = 60
DAYS = 30
SECONDS = 1.0
OF_PYTHON = 0.8
MEMORY_OF_DAY = 1.5
MEMORY_SLACK = 1_000_000

RULES = {
    "cpu_percent": 80,
    "cpu_iowait_percent": 20,
    "load1": 3,
    "load5": 3,
    "load15": 3,
    "memory_percent": {"warning": 60, "critical": 65},
    "memory_available": {"below": True, "critical": "100M"},
    "memory_used": {"change": "20%/1h"},
    "swap_percent": 50,
    "disk_percent": 90,
    "cpu_temp": {"warning": 70, "critical": 73},
    "temperature": {"warning": 72, "times": "3/5"},
    "processes": 200,
    "filesystem_percent": {"warning": 85, "critical": 95, "for": "10m", "labels": {"/boot": {"warning": 99}}},
    "filesystem_available": {"below": True, "critical": "1G"},
    "network_sent_rate": "10M",
    "network_received_rate": "10M",
    "interface_received_rate": "5M",
    "collector_failed": 1,
    "gap": "1h",
}
PYTHON = """
import glob, json, sys
for path in sorted(glob.glob(sys.argv[1] + "/metrics_*.jsonl")):
    with open(path) as file:
        for line in file:
            json.loads(line)
"""


def write_config(path, **more):
    monitoring = {"log_interval": INTERVAL, "default_rules": False, "alert_thresholds": RULES, **more}
    with open(path, "w") as file:
        json.dump({"monitoring": monitoring}, file)
    return path


def rfc3339(epoch):
    return datetime.fromtimestamp(epoch).astimezone().isoformat()


def answer(command, scratch):
    """What the command says as JSON."""
    path = os.path.join(scratch, "answer.json")
    measure.Bench(scratch).run(measure.Command(command.name, command.argv, command.environment, stdout=path))
    with open(path) as file:
        return json.load(file)


def measure_all(binary, rounds, until, scratch):
    bench = measure.Bench(scratch)
    environment = measure.clean_environment(os.path.join(scratch, "home"))
    store = os.path.join(scratch, "store")
    make_store.write_store(store, DAYS + 1, INTERVAL, until)
    config = write_config(os.path.join(scratch, "config.json"))
    expecting = write_config(os.path.join(scratch, "expecting.json"), expect=["/data"])

    def command(name, config, words, since=f"{DAYS}d"):
        options = ["--config", config, "--data-dir", store, "--now", rfc3339(until + 1)]
        return measure.Command(name, [binary, *words, *options, "--since", since, "--json"], environment)

    replay = command("replay, 30 days", config, ["alerts", "replay"])
    python = measure.Command("Python json, the same", [sys.executable, "-c", PYTHON, store], environment)
    others = [
        command("replay with expect", expecting, ["alerts", "replay"]),
        command("suggest, 30 days", config, ["alerts", "suggest"]),
    ]
    day = command("replay, 1 day", config, ["alerts", "replay"], "1d")
    said = answer(replay, scratch)
    if said["samples"] < 0.99 * DAYS * 86_400 / INTERVAL:
        raise measure.Failed(f"only {said['samples']} samples were judged")
    size = sum(entry.stat().st_size for entry in os.scandir(store))
    print(f"{said['samples']} lines, {len(RULES)} rules, {said['mails']} mails; the store has {size / 1e6:.1f} MB")
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, {rounds} rounds")
    runs = bench.rotate([replay, python, *others], rounds, warm_up=1)
    memory = {each.name: bench.peak_memory(each, runs=3) for each in (replay, day, python, *others)}
    print()
    measure.print_costs(runs, memory)

    of_python = measure.ratio(runs[replay.name], runs[python.name])
    wall = measure.median_wall(runs[replay.name])
    month, one = memory[replay.name], memory[day.name]
    allowed = MEMORY_OF_DAY * one + MEMORY_SLACK
    return measure.conclude([
        (f"CPU of replay <= {OF_PYTHON} x Python json over the same lines", f"{of_python:.3f} x", of_python <= OF_PYTHON),
        (f"replay of 30 days in less than {SECONDS:.0f} s", f"{wall:.3f} s", wall < SECONDS),
        (
            f"peak memory of 30 days <= {MEMORY_OF_DAY} x of 1 day + {MEMORY_SLACK / 1e6:.0f} MB",
            f"{month / 1e6:.2f} MB for 30 days, {one / 1e6:.2f} MB for 1 day, {allowed / 1e6:.2f} MB allowed",
            month <= allowed,
        ),
    ])


def body():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the release build of hostwatch")
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds after the warm-up (default 9)")
    parser.add_argument("--until", default="now", help="the last sample: a date (through its end), an RFC 3339 time, or now")
    arguments = parser.parse_args()
    until = make_store.parse_until(arguments.until, INTERVAL)
    with tempfile.TemporaryDirectory(prefix="hostwatch-bench-") as scratch:
        return measure_all(arguments.binary, arguments.rounds, until, scratch)


if __name__ == "__main__":
    measure.main(body)
