"""The daemon in paper mode on another venue, played by a second simulated one: its market there, its orders here."""

import json
import os
import signal
import urllib.request
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.bot import SYMBOLS, Bot, bot
from tests.processes import free_port
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(400)]

MOST_SLIPPAGE = Decimal("0.002")
"""Ten levels of two hundredths of a per cent: what a taker pays beyond the touch at most."""


def has_been_in_and_out(daemon: Bot, times: int) -> bool:
    return all(
        len(daemon.all("fill", symbol=symbol, side=side)) >= times for symbol in SYMBOLS for side in ("buy", "sell")
    )


def assert_within_the_market(fill: dict[str, Any], foreign: VenueProcess) -> None:
    """The price is one that the other venue's market had at that time, or off by what the rule says: candles are of
    trades, and quotes may stand beyond the last of them."""
    query = f"symbol={fill['symbol']}&interval=1m&startTime={fill['time'] - 180_000}&limit=7"
    with urllib.request.urlopen(f"{foreign.url}/api/v3/klines?{query}", timeout=10) as answer:
        candles = json.load(answer)
    low, high = min(Decimal(row[3]) for row in candles), max(Decimal(row[2]) for row in candles)
    price = Decimal(fill["price"])
    assert low * (1 - MOST_SLIPPAGE) <= price <= high * (1 + MOST_SLIPPAGE), (fill, low, high)


def test_it_trades_another_venues_market_on_paper(tmp_path: Path) -> None:
    books, data, port = tmp_path / "foreign", tmp_path / "data", free_port()
    books.mkdir()
    variables = {
        "VENUE__NAME": "binance",
        "VENUE__BASE_URL": f"http://127.0.0.1:{port}",
        "VENUE__WS_BASE_URL": f"ws://127.0.0.1:{port}",
    }
    with bot(data, **variables) as daemon:
        daemon.mood = "pulse"
        assert "binance does not answer" in daemon.next("waiting_for_venue")["reason"]
        foreign = VenueProcess(books, symbols=(*SYMBOLS, "SOL/USDT"), speed=20, port=port)
        try:
            daemon.next("trading")
            daemon.until(lambda: has_been_in_and_out(daemon, 1), 120)
            status = json.loads(daemon.command("status", "--json").stdout)
            assert (status["venue"], status["orders_venue"], status["clock_speed"]) == ("binance", "sim", 20)
            check = daemon.command("check")
            assert check.returncode == 0, check.stdout
            assert "go to sim, the simulated venue" in " ".join(check.stdout.split())

            os.kill(daemon.venue.pid, signal.SIGKILL)
            daemon.until(lambda: len(daemon.all("forwarding_market")) == 2)
            daemon.until(lambda: has_been_in_and_out(daemon, 2), 120)
            ledger = daemon.venue.ledger()
            for fill in ledger["fills"]:
                assert_within_the_market(fill, foreign)
            assert foreign.admin("/ledger?account=paper")["orders"] == []
            daemon.signal(signal.SIGTERM)
            assert daemon.end() == 0, daemon.errors
            assert daemon.errors == ""
        finally:
            foreign.stop()
    booked = Counter((line["order"], Decimal(line["quantity"]), Decimal(line["price"])) for line in daemon.all("fill"))
    filled = Counter((fill["clientOrderId"], Decimal(fill["qty"]), Decimal(fill["price"])) for fill in ledger["fills"])
    assert filled
    assert filled <= booked
