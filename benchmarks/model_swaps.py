"""A hundred hot swaps under a running evaluator: real rings, a real worker, a real registry, models as large as
training makes them. Three claims: no decision is held up by a swap, each batch is answered by one model and exactly as
that model answers offline, and memory does not grow. The peer is the same batch in the same run without a swap.
"""

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import msgspec
import numpy as np
import psutil
import structlog
from benchmarks._daemon import claim
from tests.unit.models.training.markets import planted
from tests.unit.strategies.rings import KEYS, SYMBOLS, Rings, close_ms

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.features.rows import compute_rows
from core.features.standard import STANDARD
from core.market.ring_windows import RingRequest
from core.models.artifacts import Artifact, read
from core.models.booster import TreeParameters
from core.models.encoding import TrainingMode
from core.models.inference import predict
from core.models.recipe import Recipe
from core.models.registry.registry import Registry
from core.models.serving.shelf import WarmUp
from core.models.serving.watch import ModelWatch
from core.models.stages import StageEvent
from core.models.training.market import Market
from core.models.training.training import manifest_of, train
from core.settings.compute import ComputeSettings
from core.strategies.evaluation import describe
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import StrategyPlan
from core.strategies.spec import Evaluation, StrategySpec

SWAPS, FIRST, MAX_DELAY_MS, MAX_SLOPE_MB = 100, 10, 50.0, 0.1
ALL_TREES = TreeParameters(learning_rate=0.003, patience_rounds=400)
PRELOAD = ("core.strategies.ring_worker", "core.strategies.evaluation")


class Swaps:
    def __init__(self, folder: Path, computer: AsyncFeatureComputer) -> None:
        self.registry = Registry(folder)
        self.artifacts = [self._publish(folder, seed) for seed in (1, 2)]
        self.rings = Rings()
        walks = {key: iter(planted(seed, 1_000, strength=0.3).close.tolist()) for seed, key in enumerate(KEYS)}
        self.prices = walks
        bounds = WarmUp(symbols=len(SYMBOLS), window=400, limit_ms=1_000.0)
        self.watch = ModelWatch(folder, "sim", computer, lambda: 0, candle_ms=60_000, bounds=bounds)
        spec = StrategySpec("model", SYMBOLS)
        self.plan = StrategyPlan(spec, describe(spec))
        self.evaluator = StrategyEvaluator(
            computer, self.rings.store.handle, deadline_s=30.0, models=self.watch.for_close
        )
        for _ in range(300):
            self.close()

    def _publish(self, folder: Path, seed: int) -> Artifact:
        market = Market({InstrumentId("A/USDT"): planted(seed, 8_000, strength=0.3)}, Timeframe.M1)
        recipe = Recipe(mode=TrainingMode.MULTI_SYMBOL, trees=ALL_TREES, folds=2, seed=seed)
        made = train(market, STANDARD, recipe, lambda _: None)
        manifest = manifest_of(made, venue="sim", parent=None, created_ms=seed, expires_ms=2**62)
        manifest = msgspec.structs.replace(manifest, version=f"v{seed}")
        known = self.registry.publish(manifest, made.fitted.trees.text, "a benchmark")
        return read(folder, known.version, known.sums_sha256)

    def close(self) -> None:
        for key in KEYS:
            self.rings.close(key, next(self.prices[key]))

    async def batch(self) -> tuple[float, list[Evaluation]]:
        """ms from the questions to the last answer."""
        self.close()
        at_ms = close_ms(self.rings.counts[KEYS[0]] - 1)
        began_ns = time.perf_counter_ns()
        answers = await asyncio.gather(*(self.evaluator.evaluate(self.plan, key, at_ms) for key in KEYS))
        return (time.perf_counter_ns() - began_ns) / 1e6, list(answers)

    def is_exact(self, answers: list[Evaluation], artifact: Artifact) -> bool:
        opened_ms, count = close_ms(self.rings.counts[KEYS[0]] - 2), self.plan.description.window
        asked = [RingRequest(key.instrument_id, self.rings.store.handle(key), opened_ms, count) for key in KEYS]
        offline = predict(artifact, compute_rows(STANDARD, asked)).probabilities
        said = np.array([each.features["probability"] for each in answers])
        return np.array_equal(said, offline) and {each.model for each in answers} == {artifact.manifest.version}


async def swap_often(folder: Path) -> int:
    settings = ComputeSettings(workers=1, worker_niceness=0)
    async with AsyncFeatureComputer(settings, preload=PRELOAD) as computer:
        world = Swaps(folder, computer)
        still, swapped, exact, daemon_mb, worker_mb = [], [], 0, [], []
        me = psutil.Process()
        workers = me.children(recursive=True)
        for number in range(SWAPS):
            artifact = world.artifacts[number % 2]
            world.registry.move(artifact.manifest.version, StageEvent.PROMOTED, "a benchmark", 0)
            await world.watch.look(at_once=True)
            took_ms, answers = await world.batch()
            swapped.append(took_ms)
            exact += world.is_exact(answers, artifact)
            still.append((await world.batch())[0])
            daemon_mb.append(me.memory_full_info().uss / 2**20)
            worker_mb.append(sum(each.memory_full_info().uss for each in workers) / 2**20)
        seen = world.watch.statistics()
        await world.evaluator.close()
    usual_ms = statistics.median(still[FIRST:])
    worst_ms = max(swapped[FIRST:]) - usual_ms
    slopes = [float(np.polyfit(range(SWAPS - FIRST), mb[FIRST:], 1)[0]) for mb in (daemon_mb, worker_mb)]
    results = (
        claim(
            "delay of the batch that follows a swap, worst of 90, ms",
            round(worst_ms, 2),
            MAX_DELAY_MS,
            worst_ms < MAX_DELAY_MS,
            batch_without_swap_median_ms=round(usual_ms, 2),
            batch_without_swap_max_ms=round(max(still[FIRST:]), 2),
            batch_after_swap_median_ms=round(statistics.median(swapped[FIRST:]), 2),
        ),
        claim(
            "batches answered by one model, exactly as offline",
            exact,
            SWAPS,
            exact == seen.swaps == seen.loads == SWAPS,
            loads=seen.loads,
            swaps=seen.swaps,
            trees=[each.trees.text.count("\nTree=") for each in world.artifacts],
        ),
        claim(
            "growth of the daemon's private memory after the first ten swaps, MB a swap",
            round(slopes[0], 4),
            MAX_SLOPE_MB,
            max(slopes) < MAX_SLOPE_MB,
            of_the_workers=round(slopes[1], 4),
            daemon_mb=round(daemon_mb[-1], 1),
            workers_mb=round(worker_mb[-1], 1),
        ),
    )
    return max(results)


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(swap_often(Path(folder) / "models"))


if __name__ == "__main__":
    sys.exit(main())
