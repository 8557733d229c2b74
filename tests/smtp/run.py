#!/usr/bin/env python3
"""Whole-program checks of the mail, against a real Exim and a server that misbehaves: run.py BINARY [CHECK...]

Needs root, exim4-daemon-light and openssl. One line per check (`ok - …` or `not ok - …: what was seen`), at the end
`N passed, N failed`; exit code 1 if anything failed. CHECK is the name of a group of checks: what its lines begin with,
with _ for blanks.
HOSTWATCH_KEEP=1 keeps the directory with everything that was seen.
"""

import base64
import concurrent.futures
import contextlib
import dataclasses
import datetime
import email
import email.message
import email.policy
import email.utils
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
HOST = "gate-pi"
COOL, WARM, HOT = 45.0, 68.0, 75.0  # WARM: inside the level, not yet far enough inside to end the alert
START = datetime.datetime(2026, 11, 22, 9, 0, tzinfo=datetime.UTC)
INTERVAL = 300
HOUR = 3600
DAY = 24 * HOUR
LONGEST_RUN = 32.0  # the 30 s that all telling may take, and a little for the rest
NOT_FOR_PEOPLE = re.compile(
    r"Os \{|\b(Some|Err|Error|Custom|InvalidCertificate)\(|lettre|os error|Resource temporarily|panicked|RUST_BACKTRACE"
)
DEFAULT_RULES = {"are": "kept"}
SECRET = "correct-horse-8361-battery"
WRONG_SECRET = "tr0ub4dor-2947-and-three"
USER = "monitor"


@dataclasses.dataclass
class Run:
    """What one run of the program left behind."""

    code: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"exit {self.code} in {self.seconds:.1f} s, stdout {self.out!r}, stderr {self.err!r}"

    def is_one_clear_line(self, *words: str) -> bool:
        """Standard error is one line that a person understands and that has one of the words (regular expressions)."""
        lines = self.err.splitlines()
        return (
            len(lines) == 1
            and lines[0].startswith("hostwatch: ")
            and not NOT_FOR_PEOPLE.search(lines[0])
            and (not words or any(re.search(word, lines[0], re.I) for word in words))
        )


class Mail:
    """One message as the server has it."""

    def __init__(self, raw: bytes):
        self.raw = raw
        self.message: email.message.EmailMessage = email.message_from_bytes(raw, policy=email.policy.default)

    def __getitem__(self, header: str) -> str:
        return str(self.message[header] or "").strip()

    def body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return part.get_content() if part else ""

    def __str__(self) -> str:
        return f"{self['Subject']!r} {self['Message-ID']}"


class Servers:
    """Starts server processes and stops every one of them."""

    def __init__(self):
        self.running: list[subprocess.Popen] = []
        self.stopped = False

    def start(self, *command: object, log: pathlib.Path) -> subprocess.Popen:
        if self.stopped:
            raise RuntimeError("the checks are being stopped")
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def stop(self, process: subprocess.Popen) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        self.stopped = True
        for process in self.running:
            self.stop(process)


class Lab:
    """The directory of one run of the checks, and the real mail server in it."""

    def __init__(self, binary: pathlib.Path, directory: pathlib.Path, servers: Servers):
        self.binary = binary
        self.directory = directory
        self.servers = servers
        self.hosts: list[Host] = []
        self.outputs: list[str] = []
        directory.chmod(0o755)  # Exim's own user has to pass through it
        self.password_file = self.secret("password", SECRET)
        self.wrong_password_file = self.secret("wrong-password", WRONG_SECRET)
        self.exim = Exim(self, directory / "exim")
        self.exim.start()

    def secret(self, name: str, text: str, mode: int = 0o600) -> pathlib.Path:
        path = self.directory / name
        path.write_text(text + "\n")
        path.chmod(mode)
        return path


class Exim:
    def __init__(self, lab: Lab, directory: pathlib.Path):
        self.lab = lab
        self.directory = directory
        self.port = free_ports(4)
        directory.mkdir()
        (directory / "account").write_text(f"{USER}\n{SECRET}\n")
        subprocess.run([HERE / "certificates.sh", directory], check=True)

    def start(self) -> None:
        process = self.lab.servers.start(HERE / "exim.sh", self.directory, self.port, log=self.directory / "output")
        wait_for(lambda: process.poll() is not None or listens(self.port), 10, "Exim to listen")
        if process.poll() is not None:
            raise RuntimeError(f"Exim did not start: {(self.directory / 'output').read_text()}")

    def section(self, to: str, **more: object) -> dict:
        """The configuration of a notifier that gets through."""
        return {
            "smtp_server": "localhost",
            "smtp_port": self.port,
            "security": "starttls",
            "ca_file": str(self.directory / "ca.pem"),
            "username": USER,
            "password_file": str(self.lab.password_file),
            "from_address": "hostwatch@gate-pi.example.test",
            "to_addresses": [to],
        } | more

    def mails(self, to: str) -> list[Mail]:
        """What was delivered to that address, in the order it was taken in, once nothing is on its way any more."""
        wait_for(lambda: not list((self.directory / "spool" / "input").glob("*")), 10, "Exim to deliver")
        mails = [Mail(path.read_bytes()) for path in (self.directory / "mail").glob("new/*")]
        taken = self.taken()
        return sorted((mail for mail in mails if mail["Envelope-to"] == to), key=lambda mail: taken[mail["Message-ID"]])

    def taken(self) -> dict[str, int]:
        """Which message came when. Each is delivered by a process of its own, so the files do not tell."""
        arrivals = re.findall(r" <= .* id=(\S+)", (self.directory / "main.log").read_text())
        return {f"<{message_id}>": place for place, message_id in enumerate(arrivals)}


class Faults:
    """A server of its own for one check, with the faults it needs."""

    def __init__(self, lab: Lab, name: str, *faults: str):
        self.lab = lab
        self.directory = lab.directory / f"faults-{name}"
        self.directory.mkdir()
        self.arguments = faults
        self.start()

    def start(self) -> None:
        ready = self.directory / "ready.json"
        ready.unlink(missing_ok=True)
        self.process = self.lab.servers.start(
            sys.executable, HERE / "faults.py", self.directory, *self.arguments, log=self.directory / "output"
        )
        wait_for(ready.exists, 10, "the faulty server")
        self.ports = json.loads(ready.read_text())

    def section(self, fault: str, **more: object) -> dict:
        return {
            "smtp_server": "127.0.0.1",
            "smtp_port": self.ports[fault],
            "security": "none",
            "from_address": "hostwatch@gate-pi.example.test",
            "to_addresses": ["admin@example.test"],
        } | more

    def cure(self, fault: str) -> None:
        (self.directory / f"{fault}.cured").touch()

    def mails(self, outcome: str = "accepted") -> list[Mail]:
        return [Mail(path.read_bytes()) for path in sorted((self.directory / "mail").glob(f"[0-9]*-{outcome}.eml"))]

    def box(self, address: str) -> list[Mail]:
        """What was accepted for one of several recipients."""
        paths = sorted((self.directory / "mail").glob("[0-9]*-accepted.eml"))
        return [Mail(path.read_bytes()) for path in paths if address in path.with_suffix(".to").read_text().split()]

    def events(self, event: str) -> list[str]:
        """The texts of one kind of event, e.g. `said`."""
        lines = (line.split(" ", 2) for line in (self.directory / "log").read_text().splitlines())
        return [line[2] if len(line) > 2 else "" for line in lines if line[1] == event]


