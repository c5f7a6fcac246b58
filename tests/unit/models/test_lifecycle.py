"""The claim that the loop of old cannot come back: days of a daemon's life, held against rules."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.models.coverage import Broke, Refused, Short, Succeeded
from core.models.schedule import TrainingPolicy
from tests.unit.models.worlds import DAY, HOUR, MINUTE, START_MS, Look, Plan, S, Seen, World, faults

A = InstrumentId("A/USDT")
SMALL = Plan(days=2, symbols=12, short_for_a_while=4, short_for_ever=1, unfit=1, restarts=4, turn_ms=20 * S)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_seven_days_of_two_hundred_symbols(seed: int):
    plan = Plan()
    seen = World(plan, seed).live_through()
    assert faults(seen, plan) == []
    trained = [sum(isinstance(look.outcome, Succeeded) for look in looks) for looks in seen.looks.values()]
    assert trained.count(0) == plan.short_for_ever + plan.unfit
    assert trained.count(7) >= 120
    assert len(seen.to_normal_ms) >= plan.restarts


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**32),
    failing_share=st.floats(0, 0.9),
    killed_share=st.floats(0, 1),
    restarts=st.integers(0, 12),
    every_h=st.integers(2, 30),
    at_once=st.integers(1, 3),
    movers=st.integers(0, 4),
    training_s=st.integers(1, 120),
)
def test_whatever_the_schedule(seed, failing_share, killed_share, restarts, every_h, at_once, movers, training_s):
    policy = TrainingPolicy(every_ms=every_h * HOUR, at_once=at_once, max_backoff_ms=HOUR // 2)
    plan = replace(
        SMALL,
        # So that nobody fails for as long as a whole interval.
        failing_share=failing_share if every_h > 12 else failing_share / 5,
        killed_share=killed_share,
        restarts=restarts,
        movers=movers,
        training_ms=(S, training_s * S),
        policy=policy,
    )
    assert faults(World(plan, seed).live_through(), plan) == []


def look(begun_ms: int, outcome, minutes: int = 1) -> Look:
    return Look(START_MS + begun_ms, outcome, START_MS + begun_ms + minutes * MINUTE)


@pytest.mark.parametrize(
    ("looks", "fault"),
    [
        ([look(0, Short("", START_MS + HOUR)), look(HOUR - S, Succeeded("v1"))], "1 s too early"),
        ([look(0, Refused("")), look(DAY, Succeeded("v1"))], "too early"),
        ([look(0, Broke("")), look(2 * MINUTE, Succeeded("v1"))], "240 s too early"),
        ([look(0, Succeeded("v1")), look(HOUR, Succeeded("v2"))], "trained 2 times for day 0"),
        ([look(0, Succeeded("v1")), look(2 * DAY + HOUR, Succeeded("v2"))], "not trained for day 1"),
    ],
)
def test_the_rules_see_what_breaks_them(looks: list[Look], fault: str):
    seen = Seen(looks={A: looks}, members={A: [(START_MS, START_MS + 3 * DAY)]})
    assert any(fault in each for each in faults(seen, Plan()))


def test_the_rules_see_models_that_are_loaded_over_and_over():
    seen = Seen(most_at_once=2, to_normal_ms=[3 * MINUTE])
    seen.loads.update([(0, A, "v1"), (0, A, "v1"), (1, A, "v1")])
    seen.swaps[0, A, "v2"] += 1
    assert len(faults(seen, Plan())) == 4
