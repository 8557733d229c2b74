"""One sample the way a Python program takes it: eleven metrics from psutil, appended as one JSON line to a daily file.

This is what `collect.py` measures hostwatch against. `cpu_percent(interval=None)` is used: in a process of its own it returns the
meaningless first value of 0.0, but it is the cheapest call there is. With `interval=1`, which gives a true value, this script
would take a second longer and cost more; the comparison is in psutil's favour.

Usage: psutil_sample.py DIRECTORY
"""

import datetime
import json
import os
import sys
import time

import psutil

CPU_SENSORS = ("cpu_thermal", "cpu-thermal", "coretemp", "k10temp", "zenpower", "soc_thermal")


def cpu_temperature():
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    for name in CPU_SENSORS:
        if sensors.get(name):
            return sensors[name][0].current
    return None


def sample():
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage("/")
    network = psutil.net_io_counters()
    return {
        "timestamp": datetime.datetime.now().isoformat(),
        "cpu_percent": psutil.cpu_percent(interval=None),
        "memory_percent": memory.percent,
        "memory_used": memory.used,
        "memory_total": memory.total,
        "disk_percent": disk.percent,
        "disk_used": disk.used,
        "disk_total": disk.total,
        "uptime": time.time() - psutil.boot_time(),
        "network_sent": network.bytes_sent,
        "network_received": network.bytes_recv,
        "cpu_temp": cpu_temperature(),
    }


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    name = datetime.date.today().strftime("metrics_%Y-%m-%d.json")
    with open(os.path.join(directory, name), "a") as file:
        file.write(json.dumps(sample()) + "\n")


if __name__ == "__main__":
    main()
