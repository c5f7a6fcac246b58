"""Is what training calls skill worth the word? 100 markets each of three kinds, at alpha 1 %.

- *Random walks*: nothing can be foreseen. *Shuffled outcomes*: the walk's features, each with the outcome of another
  candle. At most 5 of 100 may be called skill.
- *Planted signals*: each candle's return follows the mean of the five before it with a correlation of `STRENGTH`, the
  rest is noise. At least 80 of 100 must be found.

And a planted feature that looks one candle ahead must be caught by the leak test, while the built-in ones pass it.
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarks._daemon import claim
from rich.progress import track
from tests.unit.models.training.markets import peeking, planted
from tests.unit.random_walks import walk

from core.domain.candles import CandleWindow, Timeframe
from core.domain.instruments import InstrumentId
from core.features.standard import STANDARD
from core.models.booster import TreeParameters
from core.models.labels import LabelDefinition
from core.models.recipe import Recipe
from core.models.training.leaks import find_leak
from core.models.training.market import Market
from core.models.training.samples import build_samples, shuffled
from core.models.training.validation import validate

LONG = True
SEEDS, CANDLES, STRENGTH = 100, 8_000, 0.1
ALPHA, MOST_FALSE, LEAST_TRUE = 0.01, 5, 80
RECIPE = Recipe(
    label=LabelDefinition(horizon_candles=1),
    trees=TreeParameters(learning_rate=0.05, max_rounds=60, patience_rounds=20, num_leaves=4),
    folds=4,
    embargo_candles=5,
    alpha=ALPHA,
)


def main() -> int:
    walks = skilled("random walks", lambda seed: walk(seed, CANDLES))
    mixed = skilled("shuffled outcomes", lambda seed: walk(10_000 + seed, CANDLES), is_shuffled=True)
    signals = skilled("planted signals", lambda seed: planted(20_000 + seed, CANDLES, strength=STRENGTH))
    more = {"alpha": ALPHA, "seeds": SEEDS, "candles": CANDLES}
    failed = claim("random walks called skill, of 100", walks, MOST_FALSE, walks <= MOST_FALSE, **more)
    failed |= claim("shuffled outcomes called skill, of 100", mixed, MOST_FALSE, mixed <= MOST_FALSE, **more)
    failed |= claim(
        "planted signals called skill, of 100", signals, LEAST_TRUE, signals >= LEAST_TRUE, strength=STRENGTH, **more
    )
    return failed | leaks()


def skilled(words: str, market: Callable[[int], CandleWindow], *, is_shuffled: bool = False) -> int:
    return sum(has_skill(market(seed), seed, is_shuffled) for seed in track(range(SEEDS), words, transient=True))


def has_skill(window: CandleWindow, seed: int, is_shuffled: bool) -> bool:
    market = Market({InstrumentId("A/USDT"): window}, Timeframe.M1)
    samples = build_samples(market, STANDARD, RECIPE)
    if is_shuffled:
        samples = shuffled(samples, seed)
    return validate(samples, market, RECIPE, lambda _: None).verdict.has_skill


def leaks() -> int:
    window = walk(1, 1_200)
    honest = find_leak(STANDARD.compute, window, warmup=STANDARD.warmup)
    caught = find_leak(peeking, window, warmup=STANDARD.warmup)
    holds = honest is None and caught is not None
    return claim(
        "columns caught looking ahead: the planted one, and no other",
        int(caught is not None) + int(honest is not None),
        1,
        holds,
        caught=caught.column if caught else None,
        candles=len(window),
        columns=len(STANDARD.columns),
    )


if __name__ == "__main__":
    sys.exit(main())
