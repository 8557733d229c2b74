"""What the benchmarks share: run a command once, know its CPU time, its wall time and its peak memory.

How the numbers are taken, and why so:

* CPU time is user + system of `wait4`. On kernels with tick accounting the split between the two is a guess, but their sum is the
  scheduler's exact run time, in microseconds. `choose_cpu_clock` checks that on the running kernel against `/proc/PID/schedstat`
  of the exited, not yet reaped child (nanoseconds) and falls back to that where `wait4` only counts ticks. `schedstat` knows the
  main thread alone, so `wait4` is preferred wherever it is exact.
* Commands are started by `posix_spawn`, which shares the parent's memory until the exec: no page table is copied, so the size of
  this Python process costs the child nothing.
* Peak memory does NOT come from `wait4`: Linux carries the parent's peak over an exec (`ru_maxrss` of `true` started from here is
  the size of Python, with `posix_spawn` too). The child is traced instead, stopped at its exit while its memory still stands, and
  `VmHWM` of `/proc/PID/status` is read, which counts from the exec on. These are separate runs: tracing costs time.
* Commands that are compared run in rotation, and their ratio is the median of the ratios within each round, so that a machine
  that is busy for a while disturbs all sides alike.
"""

import ctypes
import os
import shutil
import signal
import statistics
import sys
import time

PTRACE_TRACEME = 0
PTRACE_CONT = 7
PTRACE_SETOPTIONS = 0x4200
PTRACE_O_TRACEEXIT = 0x40
PTRACE_O_EXITKILL = 0x100000
PTRACE_EVENT_EXIT = 6

CLOCKS = {
    "wait4": "user + system of wait4 (exact run time, microseconds)",
    "schedstat": "/proc/PID/schedstat of the exited child (nanoseconds, main thread only)",
}


class Failed(Exception):
    """A measurement could not be taken; the text says why."""


class Command:
    """One command under measurement.

    `before` is called before every run, outside the measured time, to put the command's files back to where they were.
    """

    def __init__(self, name, argv, environment=None, before=None, stdout=os.devnull, allowed_exits=(0,)):
        program = shutil.which(argv[0])
        if program is None:
            raise Failed(f"could not find the program {argv[0]}")
        self.name = name
        self.argv = [os.path.abspath(program), *argv[1:]]
        self.environment = dict(os.environ if environment is None else environment)
        self.before = before
        self.stdout = stdout
        self.allowed_exits = allowed_exits

    def check(self, status, errors):
        code = os.waitstatus_to_exitcode(status)
        if code not in self.allowed_exits:
            said = errors.decode(errors="replace").strip() or "nothing on standard error"
            raise Failed(f"{self.name} ended with {code}: {' '.join(self.argv)}\n  {said}")


class Run:
    """The cost of one run: `cpu` and `wall` in seconds."""

    def __init__(self, cpu, wall, tick_cpu, schedstat_cpu):
        self.cpu = cpu
        self.wall = wall
        self.tick_cpu = tick_cpu
        self.schedstat_cpu = schedstat_cpu


