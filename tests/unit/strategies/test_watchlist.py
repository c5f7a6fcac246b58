"""Signals of a watchlist, by a real worker: whatever becomes of one symbol, the others have their answer."""

import asyncio

import pytest

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.strategies.evaluation import describe
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import StrategyPlan
from core.strategies.spec import StrategySpec
from core.strategies.watchlist import TickerSignal, WatchlistSignals
from tests.unit.strategies.ring_strategies import KILLS
from tests.unit.strategies.rings import KEYS, SYMBOLS, Rings

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.processes]

NEW, STRANGE = InstrumentId("NEW/USDT"), InstrumentId("XXX/USDT")


def plan_for(use: str) -> StrategyPlan:
    spec = StrategySpec(f"tests.unit.strategies.ring_strategies:{use}", SYMBOLS)
    return StrategyPlan(spec, describe(spec))


@pytest.fixture
def evaluator(computer: AsyncFeatureComputer, rings: Rings) -> StrategyEvaluator:
    return StrategyEvaluator(computer, rings.store.handle, deadline_s=30.0, coalesce_s=0.005)


@pytest.fixture
def signals(evaluator: StrategyEvaluator, rings: Rings) -> WatchlistSignals:
    return WatchlistSignals(evaluator, rings.store)


def told(answers: dict[InstrumentId, TickerSignal]) -> dict[str, str]:
    """What was answered: the signal's words, or the code of the fault."""
    assert all((each.signal is None) != (each.fault is None) for each in answers.values())
    return {
        symbol.partition("/")[0]: each.signal.reason if each.signal else str(each.fault and each.fault.code)
        for symbol, each in answers.items()
    }


async def test_one_answer_a_symbol_in_the_order_asked_and_one_job(
    evaluator: StrategyEvaluator, signals: WatchlistSignals, rings: Rings
) -> None:
    answers = await signals.generate_signals_for_watchlist_async(plan_for("Teller"), [*SYMBOLS[::-1], SYMBOLS[0]])
    assert list(told(answers).items()) == [
        (name, f"10 candles to {price}") for name, price in (("DDD", 40), ("CCC", 30), ("BBB", 20), ("AAA", 10))
    ]
    assert answers[SYMBOLS[0]].close_ms == rings.last_close_ms(KEYS[0])
    assert evaluator.statistics().jobs == 1


@pytest.mark.slow
async def test_each_failure_is_a_value_with_its_reason(signals: WatchlistSignals, rings: Rings) -> None:
    rings.close(KEYS[1], KILLS)
    rings.store.add(SeriesKey(NEW, Timeframe.M1))
    answers = await signals.generate_signals_for_watchlist_async(plan_for("Moody"), [*SYMBOLS, NEW, STRANGE])
    assert told(answers) == {
        "AAA": "10 candles to 10",
        "BBB": "STRATEGY_FAILED",
        "CCC": "10 candles to 30",
        "DDD": "10 candles to 40",
        "NEW": "WARMUP_MISSING",
        "XXX": "CANDLE_MISSING",
    }
    assert "moody" in str(answers[SYMBOLS[1]].fault)
    assert "XXX/USDT" in str(answers[STRANGE].fault)


async def test_too_few_candles_for_the_strategy_are_said_of_the_symbol_alone(
    signals: WatchlistSignals, rings: Rings
) -> None:
    rings.store.add(key := SeriesKey(NEW, Timeframe.M1))
    rings.counts[key] = 0
    rings.close(key, 1.0, 2.0)
    answers = await signals.generate_signals_for_watchlist_async(plan_for("Teller"), [NEW, SYMBOLS[0]])
    assert told(answers) == {"NEW": "WARMUP_MISSING", "AAA": "10 candles to 10"}
    assert answers[NEW].close_ms == rings.last_close_ms(key)


async def test_one_symbol_alone_and_none_at_all(signals: WatchlistSignals) -> None:
    plan = plan_for("Teller")
    answer = await asyncio.wait_for(signals.generate_ticker_signal_async(plan, SYMBOLS[2]), 30)
    assert told({SYMBOLS[2]: answer}) == {"CCC": "10 candles to 30"}
    assert answer.evaluation is not None and answer.evaluation.strategy == "teller"
    assert await signals.generate_signals_for_watchlist_async(plan, []) == {}


async def test_a_fault_of_ours_is_said_of_each_symbol(signals: WatchlistSignals, rings: Rings) -> None:
    plan = plan_for("Teller")
    rings.store.close()
    answers = await signals.generate_signals_for_watchlist_async(plan, SYMBOLS[:2])
    assert told(answers) == {"AAA": "ANALYSIS_FAILED", "BBB": "ANALYSIS_FAILED"}


async def test_a_bug_in_our_own_code_is_an_answer_too(rings: Rings) -> None:
    class Broken:
        async def evaluate(self, *_: object) -> None:
            raise ZeroDivisionError("ours")

    answers = WatchlistSignals(Broken(), rings.store)
    found = await answers.generate_signals_for_watchlist_async(plan_for("Teller"), SYMBOLS[:2])
    assert told(found) == {"AAA": "INTERNAL_ERROR", "BBB": "INTERNAL_ERROR"}
    assert "ZeroDivisionError: ours" in str(found[SYMBOLS[0]].fault)
