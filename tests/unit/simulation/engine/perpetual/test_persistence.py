"""Perpetual accounts survive a snapshot, and go on as if nothing had happened."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.domain.orders import OrderStatus, TimeInForce
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import AlgoStatus, ConditionalType, MarginType, WorkingType
from tests.unit.simulation.engine.perpetual.perpetuals import (
    BUY,
    SECOND_NS,
    SELL,
    SYMBOL,
    USUAL,
    algo,
    contract,
    limit,
    lots,
    market,
    move,
    place,
    wait,
    with_accounts,
)


def busy() -> PerpetualExchange:
    venue = with_accounts("a", "b", fees=USUAL)
    move(venue, 10_000)
    venue.set_margin_type("b", SYMBOL, MarginType.ISOLATED, venue.now_ns)
    venue.set_leverage("b", SYMBOL, 10, venue.now_ns)
    place(venue, "a", market(BUY, 1))
    place(venue, "b", market(SELL, 2))
    place(venue, "a", limit(SELL, "0.6", 10_010, reduce_only=True))
    place(venue, "b", limit(SELL, "0.5", 10_010, client_order_id="second"))
    later = venue.now_ns + 3_600 * SECOND_NS
    place(venue, "a", limit(BUY, 1, 9_990, TimeInForce.GTD, good_till_ns=later))
    wait(venue, "a", algo(ConditionalType.STOP_MARKET, SELL, trigger_price=9_900, close_position=True))
    wait(venue, "a", algo(ConditionalType.TRAILING_STOP_MARKET, SELL, quantity=1, callback_rate=2, reduce_only=True))
    mark = WorkingType.MARK_PRICE
    wait(venue, "b", algo(ConditionalType.STOP, BUY, quantity=1, trigger_price=10_400, price=10_410, working_type=mark))
    move(venue, 10_005)
    return venue


def reborn(venue: PerpetualExchange) -> PerpetualExchange:
    young = PerpetualExchange([contract()], fees=USUAL, start_ns=venue.now_ns)
    young.restore_accounts(json.loads(json.dumps(venue.snapshot_accounts())))
    return young


def test_a_restored_exchange_knows_what_the_old_one_knew() -> None:
    old = busy()
    new = reborn(old)
    assert new.snapshot_accounts() == old.snapshot_accounts()
    for account in ("a", "b"):
        assert new.orders(account) == old.orders(account)
        assert new.trades(account) == old.trades(account)
        assert new.algo_orders(account) == old.algo_orders(account)
        assert new.income(account) == old.income(account)
        assert new.wallets(account) == old.wallets(account)
    move(new, 10_005)
    for account in ("a", "b"):
        assert new.positions(account) == old.positions(account)
        assert new.account(account).assets == old.account(account).assets
    assert new.house_balances() == old.house_balances()
    assert new.house_position(SYMBOL) == old.house_position(SYMBOL) == 1_000
    assert new.fees_collected() == old.fees_collected()


def test_orders_and_triggers_go_on() -> None:
    new = reborn(busy())
    with pytest.raises(ValueError, match="has none"):
        new.restore_accounts(new.snapshot_accounts())
    house = new.house(SYMBOL)
    assert house.take(house.asks, 700, 100_100, new.now_ns) == 0
    house.log(new.now_ns)
    assert lots(new, "a") == 400
    assert [(order.client_order_id, order.filled) for order in new.open_orders("b")] == [("second", 100)]
    new.mark({SYMBOL: 10_000 * 10**8}, new.now_ns + 3_700 * SECOND_NS)
    assert [order.status for order in new.orders("a")][-1] is OrderStatus.EXPIRED
    move(new, 9_900)
    assert [each.status for each in new.algo_orders("a")] == [AlgoStatus.FINISHED, AlgoStatus.NEW]
    assert lots(new, "a") == 0


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ({"format": 0}, "format 0"),
        ({"accounts": {"a": {}}}, "damaged"),
        ({"accounts": None}, "damaged"),
        ({"last_ids": [1]}, "damaged"),
        ({"symbols": {SYMBOL: {}}}, "damaged"),
    ],
)
def test_damaged_data_is_refused_and_leaves_the_exchange_empty(damage: dict[str, Any], text: str) -> None:
    young = PerpetualExchange([contract()], fees=USUAL, start_ns=0)
    with pytest.raises(ValueError, match=text):
        young.restore_accounts({**busy().snapshot_accounts(), **damage})
    assert not young.has_account("a")
    assert young.depth(SYMBOL, 5).bids == ()


def test_a_position_in_an_unknown_symbol_is_named() -> None:
    young = PerpetualExchange([], fees=USUAL, start_ns=0)
    with pytest.raises(ValueError, match="account a has a position in BTCUSDT"):
        young.restore_accounts(busy().snapshot_accounts())


def test_deposits_are_exact() -> None:
    venue = with_accounts("a", usdt=1)
    venue.deposit("a", "USDT", Decimal("0.00000001"), venue.now_ns)
    assert reborn(venue).wallets("a") == {"USDT": Decimal("1.00000001")}
