"""One seed: a venue that draws its faults from it, a daemon that trades through them, and what there was of it all."""

import json
import os
import subprocess
import sys
import time
import urllib.error
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.judge import FAULTS, Json
from tests.faults.stage import CANDLE_MS, Stage
from tests.soak.doubt import times_in_doubt
from tests.venues import SOURCES, VenueProcess

SYMBOLS = tuple(
    f"{base}/USDT"
    for base in (
        *("BTC", "ETH", "SOL", "FIL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "DOT"),
        *("TRX", "LTC", "BCH", "UNI", "ATOM", "NEAR", "APT", "ARB", "OP", "SUI"),
    )
)
_FEES_IN = "BNB/USDT"
"""Listed and not traded: fees that are paid in BNB would be taken out of a position in it."""
SPEED = 20.0
"""Venue seconds in a real one."""
FAULTS_PER_MINUTE = 2.0
"""Of the venue's minutes."""
_ACCOUNT = "soaked"
_RIGHT_WITHIN_S = 120.0
_LOOK_EVERY_S = 1.0
_PATIENCE = {
    "VENUE__REQUEST_TIMEOUT_S": "2",
    "VENUE__STALE_STREAM_S": "5",
    "EXECUTION__ORDER_DEADLINE_S": "3",
    "EXECUTION__RECONCILE_S": "10",
    "SIZING__FRACTION_PCT": "4",
}


class SeedRun:
    def __init__(self, seed: int, minutes: float, folder: Path, *, intensity: float = FAULTS_PER_MINUTE) -> None:
        """`minutes`: of real time, in which faults begin. `folder` is made; journal and logs stay there."""
        self._seed = seed
        self._until_s = minutes * 60
        self._folder = folder
        self._intensity = intensity
        self._marks: list[Json] = []

    def run(self) -> Json:
        """The verdict. Never raises for what venue or daemon do: that is part of the verdict."""
        (self._folder / "venue").mkdir(parents=True)
        options = ("--latency-ms", "0", "--messages-per-s", "2", "--random-faults", str(self._seed))
        venue = VenueProcess(
            self._folder / "venue",
            symbols=(*SYMBOLS, _FEES_IN),
            speed=SPEED,
            seed=self._seed,
            options=(*options, "--fault-intensity", str(self._intensity)),
        )
        try:
            with self._staged(venue) as stage:
                return self._judged(venue, stage, self._soak(stage))
        except urllib.error.URLError as error:
            code = venue.process.poll() if venue.process else None
            raise AssertionError(f"the venue does not answer: {error}; it ended with {code}") from error
        finally:
            venue.kill()

    @contextmanager
    def _staged(self, venue: VenueProcess) -> Iterator[Stage]:
        stage = Stage(venue, self._folder / "daemon", symbols=SYMBOLS, account=_ACCOUNT, **_PATIENCE)
        try:
            yield stage
        finally:
            stage.close()
            log = (json.dumps(line) + "\n" for line in stage.bot.lines)
            (self._folder / "daemon.log").write_text("".join(log) + stage.bot.errors)

    def _soak(self, stage: Stage) -> Json:
        """Trade through the faults, come to rest when they are over, and sell."""
        stage.bot.mood = "drawn"
        hits: Counter[str] = Counter()
        last_entry = 0
        ends_s = time.monotonic() + self._until_s
        while time.monotonic() < ends_s and stage.bot.is_running:
            time.sleep(_LOOK_EVERY_S)
            entries = stage.faults.log(last_entry)
            last_entry = entries[-1]["number"] if entries else last_entry
            hits.update(entry["kind"] for entry in entries if entry["event"] == "hit")
        stage.faults.end("schedule")
        stage.faults.end()
        stage.bot.mood = "hold"
        said: Json = {"faults": hits, "right_again_s": None, "amiss": []}
        if not stage.bot.is_running:
            return said | {"amiss": ["the daemon has ended", stage.bot.errors[-2_000:]]}
        try:
            said["right_again_s"] = round(stage.right_again(len(stage.bot.lines), _RIGHT_WITHIN_S), 1)
            self._mark("settled", stage, at_rest=True)
            stage.bot.mood = "flat"
            stage.until(lambda: self._is_flat(stage), _RIGHT_WITHIN_S)
            stage.right_again(len(stage.bot.lines), _RIGHT_WITHIN_S)
            self._mark("flat", stage, left=[])
        except (AssertionError, OSError, urllib.error.URLError) as error:
            said["amiss"] = [str(error)[:4_000]]
        return said

    def _is_flat(self, stage: Stage) -> bool:
        return not any(order["status"] in ("NEW", "PARTIALLY_FILLED") for order in stage.ledger()["orders"])

    def _mark(self, what: str, stage: Stage, **details: Any) -> None:
        self._marks.append({"life": 1, "what": what, "venue_ms": stage.bot.status()["trading_time_ms"], **details})

    def _judged(self, venue: VenueProcess, stage: Stage, soaked: Json) -> Json:
        status = stage.bot.status() if stage.bot.is_running else {}
        verdict = self._verdict(venue, stage)
        missed, decided_twice = _closes(stage)
        tracebacks = [line["event"] for line in stage.bot.lines if "Traceback" in json.dumps(line)]
        holds = (
            verdict["holds"] and not soaked["amiss"] and not (missed or decided_twice or tracebacks or stage.bot.errors)
        )
        doubt = times_in_doubt(stage.journal, SPEED)
        return verdict | {
            "seed": self._seed,
            "cycles": status.get("cycles", 0),
            "cycles_missed": missed,
            "cycles_decided_twice": decided_twice,
            "cycles_late": status.get("decisions", {}).get("CYCLE_MISSED", 0),
            "faults": dict(sorted(soaked["faults"].items())),
            "right_again_s": soaked["right_again_s"],
            "unknown_s_max": doubt.longest_s,
            "unknown_s": doubt.total_s,
            "rss_mb": status.get("rss_mb"),
            "amiss": soaked["amiss"] + tracebacks + ([stage.bot.errors[-2_000:]] if stage.bot.errors else []),
            "holds": holds,
        }

    def _verdict(self, venue: VenueProcess, stage: Stage) -> Json:
        """By a process that could not import the bot if it wanted to."""
        marks = self._folder / "marks.jsonl"
        marks.write_text("".join(json.dumps(mark) + "\n" for mark in self._marks))
        command = [
            *(sys.executable, "-S", "-m", "tests.chaos.judge", "--venue", venue.url, "--admin", venue.admin_url),
            *("--account", _ACCOUNT, "--journal", str(stage.journal), "--marks", str(marks), "--speed", str(SPEED)),
            *("--keep", str(self._folder / "venue.json")),
        ]
        environment = {**os.environ, "PYTHONPATH": str(SOURCES.parent)}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
        if not done.stdout:
            return dict.fromkeys(FAULTS, 0) | {"holds": False, "findings": [f"the judge ended with {done.returncode}"]}
        said: Json = json.loads(done.stdout)
        return said


def _closes(stage: Stage) -> tuple[int, int]:
    """Candle closes that nobody decided on, and those that were decided twice: of each symbol, from its first to its
    last."""
    closes: defaultdict[str, list[int]] = defaultdict(list)
    for line in stage.bot.all("cycle"):
        closes[line["symbol"]].append(line["close_ms"])
    missed = sum((max(each) - min(each)) // CANDLE_MS + 1 - len(set(each)) for each in closes.values())
    earlier = sum(
        int(word.partition("=")[2])
        for line in stage.bot.all("cycle")
        for word in line["reason"].split()
        if word.startswith("earlier=")
    )
    return missed - earlier, sum(len(each) - len(set(each)) for each in closes.values())
