"""Questions to real workers over real rings: whatever a strategy does to its worker, everybody gets an answer."""

import asyncio
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.compute.computer import AsyncFeatureComputer
from core.domain.errors import ComputeError, DeadlineExceeded, SettingsError, StrategyError
from core.market.ring_windows import RingRequest
from core.models.serving.in_use import ModelsInUse
from core.runtime.breaker import BreakerPolicy, Breakers, Phase
from core.runtime.clocks import VirtualClock
from core.strategies.evaluation import describe
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import StrategyPlan
from core.strategies.spec import Evaluation, StrategySpec
from core.strategies.verdict import raised
from tests.unit.strategies.ring_strategies import HANGS, KILLS
from tests.unit.strategies.rings import KEYS, SYMBOLS, Rings, close_ms

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.processes]

HOUSE = "tests.unit.strategies.ring_strategies"
NEVER_S = 1_000.0


def plan_for(use: str, **parameters: object) -> StrategyPlan:
    spec = StrategySpec(f"{HOUSE}:{use}", SYMBOLS, parameters=parameters)
    return StrategyPlan(spec, describe(spec))


def evaluator_of(
    computer: AsyncFeatureComputer, rings: Rings, *, deadline_s: float = 30.0, coalesce_s: float = NEVER_S
) -> StrategyEvaluator:
    """By default a job leaves when all symbols have asked, and never before."""
    return StrategyEvaluator(computer, rings.store.handle, deadline_s=deadline_s, coalesce_s=coalesce_s)


async def ask_all(evaluator: StrategyEvaluator, plan: StrategyPlan, rings: Rings) -> list[Evaluation | BaseException]:
    """Every symbol for its newest candle."""
    questions = (evaluator.evaluate(plan, key, rings.last_close_ms(key)) for key in KEYS)
    return await asyncio.wait_for(asyncio.gather(*questions, return_exceptions=True), 60)


def told(answers: list[Evaluation | BaseException]) -> list[str]:
    """What was answered: the signal's words, or the kind of error."""
    return [
        answer.signal.reason if isinstance(answer, Evaluation) and answer.signal else type(answer).__name__
        for answer in answers
    ]


async def test_symbols_that_close_together_travel_in_one_job(computer: AsyncFeatureComputer, rings: Rings) -> None:
    evaluator = evaluator_of(computer, rings)
    answers = await ask_all(evaluator, plan_for("Teller"), rings)
    assert told(answers) == [f"10 candles to {price}" for price in (10, 20, 30, 40)]
    assert (evaluator.statistics().jobs, evaluator.statistics().evaluations) == (1, 4)
    assert evaluator.statistics().pending == 0


async def test_those_who_ask_leave_without_those_who_do_not(computer: AsyncFeatureComputer, rings: Rings) -> None:
    evaluator, plan = evaluator_of(computer, rings, coalesce_s=0.005), plan_for("Teller")
    two = [evaluator.evaluate(plan, key, rings.last_close_ms(key)) for key in KEYS[:2]]
    assert told(await asyncio.gather(*two)) == ["10 candles to 10", "10 candles to 20"]
    assert evaluator.statistics().jobs == 1


async def test_the_window_ends_with_the_candle_asked_for_though_newer_ones_came(
    computer: AsyncFeatureComputer, rings: Rings
) -> None:
    evaluator, plan = evaluator_of(computer, rings, coalesce_s=0.0), plan_for("Teller")
    question = asyncio.create_task(evaluator.evaluate(plan, KEYS[0], rings.last_close_ms(KEYS[0])))
    await asyncio.sleep(0)
    rings.close(KEYS[0], 11.0, 12.0)
    answer = await question
    assert told([answer]) == ["10 candles to 10"]
    assert answer.close_ms == close_ms(9)


async def test_two_closes_of_one_series_at_once_are_both_answered(computer: AsyncFeatureComputer, rings: Rings) -> None:
    evaluator, plan = evaluator_of(computer, rings, coalesce_s=0.005), plan_for("Teller")
    both = [evaluator.evaluate(plan, KEYS[0], close_ms(number)) for number in (8, 9)]
    answers = await asyncio.wait_for(asyncio.gather(*both), 30)
    assert told(answers) == ["9 candles to 9", "10 candles to 10"]


