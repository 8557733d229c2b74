#!/usr/bin/env python3
"""Whole-program checks of webhook, command and heartbeat, against a real Alertmanager and receivers that misbehave:
run.py BINARY [CHECK...]

Needs prometheus-alertmanager and openssl. One line per check (`ok - …` or `not ok - …: what was seen`), at the end
`N passed, N failed`; exit code 1 if anything failed. CHECK is the name of a group of checks, with _ for blanks; the
group `the_receivers` checks the receivers alone. HOSTWATCH_KEEP=1 keeps the directory with everything that was seen.
"""

import contextlib
import datetime
import http.server
import importlib.util
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
MANUAL = HERE.parent.parent / "man" / "hostwatch-config.5"
SECRET = "correct-horse-8361-battery"
TOKEN = "Bearer tk-5521-staple-9917"


def module(name: str, path: pathlib.Path):
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


# The host of files with its thermometer, and what else both kinds of checks share.
smtp = module("smtp_checks", HERE.parent / "smtp" / "run.py")
COOL, WARM, HOT = smtp.COOL, smtp.WARM, smtp.HOT


class Host(smtp.Host):
    """A host that is configured with all of `notifications`, at the clock of this machine: Alertmanager has no other."""

    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(hours=2)

    def configure(self, section: dict, mode: int = 0o644) -> None:
        monitoring = {"log_interval": smtp.INTERVAL, "default_rules": False, "alert_thresholds": self.thresholds}
        config = self.directory / "config.json"
        config.write_text(json.dumps({"monitoring": monitoring, "notifications": section}, indent=2))
        config.chmod(mode)

    def now(self) -> datetime.datetime:
        return self.start + datetime.timedelta(seconds=self.elapsed)


class Receiver:
    """Records what is posted, and answers as its `behaviour` says."""

    def __init__(self, tls: pathlib.Path | None = None):
        self.behaviour = "ok"
        self.posts: list[dict] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                receiver.posts.append(
                    {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}
                )
                receiver.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "server.pem", tls / "server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str = SECRET) -> str:
        return f"{self.scheme}://localhost:{self.port}/{path}"

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        if self.behaviour == "silent":
            time.sleep(40)
        elif self.behaviour == "close":
            pass
        elif self.behaviour == "drip":
            with contextlib.suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 4000:
                    handler.wfile.write(bytes([byte]))
                    time.sleep(0.1)
        else:
            code = {"ok": 200, "moved": 301}.get(self.behaviour) or int(self.behaviour)
            text = f"you said {handler.path}\n".encode()
            handler.send_response(code)
            if self.behaviour == "moved":
                handler.send_header("Location", f"https://elsewhere.example/{SECRET}")
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)

    def bodies(self) -> list[str]:
        return [post["body"] for post in self.posts]


class Alertmanager:
    def __init__(self, lab: "Lab"):
        directory = pathlib.Path(tempfile.mkdtemp(dir=lab.directory, prefix="alertmanager-"))
        (directory / "config.yml").write_text(
            "global: {resolve_timeout: 25h}\nroute: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
        )
        self.port = smtp.free_ports()
        lab.servers.start(
            "prometheus-alertmanager",
            f"--config.file={directory}/config.yml",
            f"--storage.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            log=directory / "output",
        )
        smtp.wait_for(lambda: smtp.listens(self.port), 20, "Alertmanager to listen")

    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v2/alerts"

    def alerts(self) -> list[dict]:
        with urllib.request.urlopen(self.url(), timeout=10) as answer:
            return json.load(answer)


