"""`mode = "live"` against the simulated venue: a clock that is wrong, keys that do not fit, and what nobody may see."""

import http.client
import json
import re
import signal
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration.daemon.bot import Bot, Truth, bot
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

SECRET = "a-secret-that-nobody-may-read-5c1f"
PASSPHRASE = "a-passphrase-that-nobody-may-read"
JOURNAL_PASSWORD = "a-journal-password-of-nobodys-business"
LIVE = ("--mode", "live", "--i-accept-live-trading")
API = ("status", "symbols", "positions", "orders", "decisions", "why/BTC-USDT", "kill-switch")


@pytest.fixture(scope="module")
def live_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(
        tmp_path_factory.mktemp("live"), symbols=("BTC/USDT", "ETH/USDT"), speed=30, options=("--latency-ms", "0")
    )
    yield process
    process.stop()


def at(venue: VenueProcess, key: str, secret: str = SECRET) -> dict[str, str]:
    return {
        "VENUE__BASE_URL": venue.url,
        "VENUE__WS_BASE_URL": venue.ws_url,
        "VENUE__API_KEY": key,
        "VENUE__SECRET": secret,
    }


def register(venue: VenueProcess, key: str, **rights: bool) -> str:
    venue.admin("/accounts", {"key": key, "secret": SECRET})
    if rights:
        venue.admin("/rights", {"account": key, **rights})
    return key


