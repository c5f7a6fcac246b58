"""Small recordings for tests, and where the real ones are."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LOCAL_NS = 1_700_000_000_000_000_000
EXCHANGE_MS = 1_700_000_001_270
"""The exchange's clock is 1.27 s ahead."""

SPOT, USDM = Path("hftbacktest/spot/btcusdt_20240808.gz"), Path("hftbacktest/usdm/btcusdt_20240808.gz")
NAMES = {SPOT: "spot", USDM: "usdm"}


def cryptofeed(folder: Path, name: str) -> list[Path]:
    return [folder / "cryptofeed" / f"{name}{part}" for part in (".0", ".http.0.0", ".ws.1.0")]


def snapshot(last_id: int, bids: list[list[str]] | None = None, asks: list[list[str]] | None = None) -> dict[str, Any]:
    return {"lastUpdateId": last_id, "bids": bids or [["99.00", "1.000"]], "asks": asks or [["101.00", "1.000"]]}


def diff(
    first_id: int, last_id: int, bids: list[list[str]] | None = None, *, ms: int = 0, **more: Any
) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": EXCHANGE_MS + ms, "s": "BTCUSDT", "U": first_id, "u": last_id}
    return {"stream": "btcusdt@depth@100ms", "data": data | {"b": bids or [], "a": []} | more}


def quote(update_id: int, bid: str = "99.00", ask: str = "101.00", **more: Any) -> dict[str, Any]:
    data = {"u": update_id, "s": "BTCUSDT", "b": bid, "B": "2.000", "a": ask, "A": "3.000"}
    return {"stream": "btcusdt@bookTicker", "data": data | more}


def trade(trade_id: int, price: str = "101.00", quantity: str = "0.500", *, ms: int = 0, **more: Any) -> dict[str, Any]:
    data = {"e": "trade", "E": EXCHANGE_MS + ms, "T": EXCHANGE_MS + ms, "s": "BTCUSDT", "t": trade_id}
    return {"stream": "btcusdt@trade", "data": data | {"p": price, "q": quantity, "m": False, "M": True} | more}


def aggregate(trade_id: int, *, ms: int = 0) -> dict[str, Any]:
    data = {"e": "aggTrade", "E": EXCHANGE_MS + ms, "T": EXCHANGE_MS + ms, "s": "BTCUSDT", "a": trade_id}
    return {"stream": "btcusdt@aggTrade", "data": data | {"p": "101.00", "q": "0.500", "f": 1, "l": 1, "m": False}}


def text(messages: Iterable[dict[str, Any]], *, step_ms: int = 1) -> str:
    """As hftbacktest's collector writes them, `step_ms` apart."""
    return "".join(
        f"{LOCAL_NS + index * step_ms * 1_000_000} {json.dumps(message, separators=(',', ':'))}\n"
        for index, message in enumerate(messages)
    )


def write(file: Path, messages: Iterable[dict[str, Any]]) -> Path:
    file.write_text(text(messages))
    return file


def write_gzip(file: Path, messages: Iterable[dict[str, Any]]) -> Path:
    file.write_bytes(gzip.compress(text(messages).encode()))
    return file


GOOD = (diff(8, 9), quote(9), trade(1), snapshot(10), diff(10, 12, [["98.00", "2.000"]], ms=100), trade(2, ms=120))