class Lab:
    """The directory of one run of the checks."""

    def __init__(self, binary: pathlib.Path, directory: pathlib.Path, servers: smtp.Servers):
        self.binary, self.directory, self.servers = binary, directory, servers
        self.hosts: list[Host] = []
        self.outputs: list[str] = []
        directory.chmod(0o755)
        self.tls = directory / "tls"
        subprocess.run([HERE.parent / "smtp" / "certificates.sh", self.tls], check=True)

    def secret(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return str(path)


def example(about: str) -> dict:
    """An example of the manual."""
    text = MANUAL.read_text().split("\n.Sh WEBHOOK\n")[1].split(f"\n.It {about}\n")[1]
    return json.loads("{" + text.split(".Bd -literal\n")[1].split(".Ed")[0] + "}")["webhook"]


def post(url: str, body: object, timeout: float = 3) -> object:
    """The status, or what went wrong."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except Exception as error:  # whatever it is, it is what was seen
        return type(error).__name__


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


urllib.request.install_opener(urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({})))


def the_receivers(lab: Lab, check: smtp.Results) -> None:
    receiver = Receiver()
    for behaviour, seen in [
        ("ok", 200),
        ("503", 503),
        ("429", 429),
        ("404", 404),
        ("moved", 301),
        ("silent", "TimeoutError"),
        ("close", "RemoteDisconnected"),
    ]:
        receiver.behaviour = behaviour
        got = post(receiver.url(), {"n": behaviour}, timeout=1)
        good = got == seen and json.loads(receiver.bodies()[-1]) == {"n": behaviour}
        check(good, f"a receiver behaves: {behaviour}", got)
    receiver.behaviour = "drip"
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=1) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        parts = [connection.recv(1000) for _ in range(5)]
    check(all(len(part) in (1, 2) for part in parts), "a receiver behaves: drip", parts)
    alertmanager = Alertmanager(lab)
    start, end = (
        (datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=ago)).isoformat() for ago in (10, 1)
    )
    alert = example("Alertmanager")["body"][0]
    del alert["{for_each}"]
    values = {"metric": "cpu_temp", "host": smtp.HOST, "series": "cpu_temp", "summary": "hot", "level": "warning"}
    filled = json.loads(re.sub(r"\{(metric|host|series|summary|level)\}", lambda m: values[m[1]], json.dumps(alert)))
    firing, over = filled | {"startsAt": start, "endsAt": None}, filled | {"startsAt": start, "endsAt": end}
    check(post(alertmanager.url(), [firing]) == 200, "Alertmanager takes an alert without an end")
    labels = [shown["labels"] for shown in alertmanager.alerts()]
    check(labels == [filled["labels"]], "Alertmanager shows it with its labels", labels)
    check(post(alertmanager.url(), [over]) == 200, "Alertmanager takes its end")
    check(alertmanager.alerts() == [], "Alertmanager has it resolved", alertmanager.alerts())
    with_tls = Receiver(lab.tls)
    context = ssl.create_default_context(cafile=lab.tls / "ca.pem")
    request = urllib.request.Request(with_tls.url(), b"{}")
    with urllib.request.urlopen(request, timeout=3, context=context) as answer:
        check(answer.status == 200, "a receiver speaks TLS by an authority of its own", answer.status)


def cross(host: Host) -> list:
    """In level, past it, and back."""
    return [host.collect(celsius) for celsius in (COOL, HOT, COOL)]


def each_kind_of_receiver(lab: Lab, check: smtp.Results) -> None:
    for about in ("ntfy", "Slack", "Telegram"):
        receiver = Receiver()
        section = example(about) | {"url_file": lab.secret(f"{about}.url", receiver.url())}
        host = Host(lab, about, {"webhook": section})
        runs = cross(host)
        check([run.code for run in runs] == [0, 0, 0], f"{about}: told", [str(run) for run in runs])
        check(len(receiver.posts) == 2, f"{about}: one post when it begins and one when it ends", receiver.posts)
        for seen in receiver.posts:
            body = seen["body"] if about == "ntfy" else json.loads(seen["body"])["text"]
            check(f"{HOT:.1f}" in body or "back" in body, f"{about}: says what happened", body)
            check(bool(seen["headers"].get("idempotency-key")), f"{about}: has an identity", seen["headers"])


def alertmanager(lab: Lab, check: smtp.Results) -> None:
    real = Alertmanager(lab)
    host = Host(lab, "alertmanager", {"webhook": example("Alertmanager") | {"url": real.url()}})
    codes = [host.collect(COOL).code, host.collect(HOT).code]
    shown = [alert["labels"] for alert in real.alerts()]
    expected = [{"alertname": "cpu_temp", "instance": smtp.HOST, "series": "cpu_temp"}]
    check(codes == [0, 0] and shown == expected, "a real Alertmanager shows the alert with its labels", (codes, shown))
    host.collect(COOL)
    check(real.alerts() == [], "a real Alertmanager has it resolved once it is over", real.alerts())


def own_authority(lab: Lab, check: smtp.Results) -> None:
    receiver = Receiver(lab.tls)
    trusted = {"webhook": {"url": receiver.url(), "ca_file": str(lab.tls / "ca.pem")}}
    runs = cross(Host(lab, "tls", trusted))
    check(len(receiver.posts) == 2, "a receiver with an authority of its own is told", [str(run) for run in runs])
    host = Host(lab, "untrusted", {"webhook": {"url": receiver.url()}})
    host.collect(COOL)
    run = host.collect(HOT)
    good = run.code == 4 and run.is_one_clear_line("ca_file") and len(receiver.posts) == 2
    check(good, "a receiver that is not trusted is told nothing", run)


def what_is_refused_stays_owed(lab: Lab, check: smtp.Results) -> None:
    for behaviour in ("503", "429", "404", "moved"):
        receiver = Receiver()
        receiver.behaviour = behaviour
        host = Host(lab, f"refused-{behaviour}", {"webhook": {"url": receiver.url()}})
        host.collect(COOL)
        run = host.collect(HOT)
        word = "301" if behaviour == "moved" else behaviour
        check(run.code == 4 and run.is_one_clear_line(word), f"{behaviour}: owed, and said in one line", run)
        receiver.behaviour = "ok"
        host.collect(HOT)
        host.collect(HOT, 2 * smtp.HOUR)
        told = [json.loads(body)["kind"] for body in receiver.bodies()]
        keys = [seen["headers"].get("idempotency-key") for seen in receiver.posts]
        check(told[-1:] == ["raised"] and len(set(keys)) == len(keys), f"{behaviour}: composed afresh", (told, keys))
    host = Host(lab, "refused", {"webhook": {"url": f"http://127.0.0.1:{smtp.free_ports()}/{SECRET}"}})
    host.collect(COOL)
    run = host.collect(HOT)
    check(run.code == 4 and run.is_one_clear_line("connection refused"), "a refused connection is owed", run)


def what_is_doubtful_is_posted_again_as_it_was(lab: Lab, check: smtp.Results) -> None:
    for behaviour in ("silent", "close", "drip"):
        receiver = Receiver()
        receiver.behaviour = behaviour
        host = Host(lab, f"doubtful-{behaviour}", {"webhook": {"url": receiver.url(), "timeout": 2}})
        host.collect(COOL)
        run = host.collect(HOT)
        check(run.code == 4 and run.seconds < 10, f"{behaviour}: owed, and in time", run)
        receiver.behaviour = "ok"
        run = host.collect(HOT)
        same = len(receiver.posts) == 2 and receiver.posts[0] == receiver.posts[1]
        check(run.code == 0 and same, f"{behaviour}: posted again unchanged", (str(run), receiver.posts))


def what_is_doubtful_stays_as_it_is(lab: Lab, check: smtp.Results) -> None:
    receiver = Receiver()
    receiver.behaviour = "close"
    host = Host(lab, "stays", {"webhook": {"url": receiver.url()}})
    runs = [host.collect(COOL), host.collect(HOT)]
    receiver.behaviour = "503"
    runs.append(host.collect(HOT + 1))
    receiver.behaviour = "ok"
    runs.append(host.collect(HOT, 2 * smtp.HOUR))
    codes = [run.code for run in runs]
    same = len(receiver.posts) == 3 and receiver.posts[0] == receiver.posts[1] == receiver.posts[2]
    check(codes == [0, 4, 4, 0] and same, "what was put off since is posted as it was, too", (codes, receiver.posts))
    receiver.behaviour = "close"
    host.collect(COOL)
    receiver.behaviour = "404"
    host.collect(COOL)
    receiver.behaviour = "ok"
    run = host.collect(COOL, 2 * smtp.HOUR)
    keys = [seen["headers"].get("idempotency-key") for seen in receiver.posts[3:]]
    good = run.code == 0 and len(keys) == 3 and keys[0] == keys[1] != keys[2]
    check(good, "what is refused for good is composed afresh", (str(run), keys))


def a_command(lab: Lab, check: smtp.Results) -> None:
    seen = lab.directory / "command-seen"
    script = lab.directory / "tell"
    script.write_text(f'#!/bin/sh\necho "$HOSTWATCH_LEVEL $HOSTWATCH_SERIES $1" >>{seen}\ncat >>{seen}\n')
    script.chmod(0o755)
    host = Host(lab, "command", {"command": {"argv": [str(script), "--now"]}})
    runs = cross(host)
    lines = seen.read_text().splitlines() if seen.exists() else []
    good = len(lines) == 4 and lines[0] == "warning cpu_temp --now" and json.loads(lines[3])["kind"] == "recovered"
    check(good, "a command is run when it begins and when it ends", ([str(run) for run in runs], lines))
    failing = Host(lab, "command-fails", {"command": {"argv": ["/bin/sh", "-c", "echo no modem >&2; exit 1"]}})
    failing.collect(COOL)
    run = failing.collect(HOT)
    check(run.code == 4 and run.is_one_clear_line("no modem"), "a command that fails is owed, in its own words", run)


def heartbeat(lab: Lab, check: smtp.Results) -> None:
    receiver = Receiver()
    host = Host(lab, "heartbeat", {"heartbeat": {"url": receiver.url() + "?rid=1", "start": True}})
    run = host.collect(COOL)
    paths = [seen["path"] for seen in receiver.posts]
    check(run.code == 0 and paths == [f"/{SECRET}/start?rid=1", f"/{SECRET}?rid=1"], "a run reports itself", paths)
    receiver.behaviour = "silent"
    run = host.collect(COOL)
    check(run.code == 0 and run.seconds < 15 and host.has_sample(COOL), "a report that fails harms nothing", run)


def notify_test(lab: Lab, check: smtp.Results) -> None:
    receiver = Receiver()
    token = lab.secret("token", TOKEN)
    section = {"webhook": {"url": receiver.url(), "header_files": {"Authorization": token}}}
    run = Host(lab, "test", section).notify_test()
    kinds = [json.loads(body)["kind"] for body in receiver.bodies()]
    check(run.code == 0 and kinds == ["test"], "notify test posts a test", (str(run), kinds))
    check(receiver.posts[0]["headers"].get("authorization") == TOKEN, "the secret header is sent")


def nothing_gives_the_secret_away(lab: Lab, check: smtp.Results) -> None:
    for host in lab.hosts:
        host.run("config", "show")
        host.run("config", "show", "--json")
        host.run("status")
    for secret in (SECRET, TOKEN):
        check(not any(secret in output for output in lab.outputs), "no output shows a secret")
        stored = [path for host in lab.hosts for path in host.data.rglob("*") if path.is_file()]
        shown = [str(path) for path in stored if secret.encode() in path.read_bytes()]
        check(not shown, "no stored file holds a secret", shown)


GROUPS = [
    the_receivers,
    each_kind_of_receiver,
    alertmanager,
    own_authority,
    what_is_refused_stays_owed,
    what_is_doubtful_is_posted_again_as_it_was,
    what_is_doubtful_stays_as_it_is,
    a_command,
    heartbeat,
    notify_test,
    nothing_gives_the_secret_away,
]


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    binary = pathlib.Path(sys.argv[1]).resolve()
    if not os.access(binary, os.X_OK):
        sys.exit(f"run.py: could not run {binary}")
    if not shutil.which("prometheus-alertmanager") or not shutil.which("openssl"):
        sys.exit("run.py: needs prometheus-alertmanager and openssl (apt-get install)")
    groups = [group for group in GROUPS if group.__name__ in sys.argv[2:]] or GROUPS
    directory = pathlib.Path(tempfile.mkdtemp(prefix="hostwatch-http-"))
    servers = smtp.Servers()
    passed = failed = 0
    try:
        lab = Lab(binary, directory, servers)
        for group in groups:
            for good, line in smtp.outcome(group, lab).lines:
                passed, failed = passed + good, failed + (not good)
                print(line, flush=True)
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
