"""`python -m core.performance.bench KIND N`: one benchmark in this process, which is niced; its result as JSON.

For those who ask a running daemon how fast this machine computes: it runs beside trading and never within it.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

from core.domain.measures import Benchmark
from core.features.rows import compute_rows
from core.features.standard import STANDARD
from core.market.ring_windows import RingRequest
from core.performance.workload import Markets
from core.runtime.histogram import Histogram
from core.runtime.lifeline import send_on_parent_death
from core.strategies.evaluation import describe
from core.strategies.ring_worker import evaluate_rings
from core.strategies.spec import StrategySpec

KINDS = ("feature-computation", "signal-generation")
_STRATEGY = "ema_cross"
_SYMBOLS, _CANDLES = 20, 500
_NICENESS = 19


def run(kind: str, operations: int) -> Benchmark:
    """`operations`, above 0, one after the other; each computes one symbol's newest features, or its signal, over 500
    candles. Raises `ValueError` for a kind that is none."""
    markets = Markets(_SYMBOLS, _CANDLES)
    try:
        work = _work(kind, markets)
        work(0)  # what is imported or compiled at first does not count
        return _measured(kind, operations, work)
    finally:
        markets.store.close()


def _work(kind: str, markets: Markets) -> Callable[[int], bool]:
    """Does one operation, of the given number; whether it succeeded."""
    if kind not in KINDS:
        raise ValueError(f"no such benchmark: {kind}")
    spec = StrategySpec(_STRATEGY, tuple(key.instrument_id for key in markets.keys))
    window = _CANDLES if kind == "feature-computation" else describe(spec).window
    requests = [
        RingRequest(key.instrument_id, markets.store.handle(key), markets.newest_open_ms, window)
        for key in markets.keys
    ]
    if kind == "feature-computation":
        return lambda number: compute_rows(STANDARD, [requests[number % _SYMBOLS]]).faults[0] is None
    return lambda number: evaluate_rings(spec, [requests[number % _SYMBOLS]])[0].signal is not None


def _measured(kind: str, operations: int, work: Callable[[int], bool]) -> Benchmark:
    times, failures = Histogram(), 0
    began_ns = time.perf_counter_ns()
    for number in range(operations):
        one_ns = time.perf_counter_ns()
        failures += not work(number)
        times.record_ns(time.perf_counter_ns() - one_ns)
    seconds = (time.perf_counter_ns() - began_ns) / 1e9
    found = times.summary()
    return Benchmark(
        kind=kind,
        operations=operations,
        failures=failures,
        seconds=round(seconds, 6),
        per_s=round(operations / seconds, 1),
        mean_ms=found.mean or 0.0,
        p50_ms=found.p50 or 0.0,
        p95_ms=found.p95 or 0.0,
        p99_ms=found.p99 or 0.0,
        max_ms=found.max or 0.0,
    )


def main() -> None:
    send_on_parent_death(signal.SIGKILL)
    os.nice(_NICENESS)
    print(json.dumps(asdict(run(sys.argv[1], int(sys.argv[2])))))  # noqa: T201 - read by whoever started it


if __name__ == "__main__":
    main()
