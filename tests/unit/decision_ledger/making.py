"""Decisions, orders and ledgers to record them in."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.decision.gates import verdicts
from core.decision_ledger.reader import DecisionLedgerReader
from core.decision_ledger.storage import LedgerFile
from core.decision_ledger.writer import DecisionLedger
from core.domain.status import DecisionLine, ReasonCount

MINUTE_MS = 60_000
START_MS = 1_800_000_000_000 - 1_800_000_000_000 % 3_600_000
"""A whole hour."""


def line(
    symbol: str = "BTC/USDT", minute: int = 0, reason: str = "SIGNAL_HOLD strategy=x", **other: Any
) -> DecisionLine:
    close_ms = START_MS + minute * MINUTE_MS
    outcome = other.pop("outcome", "NO_TRADE")
    return DecisionLine(
        cycle=f"x|{symbol}|1m|{close_ms}",
        symbol=symbol,
        strategy="x",
        close_ms=close_ms,
        outcome=outcome,
        reason=reason,
        gates=verdicts(outcome, reason.partition(" ")[0], None),
        **{"inputs": {"candle_age_s": "0.100", "quote_age_s": "4.200"}, "timings_ms": {"decided": 1.5}, **other},
    )


def ledger_file(
    file: Path,
    *,
    max_age_ms: int | None = None,
    max_bytes: int = 100_000_000,
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> LedgerFile:
    return LedgerFile(file, max_age_ms=max_age_ms, max_bytes=max_bytes, wall_ms=wall_ms)


def reader(file: Path) -> DecisionLedgerReader:
    return DecisionLedgerReader(file)


@asynccontextmanager
async def recording(file: LedgerFile, **other: Any) -> AsyncIterator[DecisionLedger]:
    """A writer that looks at its queue every few ms; what it was given is written when the context is left."""
    options = {"queue_size": 1_000, "min_free_mb": 0.0, "flush_s": 0.002, "retry_s": 0.002, **other}
    ledger = DecisionLedger(file, **options)
    ledger.start()
    try:
        yield ledger
    finally:
        assert await ledger.close(60.0)


def count(*, hour: int, count: int, symbol: str = "BTC/USDT", code: str = "SIGNAL_HOLD") -> ReasonCount:
    return ReasonCount(symbol, START_MS + hour * 3_600_000, "NO_TRADE", code, count)
