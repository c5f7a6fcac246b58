"""The daemon on a recorded market: candles of its trades, quotes of its book, orders that fill in it."""

import gzip
import json
import signal
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import Bot, bot

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(400)]

RECORDING = Path("hftbacktest/spot/btcusdt_20240808.gz")
BTC = "BTC/USDT"
HISTORY = 60


def history(file: Path, end: datetime) -> Path:
    """Made-up minutes before the recording, so that a strategy need not wait for its candles."""
    first_ms = int(end.timestamp() * 1_000) - HISTORY * 60_000
    rows = (f"{first_ms + n * 60_000},61800,61850,61750,{61_790 + n % 20},12.5" for n in range(HISTORY))
    file.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return file


def traded(daemon: Bot, side: str) -> bool:
    return bool(daemon.all("fill", symbol=BTC, side=side))


def test_it_trades_a_recording(tmp_path: Path, recorded_data: Path) -> None:
    candles = history(tmp_path / "BTC-USDT-1m.csv", datetime(2024, 8, 8, 23, 54, tzinfo=UTC))
    files = [str(recorded_data / RECORDING), str(candles)]
    variables = {
        "SIMULATION__MARKET": "replay",
        "SIMULATION__REPLAY_FILES": json.dumps(files),
        "SIMULATION__SPEED": "15",
        "TRADING__SYMBOLS": json.dumps([BTC]),
    }
    with bot(tmp_path / "data", **variables) as daemon:
        daemon.mood = "long"
        daemon.next("trading")
        daemon.until(lambda: traded(daemon, "buy"), 60)
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
        daemon.mood = "flat"
        daemon.until(lambda: traded(daemon, "sell"), 60)
        wait_until_all_agree(daemon)
        ledger = daemon.venue.ledger()
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0, daemon.errors
        assert daemon.errors == ""
    low, high = traded_range(recorded_data / RECORDING)
    assert ledger["fills"]
    for fill in ledger["fills"]:
        assert low <= Decimal(fill["price"]) <= high, fill


def traded_range(recording: Path) -> tuple[Decimal, Decimal]:
    """Lowest and highest price of all recorded trades."""
    with gzip.open(recording) as lines:
        messages = (json.loads(line.partition(b" ")[2]) for line in lines)
        prices = [Decimal(each["data"]["p"]) for each in messages if each.get("stream") == "btcusdt@trade"]
    return min(prices), max(prices)
