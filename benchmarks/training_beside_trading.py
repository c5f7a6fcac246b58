"""What training costs trading: 20 symbols traded with a real training job beside them, begun by the daemon itself on
the same cores, against the same daemon that does not train (pairs).

Pairs alternate, so that what disturbs the machine disturbs both. The trainer learns one symbol after the other from a
month of minutes each, for as long as the daemon trades.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pandas as pd
from benchmarks._daemon import ROOT, TRADER, Run, claim, folder, idle_lag_ms, many_symbols, run_daemon, unlimited
from tests.unit.models.training.markets import planted

LONG = True
PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
SYMBOLS, LEARNED, CANDLES = 20, 16, 40_000
SPEED, RUNTIME_S, FLOOR_S = 4.0, 60.0, 5.0
GROWTH_TARGET_MS, NOISY_FLOOR_MS, LEAST_SHARE = 2.0, 2.0, 0.5


def main() -> int:
    floor_ms = idle_lag_ms(FLOOR_S)
    growths, shares, lost, closes = [], [], 0, 0
    for _ in range(PAIRS):
        alone, beside = lag_with(trains=False), lag_with(trains=True)
        growths.append(beside.summary["loop_lag_ms"]["p99"] - alone.summary["loop_lag_ms"]["p99"])
        shares.append(trained_s(beside) / RUNTIME_S)
        missing, seen = lost_cycles(beside)
        lost, closes = lost + missing, closes + seen
    growth, is_told = statistics.median(growths), floor_ms <= NOISY_FLOOR_MS and min(shares) >= LEAST_SHARE
    status = claim(
        "training beside trading: growth of loop lag p99, ms",
        round(growth, 2),
        GROWTH_TARGET_MS,
        growth < GROWTH_TARGET_MS if is_told else None,
        pairs=[round(each, 2) for each in growths],
        share_of_the_time_that_trained=[round(each, 2) for each in shares],
        idle_floor_p99=round(floor_ms, 2),
    )
    return status | claim(
        "cycles that training beside costs", lost, 0, bool(closes) and lost == 0, closes=closes, symbols=SYMBOLS
    )


def lag_with(*, trains: bool) -> Run:
    with folder() as data_dir:
        (data_dir / "strategies").mkdir()
        (data_dir / "strategies" / "flipper.py").write_text(TRADER)
        record_candles(data_dir)
        return run_daemon(config(data_dir, trains=trains), data_dir, RUNTIME_S)


def config(data_dir: Path, *, trains: bool) -> str:
    learned = json.dumps(many_symbols(SYMBOLS)[:LEARNED])
    flipper = '{ use = "flipper" }'
    usual = unlimited(data_dir, many_symbols(SYMBOLS), "", 0.5)
    return (
        usual.replace(flipper, f'{flipper}, {{ use = "model", symbols = {learned} }}')
        + f"\n[models]\ntrain_beside = {str(trains).lower()}\n"
        + f"\n[simulation]\nport = 0\nspeed = {SPEED}\nseed = 7\nmessages_per_s = 28.0\n"
    )


def record_candles(data_dir: Path) -> None:
    """Into the history cache, a file a symbol."""
    files = data_dir / "candles"
    files.mkdir()
    learned = many_symbols(SYMBOLS)[:LEARNED]
    for seed, symbol in enumerate(learned):
        window = planted(seed, CANDLES, strength=0.1)
        columns = {each: getattr(window, each) for each in ("open", "high", "low", "close", "volume")}
        times = pd.to_datetime(window.open_ms[0] + 60_000 * np.arange(len(window)), unit="ms")
        pd.DataFrame({"timestamp": times, **columns}).to_parquet(files / f"{symbol.replace('/', '-')}-1m.parquet")
    since, until = f"{times[0]:%Y-%m-%d}", f"{times[-1] + pd.Timedelta(days=1):%Y-%m-%d}"
    command = [sys.executable, str(ROOT / "live_bot.py"), "history", "load", "--source", "files", "--kinds", "candles"]
    command += ["--timeframe", "1m", "--since", since, "--until", until, "--symbols", ",".join(learned)]
    settings = {"METRONOME__STORAGE__DATA_DIR": str(data_dir), "METRONOME__HISTORY__FILES_DIR": str(files)}
    subprocess.run(command, env={**os.environ, **settings}, capture_output=True, check=True)


def trained_s(run: Run) -> float:
    """How long a training was under way."""
    began = [line["bench_s"] for line in run.lines if line.get("event") == "training_began"]
    ended = [line["bench_s"] for line in run.lines if line.get("event") == "training_ended"]
    last = run.lines[-1]["bench_s"]
    return sum((ended[n] if n < len(ended) else last) - at for n, at in enumerate(began))


def lost_cycles(run: Run) -> tuple[int, int]:
    """Those that there are not or that failed; and how many closes there were."""
    cycles = [line for line in run.lines if line.get("event") == "cycle"]
    closes = {line["close_ms"] for line in cycles}
    missing = len(closes) * SYMBOLS - len({(line["symbol"], line["close_ms"]) for line in cycles})
    return missing + sum(line["outcome"] == "FAILED" for line in cycles), len(closes)


if __name__ == "__main__":
    sys.exit(main())
