"""A comparison in words and rows, for terminal and report alike."""

import os
import platform

from core.performance.comparison import NOISY_FLOOR_MS, P95_TARGET_MS, P99_TARGET_MS, Comparison, Lag

ROUNDS_NOTE = (
    "Medians over the rounds; max: of all. Lag is how late the loop was for a deadline every 10 ms, those that a "
    "blocked loop missed counted as well. Features and operations are counted when they are done, operations only "
    "where they were done in time."
)


def headings() -> tuple[str, ...]:
    return ("way", "lag p50 ms", "p95", "p99", "max", "success %", "features/s", "signals/s", "operations/s")


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One an idle loop, one a way."""
    found = [("idle loop", *_lag(comparison.floor_ms), "", "", "", "")]
    for each in comparison.summaries():
        rates = (each.features_per_s, each.signals_per_s, each.operations_per_s)
        shown = (f"{rate:,.0f}" for rate in rates)
        found.append((each.way, *_lag(each.lag_ms), f"{each.success_pct:.1f}", *shown))
    return found


def workload_words(comparison: Comparison) -> str:
    work = comparison.workload
    return (
        f"{work.operations} blocking operations at once, again and again, about {1e3 * work.operation_s:g} ms each; "
        f"{work.hung} of them hang for {work.hang_s:g} s. Done in time means within {work.deadline_s:g} s. Beside "
        f"them, without a pause, the built-in features and the signals of {work.symbols} symbols over {work.candles} "
        "candles, a fresh candle of each symbol before each pass. AsyncFeatureComputer: "
        f"{comparison.lane_threads} threads that wait, {_count(comparison.workers, 'worker process', 'es')}. "
        f"Default pool, as asyncio.to_thread has it: {default_pool_threads()} threads on this machine."
    )


def verdict_words(comparison: Comparison) -> str:
    verdict = comparison.verdict()
    added = (
        f"AsyncFeatureComputer adds {verdict.p95_above_floor_ms:.2f} ms (p95) and {verdict.p99_above_floor_ms:.2f} ms "
        f"(p99) to an idle loop's lag, {verdict.success_pct:.1f} % of what can succeed does: "
    )
    if verdict.holds is None:
        floor_ms = comparison.floor_ms.p99
        return added + (
            f"no verdict, as an idle loop is {floor_ms:.1f} ms late itself (p99; at most {NOISY_FLOOR_MS:g} ms). "
            "Run it again while this machine has nothing else to do."
        )
    bounds = f"{P95_TARGET_MS:g} ms, {P99_TARGET_MS:g} ms and 100 %"
    return added + (f"within the bounds of {bounds}." if verdict.holds else f"outside the bounds of {bounds}.")


def machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python {platform.python_version()}"


def default_pool_threads() -> int:
    """As `concurrent.futures.ThreadPoolExecutor` sizes itself: https://docs.python.org/3/library/concurrent.futures.html"""
    return min(32, (os.cpu_count() or 1) + 4)


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"


def _lag(lag: Lag) -> tuple[str, ...]:
    return tuple(f"{each:,.2f}" if each < 100 else f"{each:,.0f}" for each in (lag.p50, lag.p95, lag.p99, lag.max))
