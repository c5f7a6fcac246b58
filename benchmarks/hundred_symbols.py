"""100 symbols at one-minute candles, venue included: every cycle decided, orders out in time, loop calm.

The venue runs at `SPEED` times real time, so a one-minute candle closes every 60 / SPEED real seconds; messages are
counted in real seconds, as the daemon received them. A third of the symbols speak up at each close, which makes 20 to
30 orders a close, the stops of the entries included.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import TRADER, claim, folder, idle_lag_ms, many_symbols, run_daemon, unlimited

SYMBOLS, SPEED, RUNTIME_S, FLOOR_S = 100, 4.0, 150.0, 10.0
MESSAGES_AT_LEAST, ORDERS_AT_LEAST = 20.0, 20.0
LAG_TARGET_MS, ORDER_TARGET_MS, NOISY_FLOOR_MS = 5.0, 250.0, 2.0


def main() -> int:
    floor_ms = idle_lag_ms(FLOOR_S)
    with folder() as data_dir:
        (data_dir / "strategies").mkdir()
        (data_dir / "strategies" / "flipper.py").write_text(TRADER)
        run = run_daemon(config(data_dir), data_dir, RUNTIME_S)
    summary = run.summary
    cycles = [line for line in run.lines if line.get("event") == "cycle"]
    closes = sorted({line["close_ms"] for line in cycles})
    decided = {(line["symbol"], line["close_ms"]) for line in cycles}
    missing = len(closes) * SYMBOLS - len(decided)
    failed = sum(line["outcome"] == "FAILED" for line in cycles)
    orders_per_close = summary["orders"] / max(1, len(closes))
    lag_ms, order_ms = summary["loop_lag_ms"], summary["order_ms"]
    trading_s = next((line["bench_s"] for line in run.lines if line.get("event") == "trading"), 0.0)
    rate = summary["messages"] / SYMBOLS / max(1.0, run.seconds - trading_s)
    loaded = rate >= MESSAGES_AT_LEAST and orders_per_close >= ORDERS_AT_LEAST
    shared = {
        "closes": len(closes),
        "orders_per_close": round(orders_per_close, 1),
        "messages_per_symbol_s": round(rate, 1),
    }
    status = claim(
        "every cycle decided at 100 symbols", missing + failed, 0, loaded and missing + failed == 0, **shared
    )
    status |= claim(
        "candle close received to order request sent, p99 ms",
        order_ms["p99"],
        ORDER_TARGET_MS,
        order_ms["p99"] < ORDER_TARGET_MS if loaded and order_ms["p99"] is not None else None,
        p50=order_ms["p50"],
        max=order_ms["max"],
        decision_p99=summary["decision_ms"]["p99"],
        **shared,
    )
    above = lag_ms["p99"] - floor_ms
    status |= claim(
        "loop lag p99 above the idle floor, ms",
        round(above, 2),
        LAG_TARGET_MS,
        None if floor_ms > NOISY_FLOOR_MS else above < LAG_TARGET_MS,
        lag_p99=lag_ms["p99"],
        lag_max=lag_ms["max"],
        idle_floor_p99=round(floor_ms, 2),
    )
    status |= claim(
        "memory at 100 symbols, MB of the daemon",
        summary["rss_mb"],
        300,
        summary["rss_mb"] < 300,
        pss_tree_mb=summary["pss_tree_mb"],
    )
    return status


def config(data_dir: Path) -> str:
    return (
        unlimited(data_dir, many_symbols(SYMBOLS), "", 0.5)
        + f"""
[simulation]
port = 0
speed = {SPEED}
seed = 7
messages_per_s = 28.0
"""
    )


if __name__ == "__main__":
    sys.exit(main())
