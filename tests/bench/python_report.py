"""The plain way to a report in Python: read every line with `json`, then minimum, mean, 95th percentile and maximum.

This is what `status.py` measures `hostwatch report` against, and checks its numbers with.

Usage: python_report.py DIRECTORY SINCE_EPOCH
"""

import glob
import json
import math
import os
import sys

METRICS = ("cpu_percent", "memory_percent", "disk_percent", "cpu_temp", "load1", "network_received_rate")


def percentile(ordered, percent):
    """Nearest rank."""
    return ordered[max(1, math.ceil(percent / 100 * len(ordered))) - 1]


def report(directory, since):
    columns = {name: [] for name in METRICS}
    for path in sorted(glob.glob(os.path.join(directory, "metrics_*.jsonl"))):
        with open(path) as file:
            for line in file:
                sample = json.loads(line)
                if sample["epoch"] < since:
                    continue
                for name, values in columns.items():
                    value = sample.get(name)
                    if value is not None:
                        values.append(value)
    summary = {}
    for name, values in columns.items():
        values.sort()
        if values:
            summary[name] = {
                "count": len(values),
                "min": values[0],
                "mean": math.fsum(values) / len(values),
                "p95": percentile(values, 95),
                "max": values[-1],
            }
    return summary


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1], int(sys.argv[2]))))