class Host:
    """One monitored host: its own proc and sys, store, configuration and clock, and a thermometer to turn."""

    def __init__(self, lab: Lab, name: str, section: dict, thresholds: dict | None = None, **notifications: object):
        self.lab = lab
        self.notifications = notifications
        self.interval = INTERVAL
        self.directory = lab.directory / f"host-{name}"
        self.data = self.directory / "data"
        self.root = self.directory / "root"
        self.thresholds = thresholds or {"cpu_temp": 70}
        self.elapsed = 0
        self.data.mkdir(parents=True)
        (self.directory / "run").mkdir(mode=0o700)
        self.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal")
        self.write("proc/sys/kernel/random/boot_id", "6c1d3f0e-8a52-4b7e-9d41-2f7c5e8b9a10")
        self.write("proc/sys/kernel/hostname", HOST)
        self.write("proc/1/mountinfo", "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw")
        self.write("proc/mounts", "/dev/sda1 / ext4 rw,relatime 0 0")
        self.write("proc/net/dev", PROC_NET_DEV)
        self.fill(25)
        self.configure(section)
        self.turn(COOL)
        lab.hosts.append(self)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def configure(self, section: dict, mode: int = 0o644) -> None:
        self.section = {key: value for key, value in section.items() if value is not None}
        monitoring = {"log_interval": self.interval} | (
            {} if self.thresholds == DEFAULT_RULES else {"default_rules": False, "alert_thresholds": self.thresholds}
        )
        notifications = {"email": self.section} | self.notifications
        config = self.directory / "config.json"
        config.write_text(json.dumps({"monitoring": monitoring, "notifications": notifications}, indent=2))
        config.chmod(mode)

    def now(self) -> datetime.datetime:
        return START + datetime.timedelta(seconds=self.elapsed)

    def turn(self, celsius: float) -> None:
        """Sets the thermometer, and the counters to what they are by now."""
        ticks = (1000 + self.elapsed) * 100
        self.write("sys/class/thermal/thermal_zone0/temp", str(round(celsius * 1000)))
        self.write("proc/uptime", f"{1000 + self.elapsed}.00 {2000 + 2 * self.elapsed}.00")
        self.write("proc/stat", f"cpu  {ticks // 20} 0 {ticks // 40} {ticks} 0 0 0 0 0 0\nctxt {ticks}\nprocesses 4242")

    def fill(self, percent: float) -> None:
        """Sets the memory in use."""
        available = round(4_000_000 * (100 - percent) / 100)
        swap = "SwapTotal: 0 kB\nSwapFree: 0 kB"
        self.write("proc/meminfo", f"MemTotal: 4000000 kB\nMemAvailable: {available} kB\n{swap}")

    def command(self, *arguments: str) -> list[str]:
        return [
            str(self.lab.binary),
            *("--config", str(self.directory / "config.json")),
            *("--data-dir", str(self.data)),
            *("--root", str(self.root)),
            *("--now", self.now().isoformat().replace("+00:00", "Z")),
            *arguments,
        ]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.directory),
            "TZ": "UTC",
            "XDG_RUNTIME_DIR": str(self.directory / "run"),
        }

    def run(self, *arguments: str, **environment: str) -> Run:
        began = time.monotonic()
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=90,
        )
        self.lab.outputs += [done.stdout, done.stderr]
        return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def collect(self, celsius: float, after: int = INTERVAL, *arguments: str, **environment: str) -> Run:
        """One run of `collect` that many seconds after the last, at that temperature."""
        self.elapsed += after
        self.turn(celsius)
        return self.run("collect", *arguments, **environment)

    def notify_test(self, section: dict | None = None, **environment: str) -> Run:
        if section:
            self.configure(section)
        return self.run("notify", "test", **environment)

    def samples(self) -> list[dict]:
        lines = (line for path in sorted(self.data.glob("metrics_*.jsonl")) for line in path.read_text().splitlines())
        return [json.loads(line) for line in lines]

    def events(self) -> list[str]:
        return [event["event"] for event in self.happenings()]

    def happenings(self) -> list[dict]:
        lines = (line for path in sorted(self.data.glob("events_*.jsonl")) for line in path.read_text().splitlines())
        return [json.loads(line) for line in lines]

    def has_sample(self, celsius: float) -> bool:
        """Whether the run at this moment stored its sample."""
        newest = (self.samples() or [{}])[-1]
        return newest.get("epoch") == int(self.now().timestamp()) and newest.get("cpu_temp") == celsius

    def state(self) -> dict | None:
        try:
            return json.loads((self.data / "state.json").read_text())
        except (OSError, ValueError):
            return None

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every file the program could have written, with its time and content."""
        paths = [path for top in (self.data, self.directory / "run") for path in top.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


class Results:
    """The outcomes of one group of checks."""

    def __init__(self, group: str):
        self.group = group
        self.lines: list[tuple[bool, str]] = []

    def __call__(self, passed: object, sentence: str, seen: object = "") -> None:
        line = f"ok - {self.group}: {sentence}"
        self.lines.append((bool(passed), line if passed else f"not {line}: {' '.join(str(seen).split())[:700]}"))


def listing(mails: list[Mail]) -> str:
    return f"{len(mails)} mails: " + "; ".join(map(str, mails))


def free_ports(count: int = 1) -> int:
    """The first of that many ports in a row that nobody listens on."""
    while True:
        first = random.randrange(20000, 30000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait_for(condition, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


def own_address() -> str:
    """An address of this machine that is not loopback; 0.0.0.0, which leads here too, where it has none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
    return "0.0.0.0"


