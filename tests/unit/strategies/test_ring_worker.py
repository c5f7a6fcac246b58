"""A worker's job over real rings, here without the worker: the right window, and none that moved meanwhile."""

import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle
from core.domain.errors import ComputeError, SettingsError
from core.domain.signals import Signal
from core.market.candle_ring import attach
from core.market.ring_windows import RingRequest
from core.strategies import ring_worker
from core.strategies.ring_worker import evaluate_in_parts, evaluate_rings
from core.strategies.spec import Evaluation, StrategySpec
from tests.unit.strategies import ring_strategies
from tests.unit.strategies.rings import KEYS, SYMBOLS, Rings, close_ms

TELLER = StrategySpec("tests.unit.strategies.ring_strategies:Teller", SYMBOLS)


@pytest.fixture(autouse=True)
def _undisturbed() -> Iterator[None]:
    yield
    ring_strategies.Teller.while_computing = staticmethod(lambda: None)


def asking(rings: Rings, number: int, count: int = 5, series: int = 0) -> RingRequest:
    """For the window that ends with candle `number`."""
    key = KEYS[series]
    return RingRequest(key.instrument_id, rings.store.handle(key), close_ms(number - 1), count)


def told(evaluation: Evaluation) -> str:
    assert isinstance(evaluation.signal, Signal), evaluation.error
    return evaluation.signal.reason


def test_each_request_is_answered_in_its_place() -> None:
    rings = Rings()
    for series, key in enumerate(KEYS):
        rings.close(key, *(100.0 * series + n for n in range(10)))
    answers = evaluate_rings(TELLER, [asking(rings, 9, 4 + series, series) for series in (2, 0, 3)])
    assert [answer.instrument_id for answer in answers] == [SYMBOLS[2], SYMBOLS[0], SYMBOLS[3]]
    assert [told(answer) for answer in answers] == ["6 candles to 209", "4 candles to 9", "7 candles to 309"]


def test_answers_come_in_parts_that_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rings = Rings()
    for series, key in enumerate(KEYS):
        rings.close(key, *(100.0 * series + n for n in range(10)))
    requests = [asking(rings, 9, 4, series) for series in (2, 0, 3)]
    monkeypatch.setattr(ring_worker, "_ANSWERS_A_PART", 2)
    parts = [pickle.loads(part) for part in evaluate_in_parts(TELLER, requests)]
    assert [len(part) for part in parts] == [2, 1]
    told_in_parts = [(answer.instrument_id, told(answer)) for part in parts for answer in part]
    assert told_in_parts == [(each.instrument_id, told(each)) for each in evaluate_rings(TELLER, requests)]


def test_the_window_ends_with_the_candle_asked_for_though_newer_ones_came() -> None:
    rings = Rings()
    rings.close(KEYS[0], *map(float, range(1, 21)))
    (answer,) = evaluate_rings(TELLER, [asking(rings, 16)])
    assert told(answer) == "5 candles to 17"
    assert answer.close_ms == close_ms(16)


@given(
    stored=st.integers(1, 60),
    capacity=st.integers(1, 40),
    count=st.integers(1, 45),
    asked=st.integers(0, 70),
)
def test_no_window_reaches_beyond_its_candle_or_is_longer_than_asked(
    stored: int, capacity: int, count: int, asked: int
) -> None:
    rings = Rings(capacity=capacity)
    rings.close(KEYS[0], *(float(n + 1) for n in range(stored)))
    (answer,) = evaluate_rings(TELLER, [asking(rings, asked, count)])
    newest = min(asked, stored - 1)
    first_held = max(0, stored - min(capacity, count + 8))
    length = max(0, min(count, newest - first_held + 1))
    assert answer.close_ms == (close_ms(newest) if length else 0)
    if length < 3:
        assert str(answer.error) == f"WARMUP_MISSING have={length} need=3"
    else:
        assert told(answer) == f"{length} candles to {newest + 1}"
    rings.store.close()


def test_rows_that_moved_under_the_computation_are_computed_again() -> None:
    rings = Rings(capacity=10)
    rings.close(KEYS[0], *map(float, range(1, 19)))  # the ring has 18 rows: the next candle moves them back
    prices = iter([19.0])
    ring_strategies.Teller.while_computing = staticmethod(lambda: rings.close(KEYS[0], *prices))
    before = attach(rings.store.handle(KEYS[0])).window(1).generation
    (answer,) = evaluate_rings(TELLER, [asking(rings, 17)])
    assert attach(rings.store.handle(KEYS[0])).window(1).generation > before
    assert told(answer) == "5 candles to 18"


def test_a_ring_that_never_holds_still_is_given_up() -> None:
    rings = Rings()
    rings.close(KEYS[0], *map(float, range(1, 11)))
    prices = iter(range(1, 1_000))

    def revise() -> None:
        price = float(next(prices))
        rings.store.backfill(KEYS[0], [Candle(close_ms(8), price, price, price, price, 1.0)], close_ms(9))

    ring_strategies.Teller.while_computing = staticmethod(revise)
    with pytest.raises(ComputeError, match="candles kept changing"):
        evaluate_rings(TELLER, [asking(rings, 9)])


def test_a_strategy_that_cannot_be_loaded_is_a_wrong_setting() -> None:
    rings = Rings()
    rings.close(KEYS[0], 1.0)
    with pytest.raises(SettingsError, match="ema_cross"):
        evaluate_rings(StrategySpec("ema_crss", SYMBOLS), [asking(rings, 0)])
