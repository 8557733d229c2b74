#!/usr/bin/env python3
"""An SMTP server that misbehaves on purpose: faults.py DIRECTORY [FAULT[=[ADDRESS:]PORT]...]

One port per fault, without arguments one for each; on loopback unless told. DIRECTORY/ready.json appears once all of
them listen and gives the port of each fault. Every message whose final dot arrived is kept, byte for byte, as
DIRECTORY/mail/NNNN-OUTCOME.eml, where OUTCOME is `accepted` (answered 250), `refused` (answered 4xx or 5xx), `kept`
(never answered, yet not lost) or `lost` (never answered, and nobody has it); NNNN-OUTCOME.to has its recipients, one a
line. DIRECTORY/log has a line per event: the fault, what happened, the text. A fault goes away while
DIRECTORY/FAULT.cured exists: its port then behaves like `ok`.
"""

import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import sys

FAULTS = {
    "ok": "accepts everything; no TLS, no AUTH",
    "auth-in-clear": "offers AUTH without TLS and takes any secret",
    "refuse-starttls": "offers STARTTLS, then answers it with 454",
    "refuse-sender": "550 to MAIL",
    "defer-sender": "421 to MAIL, then hangs up",
    "refuse-recipient": "550 to RCPT",
    "greylist": "451 to the first RCPT of a sender and recipient, then accepts",
    "by-name": "550 to RCPT of refused@…, 451 to the first of greylisted@…, and accepts everybody else",
    "refuse-data": "552 after the final dot",
    "defer-data": "451 after the final dot",
    "drop-after-354": "cuts the connection instead of reading the message",
    "drop-after-dot": "keeps the message and cuts the connection without an answer",
    "lose-after-dot": "forgets the message and cuts the connection without an answer",
    "silent-dot": "keeps the message and never answers",
    "silent-quit": "accepts everything and never answers QUIT",
    "silent": "accepts the connection and never says a word",
    "drip": "says everything at one byte a second",
    "busy": "421 as its banner, then hangs up",
    "closed": "554 as its banner, then hangs up",
    "hang-up": "hangs up without a word",
    "garbage": "binary noise as its banner",
}
BANNERS = {"busy": "421 4.3.2 too busy, try again later", "closed": "554 5.3.2 no mail is taken here"}
AFTER_THE_DOT = {
    "refuse-data": ("refused", "552 5.2.2 mailbox full"),
    "defer-data": ("refused", "451 4.3.0 try again later"),
    "drop-after-dot": ("kept", ""),
    "silent-dot": ("kept", ""),
    "lose-after-dot": ("lost", ""),
}
LINE_LIMIT = 1 << 20