PROC_NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
  eth0: 987654321 1000 0 0 0 0 0 0 123456789 1000 0 0 0 0 0 0"""


# The checks. Each takes the lab and a Results to call with (passed, sentence, what was seen).


def from_crossing_to_recovery(lab: Lab, check: Results) -> None:
    to = "crossing@example.test"
    host = Host(lab, "crossing", lab.exim.section(to))
    run = host.collect(COOL)
    check(run.code == 0 and not run.out and not run.err, "a run with nothing to tell is silent and exits 0", run)
    check(not lab.exim.mails(to), "nothing to tell sends nothing", listing(lab.exim.mails(to)))

    run = host.collect(HOT)
    mails = lab.exim.mails(to)
    check(run.code == 0 and len(mails) == 1, "crossing a level sends exactly one mail", f"{run}; {listing(mails)}")
    check(
        not run.out and len(run.err.splitlines()) == 1,
        "a notification that went out is one line on standard error, none on standard output",
        run,
    )
    raised_at = host.now()
    again = host.collect(HOT + 1)
    check(
        again.code == 0 and not again.err and len(lab.exim.mails(to)) == 1,
        "still past the level sends nothing",
        f"{again}; {listing(lab.exim.mails(to))}",
    )
    inside = host.collect(WARM)
    check(
        inside.code == 0 and not inside.err and len(lab.exim.mails(to)) == 1,
        "a little inside the level is no recovery yet",
        f"{inside}; {listing(lab.exim.mails(to))}",
    )
    back = host.collect(COOL)
    mails = lab.exim.mails(to)
    check(back.code == 0 and len(mails) == 2, "back inside sends exactly one recovery", f"{back}; {listing(mails)}")
    quiet = host.collect(COOL)
    check(
        quiet.code == 0 and not quiet.err and len(lab.exim.mails(to)) == 2,
        "after the recovery it is quiet again",
        f"{quiet}; {listing(lab.exim.mails(to))}",
    )
    if len(mails) < 2:
        return
    a_mail_is_well_formed(check, "raise", mails[0], to)
    a_mail_is_well_formed(check, "recovery", mails[1], to)
    raised, recovered = mails[0], mails[1]
    check(
        re.match(rf"{HOST} WARNING\b", raised["Subject"]),
        "the subject of a raise starts with the host and the level",
        raised,
    )
    check(
        re.match(rf"{HOST} RECOVERED\b", recovered["Subject"]),
        "the subject of a recovery starts with the host and RECOVERED",
        recovered,
    )
    check(
        raised["X-Hostwatch-Level"].lower() == "warning"
        and recovered["X-Hostwatch-Level"].lower() in ("ok", "recovered"),
        "X-Hostwatch-Level is the level that holds",
        f"{raised['X-Hostwatch-Level']!r}, {recovered['X-Hostwatch-Level']!r}",
    )
    check(
        not raised["In-Reply-To"] and recovered["In-Reply-To"] == raised["Message-ID"] in recovered["References"],
        "the recovery answers the mail of the raise",
        f"{raised['Message-ID']}, In-Reply-To {recovered['In-Reply-To']}, References {recovered['References']}",
    )
    check(
        email.utils.parsedate_to_datetime(raised["Date"]) == raised_at,
        "the date of a mail is the time of its run",
        f"{raised['Date']}, the run was at {raised_at}",
    )
    text = raised.body("plain")
    check(
        "75" in text and "70" in text and "09:10" in text and "cpu_temp" in text,
        "the text names the series, the value, the level and the time",
        text,
    )
    check(
        "75" in raised.body("html") and "cpu_temp" in raised.body("html"),
        "the HTML part names the series and the value too",
        raised.body("html"),
    )
    text = recovered.body("plain")
    check(
        "76" in text and "09:10" in text and "09:25" in text,
        "the text of the recovery names the worst value and both times",
        text,
    )
    check(
        [event for event in host.events() if event in ("raised", "recovered")] == ["raised", "recovered"]
        and host.events().count("told") == 2,
        "the events say raised, told, recovered, told",
        host.events(),
    )


def a_mail_is_well_formed(check: Results, which: str, mail: Mail, to: str) -> None:
    message = mail.message
    kinds = [part.get_content_type() for part in message.iter_parts()] if message.is_multipart() else []
    check(
        message.get_content_type() == "multipart/alternative" and kinds == ["text/plain", "text/html"],
        f"the {which} is plain text with HTML as the alternative",
        f"{message.get_content_type()} {kinds}",
    )
    check(
        mail["Auto-Submitted"] == "auto-generated",
        f"the {which} is Auto-Submitted: auto-generated",
        mail["Auto-Submitted"],
    )
    check(
        mail["X-Hostwatch-Host"] == HOST and mail["X-Hostwatch-Series"] == "cpu_temp",
        f"the {which} has the host and the series in its headers",
        f"{mail['X-Hostwatch-Host']!r}, {mail['X-Hostwatch-Series']!r}",
    )
    check(
        re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", mail["Message-ID"]) and len(message.get_all("Message-ID")) == 1,
        f"the {which} has one Message-ID",
        message.get_all("Message-ID"),
    )
    check(
        mail["From"].endswith("hostwatch@gate-pi.example.test") or "<hostwatch@gate-pi.example.test>" in mail["From"],
        f"the {which} comes from the configured address",
        mail["From"],
    )
    check(to in mail["To"] and mail["MIME-Version"] == "1.0", f"the {which} is addressed", f"{mail['To']}")
    check(
        not message.defects and all(len(line) <= 998 for line in mail.raw.splitlines()),
        f"the {which} keeps to the rules of the format",
        message.defects,
    )
    check(
        not re.search(r"<script|<img|<link|src=|https?:", mail.body("html"), re.I),
        f"the HTML of the {which} loads nothing from elsewhere",
        mail.body("html"),
    )


def from_warning_to_critical(lab: Lab, check: Results) -> None:
    to = "critical@example.test"
    host = Host(lab, "critical", lab.exim.section(to), {"cpu_temp": {"warning": 70, "critical": 80}})
    runs = [host.collect(celsius) for celsius in (COOL, HOT, 85.0, 86.0)]
    mails = lab.exim.mails(to)
    check(
        [run.code for run in runs] == [0, 0, 0, 0] and len(mails) == 2,
        "turning critical is one more mail",
        f"{listing(mails)}; {runs[-1]}",
    )
    check(
        len(mails) == 2
        and mails[1]["Subject"].startswith(f"{HOST} CRITICAL")
        and mails[1]["X-Hostwatch-Level"].lower() == "critical",
        "its subject and its level say CRITICAL",
        listing(mails),
    )
    check(
        len(mails) == 2 and mails[0]["Message-ID"] in mails[1]["References"],
        "it stands in the thread of the raise",
        [mail["References"] for mail in mails],
    )


def several_alerts_in_one_run(lab: Lab, check: Results) -> None:
    to = "several@example.test"
    thresholds = {"cpu_temp": 70, "uptime": {"warning": 1500}, "fever": {"metric": "cpu_temp", "critical": 74}}
    host = Host(lab, "several", lab.exim.section(to), thresholds)
    host.collect(COOL)
    run = host.collect(HOT)
    mails = lab.exim.mails(to)
    check(run.code == 0 and len(mails) == 1, "several alerts in one run are one mail", f"{run}; {listing(mails)}")
    check(
        len(mails) == 1
        and mails[0]["Subject"].startswith(f"{HOST} CRITICAL")
        and all(name in mails[0].body("plain") for name in ("cpu_temp", "uptime"))
        and all(name in mails[0]["X-Hostwatch-Series"] for name in ("cpu_temp", "uptime")),
        "that mail names all of them and leads with the worst",
        [(str(mail), mail["X-Hostwatch-Series"], mail.body("plain")) for mail in mails],
    )


def tls_from_the_start(lab: Lab, check: Results) -> None:
    to = "implicit@example.test"
    host = Host(lab, "implicit", lab.exim.section(to, smtp_port=lab.exim.port + 1, security="tls"))
    runs = [host.collect(celsius) for celsius in (COOL, HOT, COOL)]
    check(
        [run.code for run in runs] == [0, 0, 0] and len(lab.exim.mails(to)) == 2,
        "TLS from the start delivers the raise and the recovery",
        f"{listing(lab.exim.mails(to))}; {runs[1]}",
    )


def a_test_message(lab: Lab, check: Results) -> None:
    to = "test@example.test"
    host = Host(lab, "test", lab.exim.section(to))
    before = host.files()
    run = host.notify_test()
    mails = lab.exim.mails(to)
    check(run.code == 0 and len(mails) == 1, "notify test delivers one mail and exits 0", f"{run}; {listing(mails)}")
    check(
        len(mails) == 1 and HOST in mails[0]["Subject"] and "test" in mails[0]["Subject"].lower(),
        "the test message says which host it comes from and that it is a test",
        listing(mails),
    )
    check(host.files() == before, "notify test leaves the store as it was", sorted(host.files()))
    wrong = host.notify_test(lab.exim.section(to, password_file=str(lab.wrong_password_file)))
    check(
        wrong.code == 3 and wrong.is_one_clear_line(r"\b535\b"),
        "a wrong password is one clear line with the 535, exit 3",
        wrong,
    )
    host.collect(COOL)
    run = host.collect(HOT)
    check(
        run.code == 4 and run.is_one_clear_line(r"\b535\b") and host.has_sample(HOT),
        "collect with a wrong password stores the sample, names the 535 and exits 4",
        run,
    )
    nobody = host.notify_test(lab.exim.section("nouser@example.test"))
    check(
        nobody.code == 3 and nobody.is_one_clear_line(r"\b550\b.*no such user"),
        "a refused recipient is one clear line with the server's own words",
        nobody,
    )
    port = free_ports()
    down = host.notify_test(lab.exim.section(to, smtp_port=port))
    check(
        down.code == 3 and down.is_one_clear_line(rf"localhost.*{port}.*refused"),
        "a server that is down is one clear line with its name and port",
        down,
    )
    nowhere = host.notify_test(lab.exim.section(to, smtp_server="no-such-host.invalid"))
    check(
        nowhere.code == 3 and nowhere.is_one_clear_line(r"no-such-host\.invalid"),
        "a server whose name does not exist is one clear line with the name",
        nowhere,
    )


def certificates(lab: Lab, check: Results) -> None:
    to = "certificates@example.test"
    host = Host(lab, "certificates", lab.exim.section(to))
    port = lab.exim.port
    cases = [
        ("an untrusted authority", {"ca_file": None}, (r"certificate.*(trust|issuer|authority|unknown)",)),
        (
            "an untrusted authority, TLS from the start",
            {"ca_file": None, "security": "tls", "smtp_port": port + 1},
            (r"certificate.*(trust|issuer|authority|unknown)",),
        ),
        ("a certificate for another host", {"smtp_port": port + 2}, (r"certificate.*(name|host|valid for|localhost)",)),
        ("an expired certificate", {"smtp_port": port + 3}, (r"certificate.*expired",)),
    ]
    for case, change, words in cases:
        run = host.notify_test(lab.exim.section(to, **change))
        check(run.code == 3 and run.is_one_clear_line(*words), f"{case} is refused in one clear line", run)
    missing = host.notify_test(lab.exim.section(to, ca_file="/nonexistent/ca.pem"))
    check(
        missing.code == 3 and missing.is_one_clear_line(r"/nonexistent/ca\.pem"),
        "a ca_file that is not there is one clear line with its name",
        missing,
    )
    host.configure(lab.exim.section(to, smtp_port=port + 2))
    host.collect(COOL)
    run = host.collect(HOT)
    check(
        run.code == 4 and host.has_sample(HOT) and not lab.exim.mails(to),
        "collect stores the sample, sends nothing to such a server and exits 4",
        f"{run}; {listing(lab.exim.mails(to))}",
    )
    host.configure(lab.exim.section(to))
    runs = [host.collect(HOT), host.collect(HOT)]
    check(
        [run.code for run in runs] == [0, 0] and len(lab.exim.mails(to)) == 1,
        "once the certificate is right the raise is told, once",
        f"{runs[0]}; {listing(lab.exim.mails(to))}",
    )


def nothing_in_the_clear(lab: Lab, check: Results) -> None:
    address = own_address()
    faults = Faults(lab, "clear", "ok", "refuse-starttls", "auth-in-clear")
    abroad = Faults(lab, "abroad", f"auth-in-clear={address}:0")
    account = {"username": USER, "password_file": str(lab.password_file)}
    host = Host(lab, "clear", faults.section("ok"))
    for fault, case in [
        ("ok", "a server without STARTTLS"),
        ("refuse-starttls", "a server that refuses STARTTLS"),
        ("auth-in-clear", "a server that only offers AUTH without TLS"),
    ]:
        run = host.notify_test(faults.section(fault, security=None, **account))
        check(run.code == 3 and run.is_one_clear_line(r"STARTTLS"), f"{case} is refused in one clear line", run)
    host.configure(faults.section("ok", security="starttls"))
    host.collect(COOL)
    run = host.collect(HOT)
    check(run.code == 4 and host.has_sample(HOT), "collect does not fall back to mail in the clear", run)
    said = faults.events("said")
    check(
        said and not faults.mails() and not re.search(r"^(AUTH|MAIL|RCPT|DATA)\b", "\n".join(said), re.M | re.I),
        "neither mail, nor addresses, nor AUTH were sent in the clear",
        said,
    )
    section = abroad.section("auth-in-clear", smtp_server=address, **account)
    run = host.notify_test(section)
    check(
        run.code == 3 and run.is_one_clear_line("TLS"),
        "AUTH without TLS to another machine is refused in one clear line",
        run,
    )
    host.elapsed += HOUR
    run = host.collect(HOT)
    log = (abroad.directory / "log").read_text() if (abroad.directory / "log").exists() else ""
    check(
        run.code in (4, 5) and host.has_sample(HOT) and "AUTH" not in log and not abroad.mails(),
        "and collect stores the sample and sends no secret there",
        f"{run}; {log}",
    )
    run = host.notify_test(faults.section("auth-in-clear", **account))
    check(
        run.code == 0 and len(faults.mails()) == 1,
        "AUTH without TLS is taken where the server is on loopback",
        f"{run}; {faults.events('said')}",
    )


def the_secret(lab: Lab, check: Results) -> None:
    to = "secret@example.test"
    host = Host(lab, "secret", lab.exim.section(to))
    open_file = lab.secret("open-password", SECRET, 0o644)
    run = host.notify_test(lab.exim.section(to, password_file=str(open_file)))
    check(
        run.code == 3 and run.is_one_clear_line(re.escape(str(open_file))),
        "a password file that all may read is refused in one clear line with its name",
        run,
    )
    run = host.notify_test(lab.exim.section(to, password_file="/nonexistent/password"))
    check(
        run.code == 3 and run.is_one_clear_line("/nonexistent/password"),
        "a password file that is not there is one clear line with its name",
        run,
    )
    host.collect(COOL)
    run = host.collect(HOT)
    check(run.code in (4, 5) and host.has_sample(HOT), "without the secret collect still stores the sample", run)
    run = host.run("status")
    check(run.code == 0 and not run.err, "a reading command does not care about the secret", run)
    in_config = lab.exim.section(to, password_file=None, password=SECRET)
    run = host.notify_test(in_config)
    check(
        run.code == 3 and run.is_one_clear_line(r"config\.json"),
        "a password in a configuration that all may read is refused in one clear line",
        run,
    )
    host.configure(in_config, mode=0o640)
    run = host.notify_test()
    check(run.code == 0, "a password in a configuration that not all may read is taken", run)
    credentials = host.directory / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "smtp.password").write_text(SECRET)
    (credentials / "smtp.password").chmod(0o400)
    directory = {"CREDENTIALS_DIRECTORY": str(credentials)}
    run = host.notify_test(lab.exim.section(to, password_file=str(lab.wrong_password_file)), **directory)
    check(run.code == 0, "the systemd credential goes before the password file", run)
    (credentials / "smtp.password").chmod(0o600)
    (credentials / "smtp.password").write_text("")
    run = host.notify_test(lab.exim.section(to), **directory)
    check(run.code == 0, "an empty systemd credential counts as none", run)
    original = lab.exim.section(to, security=None, use_tls=True, password_file=None, password=SECRET)
    host.configure(original, mode=0o600)
    run = host.notify_test()
    check(run.code == 0 and len(lab.exim.mails(to)) == 4, "the original application's keys work", run)


def a_server_that_is_down(lab: Lab, check: Results) -> None:
    to = "down@example.test"
    exim = Exim(lab, lab.directory / "late-exim")
    host = Host(lab, "down", exim.section(to))
    host.collect(COOL)
    run = host.collect(HOT)
    check(
        run.code == 4 and host.has_sample(HOT) and run.is_one_clear_line("refused"),
        "with the server down collect stores the sample, says so in one line and exits 4",
        run,
    )
    check("owed" in host.events() and "told" not in host.events(), "the events say that it is owed", host.events())
    exim.start()
    run = host.collect(HOT + 1)
    mails = exim.mails(to)
    check(
        run.code == 0 and len(mails) == 1, "the next run with the server up tells it, once", f"{run}; {listing(mails)}"
    )
    check(
        len(mails) == 1 and mails[0]["Subject"].startswith(f"{HOST} WARNING") and "09:10" in mails[0].body("plain"),
        "and tells the time it began, not the time it got through",
        [mail.body("plain") for mail in mails],
    )
    runs = [host.collect(HOT) for _ in range(3)] + [host.collect(COOL)]
    mails = exim.mails(to)
    check(
        all(run.code == 0 for run in runs) and len(mails) == 2 and mails[1]["In-Reply-To"] == mails[0]["Message-ID"],
        "nothing comes twice afterwards, and the recovery comes once",
        listing(mails),
    )


def an_episode_while_the_server_is_down(lab: Lab, check: Results) -> None:
    port = free_ports()
    faults = Faults(lab, "past", f"ok={port}")
    lab.servers.stop(faults.process)
    host = Host(lab, "past", faults.section("ok"))
    runs = [host.collect(celsius) for celsius in (COOL, HOT, COOL)]
    check(
        [run.code for run in runs] == [0, 4, 4],
        "an episode that began and ended with the server down is still owed",
        " / ".join(map(str, runs)),
    )
    faults.start()
    for _ in range(14):
        run = host.collect(COOL)
        if faults.mails():
            break
    mails = faults.mails()
    check(run.code == 0 and len(mails) == 1, "it is told within the hour, in one mail", f"{run}; {listing(mails)}")
    text = mails[0].body("plain") if mails else ""
    check(
        mails and "WARNING" not in mails[0]["Subject"] and "09:10" in text and "09:15" in text,
        "as past, with both its times",
        f"{listing(mails)} {text}",
    )
    runs = [host.collect(COOL) for _ in range(13)]
    check(
        all(run.code == 0 and not run.err for run in runs) and len(faults.mails()) == 1,
        "and never again",
        listing(faults.mails()),
    )


def told_after_a_fault(fault: str, permanent: bool = False, **section: object):
    """A group of checks for one fault: the sample is safe, the run ends in time, and the raise is told once, later."""

    def group(lab: Lab, check: Results) -> None:
        faults = Faults(lab, fault, fault)
        host = Host(lab, fault, faults.section(fault, **section))
        host.collect(COOL)
        run = host.collect(HOT)
        check(
            run.code == 4 and host.has_sample(HOT) and host.state() is not None,
            "the sample and the state are stored, exit 4",
            f"{run}; state {host.state()}",
        )
        check(run.is_one_clear_line(), "one clear line says what went wrong", run)
        limit = section.get("timeout", LONGEST_RUN - 2) + 2
        check(run.seconds <= limit, f"the run ends within {limit:g} s", run)
        if fault != "greylist":  # which gets well by itself
            faults.cure(fault)
        retry = host.collect(HOT, HOUR + INTERVAL if permanent else INTERVAL)
        runs = [host.collect(HOT) for _ in range(13)]
        told, kept = faults.mails(), faults.mails("kept")
        check(
            retry.code == 0 and len(told) == 1 and told[0]["Subject"].startswith(f"{HOST} WARNING"),
            "exactly one mail tells the raise once the server is well",
            f"{retry}; {listing(told)}",
        )
        check(
            all(run.code == 0 and not run.err for run in runs)
            and len({mail["Message-ID"] for mail in told + kept}) == 1,
            "nothing is told twice",
            f"{runs[0]}; {listing(told + kept)}",
        )

    group.__name__ = f"told_after_{fault}"
    return group


def doubtful_mail_is_sent_again_as_it_was(lab: Lab, check: Results) -> None:
    for fault, more in (("drop-after-dot", {}), ("silent-dot", {"timeout": 3})):
        faults = Faults(lab, f"again-{fault}", fault)
        host = Host(lab, f"again-{fault}", faults.section(fault, **more))
        host.collect(COOL)
        first = host.collect(HOT)
        second = host.collect(HOT + 1)
        kept = faults.mails("kept")
        check(
            first.code == second.code == 4 and len(kept) == 2 and kept[0].raw == kept[1].raw,
            f"{fault}: the same bytes go out again at the next run",
            f"{second}; {listing(kept)}",
        )
        faults.cure(fault)
        run = host.collect(COOL, HOUR + INTERVAL)
        told = faults.mails()
        check(
            run.code == 0 and kept and told and told[0].raw == kept[0].raw,
            f"{fault}: and again until it is accepted, with the same Message-ID",
            f"{run}; {listing(told)}",
        )
        check(
            len(told) == 2
            and told[1]["Subject"].startswith(f"{HOST} RECOVERED")
            and told[1]["In-Reply-To"] == told[0]["Message-ID"] != told[1]["Message-ID"],
            f"{fault}: before what is new since, which goes out in the same run",
            listing(told),
        )
        runs = [host.collect(COOL) for _ in range(3)]
        check(
            all(run.code == 0 and not run.err for run in runs) and len(faults.mails()) == 2,
            f"{fault}: and then never again",
            listing(faults.mails()),
        )


def doubtful_mail_stays_as_it_is(lab: Lab, check: Results) -> None:
    for fault, wait in (("busy", INTERVAL), ("closed", HOUR), ("refuse-recipient", HOUR), ("defer-data", INTERVAL)):
        faults = Faults(lab, f"stays-{fault}", "drop-after-dot", fault, "ok")
        host = Host(lab, f"stays-{fault}", faults.section("drop-after-dot"))
        runs = [host.collect(COOL), host.collect(HOT)]
        host.configure(faults.section(fault))
        runs.append(host.collect(HOT + 1))
        host.configure(faults.section("ok"))
        runs += [host.collect(HOT + 2, HOUR + wait), host.collect(HOT)]
        kept, told = faults.mails("kept"), faults.mails()
        check(
            [run.code for run in runs] == [0, 4, 4, 0, 0]
            and len(told) == len(kept) == 1
            and told[0].raw == kept[0].raw,
            f"{fault} after a mail was taken in silence: it goes out again as it was, not afresh",
            f"{[run.code for run in runs]} {listing(kept)}, then {listing(told)}",
        )
    faults = Faults(lab, "stays-refused", "drop-after-dot", "refuse-data", "ok")
    host = Host(lab, "stays-refused", faults.section("drop-after-dot"))
    host.collect(COOL)
    host.collect(HOT)
    host.configure(faults.section("refuse-data"))
    host.collect(HOT)
    host.configure(faults.section("ok"))
    run = host.collect(HOT, HOUR + INTERVAL)
    refused, told = faults.mails("refused"), faults.mails()
    check(
        run.code == 0 and len(refused) == len(told) == 1 and refused[0]["Message-ID"] != told[0]["Message-ID"],
        "what is refused for what it says is given up, and written afresh",
        f"{run}; {listing(refused)}; {listing(told)}",
    )


def a_server_that_does_not_say_goodbye(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "goodbye", "silent-quit")
    host = Host(lab, "goodbye", faults.section("silent-quit", timeout=5))
    host.collect(COOL)
    run = host.collect(HOT)
    check(run.code == 0 and run.seconds < 4, "a mail that was accepted is told, whatever QUIT comes to", run)
    runs = [host.collect(HOT) for _ in range(2)]
    check(
        all(run.code == 0 and not run.err for run in runs) and len(faults.mails()) == 1,
        "and is not sent again",
        listing(faults.mails()),
    )


def refused_mail_is_written_afresh(lab: Lab, check: Results) -> None:
    for fault, wait in (("defer-data", INTERVAL), ("refuse-data", HOUR + INTERVAL)):
        faults = Faults(lab, f"afresh-{fault}", fault)
        host = Host(lab, f"afresh-{fault}", faults.section(fault))
        host.collect(COOL)
        host.collect(HOT)
        faults.cure(fault)
        run = host.collect(HOT + 5, wait)
        refused, told = faults.mails("refused"), faults.mails()
        check(
            run.code == 0 and len(refused) == len(told) == 1 and refused[0]["Message-ID"] != told[0]["Message-ID"],
            f"{fault}: what was refused is written afresh, with a new Message-ID",
            f"{run}; {listing(refused)}, then {listing(told)}",
        )
        check(
            len(told) == 1 and "80" in told[0].body("plain"),
            f"{fault}: from what is true by then",
            [mail.body("plain") for mail in told],
        )


def waiting_after_refusals(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "waiting", "refuse-recipient", "busy")
    host = Host(lab, "permanent", faults.section("refuse-recipient"))
    host.collect(COOL)
    codes, tries = tries_over(host, 40, lambda: len(faults.events("connected")))
    check(set(codes) == {4}, "while something is owed collect exits 4, whether it tried or not", codes)
    check(
        len(tries) >= 3 and tries[0] == 0 and HOUR <= tries[1] <= HOUR + INTERVAL,
        "a permanent refusal is not tried again for an hour, then it is",
        tries,
    )
    check(
        len(tries) >= 3 and 2 * HOUR <= tries[2] - tries[1] <= 2 * HOUR + INTERVAL,
        "and then not for two hours",
        tries,
    )
    host = Host(lab, "transient", faults.section("busy"))
    host.collect(COOL)
    already = len(faults.events("connected"))
    _, tries = tries_over(host, 30, lambda: len(faults.events("connected")) - already)
    check(
        len(tries) >= 3
        and tries[:2] == [0, INTERVAL]
        and all(HOUR <= later - earlier <= HOUR + INTERVAL for earlier, later in itertools.pairwise(tries[1:])),
        "a passing trouble is tried again at the next run, then once an hour",
        tries,
    )


def tries_over(host: Host, runs: int, connections) -> tuple[list[int], list[int]]:
    """The exit codes of that many hot runs, and at which second after the first of them the server was tried."""
    began = host.elapsed + INTERVAL
    codes, tries = [], []
    for _ in range(runs):
        before = connections()
        codes.append(host.collect(HOT).code)
        if connections() > before:
            tries.append(host.elapsed - began)
    return codes, tries


def an_unchanged_failure(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "unchanged", "refuse-recipient")
    host = Host(lab, "unchanged", lab.exim.section("unchanged@example.test", smtp_port=free_ports()))
    host.collect(COOL)
    first = host.collect(HOT)
    check(first.is_one_clear_line("refused"), "a failure is printed when it begins", first)
    second = host.collect(HOT)
    check(second.code == 4 and not second.err and not second.out, "and not again at the next run", second)
    day = [host.collect(HOT, HOUR) for _ in range(26)]
    printed = [hour for hour, run in enumerate(day, 1) if run.err]
    check(
        len(printed) == 1 and printed[0] >= 23 and {run.code for run in day} == {4},
        "an unchanged failure is printed once a day",
        f"printed after hours {printed}",
    )
    host.configure(faults.section("refuse-recipient"))
    changed = [host.collect(HOT, HOUR) for _ in range(2)]
    check(
        [bool(run.err) for run in changed].count(True) == 1 and "550" in changed[0].err + changed[1].err,
        "another failure is printed when it begins",
        " / ".join(map(str, changed)),
    )


def one_recipient_of_two(lab: Lab, check: Results) -> None:
    to = "colleague@example.test"
    host = Host(lab, "two", lab.exim.section(to, to_addresses=["nouser@example.test", to]))
    host.collect(COOL)
    runs = [host.collect(HOT) for _ in range(4)]
    check(
        len(lab.exim.mails(to)) == 1,
        "a refused recipient does not cost the other one the mail, nor double it",
        f"{runs[0]}; {listing(lab.exim.mails(to))}",
    )
    check(
        runs[0].code in (0, 4) and "nouser@example.test" in runs[0].err and "550" in runs[0].err,
        "and the refused one is named",
        runs[0],
    )


def each_recipient_on_its_own(lab: Lab, check: Results) -> None:
    well, greylisted, refused = (f"{name}@example.test" for name in ("well", "greylisted", "refused"))
    faults = Faults(lab, "own", "by-name")
    host = Host(lab, "own", faults.section("by-name", to_addresses=[refused, greylisted, well]))
    host.collect(COOL)
    run = host.collect(HOT)
    boxes = [len(faults.box(to)) for to in (well, greylisted, refused)]
    check(run.code == 4 and boxes == [1, 0, 0], "one who is refused and one who is put off do not cost a third", boxes)
    lines = run.err.splitlines()
    check(
        any(refused in line and "550" in line for line in lines)
        and any(greylisted in line and "451" in line for line in lines)
        and not NOT_FOR_PEOPLE.search(run.err),
        "both are named, with the server's answers",
        run,
    )
    named = {event["event"]: event.get("to") for event in host.happenings() if event["event"] in ("owed", "refused")}
    check(named == {"refused": refused, "owed": greylisted}, "both are named in the events", named)
    run = host.collect(HOT + 1)
    late, early = faults.box(greylisted), faults.box(well)
    check(
        run.code == 4 and len(late) == len(early) == 1 and "76" in late[0].body("plain"),
        "who was put off gets a mail of its own at the next run, written afresh",
        f"{run}; {listing(late)}; {listing(early)}",
    )
    check(
        late and early and late[0]["Message-ID"] != early[0]["Message-ID"] and refused not in late[0]["To"],
        "addressed to nobody else",
        [mail["To"] for mail in late + early],
    )
    codes, tries = tries_over(host, 40, lambda: faults.events("said").count(f"RCPT TO:<{refused}>"))
    hours = [seconds // HOUR for seconds in tries]
    check(
        set(codes) == {4} and len(tries) == 2 and tries[1] - tries[0] >= 2 * HOUR,
        "who is refused is tried again after an hour, and then after two",
        hours,
    )
    boxes = [len(faults.box(to)) for to in (well, greylisted)]
    check(boxes == [1, 1], "which disturbs nobody else", boxes)
    host.collect(COOL)
    subjects = [[mail["Subject"].split(":")[0] for mail in faults.box(to)] for to in (well, greylisted, refused)]
    both = [f"{HOST} WARNING", f"{HOST} RECOVERED"]
    check(subjects == [both, both, []], "those who heard the beginning hear the end", subjects)
    faults.cure("by-name")
    runs = [host.collect(COOL, 12 * HOUR) for _ in range(3)]
    told, boxes = faults.box(refused), [len(faults.box(to)) for to in (well, greylisted)]
    check(
        runs[-1].code == 0 and len(told) == 1 and "could not be told before" in told[0].body("plain"),
        "once taken again, who was refused hears of it as past, once",
        f"{runs[-1]}; {listing(told)}",
    )
    check(boxes == [2, 2] and not host.state()["delivery"], "and nothing is left over", host.state())
    faults = Faults(lab, "own-two", "by-name")
    host = Host(lab, "own-two", faults.section("by-name", to_addresses=[refused, greylisted]))
    host.collect(COOL)
    host.collect(HOT)
    named = {event["event"]: event.get("to") for event in host.happenings() if event["event"] in ("owed", "refused")}
    host.collect(HOT)
    check(
        named == {"refused": refused, "owed": greylisted} and len(faults.box(greylisted)) == 1,
        "nor does one of two wait for the other where nobody is taken",
        f"{named}; {listing(faults.mails())}",
    )


def recipients_who_come_and_go(lab: Lab, check: Results) -> None:
    first, second, third = (f"{name}@example.test" for name in ("first", "second", "third"))
    faults = Faults(lab, "come-and-go", "ok", "drop-after-dot")
    host = Host(lab, "come-and-go", faults.section("ok", to_addresses=[first]))
    host.collect(COOL)
    host.collect(HOT)
    host.configure(faults.section("ok", to_addresses=[first, second]))
    run = host.collect(HOT)
    boxes = [faults.box(to) for to in (first, second)]
    check(
        run.code == 0
        and [len(box) for box in boxes] == [1, 1]
        and boxes[1][0]["Subject"].startswith(f"{HOST} WARNING"),
        "who is added later hears of what still fires, and nobody hears it again",
        [listing(box) for box in boxes],
    )
    host.collect(COOL)
    boxes = [len(faults.box(to)) for to in (first, second)]
    check(boxes == [2, 2], "and both hear the end", boxes)
    host.configure(faults.section("drop-after-dot", to_addresses=[first, second]))
    host.collect(HOT, 7 * HOUR)
    check(len(host.state()["outbox"]) == 1, "a mail whose fate is unknown waits", host.state())
    faults.cure("drop-after-dot")
    host.configure(faults.section("drop-after-dot", to_addresses=[second, third]))
    asked = faults.events("said").count(f"RCPT TO:<{first}>")
    runs = [host.collect(HOT) for _ in range(2)]
    boxes = [len(faults.box(to)) for to in (first, second, third)]
    check(
        [run.code for run in runs] == [0, 0]
        and boxes == [2, 3, 1]
        and faults.events("said").count(f"RCPT TO:<{first}>") == asked,
        "who was taken out is owed nothing, not even a mail that waits",
        f"{boxes}; {runs[0]}",
    )
    host.configure(faults.section("ok", to_addresses=[third]))
    runs = [host.collect(COOL), host.collect(COOL)]
    boxes = [len(faults.box(to)) for to in (first, second, third)]
    state = json.dumps(host.state())
    check(
        [run.code for run in runs] == [0, 0] and boxes == [2, 3, 2] and first not in state and second not in state,
        "and is forgotten",
        f"{boxes}; {state}",
    )


def only_what_is_critical(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "only-critical", "ok")
    levels = {"cpu_temp": {"warning": 70, "critical": 80}}
    host = Host(lab, "only-critical", faults.section("ok", level="critical"), levels)
    runs = [host.collect(celsius) for celsius in (COOL, HOT, COOL)] + [host.collect(HOT, 7 * HOUR)]
    check(
        [run.code for run in runs] == [0] * 4 and not faults.mails(),
        "a warning, its end and the next one are told to nobody and owed to nobody",
        listing(faults.mails()),
    )
    host.collect(85.0)
    mails = faults.mails()
    check(
        len(mails) == 1 and mails[0]["Subject"].startswith(f"{HOST} CRITICAL") and not mails[0]["In-Reply-To"],
        "what turns critical is told",
        listing(mails),
    )
    host.collect(COOL)
    host.collect(COOL)
    mails = faults.mails()
    check(
        len(mails) == 2 and mails[1]["Subject"].startswith(f"{HOST} RECOVERED"),
        "and its end",
        listing(mails),
    )


def a_state_of_the_first_version(lab: Lab, check: Results) -> None:
    to = ["one@example.test", "two@example.test"]
    port = free_ports()
    faults = Faults(lab, "first", f"ok={port}", "drop-after-dot")

    def host_of(name: str, fault: str, *course: float) -> Host:
        host = Host(lab, f"first-{name}", faults.section(fault, to_addresses=to))
        for celsius in course:
            host.collect(celsius)
        (host.data / "state.json").write_text(json.dumps(as_of_the_first_version(host.state())))
        return host

    def boxes() -> list[list[str]]:
        found = [[mail["Subject"].split(":")[0] for mail in faults.box(address)] for address in to]
        return [[subject.removeprefix(f"{HOST} ") for subject in box] for box in found]

    host = host_of("told", "ok", COOL, HOT)
    runs = [host.collect(HOT), host.collect(COOL), host.collect(COOL)]
    check(
        [run.code for run in runs] == [0] * 3 and boxes() == [["WARNING", "RECOVERED"]] * 2,
        "what was told then is told to nobody again, and its end to everybody",
        f"{boxes()}; {runs[0]}",
    )
    check(host.state()["schema"] == 2, "it is of today's version then", host.state())
    host = host_of("waiting", "drop-after-dot", COOL, HOT)
    faults.cure("drop-after-dot")
    runs = [host.collect(HOT), host.collect(HOT), host.collect(COOL)]
    kept, told = faults.mails("kept"), faults.mails()[2:]
    check(
        [run.code for run in runs] == [0] * 3
        and boxes() == [["WARNING", "RECOVERED"] * 2] * 2
        and len(kept) == 1
        and told[0].raw == kept[0].raw,
        "a mail that waited goes out again as it was, and its end follows",
        f"{boxes()}; {runs[0]}; {listing(kept)}; {listing(told)}",
    )
    lab.servers.stop(faults.process)
    host = host_of("past", "ok", COOL, HOT, COOL)
    owed = [past["owed"] for past in host.state()["past"]]
    faults.start()
    runs = [host.collect(COOL, 2 * HOUR), host.collect(COOL)]
    mails = [faults.box(address)[4:] for address in to]
    check(
        owed == [["email"]]
        and [run.code for run in runs] == [0, 0]
        and all(len(box) == 1 and "could not be told before" in box[0].body("plain") for box in mails),
        "what was past and owed is told to everybody, once",
        f"{owed}; {runs[0]}; {[listing(box) for box in mails]}",
    )


def as_of_the_first_version(state: dict) -> dict:
    """The same in the terms of then: mail was told to all recipients as one."""
    state["schema"] = 1
    for standing in state["standings"] + [past["standing"] for past in state["past"]]:
        told = list(standing.pop("told", {}).values())
        standing |= {"told": {"email": told[0]}} if told else {}
        for later in ("changes", "inside_warning", "inside_critical"):
            standing.pop(later, None)
    for past in state["past"]:
        past["owed"] = ["email"]
    for frozen in state["outbox"]:
        del frozen["channels"]
    if state["delivery"]:
        state["delivery"] = {"email": next(iter(state["delivery"].values()))}
    return state


def to_and_fro(metric: str, interval: int, evenly: bool):
    """A group of checks for a day on which a value crosses its level a hundred times, under the default rules."""

    def group(lab: Lab, check: Results) -> None:
        faults = Faults(lab, f"{metric}-{interval}-{evenly}", "ok")
        host = Host(lab, f"{metric}-{interval}-{evenly}", faults.section("ok"), DEFAULT_RULES)
        host.interval = interval
        host.configure(host.section)
        samples = DAY // interval
        if evenly:
            changes = {round(number * samples / 200) for number in range(200)}
        else:
            changes = set(random.Random(f"{metric} {interval}").sample(range(samples), 200))
        is_past, codes = False, set()
        for sample in range(samples):
            is_past ^= sample in changes
            if metric == "memory_percent":
                host.fill(85 if is_past else 60)
            codes.add(host.collect(HOT if is_past and metric == "cpu_temp" else COOL, interval).code)
        mails, raises = faults.mails(), host.events().count("raised")
        check(raises == 100 and codes == {0}, "the value crosses its level 100 times", f"{raises}, {codes}")
        check(len(mails) <= 4, "that is at most four mails", listing(mails))
        check(
            any("flapping" in mail["Subject"] for mail in mails) and sorted(set(host.events()) & {"flapping", "told"}),
            "one of them says that it flaps",
            listing(mails),
        )
        told = len(mails)
        host.fill(25)
        for _ in range(3 * HOUR // INTERVAL):
            host.collect(COOL)
        mails = faults.mails()
        check(
            len(mails) == told + 1 and mails[-1]["Subject"].startswith(f"{HOST} RECOVERED"),
            "and one that it is over, once it has calmed",
            listing(mails),
        )

    group.__name__ = f"{metric}_to_and_fro_every_{interval}_s_{'evenly' if evenly else 'at_random'}"
    return group


def quiet_hours(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "quiet", "ok")
    thresholds = {
        "cpu_temp": {"warning": 70, "repeat": "2h"},
        "memory_percent": 80,
        "fever": {"metric": "memory_percent", "critical": 95, "clear": 90},
    }
    host = Host(lab, "quiet", faults.section("ok"), thresholds, quiet_hours="22:00-07:00")
    host.elapsed = 12 * HOUR + 50 * 60  # 21:50
    runs = [host.collect(COOL)]
    host.elapsed += 30 * 60
    runs += [host.collect(HOT) for _ in range(30)]  # from 22:30
    host.fill(85)
    runs.append(host.collect(HOT))
    host.fill(25)
    runs += [host.collect(HOT) for _ in range(2)]
    check(
        {run.code for run in runs} == {0} and not faults.mails() and not any(run.err for run in runs),
        "a warning at night, and one that is over before the morning, are told to nobody and owed to nobody",
        f"{listing(faults.mails())}; {runs[-1]}",
    )
    host.fill(97)
    runs = [host.collect(HOT) for _ in range(2)]
    mails = faults.mails()
    check(
        len(mails) == 1
        and mails[0]["Subject"].startswith(f"{HOST} CRITICAL")
        and "cpu_temp" not in mails[0]["X-Hostwatch-Series"],
        "what is critical is told at night, alone",
        f"{listing(mails)}; {[mail['X-Hostwatch-Series'] for mail in mails]}",
    )
    host.fill(25)
    host.collect(HOT)
    mails = faults.mails()
    check(
        len(mails) == 2 and mails[1]["Subject"].startswith(f"{HOST} RECOVERED"),
        "and so is its end",
        listing(mails),
    )
    while host.now().hour != 6 or host.now().minute < 55:
        host.collect(HOT)
    check(len(faults.mails()) == 2, "nothing else is told before the morning", listing(faults.mails()))
    host.collect(HOT)
    mails = faults.mails()
    check(
        host.now().hour == 7
        and len(mails) == 3
        and mails[2]["Subject"].startswith(f"{HOST} WARNING: CPU")
        and mails[2]["X-Hostwatch-Series"] == "cpu_temp"
        and "since Sun 22:30" in mails[2].body("plain"),
        "in the morning one mail tells what still fires, and since when",
        f"{host.now()} {listing(mails)} {mails[-1].body('plain')}",
    )
    host.collect(HOT)
    host.collect(COOL)
    mails = faults.mails()
    check(
        len(mails) == 4 and mails[3]["Subject"].startswith(f"{HOST} RECOVERED") and not host.state()["past"],
        "its end is told by day, and nothing of the night is left",
        f"{listing(mails)}; {host.state()}",
    )


def greylisting(lab: Lab, check: Results) -> None:
    to = "greylist@example.test"
    host = Host(lab, "put-off", lab.exim.section(to))
    host.collect(COOL)
    run = host.collect(HOT)
    check(run.code == 4 and run.is_one_clear_line(r"\b451\b"), "greylisting is one clear line, exit 4", run)
    (lab.exim.directory / "greylist-passed").touch()
    run = host.collect(HOT)
    host.collect(HOT)
    mails = lab.exim.mails(to)
    check(run.code == 0 and len(mails) == 1, "past greylisting the raise is told, once", f"{run}; {listing(mails)}")


def by_sendmail(lab: Lab, check: Results) -> None:
    box = lab.directory / "sendmail"
    box.mkdir()
    script = box / "sendmail"
    script.write_text(
        f'#!/bin/sh\nif [ -e "{box}/broken" ]; then echo "sendmail: queue is full" >&2; exit 75; fi\n'
        f'n=$(ls "{box}" | grep -c message)\nprintf "%s\\n" "$@" >"{box}/arguments.$n"\ncat >"{box}/message.$n"\n'
    )
    script.chmod(0o755)
    section = {
        "transport": "sendmail",
        "sendmail_path": str(script),
        "from_address": "hostwatch@gate-pi.example.test",
        "to_addresses": ["admin@example.test"],
    }
    host = Host(lab, "sendmail", section)
    host.collect(COOL)
    run = host.collect(HOT)
    messages = [Mail(path.read_bytes()) for path in sorted(box.glob("message.*"))]
    check(
        run.code == 0 and len(messages) == 1 and messages[0]["Subject"].startswith(f"{HOST} WARNING"),
        "sendmail gets the mail on its standard input",
        f"{run}; {listing(messages)}",
    )
    arguments = (box / "arguments.0").read_text().split("\n") if messages else []
    check(
        "-t" in arguments or "admin@example.test" in arguments,
        "and the recipients, or is told to read them from the mail",
        arguments,
    )
    check("-i" in arguments or "-oi" in arguments, "and takes a lone dot for text", arguments)
    (box / "broken").touch()
    run = host.collect(COOL)
    check(
        run.code == 4 and run.is_one_clear_line("queue is full|75") and host.has_sample(COOL),
        "a sendmail that fails is one clear line, exit 4, and the sample is stored",
        run,
    )
    (box / "broken").unlink()
    runs = [host.collect(COOL), host.collect(COOL)]
    count = len(list(box.glob("message.*")))
    check([run.code for run in runs] == [0, 0] and count == 2, "the next run tells it, once", f"{runs[0]}; {count}")
    run = host.notify_test(section | {"sendmail_path": "/nonexistent/sendmail"})
    check(
        run.code == 3 and run.is_one_clear_line("/nonexistent/sendmail"),
        "a sendmail that is not there is one clear line with its path",
        run,
    )


def a_dry_run(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "dry", "ok")
    host = Host(lab, "dry", faults.section("ok"))
    host.collect(COOL)
    before = host.files()
    run = host.collect(HOT, INTERVAL, "--dry-run")
    check(
        run.code == 0 and re.search(rf"Subject:.*{HOST} WARNING", run.out) and "cpu_temp" in run.out,
        "a dry run prints the mail that would go out",
        run,
    )
    lines = [line for line in run.out.splitlines() if line.startswith('{"timestamp"')]
    check(
        lines and json.loads(lines[0]).get("cpu_temp") == HOT,
        "a dry run prints the line that would be stored",
        run,
    )
    check(
        host.files() == before and not faults.mails() and not faults.events("connected"),
        "a dry run writes nothing and sends nothing",
        f"{sorted(host.files())}; {faults.events('said')}",
    )
    fresh = Host(lab, "dry-fresh", faults.section("ok"))
    fresh.data.rmdir()
    run = fresh.collect(HOT, INTERVAL, "--dry-run")
    check(run.code == 0 and not fresh.data.exists(), "a dry run does not even make the directory", run)
    run = host.collect(HOT, 0)
    check(run.code == 0 and len(faults.mails()) == 1, "the run after it tells what it showed", run)


def a_hanging_server_holds_nobody_up(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "hanging", "silent")
    host = Host(lab, "hanging", faults.section("silent", timeout=15))
    host.collect(COOL)
    host.elapsed += INTERVAL
    host.turn(HOT)
    hanging = subprocess.Popen(
        host.command("collect"),
        env=host.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: faults.events("connected"), 10, "the run that hangs")
        check(host.has_sample(HOT), "the sample is stored before anything is told", host.samples()[-1:])
        check("raised" in host.events(), "and so is the event of the raise", host.events())
        run = host.collect(HOT + 1)
        check(
            run.code in (0, 4) and run.seconds < 5 and host.has_sample(HOT + 1),
            "a second run does not wait for the one that is mailing",
            run,
        )
    finally:
        hanging.kill()
        hanging.wait()
    faults.cure("silent")
    run = host.collect(HOT, 2 * INTERVAL)
    check(
        run.code == 0 and len(faults.mails()) == 1 and host.state() is not None,
        "a run that is killed while it mails leaves the raise owed, and the next one tells it",
        f"{run}; {listing(faults.mails())}; {host.state()}",
    )
    host.collect(HOT)
    check(len(faults.mails()) == 1, "it is told once", listing(faults.mails()))


def the_words_of_the_mail(lab: Lab, check: Results) -> None:
    faults = Faults(lab, "words", "ok")
    host = Host(lab, "words", faults.section("ok", subject_prefix="[Straße 7]", from_address=None))
    host.collect(COOL)
    host.collect(HOT)
    mails = faults.mails()
    check(
        len(mails) == 1 and mails[0]["Subject"].startswith(f"[Straße 7] {HOST} WARNING"),
        "subject_prefix goes before the host, in any script",
        listing(mails),
    )
    check(
        len(mails) == 1 and re.search(rf"\bhostwatch@{HOST}", mails[0]["From"]),
        "without from_address it comes from hostwatch@ the host",
        [mail["From"] for mail in mails],
    )
    check(
        len(mails) == 1 and mails[0].raw.isascii() and b"\n" not in mails[0].raw.replace(b"\r\n", b""),
        "the mail goes out in ASCII, with the line ends of the protocol, to a server that offers no more",
        [mail.raw for mail in mails],
    )


def nothing_gives_the_secret_away(lab: Lab, check: Results) -> None:
    """Runs last: looks through everything that was printed and written."""
    needles = [encode(secret) for secret in (SECRET, WRONG_SECRET) for encode in ENCODINGS]
    printed = [text for text in lab.outputs if any(needle in text.encode() for needle in needles)]
    check(lab.outputs and not printed, "no secret was ever printed", printed[:3])
    files = {name: content for host in lab.hosts for name, (_, content) in host.files().items()}
    leaky = [name for name, content in files.items() if any(needle in content for needle in needles)]
    check(files and not leaky, "no secret is in a sample, an event, the state or a cache", leaky)
    mails = [path for path in lab.directory.rglob("*") if path.is_file() and path.parent.name in ("mail", "new")]
    leaky = [path.name for path in mails if any(needle in path.read_bytes() for needle in needles)]
    check(mails and not leaky, "no secret is in a mail", leaky)
    damaged = [
        name
        for name, content in files.items()
        if re.search(r"(\.jsonl|state\.json)$", name) and not parses(name, content)
    ]
    check(files and not damaged, "every line and every state file of every host is sound", damaged)
    strange = [text for text in lab.outputs if re.search(r"panicked|RUST_BACKTRACE", text)]
    check(lab.outputs and not strange, "the program never panicked", strange[:3])


ENCODINGS = (
    str.encode,
    lambda secret: base64.b64encode(secret.encode()),
    lambda secret: base64.b64encode(f"\0{USER}\0{secret}".encode()),
)


def parses(name: str, content: bytes) -> bool:
    """Whether every line of a file of lines, or the one object of a state file, is JSON."""
    with contextlib.suppress(ValueError):
        return all(
            isinstance(json.loads(part), dict) for part in (content.splitlines() if name.endswith("l") else [content])
        )
    return False


# The slow ones first: all run at the same time.
GROUPS = [
    to_and_fro("cpu_temp", 60, evenly=True),
    to_and_fro("memory_percent", 60, evenly=False),
    to_and_fro("memory_percent", 300, evenly=True),
    to_and_fro("cpu_temp", 300, evenly=False),
    told_after_a_fault("silent"),
    told_after_a_fault("silent-dot"),
    told_after_a_fault("drip"),
    told_after_a_fault("garbage"),
    told_after_a_fault("busy"),
    told_after_a_fault("greylist"),
    told_after_a_fault("refuse-sender", permanent=True),
    told_after_a_fault("refuse-recipient", permanent=True),
    told_after_a_fault("refuse-data", permanent=True),
    told_after_a_fault("defer-data"),
    told_after_a_fault("drop-after-354"),
    told_after_a_fault("drop-after-dot"),
    told_after_a_fault("lose-after-dot"),
    told_after_a_fault("hang-up"),
    told_after_a_fault("closed", permanent=True),
    told_after_a_fault("defer-sender"),
    from_crossing_to_recovery,
    from_warning_to_critical,
    several_alerts_in_one_run,
    tls_from_the_start,
    a_test_message,
    certificates,
    nothing_in_the_clear,
    the_secret,
    a_server_that_is_down,
    an_episode_while_the_server_is_down,
    doubtful_mail_is_sent_again_as_it_was,
    doubtful_mail_stays_as_it_is,
    a_server_that_does_not_say_goodbye,
    refused_mail_is_written_afresh,
    waiting_after_refusals,
    an_unchanged_failure,
    one_recipient_of_two,
    each_recipient_on_its_own,
    recipients_who_come_and_go,
    only_what_is_critical,
    a_state_of_the_first_version,
    quiet_hours,
    greylisting,
    by_sendmail,
    a_dry_run,
    a_hanging_server_holds_nobody_up,
    the_words_of_the_mail,
]


def outcome(group, lab: Lab) -> Results:
    results = Results(group.__name__.replace("_", " "))
    try:
        group(lab, results)
    except Exception as error:  # a check that cannot go on has failed; the others go on
        results(False, "could be checked to its end", f"{type(error).__name__}: {error}")
    return results


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    binary = pathlib.Path(sys.argv[1]).resolve()
    if not os.access(binary, os.X_OK):
        sys.exit(f"run.py: could not run {binary}")
    if os.geteuid() != 0 or not shutil.which("exim4"):
        sys.exit("run.py: needs root and exim4 (apt-get install exim4-daemon-light)")
    groups = [group for group in GROUPS if group.__name__ in sys.argv[2:]] or GROUPS
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    passed = failed = 0

    def show(results: Results) -> None:
        nonlocal passed, failed
        for good, line in results.lines:
            passed, failed = passed + good, failed + (not good)
            print(line, flush=True)

    directory = pathlib.Path(tempfile.mkdtemp(prefix="hostwatch-smtp-"))
    servers = Servers()
    try:
        lab = Lab(binary, directory, servers)
        with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool, contextlib.ExitStack() as interrupted:
            interrupted.callback(servers.stop_all)  # or the groups would be waited for
            for done in concurrent.futures.as_completed([pool.submit(outcome, group, lab) for group in groups]):
                show(done.result())
        show(outcome(nothing_gives_the_secret_away, lab))
    finally:
        servers.stop_all()
        if os.environ.get("HOSTWATCH_KEEP"):
            print(f"kept {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
