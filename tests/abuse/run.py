"""One abuse run: venue, daemon, everything that hangs, and what there was of it all."""

import json
import time
import urllib.error
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._daemon import idle_lag_ms

from integration.cli.daemon_process import Line
from tests.abuse.levels import Levels, back_at, levels
from tests.abuse.strategies import EATING, HANGING, fall_ill, write_careless
from tests.chaos.judge import Json
from tests.disks import shim
from tests.faults.stage import CANDLE_MS, Stage
from tests.venues import VenueProcess

SPEED = 6.0
"""Venue seconds in a real one: a candle of a minute closes every 10 s. Much faster, and a venue that wants to be left
alone for a second takes a good part of a candle's life with it, which none does."""
HUNG = tuple(f"{base}/USDT" for base in ("DOT", "TRX", "LTC", "BCH"))
"""Whose REST hangs: a fifth."""
CARELESS = {HANGING: ("AVAX/USDT", "LINK/USDT"), EATING: ("UNI/USDT", "ATOM/USDT")}
WELL = tuple(
    f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "FIL", "XRP", "DOGE", "ADA", "NEAR", "APT", "ARB", "OP", "SUI")
)
"""Those that must not notice."""
SYMBOLS = (*WELL, *HUNG, *CARELESS[HANGING], *CARELESS[EATING])
FLOOR_S, WARM_UP_S = 10.0, 30.0
PATIENCE_S = 330.0
"""A breaker that was probed in vain again and again lets 5 minutes pass."""
HALF_OPEN_EVERY_S, HALF_OPEN_S = 25.0, 10.0
STALL_S = 30.0
LAG_TARGET_MS, NOISY_FLOOR_MS = 10.0, 2.0
_UNSEEN = ("CANDLE_", "CYCLE_", "SYMBOL_", "BREAKER_", "ANALYSIS_", "STRATEGY_", "INTERNAL_", "WARMUP_")
"""How the reasons begin of cycles in which nothing was analysed."""
_SETTINGS = {
    "TRADING__STRATEGIES": json.dumps(
        [
            {"use": "restless", "symbols": [*WELL, *HUNG]},
            *({"use": name, "symbols": symbols} for name, symbols in CARELESS.items()),
        ]
    ),
    "VENUE__REQUEST_TIMEOUT_S": "2",
    "VENUE__STALE_STREAM_S": "5",
    "EXECUTION__ORDER_DEADLINE_S": "3",
    "EXECUTION__RECONCILE_S": "10",
    "SIZING__FRACTION_PCT": "4",
    "COMPUTE__WORKER_MEMORY_MB": "384",
}
_FOR_EVER: tuple[Json, ...] = (
    *({"kind": "lose_answer", "how": "hang", "route": "*", "symbol": name.replace("/", "")} for name in HUNG),
    {"kind": "refuse", "answer": "bad_gateway", "route": "*/api/v3/*", "probability": 0.1},
    {"kind": "refuse", "answer": "weight", "route": "*/api/v3/*", "probability": 0.01, "retry_after_s": 1},
)


@dataclass(frozen=True, slots=True)
class Plan:
    minutes: float
    """Real, in which everything hangs."""
    folder: Path
    """Journals and logs stay there."""