async def test_who_stops_waiting_disturbs_nobody(computer: AsyncFeatureComputer, rings: Rings) -> None:
    evaluator, plan = evaluator_of(computer, rings, coalesce_s=0.005), plan_for("Teller")
    impatient = asyncio.create_task(evaluator.evaluate(plan, KEYS[0], rings.last_close_ms(KEYS[0])))
    patient = asyncio.create_task(evaluator.evaluate(plan, KEYS[1], rings.last_close_ms(KEYS[1])))
    await asyncio.sleep(0)
    impatient.cancel()
    assert told([await patient]) == ["10 candles to 20"]
    assert impatient.cancelled()


async def test_a_symbol_that_kills_its_worker_costs_no_other_its_answer(
    computer: AsyncFeatureComputer, rings: Rings
) -> None:
    rings.close(KEYS[1], KILLS)
    evaluator, plan = evaluator_of(computer, rings), plan_for("Moody")
    answers = await ask_all(evaluator, plan, rings)
    assert told(answers) == ["10 candles to 10", "StrategyError", "10 candles to 30", "10 candles to 40"]
    assert "moody" in str(answers[1])
    assert "exit code 9" in str(answers[1])

    jobs = evaluator.statistics().jobs
    answers = await ask_all(evaluator, plan, rings)  # it now travels alone, behind the others
    assert told(answers)[1:3] == ["StrategyError", "10 candles to 30"]
    assert evaluator.statistics().jobs == jobs + 2

    rings.close(KEYS[1], 1.0)
    await ask_all(evaluator, plan, rings)
    jobs = evaluator.statistics().jobs
    assert told(await ask_all(evaluator, plan, rings))[1] == "12 candles to 1"
    assert evaluator.statistics().jobs == jobs + 1, "it has answered, so it travels with the others again"


@pytest.mark.slow
async def test_a_symbol_that_never_returns_costs_no_other_its_answer(
    computer: AsyncFeatureComputer, rings: Rings
) -> None:
    rings.close(KEYS[3], HANGS)
    evaluator = evaluator_of(computer, rings, deadline_s=5.0)
    answers = await ask_all(evaluator, plan_for("Moody"), rings)
    assert told(answers) == ["10 candles to 10", "10 candles to 20", "10 candles to 30", "StrategyError"]
    assert "after 5 s" in str(answers[3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "told_of_it"),
    [("spin", "StrategyError"), ("regex", "StrategyError"), ("exit", "StrategyError"), ("bomb", "STRATEGY_RAISED")],
)
async def test_whatever_code_does_at_one_symbol_it_is_named_and_the_others_are_answered(
    computer: AsyncFeatureComputer, rings: Rings, how: str, told_of_it: str
) -> None:
    rings.close(KEYS[2], HANGS)
    evaluator = evaluator_of(computer, rings, deadline_s=5.0)
    answers = await ask_all(evaluator, plan_for("Abusive", how=how), rings)
    good = [told([each])[0] for number, each in enumerate(answers) if number != 2]
    assert good == ["10 candles to 10", "10 candles to 20", "10 candles to 40"]
    bad = answers[2]
    assert told_of_it in (str(bad.error) if isinstance(bad, Evaluation) else f"{type(bad).__name__}: {bad}")
    assert "abusive" in (bad.strategy if isinstance(bad, Evaluation) else str(bad))


async def test_a_worker_that_the_system_kills_costs_nobody_an_answer(
    computer: AsyncFeatureComputer, rings: Rings, tmp_path: Path
) -> None:
    file = tmp_path / "pids"
    evaluator, plan = evaluator_of(computer, rings, coalesce_s=0.0), plan_for("Once", file=str(file))
    answer = await evaluator.evaluate(plan, KEYS[0], rings.last_close_ms(KEYS[0]))
    assert told([answer]) == ["10 candles to 10"]
    assert len(set(file.read_text().split())) == 2, "the first one was killed"


class Hanging:
    """A computer in whose workers nothing ever ends."""

    async def run(self, fn: Callable[..., Any], *args: Any, **_: Any) -> Any:
        raise DeadlineExceeded("evaluate still ran")


