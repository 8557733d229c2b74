#!/usr/bin/env python3
"""Whether `hostwatch status` and `hostwatch report` stay as cheap on a year of samples as on a day.

Usage: status.py BINARY [--rounds N]

Builds a store of one year, and one of one day from its last 24 hours, so that both end with the same samples; the program is told
that it is one minute later. `status` runs on both in rotation. For orientation, without a requirement: `status` on the last four
days (the day files that a query about 24 hours touches are then as full as in the year), `history --since 24h`, and
`report --since 365d` beside a Python script that reads the year with `json`, whose numbers must be the same.

Exit 0: all requirements hold; 1: not all; 2: not measured.
"""

import argparse
import glob
import json
import math
import os
import sys
import tempfile
import time
from datetime import datetime

sys.dont_write_bytecode = True  # leave no __pycache__ in the source tree

import make_store
import measure

CPU_OF_DAY = 1.15
MEMORY_OF_DAY = 1.5
MEMORY_SLACK = 1_000_000
LONG_ROUNDS = 5


def copy_tail(source, target, since):
    """Copies what is stored from `since` (an epoch) on, from one store into a new one."""
    os.mkdir(target)
    for path in sorted(glob.glob(os.path.join(source, "*.jsonl"))):
        with open(path) as file:
            lines = [line for line in file if json.loads(line)["epoch"] >= since] if covers(path, since) else []
        if lines:
            with open(os.path.join(target, os.path.basename(path)), "w") as file:
                file.writelines(lines)


def covers(path, since):
    """Whether a day file can hold anything from `since` on."""
    day = os.path.basename(path).split("_")[1].split(".")[0]
    return day >= time.strftime("%Y-%m-%d", time.localtime(since))


def size_of(directory):
    return sum(entry.stat().st_size for entry in os.scandir(directory))


def rfc3339(epoch):
    return datetime.fromtimestamp(epoch).astimezone().isoformat()


def differences(own, other):
    """Where two summaries differ by more than rounding, as text; both are {series: {statistic: number}}."""
    found = []
    for name, statistics in other.items():
        for statistic, wanted in statistics.items():
            got = own.get(name, {}).get(statistic)
            if not isinstance(got, (int, float)) or not math.isclose(got, wanted, rel_tol=0.001, abs_tol=0.01):
                found.append(f"{name} {statistic}: {got} instead of {wanted:g}")
    return found


def compare_reports(command, reference, scratch):
    """One sentence about whether the report on the year has the numbers of the Python script."""
    outputs = []
    for source in (command, reference):
        path = os.path.join(scratch, "output.json")
        plain = measure.Command(source.name, source.argv, source.environment, stdout=path)
        measure.Bench(scratch).run(plain)
        try:
            with open(path) as file:
                outputs.append(json.load(file))
        except ValueError as error:
            raise measure.Failed(f"{source.name} did not print JSON: {error}") from error
    metrics = outputs[0].get("metrics", {})
    found = differences(metrics, outputs[1])
    if found:
        return f"NOT the numbers of the Python script: {'; '.join(found[:4])}"
    return f"the report has the same count, min, mean, p95 and max of {len(outputs[1])} metrics as the Python script"


def measure_all(binary, rounds, until, scratch):
    bench = measure.Bench(scratch)
    environment = measure.clean_environment(os.path.join(scratch, "home"))
    config = os.path.join(scratch, "config.json")
    with open(config, "w") as file:
        file.write("{}\n")

    stores = {name: os.path.join(scratch, name) for name in ("day", "four-days", "year")}
    lines = make_store.write_store(stores["year"], 365, until=until)
    copy_tail(stores["year"], stores["day"], until - 86_400 + 1)
    copy_tail(stores["year"], stores["four-days"], until - 4 * 86_400 + 1)
    print(f"{lines} lines; " + ", ".join(f"{name} {size_of(path) / 1e6:.2f} MB" for name, path in stores.items()))

    def command(name, store, *arguments):
        options = ["--config", config, "--data-dir", stores[store], "--now", rfc3339(until + 60)]
        return measure.Command(name, [binary, *options, *arguments], environment)

    def report(store, since):
        return command(f"report, {store}", store, "report", "--since", since, "--json")

    status = [command(f"status, {store}", store, "status") for store in ("day", "year", "four-days")]
    print(bench.choose_cpu_clock(status[0]))
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, {rounds} rounds")
    runs = bench.rotate(status, rounds)
    memory = {each.name: bench.peak_memory(each) for each in status}

    history = [command(f"history, {store}", store, "history", "--since", "24h") for store in ("day", "year")]
    runs.update(bench.rotate(history, max(LONG_ROUNDS, rounds // 3)))
    memory.update({each.name: bench.peak_memory(each) for each in history})

    on_day, on_year = report("day", "24h"), report("year", "365d")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_report.py")
    since = str(until + 60 - 365 * 86_400)
    reference = measure.Command("Python json, year", [sys.executable, script, stores["year"], since], environment)
    long_runs = bench.rotate([on_day, on_year, reference], LONG_ROUNDS, warm_up=1)
    runs.update(long_runs)
    memory.update({each.name: bench.peak_memory(each, runs=3) for each in (on_day, on_year, reference)})
    agreement = compare_reports(on_year, reference, scratch)

    print()
    measure.print_costs(runs, memory)
    print()
    for name, base in [("status, year", "status, day"), ("status, year", "status, four-days"), ("history, year", "history, day")]:
        cpu, wall = (measure.ratio(runs[name], runs[base], of) for of in ("cpu", "wall"))
        print(f"{name} / {base}: CPU {cpu:.3f}, wall {wall:.3f} (medians of the ratios within each round)")
    cpu, wall = (measure.ratio(runs["report, year"], runs["Python json, year"], of) for of in ("cpu", "wall"))
    print(f"report, year / Python json: CPU 1/{1 / cpu:.1f}, wall 1/{1 / wall:.1f}; {agreement}")

    of_day = measure.ratio(runs["status, year"], runs["status, day"])
    year, day = memory["report, year"], memory["report, day"]
    allowed = MEMORY_OF_DAY * day + MEMORY_SLACK
    return measure.conclude([
        (f"CPU of status on a year <= {CPU_OF_DAY} x on a day", f"{of_day:.3f} x", of_day <= CPU_OF_DAY),
        (
            f"peak memory of report on a year <= {MEMORY_OF_DAY} x on a day + {MEMORY_SLACK / 1e6:.0f} MB",
            f"{year / 1e6:.2f} MB on a year, {day / 1e6:.2f} MB on a day, {allowed / 1e6:.2f} MB allowed",
            year <= allowed,
        ),
    ])


def body():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the release build of hostwatch")
    parser.add_argument("--rounds", type=int, default=60, help="measured rounds of status after the warm-up (default 60)")
    parser.add_argument("--until", default="now", help="the last sample: a date (through its end), an RFC 3339 time, or now")
    arguments = parser.parse_args()
    until = make_store.parse_until(arguments.until, 300)
    with tempfile.TemporaryDirectory(prefix="hostwatch-bench-") as scratch:
        return measure_all(arguments.binary, arguments.rounds, until, scratch)


if __name__ == "__main__":
    measure.main(body)