class AbuseRun:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._trouble = plan.folder / "daemon" / "trouble"
        self._hits: Counter[str] = Counter()
        self._heard = 0
        self._amiss: list[str] = []

    def run(self) -> Json:
        """The verdict. Never raises for what the daemon does: that is part of it."""
        for name in ("venue", "daemon/journal"):
            (self._plan.folder / name).mkdir(parents=True)
        floor_ms = idle_lag_ms(FLOOR_S)
        options = ("--latency-ms", "0", "--messages-per-s", "2")
        venue = VenueProcess(self._plan.folder / "venue", symbols=(*SYMBOLS, "BNB/USDT"), speed=SPEED, options=options)
        try:
            stage = self._staged(venue)
            try:
                verdict = self._abused(stage)
            finally:
                stage.close()
                log = "".join(json.dumps(line) + "\n" for line in stage.bot.lines)
                (self._plan.folder / "daemon.log").write_text(log + stage.bot.errors)
        finally:
            venue.kill()
        return self._judged(verdict, stage, max(floor_ms, idle_lag_ms(FLOOR_S)))

    def _staged(self, venue: VenueProcess) -> Stage:
        folder = self._plan.folder / "daemon"
        (folder / "strategies").mkdir()
        write_careless(folder / "strategies")
        preload = shim.environment(root=folder / "journal", trouble=self._trouble)
        prefix = ("env", *(f"{name}={value}" for name, value in preload.items()))
        return Stage(venue, folder, symbols=SYMBOLS, account="abused", prefix=prefix, **_SETTINGS)

    def _abused(self, stage: Stage) -> Json:
        stage.bot.mood = "drawn"
        time.sleep(WARM_UP_S)
        before, began = levels(stage.bot.pid), len(stage.bot.lines)
        self._everything_hangs(stage)
        said = stage.bot.status() if stage.bot.is_running else {}
        right_again_s = self._all_is_well_again(stage) if stage.bot.is_running else None
        after = back_at(stage.bot.pid, before, PATIENCE_S) if stage.bot.is_running else Levels(0, 0.0, 0)
        cycles = stage.lines_since(began, "cycle")
        return {
            "minutes": self._plan.minutes,
            "symbols": len(SYMBOLS),
            "symbols_hit": len(SYMBOLS) - len(WELL),
            **_cycles(cycles),
            "lag": said.get("loop_lag_ms", {}),
            "restarts": int(not stage.bot.is_running) + len(stage.bot.all("part_stalled", level="error")),
            "right_again_s": right_again_s,
            "before": before,
            "after": after,
            "abandoned_threads": said.get("abandoned_threads"),
            "breakers": dict(Counter(each["guards"] for each in said.get("breaker_states", ()))),
        }

    def _everything_hangs(self, stage: Stage) -> None:
        began_s = time.monotonic()
        length_s = self._plan.minutes * 60
        fall_ill(stage.bot.data_dir / "strategies", ill=True)
        for fault in _FOR_EVER:
            stage.faults.arm(**fault)
        half_open_s, stall_s = HALF_OPEN_EVERY_S / 2, max(1.0, (length_s - STALL_S) / 2)
        n_half_open = 0
        while (passed_s := time.monotonic() - began_s) < length_s and stage.bot.is_running:
            if passed_s >= half_open_s:
                n_half_open += 1
                half_open_s += HALF_OPEN_EVERY_S
                stage.faults.arm(kind="half_open", deaf=n_half_open % 2 == 0, for_s=HALF_OPEN_S * SPEED)
            stalls = stall_s <= passed_s < stall_s + STALL_S
            if stalls and not self._trouble.exists():
                self._trouble.write_text("hold")
            if not stalls:
                self._trouble.unlink(missing_ok=True)
            self._listen(stage)
            time.sleep(0.5)

    def _listen(self, stage: Stage) -> None:
        entries = stage.faults.log(self._heard)
        self._heard = entries[-1]["number"] if entries else self._heard
        self._hits.update(entry["kind"] for entry in entries if entry["event"] == "hit")

    def _all_is_well_again(self, stage: Stage) -> float | None:
        """Real seconds until the daemon agrees with its venue and sees its market; `None`: it does not come to that."""
        self._trouble.unlink(missing_ok=True)
        fall_ill(stage.bot.data_dir / "strategies", ill=False)
        stage.faults.end()
        stage.bot.mood = "hold"
        try:
            return round(stage.right_again(len(stage.bot.lines), PATIENCE_S), 1)
        except (AssertionError, OSError, urllib.error.URLError) as error:
            self._amiss.append(str(error)[:4_000])
            return None

    def _judged(self, said: Json, stage: Stage, floor_ms: float) -> Json:
        before, after, lag = said.pop("before"), said.pop("after"), said.pop("lag")
        tracebacks = [line["event"] for line in stage.bot.lines if "Traceback" in json.dumps(line)]
        self._amiss += tracebacks + ([stage.bot.errors[-2_000:]] if stage.bot.errors else [])
        must_be_nothing = ("missed", "unseen", "decided_twice", "restarts")
        is_well = (
            not any(said[name] for name in must_be_nothing)
            and said["right_again_s"] is not None
            and after.is_back_at(before)
            and self._hits.keys() >= {"lose_answer", "refuse", "half_open"}
            and not self._amiss
        )
        is_noisy = floor_ms > NOISY_FLOOR_MS
        is_quick = lag.get("p99") is not None and lag["p99"] < floor_ms + LAG_TARGET_MS
        return {
            **said,
            "lag_p50_ms": lag.get("p50"),
            "lag_p99_ms": lag.get("p99"),
            "lag_max_ms": lag.get("max"),
            "floor_p99_ms": round(floor_ms, 2),
            "threads_before": before.threads,
            "threads_after": after.threads,
            "rss_before_mb": round(before.rss_mb, 1),
            "rss_after_mb": round(after.rss_mb, 1),
            "children_before": before.children,
            "children_after": after.children,
            "faults": dict(sorted(self._hits.items())),
            "amiss": self._amiss,
            "holds": False if not is_well else None if is_noisy else is_quick,
        }


def _cycles(lines: list[Line]) -> dict[str, Any]:
    """Of the symbols that must not notice; the first and the last close may have been looked at half-way through."""
    ours = [line for line in lines if line["symbol"] in WELL]
    ends = (min(line["close_ms"] for line in ours), max(line["close_ms"] for line in ours)) if ours else (0, 0)
    decided = Counter((line["symbol"], line["close_ms"]) for line in ours if line["close_ms"] not in ends)
    due = {(symbol, close_ms) for symbol in WELL for close_ms in range(ends[0] + CANDLE_MS, ends[1], CANDLE_MS)}
    unseen = Counter(line["reason"].split()[0] for line in ours if line["reason"].startswith(_UNSEEN))
    took_ms = sorted(line["decided_ms"] for line in ours if "decided_ms" in line)
    return {
        "cycles": decided.total(),
        "missed": len(due - decided.keys()) if due else 1,
        "unseen": unseen.total(),
        "unseen_reasons": dict(unseen),
        "decided_twice": sum(times - 1 for times in decided.values()),
        "decided_p50_ms": took_ms[len(took_ms) // 2] if took_ms else None,
        "decided_p99_ms": took_ms[len(took_ms) * 99 // 100] if took_ms else None,
    }
