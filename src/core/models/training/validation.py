"""What a recipe is worth on candles that its models never saw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.models.costs import wanted
from core.models.recipe import Recipe
from core.models.training.economics import Held, drawdown, hold
from core.models.training.fitting import fit
from core.models.training.market import Changes, Market
from core.models.training.samples import Samples
from core.models.training.skill import Timing, bootstrap_mean, centred, timing_test
from core.models.training.splits import walk_forward
from core.models.verdict import Metric, Verdict

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the folds' models said of what they were asked about; all (n_samples,)."""

    probabilities: NDArray[np.float64]
    standings: NDArray[np.float64]
    wishes: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    samples: Samples
    """Those that were tested, in the order of time."""
    answers: Answers
    held: Held
    verdict: Verdict


def validate(samples: Samples, market: Market, recipe: Recipe, tell: Tell) -> Validation:
    """Walk forward: a model for each fold, asked about what came after. `tell` hears of each step. Raises as `fit`."""
    embargo_ms = recipe.embargo_candles * market.timeframe.ms
    parts, answers, standings, wishes = [], [], [], []
    for number, fold in enumerate(walk_forward(samples, recipe.folds, embargo_ms), start=1):
        tell(f"fold {number} of {recipe.folds}")
        fitted = fit(samples.where(fold.train(samples)), recipe, embargo_ms)
        tested = samples.where(fold.test(samples))
        scores = fitted.trees.scores(tested.features)
        probabilities = fitted.calibration.apply(scores)
        parts.append(tested)
        answers.append(probabilities)
        standings.append(_standing(scores))
        wishes.append(wanted(probabilities, fitted.thresholds))
    tell("statistics")
    tested = Samples(*(np.concatenate([getattr(each, name) for each in parts]) for name in Samples.__slots__))
    answered = Answers(*(np.concatenate(each) for each in (answers, standings, wishes)))
    return _judged(tested, answered, market, recipe)


def _standing(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each score's rank in its fold, from -1 to 1: folds have models of their own, whose scores do not compare, and few
    samples to calibrate them on."""
    ranks = pd.Series(scores).rank().to_numpy(np.float64)
    standing: NDArray[np.float64] = (2 * ranks - len(scores) - 1) / max(1, len(scores) - 1)
    return standing


def _judged(tested: Samples, answers: Answers, market: Market, recipe: Recipe) -> Validation:
    candle_ms = market.timeframe.ms
    changes = market.changes(int(tested.known_ms[0]) - candle_ms, int(tested.exit_ms.max()) - candle_ms)
    held = hold(tested, answers.wishes, changes, recipe.label.horizon_candles)
    return Validation(tested, answers, held, _verdict(tested, answers, held, recipe))


def _skill(tested: Samples, standings: NDArray[np.float64], market: Changes, horizon: int) -> Timing:
    shape = market.change.shape
    weights, outcomes, is_there = np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
    at = (market.next_candle(tested.known_ms) - 1, tested.symbol)
    weights[at], outcomes[at], is_there[at] = standings, tested.outcome, True
    return timing_test(centred(weights, is_there), outcomes, horizon)


def _verdict(tested: Samples, answers: Answers, held: Held, recipe: Recipe) -> Verdict:
    market, horizon = held.market, recipe.label.horizon_candles
    skill = _skill(tested, answers.standings, market, horizon)
    entries = timing_test(held.position, market.change, horizon)
    net = held.net(recipe.costs)
    block = max(horizon, round(len(net) ** (1 / 3)))

    def interval(values: NDArray[np.float64]) -> Metric:
        return bootstrap_mean(values, block, confidence=1.0 - recipe.alpha, seed=recipe.seed)

    rose = tested.is_up.astype(np.float64)
    took = answers.wishes != 0
    grown = float(np.prod(1.0 + net))
    costs = held.gross().sum() - net.sum()
    return Verdict(
        samples=len(tested),
        skill_p_value=skill.p_value,
        has_skill=skill.p_value <= recipe.alpha,
        entry_p_value=entries.p_value,
        information_coefficient=interval(_products(answers.standings, tested.outcome)),
        hit_rate=interval((np.sign(tested.outcome) == answers.wishes)[took].astype(np.float64)),
        brier_gain=interval((rose.mean() - rose) ** 2 - (answers.probabilities - rose) ** 2),
        net_bps_a_day=_times(interval(net), 10_000 * market.candles_a_day),
        net_return_pct=100.0 * (grown - 1.0),
        buy_and_hold_pct=100.0 * float(np.prod(1.0 + market.change, axis=0).mean() - 1.0),
        random_entry_pct=100.0 * float(entries.typical / market.change.shape[1] - costs),
        max_drawdown_pct=100.0 * drawdown(net),
        turnover_a_day=float(held.turnover().mean() * market.candles_a_day),
        share_in_market_pct=100.0 * float(np.abs(held.position).mean()),
    )


def _products(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of standardised values: their mean is the correlation."""
    scale = float(a.std() * b.std())
    if scale == 0.0:
        return np.zeros(len(a))
    products: NDArray[np.float64] = (a - a.mean()) * (b - b.mean()) / scale
    return products


def _times(metric: Metric, factor: float) -> Metric:
    low, high = (None if each is None else each * factor for each in (metric.low, metric.high))
    return Metric(metric.value * factor, low, high)
