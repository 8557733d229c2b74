#!/usr/bin/env python3
"""Whether `hostwatch collect` sees the host as the tools do that people trust, over the same seconds: df, free, ps, vmstat, iostat, sar,
ss and sensors.

Usage: tools.py BINARY [--seconds N]

Rates and shares: one `collect` as vmstat, iostat and sar begin, one as they end, while this script keeps a core and a disk busy, starts
processes and sends over an interface. The tolerance is the rounding of the tool, and for rates 3 % for what one reads and the other
misses at both ends. What stands at one moment (memory, space, sockets, processes, sensors) must lie between the tool's
readings right before and right after `collect`. A shared machine is restless, so a figure has three tries.

All this happens in a network and a mount namespace of its own, with one interface that leads into another namespace. A machine without
sensors gets some made of files, which sensors(1) reads as it reads the kernel's.

Needs root and the packages sysstat, procps, iproute2 and lm-sensors. Exit 0: all agree; 1: not all; 2: something needed is missing or
`collect` failed.
"""

import argparse
import contextlib
import glob
import json
import mmap
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

NEEDED = {
    "df": "coreutils", "free": "procps", "ps": "procps", "vmstat": "procps", "iostat": "sysstat", "sar": "sysstat", "ss": "iproute2",
    "ip": "iproute2", "sensors": "lm-sensors", "unshare": "util-linux", "nsenter": "util-linux", "mount": "mount",
}
INSIDE = "HOSTWATCH_TOOLS_INSIDE"
TRIES = 3
MOMENTS = 40
WIRE, OTHER_END = "wire0", "wire1"
ADDRESS, OTHER_ADDRESS, PORT = "192.0.2.1", "192.0.2.2", 9999
DATAGRAM = 60_000
CONNECTIONS, CLOSED_CONNECTIONS, ZOMBIES, READERS = 20, 25, 3, 4
DIRECT_FILE = 32 << 20
BLOCK = 64 << 10
KIBI = 1024
# Kind of sensor: hostwatch's metric, and how far real ones may move between two readings.
SENSORS = {"temp": ("temperature", 2), "in": ("voltage", 0.02), "fan": ("fan_rpm", 100)}
CPU_CHIP = "coretemp"
CHIPS = {
    CPU_CHIP: {"temp1": (61_000, "Package id 0"), "temp2": (58_000, "Core 0"), "temp3": (60_500, "Core 1")},
    "nct6779": {
        "temp1": (34_000, "SYSTIN"), "temp2": (40_500, "CPUTIN"), "fan1": (1_108, ""), "fan2": (0, ""), "in0": (904, ""), "in1": (1_016, ""),
    },
    "acpitz": {"temp1": (27_800, "")},
}


