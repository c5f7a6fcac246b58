"""Accounts survive a snapshot, and go on as if nothing had happened."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.domain.orders import OrderType, TimeInForce
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.refusals import Refusal
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    START_NS,
    SYMBOL,
    TEN_BPS,
    exchange,
    filled,
    limit,
    market,
    place,
    stop,
    with_accounts,
)


def busy_exchange() -> Exchange:
    venue = with_accounts("a", "b", fees=TEN_BPS)
    place(venue, "a", limit(SELL, 2, 101, client_id="first"))
    place(venue, "b", limit(SELL, 2, 101))
    place(venue, "a", limit(BUY, 3, "99.5"))
    place(venue, "b", market(BUY, 1))
    place(venue, "a", stop(OrderType.STOP_LOSS_LIMIT, SELL, 1, 90, 89))
    place(venue, "a", limit(BUY, 1, 50, TimeInForce.IOC))
    return venue


def reborn(venue: Exchange) -> Exchange:
    young = exchange(TEN_BPS)
    young.restore_accounts(json.loads(json.dumps(venue.snapshot_accounts())))
    return young


def test_a_restored_exchange_knows_what_the_old_one_knew() -> None:
    old = busy_exchange()
    new = reborn(old)
    for account in ("a", "b"):
        assert new.balances(account) == old.balances(account)
        assert new.orders(account) == old.orders(account)
        assert new.trades(account) == old.trades(account)
    assert new.depth(SYMBOL, 9).bids == old.depth(SYMBOL, 9).bids
    assert new.depth(SYMBOL, 9).asks == old.depth(SYMBOL, 9).asks
    assert new.depth(SYMBOL, 9).last_update_id >= old.depth(SYMBOL, 9).last_update_id
    assert new.fees_collected() == old.fees_collected()
    assert new.house_balances() == old.house_balances()
    assert new.snapshot_accounts() == old.snapshot_accounts()


def test_priority_ids_and_stops_go_on() -> None:
    old = busy_exchange()
    new = reborn(old)
    first = new.order("a", SYMBOL, client_order_id="first")
    assert first is not None
    record = place(new, "b", limit(BUY, "1.5", 101))
    assert record.order_id == max(order.order_id for order in old.orders("a")) + 1
    assert filled(new, first) == 2
    assert new.trades("b", SYMBOL)[-1].trade_id == old.trades("b", SYMBOL)[-1].trade_id + 2
    assert new.snapshot_accounts()["last_sequence"] > old.snapshot_accounts()["last_sequence"]
    place(new, "b", limit(BUY, "0.001", 90))
    place(new, "a", limit(SELL, "3.001", 90))
    stops = [order for order in new.orders("a") if order.order_type is OrderType.STOP_LOSS_LIMIT]
    assert [order.is_working for order in stops] == [True]


def test_restored_stops_count() -> None:
    venue = with_accounts("a")
    for price in range(50, 55):
        place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, price))
    with pytest.raises(Refusal, match="MAX_NUM_ALGO_ORDERS"):
        place(reborn(venue), "a", stop(OrderType.STOP_LOSS, SELL, 1, 50))


def test_accounts_are_not_restored_over_others() -> None:
    venue = busy_exchange()
    with pytest.raises(ValueError, match="has none"):
        venue.restore_accounts(venue.snapshot_accounts())


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ({"format": 0}, "format 0"),
        ({"accounts": {"a": {}}}, "damaged"),
        ({"accounts": None}, "damaged"),
        ({"last_order_id": None}, "damaged"),
    ],
)
def test_damaged_data_is_refused_and_leaves_the_exchange_empty(damage: dict[str, Any], text: str) -> None:
    data = busy_exchange().snapshot_accounts()
    young = exchange()
    with pytest.raises(ValueError, match=text):
        young.restore_accounts({**data, **damage})
    assert not young.has_account("a")
    assert young.depth(SYMBOL, 5).bids == ()


def test_an_open_order_in_an_unknown_symbol_is_named() -> None:
    data = busy_exchange().snapshot_accounts()
    with pytest.raises(ValueError, match=r"account a: order 2 .*|account a: order \d+ is open in BTCUSDT"):
        Exchange([], fees=TEN_BPS, start_ns=START_NS).restore_accounts(data)


def test_money_of_a_snapshot_is_exact() -> None:
    venue = with_accounts("a", deposits={"USDT": 1})
    venue.deposit("a", "USDT", Decimal("0.00000001"), START_NS)
    assert reborn(venue).balances("a")["USDT"][0] == Decimal("1.00000001")
