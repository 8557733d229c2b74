#!/usr/bin/env python3
"""500 runs of `collect` through a mail server at its worst: storm.py BINARY [SEED...]

Temperature, memory and swap follow courses at random, and the server, which is well most of the time, refuses, puts
off, cuts, drips, forgets and comes back at random, for all recipients or for one; sometimes the program is killed while
it mails. After every run each mailbox, without its twins, is held against the events: what the recipient believes must
follow from the mails in their order, and be true whenever the program says that nothing is owed. After a calm end every
raise and every end has been told to everybody exactly once. A twin may only come of a mail that the server took without
saying so, and has the same bytes.

A seed gives the same run again; without one the fixed ones are run. One line per seed, and at the first thing that is
wrong what it is; exit code 1 then. HOSTWATCH_KEEP=1 keeps the directory with everything that was seen.
"""

import asyncio
import collections
import dataclasses
import datetime
import itertools
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import faults
from run import DAY, HOUR, INTERVAL, Host, Mail, wait_for

SEEDS = (1, 2)
RUNS = 500
TIMEOUT = 2
RECIPIENTS = ("anna@example.test", "berta@example.test", "carla@example.test")
LEVELS = {"cpu_temp": (70, 80), "memory_percent": (80, 90), "swap_percent": (50, 70)}
CALM, FLAPS_WITHIN, MOST_CHANGES = 2 * HOUR, 6 * HOUR, 4
REPEAT = {"warning": DAY, "critical": 4 * HOUR}
RANKS = ("ok", "warning", "critical")

# What may be wrong with a connection, and how often; those that take time are rare.
FAULTS = {
    "busy": 3,
    "closed": 3,
    "hang-up": 3,
    "defer-sender": 3,
    "refuse-sender": 2,
    "refuse-recipient": 2,
    "greylist": 4,
    "refuse-data": 3,
    "defer-data": 3,
    "drop-after-354": 4,
    "drop-after-dot": 6,
    "lose-after-dot": 4,
    "kill": 2,
    "kill-after-dot": 3,
    "garbage": 1,
    "silent": 1,
    "drip": 1,
    "silent-dot": 1,
    "silent-quit": 1,
}
# The same for one recipient.
REFUSALS = ("550 5.1.1 no such user", "450 4.2.0 mailbox busy", "451 4.3.0 not now", "greylist")


class Wrong(Exception):
    """Something that must not be."""


def demand(holds: object, text: str) -> None:
    if not holds:
        raise Wrong(text)


@dataclasses.dataclass
class Delivery:
    """A message whose final dot arrived."""

    outcome: str
    raw: bytes
    recipients: list[str]

    def is_in_the_box(self) -> bool:
        return self.outcome in ("accepted", "kept")


class Weather:
    """How the server is at every run and for every recipient, at random."""

    def __init__(self, seed: int):
        self.random = random.Random(f"weather {seed}")
        self.over = False
        self.left = 0
        self.kinds: list[str] = []
        self.down = 0
        self.of: dict[str, tuple[str, int]] = {}

    def next_run(self) -> None:
        if self.over:
            self.left, self.down, self.of = 0, 0, {}
            return
        self.left, self.down = max(0, self.left - 1), max(0, self.down - 1)
        if not self.left and self.random.random() < 0.10:
            kinds = self.random.choices(list(FAULTS), list(FAULTS.values()), k=self.random.randint(1, 3))
            self.left, self.kinds = self.random.randint(1, 8), kinds
        if not self.down and self.random.random() < 0.02:
            self.down = self.random.randint(1, 15)
        self.of = {recipient: (kind, runs - 1) for recipient, (kind, runs) in self.of.items() if runs > 1}
        for recipient in RECIPIENTS:
            if recipient not in self.of and self.random.random() < 0.02:
                self.of[recipient] = (self.random.choice(REFUSALS), self.random.randint(1, 12))

    def connection(self) -> str:
        if self.over:
            return "ok"
        if self.left and self.random.random() < 0.8:
            return self.random.choice(self.kinds)
        return self.random.choice(list(FAULTS)) if self.random.random() < 0.03 else "ok"

    def refusal(self, recipient: str) -> str:
        """The answer to one recipient alone; greylisting passes once it was tried."""
        kind, _ = self.of.get(recipient, ("", 0))
        if kind != "greylist":
            return kind
        del self.of[recipient]
        return "450 4.7.1 greylisted, try again later"


