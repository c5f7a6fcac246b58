"""The built-in features of 500 symbols, by one worker beside freqtrade's own analysis pass: the same candles, the same
indicators, the same machine, in turns.

freqtrade is installed by pip into `build/freqtrade`, from whatever index pip is set up for; `FREQTRADE_VENV=DIR` names
an environment that has it already. Where it can't be installed the verdict is null, and the reason is said.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import pandas as pd
import uvloop
from benchmarks._daemon import ROOT, claim, folder

from core.compute.computer import AsyncFeatureComputer
from core.features.standard import STANDARD
from core.features.tickers import TickerFeatures
from core.performance.workload import Markets
from core.settings.compute import ComputeSettings
from core.strategies.base import candles_frame

LONG = True
SYMBOLS, CANDLES, ROUNDS, CALLS_A_ROUND = 500, 500, 5, 5
TARGET = 50.0
NAME = "times freqtrade's analysis pass, symbols a second"
INSTALL_S, PASS_S = 900.0, 600.0


def main() -> int:
    python = environment()
    if isinstance(python, str):
        return claim(NAME, None, TARGET, None, reason=python)
    return uvloop.run(side_by_side(python))


async def side_by_side(python: Path) -> int:
    markets = Markets(SYMBOLS, CANDLES)
    ours, theirs = [], []
    said: dict[str, object] = {}
    with folder() as scratch:
        frames = scratch / "frames.pkl"
        pd.to_pickle({key.instrument_id: frame_of(markets, index) for index, key in enumerate(markets.keys)}, frames)
        async with AsyncFeatureComputer(ComputeSettings(workers=1)) as computer:
            features = TickerFeatures(computer, markets.store, n_candles=CANDLES)
            await features.compute_features_async(markets.keys, deadline_s=60)
            for _ in range(ROUNDS):
                ours.append(await our_rate(features, markets))
                said = await asyncio.to_thread(their_pass, python, frames)
                theirs.append(SYMBOLS / said["seconds"])
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    details = {
        "ours_per_s": round(statistics.median(ours)),
        "freqtrade_per_s": round(statistics.median(theirs)),
        "freqtrade_ms_a_pair": round(1e3 / statistics.median(theirs), 2),
        "freqtrade": said["version"],
        "columns": len(STANDARD.columns),
        "rounds": ROUNDS,
    }
    return claim(NAME, round(ratio, 1), TARGET, ratio >= TARGET, **details)


async def our_rate(features: TickerFeatures, markets: Markets) -> float:
    """Symbols a second, a fresh candle of each before each call; closing them is the feed's work and not counted."""
    spent_s = 0.0
    for _ in range(CALLS_A_ROUND):
        list(markets.close_candles())
        began = time.perf_counter()
        rows = await features.compute_features_async(markets.keys, deadline_s=60)
        spent_s += time.perf_counter() - began
        if any(rows.faults):
            raise RuntimeError(f"no features: {next(fault for fault in rows.faults if fault)}")
    return SYMBOLS * CALLS_A_ROUND / spent_s


def their_pass(python: Path, frames: Path) -> dict[str, object]:
    """One pass over all pairs after a warm one."""
    script = Path(__file__).with_name("_freqtrade_pass.py")
    command = [str(python), str(script), str(frames), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PASS_S, check=False)
    if done.returncode:
        raise RuntimeError(f"freqtrade's pass failed: {done.stderr.strip().splitlines()[-1:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return {**said, "seconds": said["seconds"][0]}


def frame_of(markets: Markets, index: int) -> pd.DataFrame:
    """As freqtrade has it: the open time a column."""
    frame = candles_frame(markets.store.window(markets.keys[index], CANDLES))
    return frame.rename_axis("date").reset_index()


def environment() -> Path | str:
    """The interpreter that can import freqtrade, or why there is none."""
    given = os.environ.get("FREQTRADE_VENV")
    place = Path(given) if given else ROOT / "build" / "freqtrade"
    python = place / "bin" / "python"
    if can_import(python):
        return python
    if given:
        return f"FREQTRADE_VENV={given} has no freqtrade"
    commands = ([sys.executable, "-m", "venv", str(place)], [str(python), "-m", "pip", "install", "-q", "freqtrade"])
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"freqtrade can't be installed: {error}"
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            return f"freqtrade can't be installed: {' '.join(last)}"
    return python if can_import(python) else "freqtrade was installed and can't be imported"


def can_import(python: Path) -> bool:
    try:
        done = subprocess.run(
            [str(python), "-c", "import freqtrade, talib"], capture_output=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
