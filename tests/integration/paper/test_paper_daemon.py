"""The daemon in paper mode on another venue, played by a second simulated one: its market there, its orders here."""

import json
import os
import signal
import socket
import urllib.request
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.cli.daemon_process import DaemonProcess, Line, daemon
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(180)]

SYMBOLS = ("BTC/USDT", "ETH/USDT")
IN_AND_OUT = '''
from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy


class InAndOut(Strategy):
    """Long for two minutes, flat for two."""

    name = "in_and_out"
    warmup = 30

    def signal(self, frame):
        minute = frame.index[-1].value // 60_000_000_000
        return Signal(Direction.LONG if minute % 4 < 2 else Direction.FLAT, stop_distance=frame["close"].iloc[-1] * 0.2)
'''
MOST_SLIPPAGE = Decimal("0.002")
"""Ten levels of two hundredths of a per cent: what a taker pays beyond the touch at most."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def is_event(name: str, **fields: object) -> Callable[[Line], bool]:
    return lambda line: line["event"] == name and all(line.get(key) == value for key, value in fields.items())


def trades(bot: DaemonProcess, side: str, number: int) -> None:
    """Waits until every symbol has been filled so often on that side."""
    for symbol in SYMBOLS:

        def enough(_: Line, symbol: str = symbol) -> bool:
            return sum(is_event("fill", symbol=symbol, side=side)(line) for line in bot.lines) >= number

        bot.wait_for(enough, 90)


def admin_url(bot: DaemonProcess) -> str:
    url = bot.wait_for(is_event("paper_venue"))["url"]
    with urllib.request.urlopen(f"{url}/api/v3/time", timeout=10) as answer:
        return str(answer.headers["X-Venue-Admin-Url"])


def assert_within_the_market(fill: dict[str, Any], foreign: VenueProcess) -> None:
    """The price is one that the other venue's market had at that time, or worse by what the rule says."""
    query = f"symbol={fill['symbol']}&interval=1m&startTime={fill['time'] - 180_000}&limit=7"
    candles = ask(f"{foreign.url}/api/v3/klines?{query}")
    low, high = min(Decimal(row[3]) for row in candles), max(Decimal(row[2]) for row in candles)
    price = Decimal(fill["price"])
    if fill["isBuyer"]:
        assert low <= price <= high * (1 + MOST_SLIPPAGE), (fill, low, high)
    else:
        assert low * (1 - MOST_SLIPPAGE) <= price <= high, (fill, low, high)


def test_it_trades_another_venues_market_on_paper(tmp_path: Path) -> None:
    strategies, books, data = tmp_path / "strategies", tmp_path / "foreign", tmp_path / "data"
    for folder in (strategies, books, data):
        folder.mkdir()
    (strategies / "in_and_out.py").write_text(IN_AND_OUT)
    port = free_port()
    variables = {
        "VENUE__NAME": "binance",
        "VENUE__BASE_URL": f"http://127.0.0.1:{port}",
        "VENUE__WS_BASE_URL": f"ws://127.0.0.1:{port}",
        "TRADING__SYMBOLS": json.dumps(SYMBOLS),
        "TRADING__STRATEGIES": '[{"use": "in_and_out"}]',
        "TRADING__STRATEGIES_DIR": str(strategies),
        "SIZING__METHOD": "fixed_fraction",
    }
    with daemon(data, **variables) as bot:
        waiting = bot.wait_for(is_event("waiting_for_venue"))
        assert "binance does not answer" in waiting["reason"]
        foreign = VenueProcess(books, symbols=(*SYMBOLS, "SOL/USDT"), speed=20, port=port)
        try:
            bot.wait_for(is_event("trading"))
            trades(bot, "buy", 1)
            trades(bot, "sell", 1)
            status = json.loads(bot.command("status", "--json").stdout)
            assert (status["venue"], status["orders_venue"], status["clock_speed"]) == ("binance", "sim", 20)
            check = bot.command("check")
            assert check.returncode == 0, check.stdout
            assert "go to sim, the simulated venue" in " ".join(check.stdout.split())

            os.kill(ask(f"{admin_url(bot)}/health")["pid"], signal.SIGKILL)
            bot.wait_for(lambda line: sum(is_event("forwarding_market")(each) for each in bot.lines) == 2)
            trades(bot, "buy", 2)
            trades(bot, "sell", 2)
            ledger = ask(f"{admin_url(bot)}/ledger?account=paper")
            for fill in ledger["fills"]:
                assert_within_the_market(fill, foreign)
            assert foreign.admin("/ledger?account=paper")["orders"] == []
            bot.signal(signal.SIGTERM)
            assert bot.end() == 0, bot.errors
            assert bot.errors == ""
        finally:
            foreign.stop()
    booked = Counter(
        (line["order"], Decimal(line["quantity"]), Decimal(line["price"]))
        for line in bot.lines
        if is_event("fill")(line)
    )
    filled = Counter((fill["clientOrderId"], Decimal(fill["qty"]), Decimal(fill["price"])) for fill in ledger["fills"])
    assert filled
    assert filled <= booked
