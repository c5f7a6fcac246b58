"""Where orders go: nowhere in observe mode, to the venue in live mode, and never to a real venue in paper mode."""

import json
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import SYMBOLS, Truth, bot
from integration.systemd.notify_socket import NotifySocket
from tests.processes import free_port
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

SECRET = "a-secret-that-nobody-may-read"


def at(venue: VenueProcess, key: str = "paper", secret: str = "paper") -> dict[str, str]:
    """The settings of a daemon that is told where its venue is."""
    return {
        "VENUE__BASE_URL": venue.url,
        "VENUE__WS_BASE_URL": venue.ws_url,
        "VENUE__API_KEY": key,
        "VENUE__SECRET": secret,
    }


def test_observe_mode_decides_and_sends_nothing(tmp_path: Path) -> None:
    with bot(tmp_path, "--mode", "observe") as daemon:
        daemon.mood = "long"
        daemon.next("trading", mode="observe")
        for symbol in SYMBOLS:
            daemon.until(lambda symbol=symbol: daemon.all("cycle", symbol=symbol, outcome="TRADE"))
        line = daemon.api("/api/v1/why/BTC-USDT")["decisions"][0]
        assert line["reason"].startswith("SIGNAL_LONG")
        assert line["intent_id"]
        assert daemon.venue.ledger()["orders"] == []
        status = daemon.status()
        assert (status["mode"], status["orders"], status["equity"]) == ("observe", 0, "100000.00")
        assert daemon.api("/api/v1/orders") == daemon.api("/api/v1/positions") == []
        assert not list(tmp_path.glob("journal/*.sqlite")), "nothing to journal"
        assert not daemon.complaints()


def test_live_mode_trades_at_the_venue_it_is_told_and_keeps_its_keys_to_itself(
    tmp_path: Path, venue: VenueProcess
) -> None:
    account = "live-account-whose-name-is-long"
    venue.admin("/accounts", {"key": account, "secret": SECRET})
    with bot(
        tmp_path, "--mode", "live", "--i-accept-live-trading", LOGGING__LEVEL="debug", **at(venue, account, SECRET)
    ) as daemon:
        daemon.next("trading", mode="live")
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        assert {order["symbol"] for order in Truth(venue.url).ledger(account)["orders"]} == {"BTCUSDT", "ETHUSDT"}
        assert daemon.status()["mode"] == "live"
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
        said = json.dumps(daemon.lines) + daemon.errors
        assert SECRET not in said
        assert account not in said
    assert not [each for each in tmp_path.glob("journal/*") if account in each.name]


def test_live_mode_without_consent_or_keys_is_refused_before_anything_is_written(
    tmp_path: Path, venue: VenueProcess
) -> None:
    for variables, words in ((at(venue), "--i-accept-live-trading"), ({}, "--i-accept-live-trading")):
        with bot(tmp_path, "--mode", "live", **variables) as daemon:
            assert daemon.end() == 2
            assert words in daemon.errors
            assert "Traceback" not in daemon.errors
    with bot(tmp_path, "--mode", "live", "--i-accept-live-trading") as daemon:
        assert daemon.end() == 2
        assert "venue.api_key" in daemon.errors
    assert not (tmp_path / "journal").exists()
    assert not (tmp_path / "api.token").exists()


def test_wrong_keys_end_the_start_with_the_venues_words(tmp_path: Path, venue: VenueProcess) -> None:
    with bot(tmp_path, "--mode", "live", "--i-accept-live-trading", **at(venue, "nobody", "nothing")) as daemon:
        assert daemon.end() == 2
        assert "-2015" in daemon.errors or "-2014" in daemon.errors
        assert "Traceback" not in daemon.errors


def test_paper_orders_never_go_to_a_venue_that_is_not_simulated(tmp_path: Path, venue: VenueProcess) -> None:
    """A server that speaks the protocol and does not own up to being simulated, as a real venue would not."""
    with posing_as_real(venue) as url, bot(tmp_path, **{**at(venue), "VENUE__BASE_URL": url}) as daemon:
        assert daemon.end() == 2, daemon.lines
        assert "paper orders must not go there" in daemon.errors
        assert "Traceback" not in daemon.errors
    assert Truth(venue.url).ledger()["orders"] == []


def test_paper_trading_on_another_venues_market_sends_that_venue_no_order(tmp_path: Path, venue: VenueProcess) -> None:
    """Not even where its keys are in the settings."""
    with bot(tmp_path, "--venue", "binance", **at(venue)) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"), 60)
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
        assert daemon.venue.url != venue.url
        assert Truth(venue.url).ledger()["orders"] == []
        bought = daemon.all("fill", side="buy", symbol="BTC/USDT")[0]
        candles = [line for line in daemon.api("/api/v1/symbols") if line["symbol"] == "BTC/USDT"]
        assert float(bought["price"]) == pytest.approx(candles[0]["last_price"], rel=0.05)
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"), 60)
        wait_until_all_agree(daemon)


def test_a_start_waits_for_its_venue_says_so_and_trades_once_it_is_there(tmp_path: Path) -> None:
    port = free_port()
    settings = {
        "VENUE__BASE_URL": f"http://127.0.0.1:{port}",
        "VENUE__WS_BASE_URL": f"ws://127.0.0.1:{port}",
        "VENUE__API_KEY": "paper",
        "VENUE__SECRET": "paper",
    }
    with (
        closing(NotifySocket(tmp_path)) as systemd,
        bot(tmp_path, prefix=("env", f"NOTIFY_SOCKET={systemd.path}"), **settings) as daemon,
    ):
        waiting = daemon.next("waiting_for_venue")
        assert f"127.0.0.1:{port}" in waiting["reason"] or "refused" in waiting["reason"]
        status = daemon.until(lambda: (now := daemon.status())["state"] == "waiting_for_venue" and now)
        assert "does not answer" in status["note"]
        told = systemd.told_until("EXTEND_TIMEOUT_USEC=")
        assert any(line.startswith("STATUS=") and "does not answer" in line for line in told)
        assert "READY=1" not in told
        folder = tmp_path / "venue"
        folder.mkdir()
        venue = VenueProcess(
            folder,
            symbols=SYMBOLS,
            speed=60.0,
            port=port,
            options=("--latency-ms", "0", "--account", "paper:paper"),
        )
        try:
            daemon.next("venue_is_back")
            daemon.next("trading")
            told = systemd.told_until("READY=1")
            assert "WATCHDOG=1" not in told, "nobody asked for it"
            daemon.mood = "long"
            daemon.until(lambda: daemon.traded("buy"))
            daemon.mood = "hold"
            wait_until_all_agree(daemon, Truth(venue.url))
            assert daemon.status()["note"] == ""
        finally:
            venue.stop()


@contextmanager
def posing_as_real(venue: VenueProcess) -> Iterator[str]:
    """Passes requests on to the venue and leaves the headers that tell of it out of the answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {key: value for key, value in self.headers.items() if key.lower() == "x-mbx-apikey"}
            with urllib.request.urlopen(urllib.request.Request(venue.url + self.path, headers=headers)) as answer:
                body = answer.read()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
