"""The house follows any price with a full, uncrossed book, and never passes an account's order without trading it."""

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.orders import OrderStatus, Side
from core.simulation.engine.draws import Draws
from core.simulation.engine.events import Trade
from core.simulation.engine.liquidity import LEVELS_KEPT, LEVELS_SHOWN, Liquidity, Shape
from tests.unit.simulation.engine.exchanges import BUY, SELL, SYMBOL, limit, market, place, with_accounts

SHAPE = Shape(gap_ticks=4.0, level_lots=500.0)
MOVES = st.lists(
    st.tuples(
        st.one_of(st.integers(-30, 30), st.integers(-3_000, 3_000)),
        st.integers(1, 5),
        st.sampled_from([0, 1, 700]),
        st.sampled_from(["add", "withdraw", "trade", "print", "bid", "ask", "sweep"]),
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(MOVES, st.integers(0, 2**32))
def test_the_house_follows_the_price(moves: list[tuple[int, int, int, str]], seed: int) -> None:
    venue = with_accounts("a", "b", deposits={"BTC": 10**6, "USDT": 10**9})
    house = venue.house(SYMBOL)
    liquidity = Liquidity(house, SHAPE, Draws(np.random.SeedSequence(seed), level_spread=1.4, trade_spread=1.3))
    bid = 1_000_000
    for step, spread, traded, then in moves:
        bid += step
        liquidity.move_to(bid, bid + spread, traded, venue.now_ns)
        assert all(record.price < bid + spread for record in venue.open_orders("a") if record.side is Side.BUY)
        assert all(record.price > bid for record in venue.open_orders("a") if record.side is Side.SELL)
        side = house.bids if step % 2 else house.asks
        match then:
            case "add":
                liquidity.add_somewhere(side)
            case "withdraw":
                liquidity.withdraw_somewhere(side)
            case "trade":
                liquidity.trade(side, 900, 40, venue.now_ns)
            case "print":
                liquidity.print_at(house.asks, bid + spread, 5_000, venue.now_ns)
                assert venue.last_price(SYMBOL) == bid + spread
            case _:
                pass
        liquidity.tidy()
        for each in (house.bids, house.asks):
            assert LEVELS_SHOWN <= len(each.keys) <= LEVELS_KEPT + 20
        house.log(venue.now_ns)
        best = venue.best(SYMBOL)
        assert best.bid < best.ask
        match then:
            case "bid":
                place(venue, "a", limit(BUY, 1, Decimal(bid - abs(step) % 9).scaleb(-2)))
            case "ask":
                place(venue, "a", limit(SELL, 1, Decimal(bid + spread + abs(step) % 9).scaleb(-2)))
            case "sweep":
                place(venue, "b", market(BUY if step % 2 else SELL, 20))
            case _:
                pass


def test_passing_an_order_trades_it_at_its_own_price() -> None:
    venue = with_accounts("a")
    house = venue.house(SYMBOL)
    liquidity = Liquidity(house, SHAPE, Draws(np.random.SeedSequence(1), level_spread=1.4, trade_spread=1.3))
    liquidity.move_to(10_000, 10_001, 0, venue.now_ns)
    record = place(venue, "a", limit(SELL, 1, "100.30"))
    venue.take_events(venue.now_ns)
    liquidity.move_to(10_050, 10_051, 0, venue.now_ns)
    found = venue.order("a", SYMBOL, order_id=record.order_id)
    assert found is not None
    assert (found.status, found.filled_quote) == (OrderStatus.FILLED, 10_030 * 10**6)
    trades = [event for event in venue.take_events(venue.now_ns) if isinstance(event, Trade)]
    assert [(trade.price, trade.quantity) for trade in trades] == [(10_030, 1_000)]


def test_quotes_that_are_traded_when_passed_print_near_the_new_price() -> None:
    venue = with_accounts()
    house = venue.house(SYMBOL)
    liquidity = Liquidity(house, SHAPE, Draws(np.random.SeedSequence(1), level_spread=1.4, trade_spread=1.3))
    liquidity.move_to(10_000, 10_001, 0, venue.now_ns)
    liquidity.tidy()
    liquidity.move_to(10_050, 10_051, 7, venue.now_ns)
    (trade,) = (event for event in venue.take_events(venue.now_ns) if isinstance(event, Trade))
    assert 10_001 < trade.price <= 10_050
    assert trade.quantity == 7
