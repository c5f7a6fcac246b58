"""Runs the real daemon against the real simulated venue, each in its own process, for the benchmarks of this folder."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

TRADER = '''
"""A strategy that changes its mind at a stated rate: it makes orders, not money."""

import zlib

from core.domain.signals import Direction, Signal
from core.features.schema import Feature
from core.strategies.base import Strategy
from core.strategies.columnar import ColumnarStrategy


class Flipper(ColumnarStrategy):
    """Computes what a real one does, then throws dice with the newest candle: on half of `share` of the closes long,
    on the other half flat."""

    name = "flipper"

    class Parameters(Strategy.Parameters):
        share: float = 0.36

    def __init__(self, parameters=None):
        self._atr = Feature.of("atr", period=14)
        indicators = (Feature.of("rsi", period=14), Feature.of("ema", period=9), Feature.of("ema", period=21))
        super().__init__(parameters or self.Parameters(), self._atr, *indicators)

    def rule(self, columns):
        newest = f"{columns['close'][-1]}|{columns['volume'][-1]}|{columns['high'][-1]}"
        dice = zlib.crc32(newest.encode()) / 2**32
        if dice >= self.parameters.share:
            return Signal(Direction.FLAT, hold=True)
        if dice >= self.parameters.share / 2:
            return Signal(Direction.FLAT)
        return Signal(Direction.LONG, stop_distance=20.0 * float(columns[self._atr.column][-1]))
'''


@dataclass(frozen=True)
class Run:
    summary: dict[str, Any]
    lines: list[dict[str, Any]]
    """The daemon's log, line by line."""
    seconds: float
    exit_code: int


def many_symbols(n: int) -> list[str]:
    return [f"SYM{i:03d}/USDT" for i in range(n)]


def unlimited(data_dir: Path, symbols: list[str], strategy: str, fraction_pct: float) -> str:
    """The TOML of a daemon that trades as often as its strategy wants; a `[simulation]` section may follow.
    `strategy`: further keys of the flipper's inline table."""
    named = ", ".join(f'"{symbol}"' for symbol in symbols)
    return f"""
[trading]
symbols = [{named}]
strategies_dir = "{data_dir / "strategies"}"
strategies = [{{ use = "flipper"{strategy} }}]

[sizing]
method = "fixed_fraction"
fraction_pct = {fraction_pct}

[risk]
max_open_positions = "none"
max_orders_per_minute = "none"
max_daily_loss_pct = "none"

[storage]
data_dir = "{data_dir}"

[api]
port = 0
"""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="metronome-bench-") as name:
        yield Path(name)


def run_daemon(config: str, data_dir: Path, max_runtime_s: float, *, stop_on: str | None = None) -> Run:
    """Runs `live_bot.py run` with this TOML until `max_runtime_s`, or until a log line with `stop_on` was printed."""
    settings, summary = data_dir / "bench.toml", data_dir / "summary.json"
    settings.write_text(config)
    command = [sys.executable, str(ROOT / "live_bot.py"), "run", "-c", str(settings), "--plain"]
    command += ["--max-runtime-s", str(max_runtime_s), "--summary-json", str(summary)]
    environment = {**os.environ, "METRONOME__LOGGING__FORMAT": "json"}
    started = time.monotonic()
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, cwd=ROOT
    ) as process:
        for line in process.stdout or ():
            with contextlib.suppress(json.JSONDecodeError):
                lines.append(json.loads(line) | {"bench_s": time.monotonic() - started})
            if stop_on is not None and stop_on in line:
                process.terminate()
                stop_on = None
    read = json.loads(summary.read_text()) if summary.exists() else {}
    return Run(read, lines, time.monotonic() - started, process.returncode)


def idle_lag_ms(seconds: float) -> float:
    """p99 lag of an idle loop on this machine, measured the way the daemon measures its own."""
    import uvloop

    from core.compute.lag import LagMonitor

    async def measure() -> float:
        monitor = LagMonitor(blame_after_s=None)
        task = asyncio.create_task(monitor.run())
        await asyncio.sleep(seconds)
        task.cancel()
        return monitor.lag_ms().p99 or 0.0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure())


def claim(name: str, value: float | None, target: float, holds: bool | None, **more: Any) -> int:
    """Print the verdict as one JSON line; the script's exit code."""
    print(json.dumps({"claim": name, "value": value, "target": target, "holds": holds, **more}), flush=True)
    return 1 if holds is False else 0