class Server:
    """All ports, and what they have in common."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.mail = directory / "mail"
        self.mail.mkdir(parents=True, exist_ok=True)
        self.log_file = (directory / "log").open("a", buffering=1)
        self.numbers = itertools.count(len(list(self.mail.glob("[0-9]*.eml"))) + 1)
        self.greylisted: set[tuple[str, str]] = set()

    def log(self, fault: str, event: str, text: str = "") -> None:
        self.log_file.write(f"{fault} {event} {text}".rstrip() + "\n")

    def fault_of(self, port: str) -> str:
        """What is wrong with the next connection to a port."""
        return "ok" if (self.directory / f"{port}.cured").exists() else port

    def refusal(self, fault: str, sender: str, recipient: str) -> str:
        """The answer to a recipient who is not taken."""
        name, known = recipient.partition("@")[0], (sender, recipient) in self.greylisted
        if fault == "refuse-recipient" or (fault == "by-name" and name == "refused"):
            return "550 5.1.1 no such user"
        if fault == "greylist" or (fault == "by-name" and name == "greylisted"):
            self.greylisted.add((sender, recipient))
            return "" if known else "451 4.7.1 greylisted, try again later"
        return ""

    def verdict(self, fault: str, message: bytes) -> tuple[str, str]:
        """What becomes of a message whose final dot arrived, and the answer to it, if any."""
        return AFTER_THE_DOT.get(fault, ("accepted", "250 2.0.0 accepted"))

    def keep(self, fault: str, outcome: str, message: bytes, recipients: list[str]) -> None:
        name = f"{next(self.numbers):04}-{outcome}.eml"
        (self.mail / name).with_suffix(".to").write_text("".join(f"{recipient}\n" for recipient in recipients))
        partial = self.mail / f".{name}"
        partial.write_bytes(message)
        partial.rename(self.mail / name)
        self.log(fault, outcome, name)

    async def listen(self, faults: dict[str, str]) -> None:
        ports = {}
        for fault, place in faults.items():
            address, _, port = place.rpartition(":")
            listener = await asyncio.start_server(
                self.client(fault), address or "127.0.0.1", int(port or 0), limit=LINE_LIMIT
            )
            ports[fault] = listener.sockets[0].getsockname()[1]
        partial = self.directory / "ready.json.partial"
        partial.write_text(json.dumps(ports))
        partial.rename(self.directory / "ready.json")
        await asyncio.Event().wait()

    def client(self, fault: str):
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.log(fault, "connected")
            with contextlib.suppress(ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
                await Session(self, fault, reader, writer).converse()
            self.log(fault, "ended")
            writer.close()

        return serve


class Session:
    """One connection."""

    def __init__(self, server: Server, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.port = fault
        self.fault = server.fault_of(fault)
        self.server, self.reader, self.writer = server, reader, writer
        self.sender = ""
        self.recipients: list[str] = []

    async def say(self, *lines: str) -> None:
        """One reply, of several lines if need be: `250 STARTTLS` after `250-localhost`."""
        reply = "".join(f"{line}\r\n" for line in lines).encode()
        if self.fault != "drip":
            self.writer.write(reply)
            await self.writer.drain()
            return
        for byte in reply:
            self.writer.write(bytes([byte]))
            await self.writer.drain()
            await asyncio.sleep(1)

    async def line(self) -> str:
        line = await self.reader.readuntil(b"\n")
        text = line.decode(errors="backslashreplace").rstrip("\r\n")
        self.server.log(self.port, "said", text)
        return text

    async def until_the_client_leaves(self) -> None:
        while await self.reader.read(LINE_LIMIT):
            pass

    async def converse(self) -> None:
        if self.fault == "silent":
            return await self.until_the_client_leaves()
        if self.fault == "hang-up":
            return
        if self.fault in BANNERS:
            return await self.say(BANNERS[self.fault])
        if self.fault == "garbage":
            self.writer.write(bytes(range(256)) * 8 + b"\r\n")
            return await self.until_the_client_leaves()
        await self.say("220 localhost ESMTP, which is here to help to find out how a client copes with trouble")
        while True:
            verb, _, argument = (await self.line()).partition(" ")
            match verb.upper():
                case "EHLO":
                    extensions = {"auth-in-clear": ["AUTH PLAIN LOGIN"], "refuse-starttls": ["STARTTLS"]}
                    lines = ["localhost", *extensions.get(self.fault, []), "8BITMIME"]
                    await self.say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")
                case "STARTTLS":
                    await self.say("454 4.7.0 TLS is not available" if self.fault == "refuse-starttls" else "502 no")
                case "AUTH" if self.fault == "auth-in-clear":
                    await self.authenticate(argument)
                case "MAIL" if self.fault == "defer-sender":
                    return await self.say("421 4.3.2 closing down, try again later")
                case "MAIL":
                    await self.mail(argument)
                case "RCPT":
                    await self.recipient(argument)
                case "DATA" if self.recipients:
                    if not await self.data():
                        return
                case "RSET":
                    self.recipients = []
                    await self.say("250 2.0.0 forgotten")
                case "HELO" | "NOOP":
                    await self.say("250 localhost")
                case "QUIT" if self.fault == "silent-quit":
                    return await self.until_the_client_leaves()
                case "QUIT":
                    return await self.say("221 2.0.0 bye")
                case _:
                    await self.say("503 5.5.1 not now")

    async def authenticate(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        answers = {"PLAIN": 1, "LOGIN": 2}.get(mechanism.upper(), 0)
        for _ in range(answers - bool(initial)):
            await self.say("334 ")
            await self.line()
        await self.say("235 2.7.0 welcome" if answers else "504 5.5.4 unknown mechanism")

    async def mail(self, argument: str) -> None:
        if self.fault == "refuse-sender":
            return await self.say("550 5.7.1 sender refused")
        self.sender, self.recipients = argument, []
        await self.say("250 2.1.0 sender taken")

    async def recipient(self, argument: str) -> None:
        if refusal := self.server.refusal(self.fault, self.sender, bare(argument)):
            return await self.say(refusal)
        self.recipients.append(argument)
        await self.say("250 2.1.5 recipient taken")

    async def data(self) -> bool:
        """Takes one message; whether the session goes on."""
        await self.say("354 go ahead")
        if self.fault == "drop-after-354":
            self.writer.transport.abort()
            return False
        message = bytearray()
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            message += line[1:] if line.startswith(b".") else line
        outcome, answer = self.server.verdict(self.fault, bytes(message))
        recipients, self.recipients = [bare(recipient) for recipient in self.recipients], []
        self.server.keep(self.port, outcome, bytes(message), recipients)
        if answer:
            await self.say(answer)
        elif self.fault == "silent-dot":
            await self.until_the_client_leaves()
        return bool(answer)


def bare(recipient: str) -> str:
    """The address of `TO:<address> PARAMETERS`."""
    return recipient.partition("<")[2].partition(">")[0]


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("-"):
        faults = "\n".join(f"  {fault:<18}{meaning}" for fault, meaning in FAULTS.items())
        sys.exit(f"{__doc__}\nFaults:\n{faults}")
    wanted = {fault: place for fault, _, place in (each.partition("=") for each in arguments[1:])}
    if unknown := wanted.keys() - FAULTS.keys():
        sys.exit(f"faults.py: unknown fault: {' '.join(sorted(unknown))}")
    directory = pathlib.Path(arguments[0])
    os.umask(0o077)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Server(directory).listen(wanted or dict.fromkeys(FAULTS, "")))


if __name__ == "__main__":
    main()
