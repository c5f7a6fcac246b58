"""The decision ledger at its size: `why` over ten million recorded decisions, and what recording costs a cycle.

The file is filled in SQL with decisions of a hundred symbols that are encoded as the daemon does. `why` is the reader's
whole answer: open the file, find twenty decisions of a symbol up to a random moment, put them into sentences with what
became of their orders. It is asked with the file in the page cache and without, and as a whole process.

Recording is measured on a loop that tells bursts of a hundred cycles, with and without a ledger by turns, while its
thread writes them: the difference, divided by the cycles, has the thread's share of the interpreter in it.
"""

import argparse
import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarks._daemon import ROOT, claim, folder
from tests.unit.decision.cases import HOLD, LONG, decided, inputs

from core.cycle_log import CycleLog
from core.decision.cycle import Cycle
from core.decision.decision import decision_line
from core.decision.recent import RecentDecisions
from core.decision_ledger.codec import encode
from core.decision_ledger.reader import DecisionLedgerReader
from core.decision_ledger.schema import ledger_file
from core.decision_ledger.storage import Batch, LedgerFile
from core.decision_ledger.writer import DecisionLedger
from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.domain.status import DecisionLine
from core.execution.journal.identity import JournalIdentity
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.runtime.logging import LogPipeline
from core.runtime.loop import tune_interpreter
from core.settings.logging import LoggingSettings
from core.settings.tree import Settings
from core.single_writer import account_name

SYMBOLS = [InstrumentId(f"C{n:02}/USDT") for n in range(100)]
START_MS, MINUTE_MS, HOUR_MS = 1_760_000_040_000, 60_000, 3_600_000
WHY_MS, RECORD_US = 100.0, 50.0
ASKED = 300
BURST, BURSTS, ROUNDS = 100, 20, 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=10_000_000)
    arguments = parser.parse_args()
    with folder() as data_dir:
        file = ledger_file(data_dir, JournalIdentity("paper", "sim", account_name(Settings())))
        built_s = timed_s(lambda: fill(file, arguments.decisions))
        status = ask(data_dir, file, arguments.decisions, built_s)
    with folder() as data_dir:
        return status | asyncio.run(record(data_dir / "x.sqlite"))