class Bench:
    """Runs commands and measures them; `scratch` is a directory for what they say on standard error."""

    def __init__(self, scratch):
        self.errors = os.path.join(scratch, "stderr")
        self.clock = "wait4"

    def run(self, command):
        """Runs `command` once and returns its `Run`."""
        if command.before:
            command.before()
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, command.stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_OPEN, 2, self.errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        ]
        started = time.perf_counter_ns()
        pid = os.posix_spawn(command.argv[0], command.argv, command.environment, file_actions=files)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter_ns() - started
        schedstat = read_schedstat(pid)
        _, status, usage = os.wait4(pid, 0)
        command.check(status, self.said())
        accounted = usage.ru_utime + usage.ru_stime
        cpu = accounted if self.clock == "wait4" or schedstat is None else schedstat
        return Run(cpu, wall / 1e9, accounted, schedstat)

    def said(self):
        with open(self.errors, "rb") as file:
            return file.read()

    def choose_cpu_clock(self, command, runs=12):
        """Decides from a few runs of `command` which clock is exact here; returns one sentence about it."""
        tries = [self.run(command) for _ in range(runs)]
        pairs = [(a.tick_cpu, a.schedstat_cpu) for a in tries if a.schedstat_cpu is not None]
        # A tick is 1, 3.3, 4 or 10 ms: exact times of short runs end in something else than whole ticks, and differ from each other.
        exact = len({round(a.tick_cpu * 1e6) for a in tries}) > runs // 2
        if not exact and pairs:
            self.clock = "schedstat"
        elif not exact:
            raise Failed("this kernel counts CPU time in ticks and has no /proc/PID/schedstat: nothing this short can be measured")
        about = f"CPU time: {CLOCKS[self.clock]}"
        if pairs and exact:
            apart = statistics.median(abs(a - b) for a, b in pairs)
            about += f"; checked against /proc/PID/schedstat, which differs by {apart * 1e6:.0f} us"
        return about

    def rotate(self, commands, rounds, warm_up=3):
        """Runs all commands in turn, `rounds` times after `warm_up` rounds; returns a list of runs for each name.

        Every second round goes A C B instead of A B C, so that each command follows each other one equally often.
        """
        runs = {command.name: [] for command in commands}
        for turn in range(warm_up + rounds):
            order = commands if turn % 2 == 0 else [commands[0], *reversed(commands[1:])]
            for command in order:
                run = self.run(command)
                if turn >= warm_up:
                    runs[command.name].append(run)
        return runs

    def peak_memory(self, command, runs=5):
        """The median peak resident memory of `command` in bytes."""
        return statistics.median(self.peak_memory_once(command) for _ in range(runs))

    def peak_memory_once(self, command):
        if command.before:
            command.before()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.restype = ctypes.c_long
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        pid = os.fork()
        if pid == 0:
            become_traced(libc, command, self.errors)
        peak = None
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            raise Failed(f"could not trace {command.name} to read its peak memory (is ptrace allowed here?)")
        libc.ptrace(PTRACE_SETOPTIONS, pid, None, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)
        deliver = 0
        while True:
            libc.ptrace(PTRACE_CONT, pid, None, deliver)
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                break
            if status >> 16 == PTRACE_EVENT_EXIT:
                peak = read_peak(pid)
                deliver = 0
            else:
                received = os.WSTOPSIG(status)
                deliver = 0 if received == signal.SIGTRAP else received
        command.check(status, self.said())
        if peak is None:
            raise Failed(f"could not read the peak memory of {command.name}")
        return peak


def become_traced(libc, command, errors):
    """In the child of a fork: asks to be traced and becomes the command."""
    try:
        for descriptor, path, flags in [
            (0, os.devnull, os.O_RDONLY),
            (1, command.stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ]:
            opened = os.open(path, flags, 0o644)
            os.dup2(opened, descriptor)
        if libc.ptrace(PTRACE_TRACEME, 0, None, None) == 0:
            os.execve(command.argv[0], command.argv, command.environment)
    finally:
        os._exit(127)


def read_schedstat(pid):
    """Seconds on a CPU of an exited child that was not reaped yet, or None where the kernel does not tell."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def read_peak(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def median_cpu(runs):
    return statistics.median(run.cpu for run in runs)


def median_wall(runs):
    return statistics.median(run.wall for run in runs)


def ratio(runs, others, of="cpu"):
    """The median of the ratios within each round."""
    return statistics.median(getattr(a, of) / getattr(b, of) for a, b in zip(runs, others))


def print_costs(runs, memory):
    """The table of medians: `runs` as returned by `rotate`, `memory` in bytes by name."""
    width = max(len(name) for name in runs)
    print(f"{'':{width}}   CPU ms  (min)  wall ms  peak MB   runs")
    for name, all_runs in runs.items():
        least = min(run.cpu for run in all_runs)
        peak = f"{memory[name] / 1e6:8.2f}" if name in memory else "       -"
        print(
            f"{name:{width}} {median_cpu(all_runs) * 1e3:8.3f} {least * 1e3:6.3f} {median_wall(all_runs) * 1e3:8.3f} {peak}"
            f" {len(all_runs):6}"
        )


def conclude(requirements):
    """Prints each (text, measured, holds) and returns the exit code: 0 if all hold, else 1."""
    print()
    for text, measured, holds in requirements:
        print(f"{'holds' if holds else 'does not hold'}: {text}: {measured}")
    return 0 if all(holds for _, _, holds in requirements) else 1


def clean_environment(home):
    """An environment of its own for a measured program: nothing of the caller's configuration, data or caches is seen."""
    folders = {
        "HOME": home,
        "XDG_CONFIG_HOME": os.path.join(home, "config"),
        "XDG_STATE_HOME": os.path.join(home, "state"),
        "XDG_CACHE_HOME": os.path.join(home, "cache"),
        "XDG_RUNTIME_DIR": os.path.join(home, "run"),
        "RUNTIME_DIRECTORY": os.path.join(home, "run", "hostwatch"),
    }
    for folder in folders.values():
        os.makedirs(folder, mode=0o700, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", **folders}


def main(body):
    """Runs a benchmark; what cannot be measured is an error of one line and exit 2."""
    try:
        code = body()
    except Failed as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        code = 2
    sys.stdout.flush()
    sys.exit(code)
