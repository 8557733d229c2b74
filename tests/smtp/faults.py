#!/usr/bin/env python3
"""An SMTP server that misbehaves on purpose: faults.py DIRECTORY [FAULT[=[ADDRESS:]PORT]...]

One port per fault, without arguments one for each; on loopback unless told. DIRECTORY/ready.json appears once all of
them listen and gives the port of each fault. Every message whose final dot arrived is kept, byte for byte, as
DIRECTORY/mail/NNNN-OUTCOME.eml, where OUTCOME is `accepted` (answered 250), `refused` (answered 4xx or 5xx) or `kept`
(never answered, yet not lost). DIRECTORY/log has a line per event: the fault, what happened, the text. A fault goes
away while DIRECTORY/FAULT.cured exists: its port then behaves like `ok`.
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
    "refuse-recipient": "550 to RCPT",
    "greylist": "451 to the first RCPT of a sender and recipient, then accepts",
    "refuse-data": "552 after the final dot",
    "defer-data": "451 after the final dot",
    "drop-after-354": "cuts the connection instead of reading the message",
    "drop-after-dot": "keeps the message and cuts the connection without an answer",
    "silent-dot": "keeps the message and never answers",
    "silent": "accepts the connection and never says a word",
    "drip": "says everything at one byte a second",
    "busy": "421 as its banner, then hangs up",
    "garbage": "binary noise as its banner",
}
LINE_LIMIT = 1 << 20


class Server:
    """All ports, and what they have in common."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.mail = directory / "mail"
        self.mail.mkdir(parents=True, exist_ok=True)
        self.log_file = (directory / "log").open("a", buffering=1)
        self.numbers = itertools.count(1)
        self.greylisted: set[tuple[str, str]] = set()

    def log(self, fault: str, event: str, text: str = "") -> None:
        self.log_file.write(f"{fault} {event} {text}".rstrip() + "\n")

    def keep(self, fault: str, outcome: str, message: bytes) -> None:
        name = f"{next(self.numbers):04}-{outcome}.eml"
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
        cured = (server.directory / f"{fault}.cured").exists()
        self.port = fault
        self.fault = "ok" if cured else fault
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
        if self.fault == "busy":
            return await self.say("421 4.3.2 too busy, try again later")
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
        pair = (self.sender, argument)
        if self.fault == "refuse-recipient":
            return await self.say("550 5.1.1 no such user")
        if self.fault == "greylist" and pair not in self.server.greylisted:
            self.server.greylisted.add(pair)
            return await self.say("451 4.7.1 greylisted, try again later")
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
        self.recipients = []
        refusals = {"refuse-data": "552 5.2.2 mailbox full", "defer-data": "451 4.3.0 try again later"}
        if self.fault in refusals:
            self.server.keep(self.port, "refused", bytes(message))
            await self.say(refusals[self.fault])
        elif self.fault == "drop-after-dot":
            self.server.keep(self.port, "kept", bytes(message))
            return False
        elif self.fault == "silent-dot":
            self.server.keep(self.port, "kept", bytes(message))
            await self.until_the_client_leaves()
            return False
        else:
            self.server.keep(self.port, "accepted", bytes(message))
            await self.say("250 2.0.0 accepted")
        return True


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