class Server(faults.Server):
    """The server of `faults`, with the faults of the weather, in a thread of its own."""

    def __init__(self, directory: pathlib.Path, weather: Weather):
        super().__init__(directory)
        self.weather = weather
        self.victim: subprocess.Popen | None = None
        self.deliveries: list[Delivery] = []
        self.met: collections.Counter = collections.Counter()
        self.open = 0
        self.listener: asyncio.Server | None = None
        self.port = 0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.up()

    def up(self) -> None:
        async def start() -> None:
            self.listener = await asyncio.start_server(
                self.client("storm"), "127.0.0.1", self.port, limit=faults.LINE_LIMIT
            )
            self.port = self.listener.sockets[0].getsockname()[1]

        if not self.listener:
            asyncio.run_coroutine_threadsafe(start(), self.loop).result(10)

    def shut(self) -> None:
        async def stop() -> None:
            self.listener.close()

        if self.listener:
            asyncio.run_coroutine_threadsafe(stop(), self.loop).result(10)
            self.listener = None

    def client(self, fault: str):
        serve = super().client(fault)

        async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.open += 1
            try:
                await serve(reader, writer)
            finally:
                self.open -= 1

        return counted

    def fault_of(self, port: str) -> str:
        fault = self.weather.connection()
        self.met[fault] += 1
        return fault

    def refusal(self, fault: str, sender: str, recipient: str) -> str:
        if fault == "kill":
            self.victim.kill()
        if answer := super().refusal(fault, sender, recipient):
            return answer
        answer = self.weather.refusal(recipient)
        if answer:
            self.met[f"{answer[:3]} to one"] += 1
        return answer

    def verdict(self, fault: str, message: bytes) -> tuple[str, str]:
        if fault == "kill-after-dot":
            self.victim.kill()
            return "kept", ""
        # What was taken once is known, and not refused for what it says.
        known = any(one.is_in_the_box() and one.raw == message for one in self.deliveries)
        return super().verdict("ok" if known and fault == "refuse-data" else fault, message)

    def keep(self, fault: str, outcome: str, message: bytes, recipients: list[str]) -> None:
        super().keep(fault, outcome, message, recipients)
        self.deliveries.append(Delivery(outcome, message, recipients))


class Course:
    """How one series goes, at random: calm for a while, then lively, then to and fro."""

    MOODS = {"calm": 0.02, "lively": 0.15, "wild": 0.7}

    def __init__(self, warning: float, critical: float, chance: random.Random):
        self.random = chance
        within = [(warning - 30, warning - 8), (warning - 3, warning - 1)]
        beyond = [(warning, critical - 4), (critical - 3, critical - 1), (critical, critical + 8)]
        self.bands, self.weights = within + beyond, (6, 1, 4, 1, 2)
        self.band, self.mood, self.left = self.bands[0], "calm", 10

    def next_value(self) -> float:
        self.left -= 1
        if self.left <= 0:
            self.mood, self.left = self.random.choice(list(self.MOODS)), self.random.randint(8, 40)
        if self.random.random() < self.MOODS[self.mood]:
            self.band = self.random.choices(self.bands, self.weights)[0]
        return round(self.random.uniform(*self.band), 1)

    def calm_value(self) -> float:
        return self.bands[0][0]


