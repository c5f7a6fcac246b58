"""How trades change a position."""

from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.perpetual.orders import PositionSide
from core.simulation.engine.perpetual.positions import Position
from tests.unit.simulation.engine.perpetual.perpetuals import contract

TRADES = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 1_000)), max_size=30)


def new() -> Position:
    return Position("BTCUSDT", PositionSide.BOTH)


@given(TRADES)
def test_cash_and_cost_are_exact(trades: list[tuple[int, int]]) -> None:
    position, cash, earned = new(), 0, 0
    for lots, price in trades:
        realised, opened = position.trade(lots, lots * price)
        cash -= lots * price
        earned += realised
        assert 0 <= opened <= abs(lots * price)
        assert earned - position.cost == cash
        assert position.lots * position.cost >= 0
        assert bool(position.lots) or not position.cost
    assert position.lots == sum(lots for lots, _ in trades)
    assert position.realised == earned


@given(TRADES, st.integers(1, 1_000))
def test_closing_realises_what_is_left(trades: list[tuple[int, int]], price: int) -> None:
    position = new()
    total = sum(position.trade(lots, lots * at)[0] for lots, at in trades)
    if position.lots:
        total += position.trade(-position.lots, -position.lots * price)[0]
    held = sum(lots for lots, _ in trades)
    assert total == held * price - sum(lots * at for lots, at in trades)


def test_turning_over_opens_at_the_new_price() -> None:
    position, terms = new(), contract()
    assert position.trade(10, 10 * 10_000) == (0, 100_000)
    assert position.trade(-15, -15 * 12_000) == (20_000, 60_000)
    assert position.lots == -5
    assert position.cost == -60_000
    assert position.entry_price(terms) == 12_000 * 1_000


def test_entry_price_is_the_average() -> None:
    position = new()
    position.trade(1, 100)
    position.trade(3, 3 * 200)
    assert position.cost == 700
    realised, _ = position.trade(-2, -2 * 200)
    assert (realised, position.cost) == (50, 350)