async def test_a_strategy_that_answers_nobody_is_left_alone_and_probed(rings: Rings) -> None:
    clock = VirtualClock()
    breakers = Breakers(BreakerPolicy(), clock)
    evaluator = StrategyEvaluator(Hanging(), rings.store.handle, deadline_s=1, coalesce_s=NEVER_S, breakers=breakers)
    plan = plan_for("Moody")
    answers = await ask_all(evaluator, plan, rings)
    assert told(answers) == ["StrategyError", "StrategyError", "StrategyError", "BreakerOpen"]
    assert "moody has failed 3 times in a row: evaluate still ran" in str(answers[3])

    jobs = evaluator.statistics().jobs
    assert set(told(await ask_all(evaluator, plan, rings))) == {"BreakerOpen"}
    assert evaluator.statistics().jobs == jobs, "no worker was spent on it"

    clock.jump(6.0)
    assert sorted(told(await ask_all(evaluator, plan, rings))) == ["BreakerOpen"] * 3 + ["StrategyError"]
    assert evaluator.statistics().jobs == jobs + 1, "the probe"
    assert breakers.phase("moody") is Phase.OPEN


class Starved:
    """A computer whose workers have no memory left."""

    async def run(self, fn: Callable[..., Any], spec: StrategySpec, requests: list[RingRequest], **_: Any) -> Any:
        error = raised(MemoryError())
        answers = [Evaluation("teller", each.instrument_id, close_ms(9), None, error, None) for each in requests]
        return [pickle.dumps(answers)]


async def test_a_strategy_that_eats_all_memory_trips_its_breaker_too(rings: Rings) -> None:
    evaluator = StrategyEvaluator(Starved(), rings.store.handle, deadline_s=1, coalesce_s=NEVER_S)
    plan = plan_for("Teller")
    for _ in range(3):
        answers = await ask_all(evaluator, plan, rings)
        assert "STRATEGY_RAISED error=MemoryError" in str(answers[0].error)
    assert set(told(await ask_all(evaluator, plan, rings))) == {"BreakerOpen"}


async def test_a_strategy_that_can_no_longer_be_loaded_is_said_to_all(
    computer: AsyncFeatureComputer, rings: Rings, tmp_path: Path
) -> None:
    file = tmp_path / "there"
    file.touch()
    plan = plan_for("Fickle", file=str(file))
    file.unlink()
    answers = await ask_all(evaluator_of(computer, rings), plan, rings)
    assert told(answers) == ["SettingsError"] * 4
    assert isinstance(answers[0], SettingsError)
    assert "my file has gone" in str(answers[0])


async def test_a_ring_that_cannot_be_had_is_an_answer_too(computer: AsyncFeatureComputer, rings: Rings) -> None:
    rings.store.close()
    answers = await ask_all(evaluator_of(computer, rings), plan_for("Teller"), rings)
    assert all(isinstance(answer, ComputeError) and not isinstance(answer, StrategyError) for answer in answers)


async def test_closing_ends_the_wait_of_all(computer: AsyncFeatureComputer, rings: Rings) -> None:
    rings.close(KEYS[0], HANGS)
    evaluator, plan = evaluator_of(computer, rings, coalesce_s=0.0), plan_for("Moody")
    waiting = asyncio.create_task(evaluator.evaluate(plan, KEYS[0], rings.last_close_ms(KEYS[0])))
    while not evaluator.statistics().jobs:
        await asyncio.sleep(0.001)
    await evaluator.close()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


class Listening:
    """A computer that keeps what jobs bring along, and answers none."""

    def __init__(self) -> None:
        self.brought: list[tuple[object, ...]] = []

    async def run(self, _: object, *arguments: object, **options: object) -> list[Evaluation]:
        self.brought.append(arguments[2:])
        raise ComputeError("no answer")


async def test_a_job_brings_the_models_of_its_close_along_where_they_are_asked(rings: Rings) -> None:
    computer, models = Listening(), ModelsInUse(Path("models"), "sim")
    closes: list[int] = []

    def for_close(at_ms: int) -> ModelsInUse:
        closes.append(at_ms)
        return models

    evaluator = StrategyEvaluator(
        computer,
        rings.store.handle,
        deadline_s=1,
        coalesce_s=NEVER_S,
        models=for_close,
    )
    await ask_all(evaluator, plan_for("Teller"), rings)
    plan = StrategyPlan(spec := StrategySpec("model", SYMBOLS), describe(spec))
    await ask_all(evaluator, plan, rings)
    assert (computer.brought, closes) == ([(), (models,)], [rings.last_close_ms(KEYS[0])])