class StormHost(Host):
    """The host of the other checks, with memory and swap to turn as well, and a program that may be killed."""

    values: tuple[float, float] = (40, 10)
    server: Server | None = None

    def turn(self, celsius: float) -> None:
        super().turn(celsius)
        memory, swap = self.values
        available, free = round(4_000_000 * (100 - memory) / 100), round(1_000_000 * (100 - swap) / 100)
        self.write(
            "proc/meminfo",
            f"MemTotal: 4000000 kB\nMemAvailable: {available} kB\nSwapTotal: 1000000 kB\nSwapFree: {free} kB",
        )

    def step(self, values: list[float], after: int) -> tuple[int, str]:
        """One run that many seconds after the last; its exit code and standard error."""
        self.elapsed += after
        self.values = values[1], values[2]
        self.turn(values[0])
        process = subprocess.Popen(
            self.command("collect"),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.server.victim = process
        _, error = process.communicate(timeout=60)
        wait_for(lambda: not self.server.open, 10, "the server to finish")
        return process.returncode, error


@dataclasses.dataclass
class Episode:
    """One episode as it is to be told: ends that did not last are none, and a stretch of flapping is one."""

    start: int
    peak: str
    end: int | None = None
    unsettled: bool = False

    def is_over(self, now: int) -> bool:
        return self.end is not None and (not self.unsettled or now - self.end >= CALM)


@dataclasses.dataclass
class Now:
    """What there is to be believed of a series at one moment."""

    level: str
    start: int
    flaps: bool


class Truth:
    """One series as the events have it."""

    def __init__(self):
        self.level = "ok"
        self.flaps = False
        self.changes: list[tuple[int, str]] = []
        self.episodes: list[Episode] = []
        self.raises = self.ends = 0

    def happens(self, event: dict) -> None:
        kind, now = event["event"], event["epoch"]
        if kind in ("raised", "escalated", "eased", "recovered"):
            self.turns(kind, now, event["level"])
        elif kind == "flapping":
            demand(len(self.changes) > MOST_CHANGES, f"it flaps after {len(self.changes)} changes: {event}")
            self.flaps, self.episodes[-1].end = True, None
        elif kind == "calmed":
            demand(self.flaps and now - self.changes[-1][0] >= CALM, f"calmed without reason: {event}")
            self.flaps = False
            if self.level == "ok":
                self.episodes[-1].end = self.changes[-1][0]
            self.changes = []

    def turns(self, kind: str, now: int, level: str) -> None:
        lawful = {
            "raised": self.level == "ok" != level,
            "escalated": "ok" != self.level and RANKS.index(level) > RANKS.index(self.level),
            "eased": "ok" != level and RANKS.index(level) < RANKS.index(self.level),
            "recovered": self.level != "ok" == level,
        }
        demand(lawful[kind], f"{kind} to {level} at {clock(now, now)}, where it was {self.level}")
        last = self.episodes[-1] if self.episodes else None
        if kind == "raised" and not self.flaps:
            if last and last.unsettled and now - last.end < CALM:
                last.end, last.unsettled = None, False
            else:
                self.episodes.append(Episode(now, level))
        self.changes = [change for change in self.changes if now - change[0] <= FLAPS_WITHIN]
        self.changes = [*self.changes, (now, level)][-MOST_CHANGES - 1 :]
        self.level = level
        last = self.episodes[-1]
        last.peak = max(last.peak, level, key=RANKS.index)
        if kind == "recovered" and not self.flaps:
            ends = sum(level == "ok" for _, level in self.changes)
            last.end, last.unsettled = now, len(self.changes) >= MOST_CHANGES and ends > 1
        self.raises, self.ends = self.raises + (kind == "raised"), self.ends + (kind == "recovered")

    def now(self) -> Now | None:
        """What is to be believed; nothing, if nothing is firing."""
        if self.level == "ok" and not self.flaps:
            return None
        last = self.episodes[-1]
        return Now(last.peak if self.flaps else self.level, last.start, self.flaps)


WHEN = r"(?:[A-Z]\w\w |\d{4}-\d\d-\d\d )?\d\d:\d\d"
NAMES = {"cpu_temp": "CPU", "memory_percent": "Memory", "swap_percent": "Swap"}
FIRING = {
    "flapping": r"has crossed its level \d+ times in",
    "escalated": rf": now critical \(level (?P<level>\d+)\), a warning since (?P<start>{WHEN})\.",
    "eased": rf": no longer critical, but past (?P<level>\d+) since (?P<start>{WHEN})\.",
    "reminder": rf"\(level (?P<level>\d+)\), still, since (?P<start>{WHEN})\.",
    "steady": rf"\(level (?P<level>\d+)\): steadily so for 2 h, after flapping since (?P<start>{WHEN})\.",
    "raised": rf"\(level (?P<level>\d+)\) since (?P<start>{WHEN})\.",
}
OVER = re.compile(
    r"It was (?:flapping|past (?:\d+, at times past )?(?P<level>\d+),?(?: (?P<times>\w+)(?: times)?)?)"
    rf" (?:from|between) (?P<start>{WHEN}) (?:to|and) (?P<end>{WHEN})(?: \([^)]+\))?"
    r"(?P<late>; this could not be told before)?"
)
TIMES = ("once", "twice", "three", "four", "five")


@dataclasses.dataclass
class Fact:
    """What a mail says about one series."""

    series: str
    kind: str
    level: str | None
    start: str | None
    end: str | None = None
    # So many episodes are told as one.
    times: int = 1


def facts_of(mail: Mail) -> list[Fact]:
    """What ended comes first."""
    series = mail["X-Hostwatch-Series"].split(", ")
    block = "\n".join(itertools.takewhile(str.strip, mail.body("plain").splitlines()))
    leads = re.split(rf"\n(?=(?:{'|'.join(NAMES.values())}) )", block)
    demand(len(series) == len(leads), f"{len(series)} series and {len(leads)} facts: {mail.body('plain')}")
    facts = [fact_of(*each) for each in zip(series, leads)]
    return sorted(facts, key=lambda fact: fact.end is None)


def fact_of(series: str, lead: str) -> Fact:
    lead = " ".join(lead.split())
    demand(lead.startswith(NAMES[series]), f"not about {series}: {lead}")
    over = OVER.search(lead)
    found = {kind: match for kind, pattern in FIRING.items() if (match := re.search(pattern, lead))}
    demand(bool(over) + len(found) == 1, f"this says nothing, or too much: {lead}")
    parts = over.groupdict() if over else next(iter(found.values())).groupdict()
    level = RANKS[1 + LEVELS[series].index(int(parts["level"]))] if parts.get("level") else None
    if not over:
        return Fact(series, next(iter(found)), level, parts.get("start"))
    word = parts["times"] or "once"
    times = TIMES.index(word) + 1 if word in TIMES else int(word)
    return Fact(series, "past" if parts["late"] else "recovered", level, parts["start"], parts["end"], times)


def clock(epoch: int, now: int) -> str:
    """A time as a mail of that moment has it."""
    then, today = (datetime.datetime.fromtimestamp(each, datetime.UTC) for each in (epoch, now))
    days = (today.date() - then.date()).days
    return then.strftime("%H:%M" if days == 0 else "%a %H:%M" if days <= 6 else "%Y-%m-%d %H:%M")


@dataclasses.dataclass
class Belief:
    """What somebody holds to be going on."""

    level: str
    flaps: bool
    told: int


class Recipient:
    """What one of them was told, and what follows from it."""

    def __init__(self, address: str):
        self.address = address
        self.mails: dict[str, bytes] = {}
        self.answered: set[str] = set()
        self.copies = 0
        self.believed: dict[str, dict[int, Belief]] = {series: {} for series in LEVELS}
        self.over: dict[str, list[int]] = {series: [] for series in LEVELS}

    def receive(self, delivery: Delivery, history: dict[int, dict[str, Now | None]], truths: dict[str, Truth]) -> None:
        mail = Mail(delivery.raw)
        identity = mail["Message-ID"]
        self.copies += 1
        demand(identity not in self.answered, f"{self.address} got {mail} again although the server had answered 250")
        demand(self.mails.get(identity, delivery.raw) == delivery.raw, f"the twin of {mail} is another one")
        if delivery.outcome == "accepted":
            self.answered.add(identity)
        if identity in self.mails:
            return
        self.mails[identity] = delivery.raw
        written = int(mail.message["Date"].datetime.timestamp())
        facts = facts_of(mail)
        worst = max(("ok" if fact.end else history[written][fact.series].level for fact in facts), key=RANKS.index)
        demand(mail["X-Hostwatch-Level"] == worst, f"{mail} says it is {mail['X-Hostwatch-Level']}, it is {worst}")
        for fact in facts:
            try:
                if fact.end:
                    self.hear_the_end(fact, written, truths[fact.series])
                else:
                    self.hear(fact, written, history[written][fact.series])
            except Wrong as wrong:
                believed = self.believed[fact.series]
                raise Wrong(f"{self.address}, {mail}, {fact}: {wrong}; believed {believed}") from None
        twofold = [series for series, believed in self.believed.items() if len(believed) > 1]
        demand(not twofold, f"{self.address}: {mail} leaves two episodes open: {twofold} {self.believed}")

    def hear(self, fact: Fact, written: int, now: Now | None) -> None:
        demand(now, "nothing was firing")
        demand(fact.level in (now.level, None), f"the level was {now.level}")
        known = self.believed[fact.series].get(now.start)
        demand(now.start not in self.over[fact.series], "its end was told already")
        if now.flaps:
            follows = {
                "flapping": not known or not known.flaps,
                "escalated": known and known.flaps and RANKS.index(known.level) < RANKS.index(now.level),
            }
        else:
            demand(fact.start == clock(now.start, written), f"it began at {clock(now.start, written)}")
            steady = known and not known.flaps
            follows = {
                "raised": not known,
                # Told to several at once, it may be new to some of them.
                "steady": not steady,
                "escalated": steady and RANKS.index(known.level) < RANKS.index(now.level),
                "eased": steady and RANKS.index(known.level) > RANKS.index(now.level),
                "reminder": steady and known.level == now.level
                # Half an interval of grace, which two moments may use.
                and written - known.told >= REPEAT[now.level] - INTERVAL,
            }
        demand(follows.get(fact.kind), f"this does not follow from what was told, now {now}")
        self.believed[fact.series][now.start] = Belief(now.level, now.flaps, written)

    def hear_the_end(self, fact: Fact, written: int, truth: Truth) -> None:
        past = [episode for episode in truth.episodes if episode.is_over(written)]
        starts = [number for number, episode in enumerate(past) if clock(episode.start, written) == fact.start]
        ends = [number for number, episode in enumerate(past) if clock(episode.end, written) == fact.end]
        demand(starts and ends and starts[-1] <= ends[-1], f"there was none such among {past[-3:]}")
        told = past[starts[-1] : ends[-1] + 1]
        worst = max((episode.peak for episode in told), key=RANKS.index)
        demand(fact.level in (worst, None), f"it was {worst}")
        demand(fact.times == len(told), f"there were {told}")
        for episode in told:
            demand(episode.start not in self.over[fact.series], "that was told already")
            self.over[fact.series].append(episode.start)
        known = self.believed[fact.series].pop(told[0].start, None)
        demand(bool(known) == (fact.kind == "recovered"), "told before, or not told before?")
        demand(not known or len(told) == 1, f"more than one episode at once: {told}")

    def lacks(self, truths: dict[str, Truth], now: int) -> list[str]:
        """What has to be told yet."""
        found = []
        for series, truth in truths.items():
            going_on, believed = truth.now(), self.believed[series]
            last = truth.episodes[-1] if truth.episodes else None
            for episode in truth.episodes:
                if episode.is_over(now) and episode.start not in self.over[series]:
                    found.append(f"{series}: the end of {episode}")
            if going_on:
                known = believed.get(going_on.start)
                if not known or (known.level, known.flaps) != (going_on.level, going_on.flaps):
                    found.append(f"{series}: {going_on}, known is {known}")
            elif believed and last.is_over(now):
                found.append(f"{series}: over, believed {believed}")
        return [f"{self.address} has to hear of {text}" for text in found]

    def waits_for_a_reminder(self, now: int) -> bool:
        known = [belief for believed in self.believed.values() for belief in believed.values()]
        return any(now - belief.told >= REPEAT[belief.level] - INTERVAL for belief in known)


class Storm:
    """One host, its server, and everybody who is told."""

    def __init__(self, binary: pathlib.Path, directory: pathlib.Path, seed: int):
        self.binary, self.directory = binary, directory
        self.hosts: list[Host] = []
        self.outputs: list[str] = []
        self.random = random.Random(seed)
        self.weather = Weather(seed)
        self.server = Server(directory, self.weather)
        section = {
            "smtp_server": "127.0.0.1",
            "smtp_port": self.server.port,
            "security": "none",
            "timeout": TIMEOUT,
            "from_address": "hostwatch@gate-pi.example.test",
            "to_addresses": list(RECIPIENTS),
        }
        levels = {series: {"warning": warning, "critical": critical} for series, (warning, critical) in LEVELS.items()}
        self.host = StormHost(self, "storm", section, levels)
        self.host.server = self.server
        self.courses = [Course(*levels, random.Random(f"{series} {seed}")) for series, levels in LEVELS.items()]
        self.truths = {series: Truth() for series in LEVELS}
        self.history: dict[int, dict[str, Now | None]] = {}
        self.recipients = [Recipient(address) for address in RECIPIENTS]
        self.codes: collections.Counter = collections.Counter()
        self.events = self.deliveries = 0

    def run(self, values: list[float], after: int) -> None:
        self.weather.next_run()
        self.server.shut() if self.weather.down else self.server.up()
        code, error = self.host.step(values, after)
        now = int(self.host.now().timestamp())
        self.codes[code] += 1
        demand(code in (0, 4, -signal.SIGKILL), f"exit code {code}: {error}")
        demand(all(line.startswith("hostwatch: ") for line in error.splitlines()), error)
        events = self.host.happenings()[self.events :]
        self.events += len(events)
        for event in events:
            if event.get("series") in self.truths:
                self.truths[event["series"]].happens(event)
        self.history[now] = {series: truth.now() for series, truth in self.truths.items()}
        new = self.server.deliveries[self.deliveries :]
        self.deliveries += len(new)
        for delivery in filter(Delivery.is_in_the_box, new):
            for recipient in self.recipients:
                if recipient.address in delivery.recipients:
                    recipient.receive(delivery, self.history, self.truths)
            self.demand_that_it_follows(Mail(delivery.raw))
        lacking = [text for recipient in self.recipients for text in recipient.lacks(self.truths, now)]
        if code == 0:
            demand(not lacking, f"exit 0, but {lacking}")
        if code == 4:
            waits = any(recipient.waits_for_a_reminder(now) for recipient in self.recipients)
            demand(lacking or waits or self.host.state()["outbox"], "exit 4, but everything was told")
        if code >= 0:
            self.demand_that_the_events_are_right(events, new)

    def demand_that_it_follows(self, mail: Mail) -> None:
        """What answers an earlier mail answers one that somebody has to whom it is addressed."""
        earlier, to = mail["In-Reply-To"], mail["To"]
        has_it = any(recipient.address in to and earlier in recipient.mails for recipient in self.recipients)
        demand(not earlier or has_it, f"{mail} to {to} answers {earlier}, which none of them has")

    def demand_that_the_events_are_right(self, events: list[dict], new: list[Delivery]) -> None:
        said = collections.Counter(
            (address, event["series"])
            for event in events
            if event["event"] in ("told", "reminder")
            for address in event["to"].split(", ")
        )
        answered = collections.Counter(
            (address, fact.series)
            for delivery in new
            if delivery.outcome == "accepted"
            for address in delivery.recipients
            for fact in facts_of(Mail(delivery.raw))
        )
        demand(said == answered, f"the events say that was told: {said}, the server took {answered}")

    def rage(self) -> None:
        for _ in range(RUNS):
            chance = self.random.random()
            after = INTERVAL if chance < 0.92 else self.random.randint(1, 7) * HOUR if chance < 0.995 else 26 * HOUR
            self.run([course.next_value() for course in self.courses], after)

    def calm(self) -> None:
        self.weather.over = True
        for _ in range(30):
            self.run([course.calm_value() for course in self.courses], HOUR)
        state = self.host.state()
        left = {key: state[key] for key in ("outbox", "past", "delivery", "standings") if state[key]}
        demand(not left and self.codes[0], f"after a day without trouble there is still {left}")
        for recipient in self.recipients:
            demand(not any(recipient.believed.values()), f"{recipient.address} believes {recipient.believed}")
            for series, truth in self.truths.items():
                starts = [episode.start for episode in truth.episodes]
                demand(sorted(recipient.over[series]) == starts, f"{recipient.address}: not every episode of {series}")
        demand(all(truth.raises == truth.ends for truth in self.truths.values()), "a raise without an end")

    def summary(self) -> str:
        episodes = sum(len(truth.episodes) for truth in self.truths.values())
        raises = sum(truth.raises for truth in self.truths.values())
        mails = [len(recipient.mails) for recipient in self.recipients]
        twins = sum(recipient.copies - len(recipient.mails) for recipient in self.recipients)
        met = ", ".join(f"{fault} {count}" for fault, count in sorted(self.server.met.items()))
        return (
            f"{sum(self.codes.values())} runs (exit codes {dict(self.codes)}), {raises} raises in {episodes} episodes, "
            f"mails {mails}, {twins} twins; connections: {met}"
        )


def rage(binary: pathlib.Path, seed: int) -> bool:
    directory = pathlib.Path(tempfile.mkdtemp(prefix="hostwatch-storm-"))
    storm = Storm(binary, directory, seed)
    began = time.monotonic()
    try:
        storm.rage()
        storm.calm()
        print(f"ok - seed {seed}: {storm.summary()}; {time.monotonic() - began:.0f} s", flush=True)
        return True
    except Wrong as wrong:
        print(f"not ok - seed {seed}, run {sum(storm.codes.values())}: {wrong}\n  {storm.summary()}", flush=True)
        return False
    finally:
        if os.environ.get("HOSTWATCH_KEEP"):
            print(f"kept {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    binary = pathlib.Path(sys.argv[1]).resolve()
    if not os.access(binary, os.X_OK):
        sys.exit(f"storm.py: could not run {binary}")
    return 0 if all([rage(binary, int(seed)) for seed in sys.argv[2:] or SEEDS]) else 1


if __name__ == "__main__":
    sys.exit(main())