def fill(file: Path, n: int) -> None:
    """All symbols decide each minute; one in a thousand decisions is a trade with a filled order."""
    storage = LedgerFile(file, max_age_ms=None, max_bytes=2**60, wall_ms=lambda: 0)
    storage.write(Batch([line(symbol, 0) for symbol in SYMBOLS]))
    storage.close()
    bodies = {symbol: [encode(line(symbol, minute)) for minute in range(7)] for symbol in SYMBOLS}
    connection = sqlite3.connect(file, isolation_level=None)
    numbers = dict(connection.execute("SELECT name, symbol FROM symbols"))

    def rows() -> Iterator[tuple[Any, ...]]:
        for at in range(100, n):
            symbol, minute = SYMBOLS[at % 100], at // 100
            close_ms = START_MS + minute * MINUTE_MS
            yield numbers[symbol], close_ms, close_ms, bodies[symbol][minute % 7]

    hours = (
        (START_MS - START_MS % HOUR_MS + hour * HOUR_MS, number, "NO_TRADE", code, 20)
        for hour in range(n // 6_000 + 1)
        for number in numbers.values()
        for code in ("SIGNAL_HOLD", "STALE_QUOTE", "POSITION_HELD")
    )
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO decisions (symbol, close_ms, recorded_ms, body) VALUES (?, ?, ?, ?)", rows())
    connection.executemany("INSERT OR IGNORE INTO hours VALUES (?, ?, ?, ?, ?)", hours)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def line(symbol: InstrumentId, minute: int) -> DecisionLine:
    """As a strategy of three features leaves it."""
    case = inputs(LONG if minute % 7 == 6 else HOLD)
    (evaluation,) = case.evaluations
    features = {"ema_5": 100.5 + minute, "ema_13": 100.25 - minute, "atr_14": 0.123 * (minute + 1)}
    cycle = Cycle("ema_cross", symbol, Timeframe.M1, START_MS + minute * MINUTE_MS)
    evaluation = replace(evaluation, features=features, features_hash=f"{random.Random(minute).getrandbits(64):016x}")
    decision = replace(decided(replace(case, evaluations=(evaluation,))), cycle=cycle)
    return decision_line(decision, timings_ms={"analysed": 7.751433 + minute, "decided": 8.848339 + minute})


def ask(data_dir: Path, file: Path, n: int, built_s: float) -> int:
    reader, rng = DecisionLedgerReader(file), random.Random(7)

    def why() -> None:
        at_ms = START_MS + rng.randrange(n // 100) * MINUTE_MS
        found = reader.decisions(rng.choice(SYMBOLS), 20, at_ms=at_ms)
        assert found, at_ms
        assert found[0].close_ms <= at_ms

    evict(file)
    cold_ms = [evict(file) or timed_s(why) * 1_000 for _ in range(20)]
    warm_ms = [timed_s(why) * 1_000 for _ in range(ASKED)]
    newest_ms = [timed_s(lambda: reader.newest(20)) * 1_000 for _ in range(20)]
    day_ms = START_MS + n // 100 * MINUTE_MS - 24 * HOUR_MS
    summary_ms = [timed_s(lambda: reader.summary(since_ms=day_ms)) * 1_000 for _ in range(5)]
    command = [sys.executable, str(ROOT / "live_bot.py"), "why", SYMBOLS[3], "--json", "--at", "2026-01-01"]
    environment = {**os.environ, "METRONOME__STORAGE__DATA_DIR": str(data_dir), "METRONOME__API__PORT": "0"}
    process_s = [
        timed_s(lambda: subprocess.run(command, env=environment, check=True, capture_output=True)) for _ in range(3)
    ]
    worst_ms = max(p99(warm_ms), *cold_ms)
    return claim(
        f"why over {n:,} recorded decisions, ms",
        round(worst_ms, 1),
        WHY_MS,
        worst_ms < WHY_MS,
        p50_ms=round(median(warm_ms), 2),
        p99_ms=round(p99(warm_ms), 2),
        uncached_max_ms=round(max(cold_ms), 1),
        newest_of_all_ms=round(median(newest_ms), 2),
        summary_of_a_day_ms=round(median(summary_ms), 1),
        whole_process_s=round(median(process_s), 2),
        file_mb=round(file.stat().st_size / 1e6),
        built_s=round(built_s),
    )


async def record(file: Path) -> int:
    tune_interpreter(0.0005)
    decisions = [decided(inputs(LONG if n % 7 == 6 else HOLD)) for n in range(BURST)]
    with_us, without_us, waits_us = [], [], []
    with Path(os.devnull).open("w") as nowhere:
        logs = LogPipeline(LoggingSettings(level="error"), stream=nowhere)
        logs.start()
        storage = LedgerFile(file, max_age_ms=None, max_bytes=2**60, wall_ms=lambda: time.time_ns() // 1_000_000)
        ledger = DecisionLedger(storage, queue_size=20_000, min_free_mb=0.0, flush_s=0.005)
        ledger.start()
        for _ in range(ROUNDS):
            without_us.append(await told_us(decisions, lambda _: None))
            with_us.append(await told_us(decisions, ledger.record))
        for each in map(decision_line, decisions * 20):
            waits_us.append(timed_s(lambda each=each: ledger.record(each)) * 1e6)
            await asyncio.sleep(0)
        assert await ledger.close(60.0)
        logs.close()
    done = ledger.statistics()
    cost_us = median(a - b for a, b in zip(with_us, without_us, strict=True))
    return claim(
        "recording, µs of the loop a cycle",
        round(cost_us, 2),
        RECORD_US,
        cost_us < RECORD_US,
        told_without_us=round(median(without_us), 1),
        told_with_us=round(median(with_us), 1),
        call_mean_us=round(mean(waits_us), 2),
        call_p99_us=round(p99(waits_us), 2),
        recorded=done.recorded,
        dropped=done.dropped,
    )


async def told_us(decisions: list[Any], into: Callable[[DecisionLine], None]) -> float:
    """Time on the loop for one cycle to be told, in memory, to the log and `into`."""
    monotonic = SystemMonotonicClock()
    log = CycleLog(RecentDecisions(), WallClock(), monotonic, lambda: None, into)
    spent_ns = 0
    for _ in range(BURSTS):
        began_ns = time.perf_counter_ns()
        for decision in decisions:
            log.decided(decision, None, began_ns, began_ns)
        spent_ns += time.perf_counter_ns() - began_ns
        await asyncio.sleep(0.01)
    return spent_ns / 1_000 / BURSTS / len(decisions)


def evict(file: Path) -> None:
    """Out of the page cache, as far as the system does what it is asked to."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def timed_s(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


if __name__ == "__main__":
    sys.exit(main())
