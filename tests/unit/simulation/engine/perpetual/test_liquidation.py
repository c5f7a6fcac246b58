"""Positions that lack margin are closed, and nobody is left with less than nothing."""

from decimal import Decimal

from core.domain.orders import OrderStatus
from core.simulation.engine.perpetual.events import AccountReason, MarginCalled
from core.simulation.engine.perpetual.orders import MarginType
from tests.unit.simulation.engine.perpetual.perpetuals import (
    BUY,
    SELL,
    SYMBOL,
    USDT,
    account_changes,
    again,
    contract,
    limit,
    lots,
    mark,
    market,
    move,
    place,
    position,
    quote,
    with_accounts,
)


def test_nothing_happens_above_maintenance_margin() -> None:
    venue = with_accounts("a", usdt=1_000)
    move(venue, 10_000)
    place(venue, "a", market(BUY, 1))
    price = position(venue, "a").liquidation_price
    events = mark(venue, Decimal(price + 1_000_000).scaleb(-8).quantize(Decimal("0.01")).to_eng_string())
    assert lots(venue, "a") == 1_000
    assert any(isinstance(event, MarginCalled) for event in events)
    events = mark(venue, 9_100)
    assert not any(isinstance(event, MarginCalled) for event in events)


def test_the_book_takes_what_it_can_and_the_fund_the_rest() -> None:
    venue = with_accounts("a", usdt=1_000)
    move(venue, 10_000)
    place(venue, "a", market(BUY, 1))
    resting = place(venue, "a", limit(SELL, 1, 10_400))
    quote(venue, {9_020: 400}, {})
    mark(venue, 9_030)
    assert lots(venue, "a") == 0
    assert again(venue, resting).status is OrderStatus.EXPIRED
    order = venue.orders("a")[-1]
    assert (order.is_liquidation, order.status, order.client_order_id) == (True, OrderStatus.FILLED, "autoclose-3")
    # 29 USDT of margin were left at the mark, so the position was worth nothing at 9,001.
    assert order.price == 90_010
    assert [(trade.price, trade.quantity) for trade in venue.trades("a")][1:] == [(90_200, 400), (90_010, 600)]
    assert len({trade.trade_id for trade in venue.trades("a")}) == 3
    assert venue.wallets("a") == {"USDT": Decimal(0)}
    # The fund got the 7.60 that the book left over, and 0.6 that were worth 29 more each than it paid.
    assert venue.insurance_fund() == {"USDT": Decimal("7.6") + Decimal("17.4")}


def test_a_gap_is_paid_by_the_fund() -> None:
    venue = with_accounts("a", "b", usdt=1_000)
    move(venue, 10_000)
    place(venue, "a", market(BUY, 1))
    place(venue, "b", market(SELL, 1))
    events = move(venue, 8_500)
    assert lots(venue, "a") == 0
    assert venue.wallets("a") == {"USDT": Decimal(0)}
    assert venue.insurance_fund()["USDT"] == Decimal(-501)
    reasons = [change.reason for change in account_changes(events)]
    assert reasons == [AccountReason.ORDER]
    assert lots(venue, "b") == -1_000


def test_only_the_isolated_margin_is_lost() -> None:
    venue = with_accounts("a", usdt=5_000)
    move(venue, 10_000)
    venue.set_margin_type("a", SYMBOL, MarginType.ISOLATED, venue.now_ns)
    place(venue, "a", market(SELL, 1))
    assert position(venue, "a").isolated_wallet == Decimal("499.95") * USDT
    move(venue, 12_000)
    assert lots(venue, "a") == 0
    assert venue.wallets("a")["USDT"] == Decimal("4500.05")
    assert venue.account("a").assets[0].cross_wallet == Decimal("4500.05") * USDT


def test_crossed_positions_go_together() -> None:
    venue = with_accounts("a", usdt=1_000, contracts=[contract(), contract("ETH/USDT:USDT")])
    move(venue, 10_000)
    move(venue, 1_000, symbol="ETHUSDT")
    place(venue, "a", market(BUY, 1))
    place(venue, "a", market(SELL, 1, symbol="ETHUSDT"))
    move(venue, 9_000)
    assert venue.positions("a") == []
    assert venue.wallets("a")["USDT"] == 0


def test_the_liquidation_fee_goes_to_the_fund() -> None:
    venue = with_accounts("a", usdt=1_000, contracts=[contract(liquidation_fee=Decimal("0.001"))])
    move(venue, 10_000)
    place(venue, "a", market(BUY, 1))
    quote(venue, {9_030: 1_000}, {})
    mark(venue, 9_030)
    assert venue.insurance_fund() == {"USDT": Decimal("9.03")}
    assert venue.wallets("a")["USDT"] == 29 - Decimal("9.03")
