"""500 symbols at one-minute candles, venue included: how long from a candle's close received until it is decided.

The venue replays candles beside the daemon, on the same cores, at `SPEED` times real time: a one-minute candle closes
every 60 / SPEED real seconds, of all symbols at once. Each is decided on by a strategy of the user's, in a worker. What
is claimed of the p99 is the median over the closes of each close's own.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from benchmarks._daemon import TRADER, claim, folder, idle_lag_ms, many_symbols, run_daemon, unlimited

SYMBOLS, SPEED, RUNTIME_S, FLOOR_S = 500, 4.0, 180.0, 10.0
MESSAGES_PER_S = 2.0
"""Of a symbol."""
CANDLES = 1_000
"""In each symbol's file: the older half is history, the newer one is played."""
CLOSES_AT_LEAST = 5
DECISION_TARGET_MS, LAG_TARGET_MS, NOISY_FLOOR_MS = 300.0, 10.0, 2.0
FIRST_OPEN_MS = 1_760_000_040_000


def main() -> int:
    floor_ms = idle_lag_ms(FLOOR_S)
    with folder() as data_dir:
        (data_dir / "strategies").mkdir()
        (data_dir / "strategies" / "flipper.py").write_text(TRADER)
        run = run_daemon(config(data_dir, write_market(data_dir)), data_dir, RUNTIME_S)
    cycles = [line for line in run.lines if line.get("event") == "cycle"]
    closes = {line["close_ms"] for line in cycles}
    missing = len(closes) * SYMBOLS - len({(line["symbol"], line["close_ms"]) for line in cycles})
    failed = sum(line["outcome"] == "FAILED" for line in cycles)
    played, noisy = len(closes) >= CLOSES_AT_LEAST, floor_ms > NOISY_FLOOR_MS
    decision_ms, lag_ms = run.summary["decision_ms"], run.summary["loop_lag_ms"]
    p99_ms = statistics.median(p99_of(cycles, close_ms) for close_ms in closes) if closes else None
    shared = {"closes": len(closes), "idle_floor_p99": round(floor_ms, 2)}
    status = claim(
        "every cycle decided at 500 symbols", missing + failed, 0, played and missing + failed == 0, **shared
    )
    status |= claim(
        "candle close received to decided, 500 symbols, p99 ms",
        p99_ms,
        DECISION_TARGET_MS,
        None if noisy or not played or p99_ms is None else p99_ms < DECISION_TARGET_MS,
        p50=decision_ms["p50"],
        p99_of_all_closes=decision_ms["p99"],
        max=decision_ms["max"],
        orders=run.summary["orders"],
        **shared,
    )
    above = lag_ms["p99"] - floor_ms
    return status | claim(
        "loop lag p99 above the idle floor, 500 symbols, ms",
        round(above, 2),
        LAG_TARGET_MS,
        None if noisy else above < LAG_TARGET_MS,
        lag_max=lag_ms["max"],
        rss_mb=run.summary["rss_mb"],
        **shared,
    )


def p99_of(cycles: list[dict[str, Any]], close_ms: int) -> float:
    """Of one close's symbols."""
    took_ms = sorted(line["decided_ms"] for line in cycles if line["close_ms"] == close_ms and "decided_ms" in line)
    return took_ms[len(took_ms) * 99 // 100] if took_ms else float("inf")


def write_market(data_dir: Path) -> list[Path]:
    """One file a symbol: a random walk."""
    market = data_dir / "market"
    market.mkdir()
    random = np.random.default_rng(7)
    files = []
    for symbol in many_symbols(SYMBOLS):
        files.append(market / f"{symbol.replace('/', '-')}-1m.parquet")
        pd.DataFrame(walk(random)).to_parquet(files[-1])
    return files


def walk(random: np.random.Generator) -> dict[str, Any]:
    """Prices in steps of a hundredth."""
    close = np.round(100.0 * np.exp(np.cumsum(random.normal(0.0, 1e-3, CANDLES))), 2)
    opened = np.concatenate(([100.0], close[:-1]))
    shadow = np.round(np.abs(random.normal(0.0, 0.05, (2, CANDLES))), 2)
    return {
        "timestamp": FIRST_OPEN_MS + 60_000 * np.arange(CANDLES),
        "open": opened,
        "high": np.round(np.maximum(opened, close) + shadow[0], 2),
        "low": np.round(np.minimum(opened, close) - shadow[1], 2),
        "close": close,
        "volume": np.round(random.exponential(100.0, CANDLES), 3) + 1.0,
    }


def config(data_dir: Path, files: list[Path]) -> str:
    replayed = ", ".join(f'"{file}"' for file in files)
    return (
        unlimited(data_dir, many_symbols(SYMBOLS), ", parameters = { share = 0.05 }", 0.1)
        + f"""
[simulation]
port = 0
speed = {SPEED}
market = "replay"
replay_files = [{replayed}]
messages_per_s = {MESSAGES_PER_S}
"""
    )


if __name__ == "__main__":
    sys.exit(main())