def ended(folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """A start that is refused: its exit code, and what it said."""
    with bot(folder, *LIVE, **variables) as daemon:
        code = daemon.end()
        assert "Traceback" not in daemon.errors
        return code, daemon.errors


def test_a_key_that_does_not_fit_ends_the_start_in_words(live_venue: VenueProcess, tmp_path: Path) -> None:
    reading = register(live_venue, "key-that-only-reads", trading=False)
    withdrawing = register(live_venue, "key-that-withdraws", withdrawals=True)
    for key, secret, words in (
        ("key-of-nobody", SECRET, "refuses them: [-2015]"),
        (reading, "not-" + SECRET, "refuses them: [-1022]"),
        (reading, SECRET, "may only read"),
        (withdrawing, SECRET, "venue.accept_withdrawal_key"),
    ):
        code, said = ended(tmp_path / key / words[-9:-1].strip("[-"), at(live_venue, key, secret))
        assert code == 2, said
        assert words in said
        assert "venue.api_key" in said
        assert secret not in said
        assert Truth(live_venue.url).ledger(reading)["orders"] == []


def test_a_withdrawal_key_trades_where_that_is_accepted_and_another_accounts_journal_is_not_walked_past(
    live_venue: VenueProcess, tmp_path: Path
) -> None:
    first = register(live_venue, "first-key-of-a-folder", withdrawals=True)
    second = register(live_venue, "second-key-of-a-folder", ip_restricted=True)
    with bot(tmp_path, *LIVE, VENUE__ACCEPT_WITHDRAWAL_KEY="true", **at(live_venue, first)) as daemon:
        daemon.next("trading")
        hints = [line["hint"] for line in daemon.all("key_could_be_safer")]
        assert any("may withdraw" in hint for hint in hints)
        assert any("any address" in hint for hint in hints)
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
    code, said = ended(tmp_path, at(live_venue, second))
    assert code == 2
    assert "the journal of another key" in said
    with bot(tmp_path, *LIVE, STORAGE__ACCEPT_NEW_ACCOUNT="true", **at(live_venue, second)) as daemon:
        daemon.next("trading")
        assert not daemon.all("key_could_be_safer")


def test_a_clock_that_is_seconds_off_and_jumps_costs_no_order(live_venue: VenueProcess, tmp_path: Path) -> None:
    key = register(live_venue, "key-whose-clock-is-off")

    def off_by(offset_ms: int) -> str:
        return str(live_venue.admin("/faults", {"kind": "clock_error", "offset_ms": offset_ms})["id"])

    fault = off_by(5_000)
    try:
        with bot(tmp_path, *LIVE, LOGGING__LEVEL="debug", **at(live_venue, key)) as daemon:
            daemon.next("trading")
            daemon.mood = "long"
            daemon.until(lambda: daemon.traded("buy"), 60)
            end_fault(live_venue, fault)
            fault = off_by(-20_000)  # what we stamp now is of the venue's future
            daemon.until(lambda: [line for line in daemon.lines if "-1021" in line["event"]], 60)
            daemon.mood = "flat"
            daemon.until(lambda: daemon.traded("sell"), 60)
            assert daemon.until(lambda: daemon.status()["unknown_orders"] == 0)
            ids = [order["clientOrderId"] for order in Truth(live_venue.url).ledger(key)["orders"]]
            assert len(ids) == len(set(ids))
    finally:
        end_fault(live_venue, fault)


def end_fault(venue: VenueProcess, fault: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(venue.admin_url).netloc, timeout=10)
    connection.request("DELETE", f"/faults/{fault}")
    assert connection.getresponse().status < 300
    connection.close()


def test_no_byte_of_a_secret_leaves_the_daemon(live_venue: VenueProcess, tmp_path: Path) -> None:
    """A venue that quotes each request it fails, in its errors and in its rubbish; tracebacks and stacks at debug."""
    key = register(live_venue, "key-that-nobody-may-read-either")
    folder, credentials, secret_file = tmp_path / "data", tmp_path / "credentials", tmp_path / "secret"
    folder.mkdir()
    credentials.mkdir()
    (credentials / "venue_password").write_text(PASSPHRASE)
    secret_file.write_text(SECRET)
    with quoting(live_venue) as echo:
        given = at(live_venue, key) | {"VENUE__BASE_URL": echo.url, "LOGGING__LEVEL": "debug"}
        del given["VENUE__SECRET"]
        given["VENUE__SECRET_FILE"] = str(secret_file)
        with credentials_at(credentials), bot(folder, *LIVE, **given) as daemon:
            daemon.next("trading")
            echo.is_mischievous = True
            daemon.mood = "pulse"
            daemon.until(lambda: echo.quoted >= 10, 90)
            daemon.signal(signal.SIGUSR2)
            answers = json.dumps([answer(daemon, path) for path in API])
            shown = daemon.command("run", "--show-config")
            refused = daemon.command("-v", "journal", "verify")
            limits = Path(f"/proc/{daemon.pid}/limits").read_text()
            assert re.search(r"Max core file size\s+0\s+0", limits)
            assert int(Path(f"/proc/{daemon.pid}/coredump_filter").read_text(), 16) == 0
            token = (folder / "api.token").read_text().strip()
            daemon.signal(signal.SIGTERM)
            daemon.end()
            said = json.dumps(daemon.lines, ensure_ascii=False) + daemon.errors
    outputs = {
        "log and stderr": said,
        "API": answers,
        "--show-config": shown.stdout + shown.stderr,
        "journal verify": refused.stdout + refused.stderr,
        **{str(file): text_of(file) for file in folder.rglob("*") if file.is_file() and file.name != "api.token"},
    }
    assert len(echo.signatures) > 20
    secrets = {"secret": SECRET, "key": key, "passphrase": PASSPHRASE, "token": token}
    secrets |= {f"signature {n}": signature for n, signature in enumerate(sorted(echo.signatures))}
    found = [(name, where) for name, secret in secrets.items() for where, text in outputs.items() if secret in text]
    assert found == []
    assert any("quoting you" in text for text in outputs.values()), "the venue's words are kept, but for the secrets"


def test_the_password_of_a_journal_that_cannot_be_reached_is_not_shown(
    live_venue: VenueProcess, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg", reason="psycopg is absent")
    key = register(live_venue, "key-with-a-journal-elsewhere")
    url = f"postgresql+psycopg://bot:{JOURNAL_PASSWORD}@127.0.0.1:1/journal"
    with bot(tmp_path, *LIVE, STORAGE__JOURNAL_URL=url, LOGGING__LEVEL="debug", **at(live_venue, key)) as daemon:
        assert daemon.end() == 4
        said = json.dumps(daemon.lines) + daemon.errors
    assert JOURNAL_PASSWORD not in said
    assert JOURNAL_PASSWORD not in daemon.command("run", "--show-config").stdout


def answer(daemon: Bot, path: str) -> Any:
    try:
        return daemon.api(f"/api/v1/{path}")
    except urllib.error.HTTPError as error:
        return error.read().decode()


def text_of(file: Path) -> str:
    return file.read_bytes().decode("latin-1")


@contextmanager
def credentials_at(folder: Path) -> Iterator[None]:
    """systemd's credentials directory, for the processes started meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        yield


class Quoting(ThreadingHTTPServer):
    """Passes requests on; once it is mischievous, every second signed one comes back, quoted whole, in one of several
    shapes of failure. Remembers every signature."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), QuotingHandler)
        self.upstream = urlsplit(upstream).netloc
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.is_mischievous = False
        self.signed = self.quoted = 0
        self.signatures: set[str] = set()

    def mischief(self, request: str) -> tuple[int, str, bytes] | None:
        """Status, type and body instead of the venue's answer; `None`: let it through."""
        self.signatures |= set(re.findall(r"signature=([0-9a-f]{64})", request))
        if not self.is_mischievous or "signature=" not in request:
            return None
        self.signed += 1
        if self.signed % 2:
            return None
        self.quoted += 1
        refusal = {"code": -1013, "msg": f"quoting you: {request}"}
        parameters = dict(re.findall(r"(\w+)=([^&\s]+)", request))
        as_dict = {"code": -2010, "msg": f"quoting you: {parameters}"}
        return (
            (400, "application/json", json.dumps(refusal).encode()),
            (500, "text/html", f"<html>quoting you: {request}</html>".encode()),
            (200, "application/json", f"[quoting you: {request}".encode()),
            (400, "application/json", json.dumps(as_dict).encode()),
            (200, "application/json", json.dumps({"quoting you": request}).encode()),
        )[self.quoted % 5]


class QuotingHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Quoting

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        mischief = self.server.mischief(f"{self.command} {self.path}\n{self.headers}\n{body.decode()}")
        if mischief is not None:
            self._answer(*mischief, {})
            return
        connection = http.client.HTTPConnection(self.server.upstream, timeout=20)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")
        }
        connection.request(self.command, self.path, body or None, headers)
        answered = connection.getresponse()
        content = answered.read()
        kept = {name: value for name, value in answered.headers.items() if name.lower().startswith("x-")}
        self._answer(answered.status, answered.headers.get("Content-Type", ""), content, kept)
        connection.close()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _answer(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def quoting(venue: VenueProcess) -> Iterator[Quoting]:
    server = Quoting(venue.url)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