class Table:
    """Every comparison as it is made, and how many held."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.left_out = []

    def heading(self):
        self.row("figure", "tool", "by the tool", "by hostwatch", "tolerance", "")

    def row(self, *cells):
        print("{:<44}{:<12}{:>18}{:>18}{:>14}  {}".format(*cells).rstrip(), flush=True)

    def add(self, figure):
        holds = figure.holds()
        self.row(figure.name, figure.tool, shown(figure.theirs), shown(figure.ours), shown(figure.tolerance), "ok" if holds else "NOT OK")
        if holds:
            self.passed += 1
        else:
            self.failed += 1

    def leave_out(self, text):
        self.left_out.append(text)

    def conclude(self):
        for text in self.left_out:
            print(f"LEFT OUT: {text}")
        print(f"{self.passed} passed, {self.failed} failed, {len(self.left_out)} left out")
        return 1 if self.failed else 0


class Figure:
    """One number as a tool and as hostwatch has it, and how far apart they may be."""

    def __init__(self, name, tool, theirs, ours, absolute=0.0, relative=0.0):
        self.name, self.tool, self.theirs, self.ours = name, tool, theirs, ours
        self.tolerance = absolute + relative * abs(theirs)

    def holds(self):
        return is_number(self.ours) and abs(self.ours - self.theirs) <= self.tolerance


def between(name, tool, before, after, ours, absolute=0.0):
    """A figure of one moment, between two readings of the tool."""
    middle, half = (before + after) / 2, abs(after - before) / 2
    return Figure(name, tool, middle, ours, absolute + half)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(value):
    if not is_number(value):
        return "absent" if value is None else str(value)
    return f"{value:,.2f}" if abs(value) < 100_000 and value != int(value) else f"{value:,.0f}"


def fail(text):
    print(f"tools.py: {text}", file=sys.stderr)
    sys.exit(2)


def run(*command):
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ended.returncode != 0:
        fail(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


class Hostwatch:
    """The program under test, with directories of its own."""

    def __init__(self, binary, scratch):
        self.data = os.path.join(scratch, "data")
        config = os.path.join(scratch, "config.json")
        with open(config, "w") as file:
            json.dump({"monitoring": {"interfaces": {"include": ["lo", WIRE]}}}, file)
        self.program = [binary, "--config", config, "--data-dir", self.data]
        runtime = os.path.join(scratch, "run")
        for directory in (self.data, runtime):
            os.mkdir(directory)
        self.environment = {**os.environ, "HOME": scratch, "XDG_RUNTIME_DIR": runtime, "RUNTIME_DIRECTORY": runtime}

    def said(self, *arguments):
        command = [*self.program, *arguments]
        ended = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if ended.returncode != 0:
            fail(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr.strip()}")
        return ended.stdout

    def collect(self):
        """Takes a sample and returns it as stored."""
        self.said("collect")
        files = sorted(glob.glob(os.path.join(self.data, "metrics_*.jsonl")))
        if not files:
            fail(f"collect stored nothing in {self.data}")
        with open(files[-1]) as file:
            return json.loads(file.readlines()[-1])

    def metrics(self):
        return {metric["name"] for metric in json.loads(self.said("metrics", "--json"))["metrics"]}


# What keeps the host busy.


class Load:
    """A busy core, a busy disk, processes that come and go, and traffic over an interface."""

    def __init__(self, scratch):
        self.over = threading.Event()
        self.file = os.path.join(scratch, "written")
        self.direct = os.path.join(scratch, "read")
        with open(self.direct, "wb") as file:
            file.write(os.urandom(DIRECT_FILE))
            os.fsync(file.fileno())
        self.children = [subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)]
        self.threads = [
            threading.Thread(target=work, daemon=True)
            for work in [self.write, self.fork, self.send, *[self.read] * READERS]
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        stop(self.children)

    def write(self):
        command = ["dd", "if=/dev/zero", f"of={self.file}", "bs=128k", "count=8", "conv=fsync", "status=none"]
        while not self.over.wait(0.05):
            subprocess.run(command, stdin=subprocess.DEVNULL, check=True)

    def read(self):
        """Past the cache; where the file system cannot do that, out of it."""
        flags = os.O_RDONLY | os.O_DIRECT
        try:
            file = os.open(self.direct, flags)
        except OSError:
            file = os.open(self.direct, os.O_RDONLY)
        buffer = mmap.mmap(-1, BLOCK)
        while not self.over.wait(0.002):
            os.preadv(file, [buffer], random.randrange(DIRECT_FILE // BLOCK) * BLOCK)
        os.close(file)

    def fork(self):
        while not self.over.wait(0.02):
            subprocess.run(["true"], stdin=subprocess.DEVNULL, check=True)

    def send(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not self.over.wait(0.005):
                sender.sendto(bytes(DATAGRAM), (OTHER_ADDRESS, PORT))


def stop(children):
    for child in children:
        child.kill()
    for child in children:
        child.wait()


ANSWERING = f"""
import socket
host = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
host.bind(("{OTHER_ADDRESS}", {PORT}))
while True:
    datagram, peer = host.recvfrom(65536)
    host.sendto(datagram[: len(datagram) // 4], peer)
"""


@contextlib.contextmanager
def wire():
    """An interface whose other end stands in another namespace, where a program answers with a quarter of what it gets."""
    run("ip", "link", "set", "lo", "up")
    there = subprocess.Popen(["unshare", "--net", "sleep", "86400"], stdin=subprocess.DEVNULL)
    pid = str(there.pid)
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    run("ip", "link", "add", WIRE, "mtu", "65000", "type", "veth", "peer", "name", OTHER_END, "mtu", "65000", "netns", pid)
    for enter, name, address in ([], WIRE, ADDRESS), (["nsenter", "-t", pid, "-n"], OTHER_END, OTHER_ADDRESS):
        run(*enter, "ip", "address", "add", f"{address}/24", "dev", name)
        run(*enter, "ip", "link", "set", name, "up")
    answering = subprocess.Popen(["nsenter", "-t", pid, "-n", sys.executable, "-c", ANSWERING], stdin=subprocess.DEVNULL)
    try:
        with hardware():
            yield
    finally:
        stop([answering, there])


@contextlib.contextmanager
def hardware():
    """The speed of an interface without hardware is made up, and not believed: in this mount namespace it has some."""
    place = os.path.realpath(f"/sys/class/net/{WIRE}")
    with tempfile.TemporaryDirectory() as card:
        for name in "carrier", "duplex", "operstate", "speed":
            shutil.copyfile(os.path.join(place, name), os.path.join(card, name))
        os.mkdir(os.path.join(card, "device"))
        run("mount", "--bind", card, place)
        yield
        run("umount", place)


@contextlib.contextmanager
def connections():
    """TCP connections: some open, some over."""
    with contextlib.ExitStack() as open_ones:
        listener = open_ones.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        for number in range(CONNECTIONS + CLOSED_CONNECTIONS):
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            if number < CONNECTIONS:
                open_ones.enter_context(client)
                open_ones.enter_context(server)
            else:
                client.close()
                server.close()
        yield


@contextlib.contextmanager
def zombies():
    children = [os.posix_spawn("/bin/true", ["true"], os.environ) for _ in range(ZOMBIES)]
    time.sleep(0.2)
    try:
        yield
    finally:
        for child in children:
            os.waitpid(child, 0)


def chips_of_files(scratch):
    """Puts chips made of files beside the classes of the kernel."""
    classes = os.path.join(scratch, "class")
    os.mkdir(classes)
    run("mount", "--bind", "/sys/class", classes)
    try:
        run("mount", "-t", "tmpfs", "tmpfs", "/sys/class")
        for name in os.listdir(classes):
            os.mkdir(f"/sys/class/{name}")
            run("mount", "--bind", f"{classes}/{name}", f"/sys/class/{name}")
    finally:
        run("umount", classes)
        os.rmdir(classes)
    os.makedirs("/sys/class/hwmon", exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", "/sys/class/hwmon")
    for number, (chip, sensors) in enumerate(CHIPS.items()):
        directory = f"/sys/class/hwmon/hwmon{number}"
        os.mkdir(directory)
        files = {"name": chip}
        for sensor, (value, label) in sensors.items():
            files[f"{sensor}_input"] = value
            if label:
                files[f"{sensor}_label"] = label
        for name, content in files.items():
            with open(f"{directory}/{name}", "w") as file:
                file.write(f"{content}\n")


# What stands at one moment.


def by_free():
    rows = {row.split(":")[0]: [int(cell) for cell in row.split()[1:]] for row in run("free", "-b").splitlines()[1:]}
    memory, swap = rows["Mem"], rows["Swap"]
    found = {"memory_total": memory[0], "memory_available": memory[5], "memory_used": memory[0] - memory[5]}
    found["memory_percent"] = 100 * found["memory_used"] / memory[0]
    if swap[0]:
        found |= {"swap_total": swap[0], "swap_used": swap[1], "swap_percent": 100 * swap[1] / swap[0]}
    return found


def by_df(mounts, options, names):
    """By mount; `names` are the metrics of total, used and available."""
    rows = run("df", *options, *mounts).splitlines()[1:]
    found = {}
    for mount, row in zip(mounts, rows):
        total, used, available = (int(cell) for cell in row.split())
        for name, value in zip(names, (total, used, available, 100 * used / max(1, used + available))):
            if name:
                found[f"{name}{{{mount}}}"] = value
    return found


def by_df_bytes(mounts):
    names = ["filesystem_" + name for name in ("total", "used", "available", "percent")]
    return by_df(mounts, ["-B1", "--output=size,used,avail"], names)


def by_df_inodes(mounts):
    return by_df(mounts, ["--output=itotal,iused,iavail"], ["", "", "", "filesystem_inodes_percent"])


def by_df_root():
    values = by_df_bytes(["/"])
    return {f"disk_{name}": values[f"filesystem_{name}{{/}}"] for name in ("total", "used", "percent")}


def by_ss():
    text = run("ss", "-s")
    after = lambda word: int(text.split(word, 1)[1].split()[0].strip(",()"))
    return {"sockets": after("Total:"), "tcp_established": after("estab"), "tcp_time_wait": after("timewait")}


def by_ps():
    rows = run("ps", "-e", "-o", "nlwp=,stat=").splitlines()
    dead = sum(row.split()[1].startswith("Z") for row in rows)
    return {"processes": len(rows), "threads": sum(int(row.split()[0]) for row in rows), "processes_zombie": dead}


def by_vmstat_now():
    found = vmstat_row(run("vmstat"))
    return {"processes_running": found["r"], "processes_blocked": found["b"]}


def by_sensors():
    """The values of a chip's sensors of one kind, in order, by chip and kind; without the corrections of sensors.conf."""
    found = {}
    for chip, features in json.loads(run("sensors", "-c", "/dev/null", "-j")).items():
        inputs = [entry for feature in features.values() if isinstance(feature, dict) for entry in feature.items()]
        for name, value in inputs:
            kind = name.removesuffix("_input").rstrip("0123456789")
            if name.endswith("_input") and kind in SENSORS:
                found.setdefault((chip.split("-")[0], kind), []).append(value)
    return {key: sorted(values) for key, values in found.items()}


def instant(line, name):
    """A series of a stored line."""
    metric, _, label = name.partition("{")
    value = line.get(metric)
    return value.get(label.rstrip("}")) if label and isinstance(value, dict) else value


def compare_moments(hostwatch, table, tool, read, tolerance, tries=TRIES, telling=lambda figure: True):
    """Figures that stand between two readings of `read`; each has several tries, and agreement that tells something is better."""
    agreed = {}
    rank = lambda figure: figure.holds() + (figure.holds() and telling(figure))
    for attempt in range(tries):
        if attempt:
            time.sleep(0.1)
        before = read()
        line = hostwatch.collect()
        after = read()
        for name in before.keys() & after.keys():
            figure = between(name, tool, before[name], after[name], instant(line, name), tolerance(name, before[name]))
            if name not in agreed or rank(agreed[name]) <= rank(figure):
                agreed[name] = figure
        if all(rank(figure) == 2 for figure in agreed.values()):
            break
    for name in before:
        table.add(agreed[name])


def drift(name, value):
    """Percentages are rounded to one decimal, sizes stand, the rest may drift by 1 %."""
    metric = name.split("{")[0]
    return 0.1 if metric.endswith("_percent") else 0 if metric.endswith("_total") else 0.01 * value


def exactly(_name, _value):
    return 0.0


def compare_space(hostwatch, table):
    mounts = sorted(hostwatch.collect().get("filesystem_used", {}))
    compare_moments(hostwatch, table, "df -B1", by_df_root, drift)
    compare_moments(hostwatch, table, "df -B1", lambda: by_df_bytes(mounts), drift)
    if "filesystem_inodes_percent" not in hostwatch.metrics():
        table.leave_out("inodes: this build has no filesystem_inodes_percent")
        return
    counted = sorted(hostwatch.collect().get("filesystem_inodes_percent", {}))
    if counted:
        compare_moments(hostwatch, table, "df -i", lambda: by_df_inodes(counted), drift)
    else:
        table.leave_out("inodes: no file system here has a fixed number of them")


def compare_sensors(hostwatch, table, made):
    by_tool, line = by_sensors(), hostwatch.collect()
    if not by_tool:
        table.leave_out("sensors: sensors(1) finds none, nor those made of files")
    for (chip, kind), theirs in by_tool.items():
        metric, movement = SENSORS[kind]
        movement = 0.001 if made else movement
        is_of_chip = lambda label: label == chip or label.startswith((f"{chip} ", f"{chip}-"))
        ours = sorted(value for label, value in line.get(metric, {}).items() if is_of_chip(label))
        table.add(Figure(f"how many {metric} of {chip}", "sensors", len(theirs), len(ours)))
        for number, (value, own) in enumerate(zip(theirs, ours), 1):
            table.add(Figure(f"{metric} {number} of {chip}", "sensors", value, own, movement))
    if made:
        table.add(Figure("cpu_temp", "sensors", max(by_tool[CPU_CHIP, "temp"]), line.get("cpu_temp"), 0.001))


# What happens over an interval.


def vmstat_row(text):
    """The last row, by column."""
    lines = text.splitlines()
    return {name: int(value) for name, value in zip(lines[1].split(), lines[-1].split())}


def sar_averages(text):
    """The averages, as rows by the name of a column that all tables of one kind have."""
    tables, columns = {}, []
    for line in text.splitlines():
        cells = line.split()
        if not cells or cells[0] != "Average:":
            continue
        if not cells[-1].replace(".", "", 1).isdigit():
            columns = cells[1:]
        else:
            row = dict(zip(columns, cells[1:]))
            tables.setdefault(columns[1] if columns[0] in ("CPU", "IFACE") else columns[0], []).append(row)
    return tables


def take_interval(hostwatch, seconds):
    """Runs the tools between two samples; returns what they said and the second sample."""
    environment = {**os.environ, "LC_ALL": "C", "S_TIME_FORMAT": "ISO"}
    commands = {
        "vmstat": ["vmstat", str(seconds), "2"],
        "iostat": ["iostat", "-dxy", "-o", "JSON", str(seconds), "1"],
        "sar": ["sar", "-u", "ALL", "-w", "-B", "-n", "DEV", str(seconds), "1"],
    }
    running = {
        name: subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for name, command in commands.items()
    }
    hostwatch.collect()
    running["iostat"].wait()
    line = hostwatch.collect()
    said = {name: child.communicate()[0] for name, child in running.items()}
    return said, line


def cpu_figures(row, averages, line):
    """vmstat rounds to whole points, sar to hundredths; hostwatch to tenths."""
    cpu = {name: float(value) for name, value in averages["%usr"][0].items() if name != "CPU"}
    sums = {
        "cpu_user_percent": (["us", "gu"], ["%usr", "%nice", "%guest", "%gnice"]),
        "cpu_system_percent": (["sy"], ["%sys", "%irq", "%soft"]),
        "cpu_iowait_percent": (["wa"], ["%iowait"]),
        "cpu_steal_percent": (["st"], ["%steal"]),
        "cpu_percent": (["us", "gu", "sy", "st"], ["%usr", "%nice", "%guest", "%gnice", "%sys", "%irq", "%soft", "%steal"]),
    }
    for name, (columns, modes) in sums.items():
        known = [row[column] for column in columns if column in row]
        yield Figure(name, "vmstat", sum(known), line.get(name), 1 + 0.5 * (len(known) - 1))
        yield Figure(name, "sar -u", sum(cpu[mode] for mode in modes), line.get(name), 0.7)


def device_figures(disks, line):
    for disk in disks:
        name = disk["disk_device"]
        operations = disk["r/s"] + disk["w/s"]
        of = lambda metric: line.get(metric, {}).get(name)
        if of("device_read_rate") is None or operations < 1:
            continue
        wait = (disk["r_await"] * disk["r/s"] + disk["w_await"] * disk["w/s"]) / operations
        yield Figure(f"device_read_rate{{{name}}}", "iostat -x", disk["rkB/s"] * KIBI, of("device_read_rate"), KIBI, 0.03)
        yield Figure(f"device_written_rate{{{name}}}", "iostat -x", disk["wkB/s"] * KIBI, of("device_written_rate"), KIBI, 0.03)
        yield Figure(f"device_operations_rate{{{name}}}", "iostat -x", operations, of("device_operations_rate"), 0.1, 0.03)
        yield Figure(f"device_busy_percent{{{name}}}", "iostat -x", disk["util"], of("device_busy_percent"), 0.1, 0.03)
        yield Figure(f"device_wait_ms{{{name}}}", "iostat -x", wait, of("device_wait_ms"), 0.02, 0.03)


def interval_figures(said, line):
    row, averages = vmstat_row(said["vmstat"]), sar_averages(said["sar"])
    tasks = {name: float(value) for name, value in averages["proc/s"][0].items()}
    paging = {name: float(value) for name, value in averages["pgpgin/s"][0].items()}
    yield from cpu_figures(row, averages, line)
    yield Figure("context_switches_rate", "vmstat", row["cs"], line.get("context_switches_rate"), 1, 0.03)
    yield Figure("context_switches_rate", "sar -w", tasks["cswch/s"], line.get("context_switches_rate"), 0.1, 0.03)
    yield Figure("forks_rate", "sar -w", tasks["proc/s"], line.get("forks_rate"), 0.3, 0.03)
    yield Figure("major_faults_rate", "sar -B", paging["majflt/s"], line.get("major_faults_rate"), 0.5, 0.1)
    yield from device_figures(json.loads(said["iostat"])["sysstat"]["hosts"][0]["statistics"][0]["disk"], line)
    wires = {row["IFACE"]: row for row in averages["rxpck/s"]}
    of = lambda metric: line.get(metric, {}).get(WIRE)
    for metric, column in ("received", "rxkB/s"), ("sent", "txkB/s"):
        name = f"interface_{metric}_rate"
        yield Figure(f"{name}{{{WIRE}}}", "sar -n DEV", float(wires[WIRE][column]) * KIBI, of(name), KIBI, 0.03)
        whole = f"network_{metric}_rate"
        yield Figure(whole, "sar -n DEV", float(wires[WIRE][column]) * KIBI, line.get(whole), KIBI, 0.03)
    saturation = f"interface_saturation_percent{{{WIRE}}}"
    yield Figure(saturation, "sar -n DEV", float(wires[WIRE]["%ifutil"]), of("interface_saturation_percent"), 0.06, 0.03)


def compare_interval(hostwatch, table, seconds):
    agreed, order = {}, []
    for _ in range(TRIES):
        said, line = take_interval(hostwatch, seconds)
        for figure in interval_figures(said, line):
            key = (figure.name, figure.tool)
            if key not in agreed:
                order.append(key)
            if key not in agreed or not agreed[key].holds():
                agreed[key] = figure
        if all(figure.holds() for figure in agreed.values()):
            break
    for key in order:
        table.add(agreed[key])
    if not any(name.startswith("device_") for name, _ in order):
        table.leave_out("disks: none that iostat and hostwatch both measure did anything here")


def compare(binary, scratch, seconds):
    table = Table()
    hostwatch = Hostwatch(binary, scratch)
    made = not glob.glob("/sys/class/hwmon/hwmon*")
    if made:
        print("this machine has no sensors: sensors(1) and hostwatch read some made of files")
        chips_of_files(scratch)
    with wire():
        hostwatch.collect()
        table.heading()
        compare_moments(hostwatch, table, "free -b", by_free, drift)
        compare_space(hostwatch, table)
        with connections():
            compare_moments(hostwatch, table, "ss -s", by_ss, exactly)
        with zombies():
            compare_moments(hostwatch, table, "ps -e", by_ps, exactly, MOMENTS, lambda figure: figure.tolerance == 0)
        compare_sensors(hostwatch, table, made)
        with Load(scratch):
            time.sleep(1)
            compare_interval(hostwatch, table, seconds)
            waiting = lambda figure: figure.tolerance <= 1 and figure.theirs - figure.tolerance > 0
            compare_moments(hostwatch, table, "vmstat", by_vmstat_now, exactly, MOMENTS, waiting)
    return table.conclude()


def require_tools():
    missing = sorted({package for tool, package in NEEDED.items() if shutil.which(tool) is None})
    if missing:
        fail(f"TOOLS ARE MISSING: install {' '.join(missing)}; nothing was compared")
    if os.geteuid() != 0:
        fail("needs root, for namespaces of its own; nothing was compared")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the build of hostwatch")
    parser.add_argument("--seconds", type=int, default=12, help="how long the tools run, at least 10 (default: %(default)s)")
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    if not os.access(binary, os.X_OK):
        fail(f"could not find the program {arguments.binary}")
    require_tools()
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "yes"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    # The interfaces of this namespace, not those of the machine.
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    # On a disk: /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix="hostwatch-tools-", dir="/var/tmp") as scratch:
        code = compare(binary, scratch, max(10, arguments.seconds))
    sys.exit(code)


if __name__ == "__main__":
    main()
