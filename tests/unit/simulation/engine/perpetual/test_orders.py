"""Orders proper: types, times in force, reduce-only, amending, refusals."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.orders import OrderStatus, OrderType, TimeInForce
from core.simulation.engine.events import OrderChange
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import MarginType, NewPerpetualOrder
from core.simulation.engine.refusals import Refusal, RefusalKind
from tests.unit.simulation.engine.perpetual.perpetuals import (
    BOTH,
    BUY,
    LONG,
    SECOND_NS,
    SELL,
    SHORT,
    SYMBOL,
    USDT,
    USUAL,
    again,
    changes,
    limit,
    lots,
    market,
    move,
    place,
    position,
    quote,
    submit,
    with_accounts,
)

GTX, GTD, IOC, FOK = TimeInForce.GTX, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK


def refusal(venue: PerpetualExchange, account: str, order: NewPerpetualOrder) -> RefusalKind:
    before = venue.snapshot_accounts()
    with pytest.raises(Refusal) as refused:
        venue.submit(account, order, venue.now_ns)
    with pytest.raises(Refusal):
        venue.check(account, order)
    assert venue.snapshot_accounts()["accounts"][account]["orders"] == before["accounts"][account]["orders"]
    return refused.value.kind


def trading(*accounts: str, **more: Any) -> PerpetualExchange:
    venue = with_accounts(*(accounts or ("a", "b")), **more)
    move(venue, 10_000)
    return venue


def sell(venue: PerpetualExchange, lots: int, ticks: int) -> None:
    """By the house, into the bids."""
    house = venue.house(SYMBOL)
    house.take(house.bids, lots, ticks, venue.now_ns)
    house.log(venue.now_ns)
    venue.take_events(venue.now_ns)


def test_a_market_order_trades_and_the_rest_expires() -> None:
    venue = trading()
    quote(venue, {9_999: 300}, {10_001: 400})
    events = submit(venue, "a", market(BUY, 1))
    assert changes(events) == [OrderChange.NEW, OrderChange.TRADE, OrderChange.EXPIRED]
    assert lots(venue, "a") == 400


def test_fees_and_profit_of_a_round_trip() -> None:
    venue = trading(fees=USUAL)
    place(venue, "a", market(BUY, 1))
    assert venue.wallets("a")["USDT"] == 10_000 - Decimal("4.0004")
    move(venue, 10_100)
    place(venue, "a", market(SELL, 1))
    assert venue.wallets("a")["USDT"] == 10_000 + 98 - Decimal("4.0004") - Decimal("4.0396")
    opened, closed = venue.trades("a", SYMBOL)
    assert (opened.realised, closed.realised) == (0, 98 * USDT)
    assert [income.kind.value for income in venue.income("a")] == [
        "TRANSFER",
        "COMMISSION",
        "REALIZED_PNL",
        "COMMISSION",
    ]
    assert venue.fees_collected() == {"USDT": Decimal("8.04")}


def test_ioc_fok_gtx() -> None:
    venue = trading()
    quote(venue, {9_999: 300}, {10_001: 400})
    assert place(venue, "a", limit(BUY, 1, 10_001, FOK)).status is OrderStatus.EXPIRED
    assert lots(venue, "a") == 0
    assert refusal(venue, "a", limit(BUY, 1, 10_001, GTX)) is RefusalKind.WOULD_MATCH
    taken = place(venue, "a", limit(BUY, 1, 10_001, IOC))
    assert (taken.status, taken.filled) == (OrderStatus.EXPIRED, 400)
    resting = place(venue, "a", limit(BUY, 1, 10_000, GTX))
    assert resting.status is OrderStatus.NEW
    assert venue.best(SYMBOL).bid == 100_000


def test_good_till_date() -> None:
    venue = trading()
    soon, later = (venue.now_ns + seconds * SECOND_NS for seconds in (600, 602))
    assert refusal(venue, "a", limit(BUY, 1, 9_990, GTD)) is RefusalKind.MISSING_PARAMETER
    assert refusal(venue, "a", limit(BUY, 1, 9_990, GTD, good_till_ns=soon)) is RefusalKind.GOOD_TILL_DATE
    assert refusal(venue, "a", limit(BUY, 1, 9_990, good_till_ns=later)) is RefusalKind.UNNEEDED_PARAMETER
    record = venue.submit("a", limit(BUY, 1, 9_990, GTD, good_till_ns=later), venue.now_ns)[0]
    venue.mark({SYMBOL: 10_000 * USDT}, later - 1)
    assert again(venue, record).status is OrderStatus.NEW
    venue.mark({SYMBOL: 10_000 * USDT}, later)
    assert again(venue, record).status is OrderStatus.EXPIRED


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"symbol": "NOPE"}, RefusalKind.UNKNOWN_SYMBOL),
        ({"price": Decimal("9990.05")}, RefusalKind.PRICE_FILTER),
        ({"price": Decimal("NaN")}, RefusalKind.PRICE_FILTER),
        ({"price": None}, RefusalKind.MISSING_PARAMETER),
        ({"quantity": Decimal("0.0005")}, RefusalKind.LOT_SIZE),
        ({"quantity": Decimal(0)}, RefusalKind.LOT_SIZE),
        ({"quantity": Decimal(-1)}, RefusalKind.LOT_SIZE),
        ({"quantity": Decimal("1e30")}, RefusalKind.LOT_SIZE),
        ({"price": Decimal(100), "quantity": Decimal("0.001")}, RefusalKind.NOTIONAL),
        ({"price": Decimal(11_000)}, RefusalKind.PRICE_TOO_HIGH),
        ({"side": SELL, "price": Decimal(9_000)}, RefusalKind.PRICE_TOO_LOW),
        ({"position_side": LONG}, RefusalKind.POSITION_SIDE),
        ({"reduce_only": True}, RefusalKind.REDUCE_ONLY),
        ({"quantity": Decimal(100)}, RefusalKind.MARGIN_INSUFFICIENT),
        ({"order_type": OrderType.STOP_LOSS}, RefusalKind.UNNEEDED_PARAMETER),
        ({"order_type": OrderType.MARKET}, RefusalKind.UNNEEDED_PARAMETER),
    ],
)
def test_refusals(changes: dict[str, Any], kind: RefusalKind) -> None:
    fields = {"symbol": SYMBOL, "side": BUY, "order_type": OrderType.LIMIT, "quantity": 1, "price": 9_990}
    fields |= {"quantity": Decimal(1), "price": Decimal(9_990)}
    assert refusal(trading(), "a", NewPerpetualOrder(**{**fields, **changes})) is kind


def test_client_ids_are_unique_among_open_orders() -> None:
    venue = trading()
    record = place(venue, "a", limit(BUY, 1, 9_990, client_order_id="mine"))
    assert refusal(venue, "a", limit(BUY, 1, 9_990, client_order_id="mine")) is RefusalKind.DUPLICATE_ORDER
    venue.cancel("a", SYMBOL, client_order_id="mine", now_ns=venue.now_ns)
    newer = place(venue, "a", limit(BUY, 1, 9_990, client_order_id="mine"))
    assert newer.order_id > record.order_id
    assert venue.order("a", SYMBOL, client_order_id="mine") == newer


def test_reduce_only_takes_no_more_than_the_position() -> None:
    venue = trading()
    place(venue, "a", market(BUY, "0.5"))
    assert refusal(venue, "a", market(BUY, 1, reduce_only=True)) is RefusalKind.REDUCE_ONLY
    record = place(venue, "a", market(SELL, 1, reduce_only=True))
    assert (record.status, record.filled, record.quantity) == (OrderStatus.EXPIRED, 500, 1_000)
    assert lots(venue, "a") == 0


def test_resting_reduce_only_orders_shrink_with_the_position() -> None:
    venue = trading()
    place(venue, "a", market(BUY, 1))
    near = place(venue, "a", limit(SELL, "0.6", 10_010, reduce_only=True))
    far = place(venue, "a", limit(SELL, "0.6", 10_020, reduce_only=True))
    assert (far.quantity, again(venue, far).quantity) == (400, 400)
    events = submit(venue, "a", market(SELL, "0.7"))
    assert OrderChange.AMENDED in changes(events)
    assert (again(venue, near).quantity, again(venue, far).status) == (300, OrderStatus.EXPIRED)
    place(venue, "a", market(SELL, "0.3"))
    assert again(venue, near).status is OrderStatus.EXPIRED
    assert venue.depth(SYMBOL, 9).asks == ((100_010, 999_000),)


def test_one_sweep_never_turns_a_position_through_reduce_only_orders() -> None:
    """The first order of the level closes the position; the reduce-only one behind it must not open another."""
    venue = trading()
    place(venue, "a", market(BUY, 1))
    quote(venue, {9_999: 1_000}, {})
    place(venue, "a", limit(SELL, 1, 10_010))
    reducing = place(venue, "a", limit(SELL, 1, 10_010, reduce_only=True))
    behind = place(venue, "a", limit(SELL, 1, 10_020, reduce_only=True))
    assert again(venue, behind).status is OrderStatus.EXPIRED
    place(venue, "b", market(BUY, 2))
    assert lots(venue, "a") == 0
    assert lots(venue, "b") == 1_000
    assert again(venue, reducing).status is OrderStatus.EXPIRED


def test_a_reduce_only_order_may_meet_its_own_account() -> None:
    venue = trading()
    place(venue, "a", market(BUY, 1))
    quote(venue, {}, {10_020: 1_000})
    place(venue, "a", limit(BUY, "1.5", 10_000))
    record = place(venue, "a", limit(SELL, 2, 10_000, reduce_only=True))
    best = venue.best(SYMBOL)
    assert not best.bid_quantity or best.bid < best.ask
    assert again(venue, record).filled == 1_500
    assert lots(venue, "a") == 1_000


def test_hedge_mode_keeps_two_positions() -> None:
    venue = trading()
    venue.set_hedged("a", venue.now_ns, is_hedged=True)
    place(venue, "a", market(BUY, 1, position_side=LONG))
    place(venue, "a", market(SELL, 2, position_side=SHORT))
    assert (lots(venue, "a", LONG), lots(venue, "a", SHORT)) == (1_000, -2_000)
    assert refusal(venue, "a", market(BUY, 1)) is RefusalKind.POSITION_SIDE
    assert refusal(venue, "a", market(SELL, 2, position_side=LONG)) is RefusalKind.REDUCE_ONLY
    reduce_only = market(SELL, 1, position_side=LONG, reduce_only=True)
    assert refusal(venue, "a", reduce_only) is RefusalKind.UNNEEDED_PARAMETER
    place(venue, "a", market(SELL, 1, position_side=LONG))
    place(venue, "a", market(BUY, "0.5", position_side=SHORT))
    assert (lots(venue, "a", LONG), lots(venue, "a", SHORT)) == (0, -1_500)


def test_amending() -> None:
    venue = trading()
    first = place(venue, "a", limit(BUY, 1, 9_990))
    second = place(venue, "b", limit(BUY, 1, 9_990))

    def amend(quantity: str, price: int | str) -> list[OrderChange]:
        return changes(
            venue.amend(
                "a",
                SYMBOL,
                quantity=Decimal(quantity),
                price=Decimal(price),
                order_id=first.order_id,
                now_ns=venue.now_ns,
            )[1]
        )

    assert amend("0.5", 9_990) == [OrderChange.AMENDED]
    sell(venue, 1_000_200, 99_900)
    assert (again(venue, first).filled, again(venue, second).filled) == (200, 0)
    with pytest.raises(Refusal, match="same_order"):
        amend("0.5", 9_990)
    with pytest.raises(Refusal, match="margin_insufficient"):
        amend("100", 9_990)
    assert amend("1", 9_990) == [OrderChange.AMENDED]
    sell(venue, 100, 99_900)
    assert (again(venue, first).filled, again(venue, second).filled) == (200, 100)
    assert amend("1", 10_001) == [OrderChange.AMENDED, OrderChange.TRADE]
    assert again(venue, first).status is OrderStatus.FILLED
    with pytest.raises(Refusal, match="unknown_order"):
        amend("2", 9_990)


def test_amending_cancels_what_is_filled_already_or_would_take() -> None:
    venue = trading()
    post_only = place(venue, "a", limit(BUY, 1, 9_990, GTX))
    found = venue.amend(
        "a", SYMBOL, quantity=Decimal(1), price=Decimal(10_001), order_id=post_only.order_id, now_ns=venue.now_ns
    )
    assert found[0].status is OrderStatus.CANCELLED
    part = place(venue, "a", limit(BUY, 1, "9999.5"))
    sell(venue, 600, 99_995)
    found = venue.amend(
        "a", SYMBOL, quantity=Decimal("0.6"), price=Decimal("9999.5"), order_id=part.order_id, now_ns=venue.now_ns
    )
    assert (found[0].status, found[0].filled) == (OrderStatus.CANCELLED, 600)


def test_cancelling() -> None:
    venue = trading()
    record = place(venue, "a", limit(BUY, 1, 9_990))
    place(venue, "a", limit(BUY, 1, 9_980))
    with pytest.raises(Refusal, match="unknown_order"):
        venue.cancel("a", SYMBOL, order_id=record.order_id, client_order_id="another", now_ns=venue.now_ns)
    assert len(venue.open_orders("a")) == 2
    cancelled, _ = venue.cancel_all("a", SYMBOL, venue.now_ns)
    assert [each.status for each in cancelled] == [OrderStatus.CANCELLED] * 2
    assert venue.cancel_all("a", SYMBOL, venue.now_ns) == ([], [])
    assert venue.account("a").assets[0].open_order_initial_margin == 0


def test_isolated_margin_is_set_aside_and_given_back() -> None:
    venue = trading()
    venue.set_margin_type("a", SYMBOL, MarginType.ISOLATED, venue.now_ns)
    venue.set_leverage("a", SYMBOL, 10, venue.now_ns)
    place(venue, "a", market(BUY, 1))
    view = position(venue, "a")
    assert view.isolated_wallet == Decimal("1000.1") * USDT
    assert venue.account("a").assets[0].cross_wallet == (10_000 - Decimal("1000.1")) * USDT
    # (1000.1 - 10001) / (0.004 - 1)
    assert Decimal(view.liquidation_price).scaleb(-8).quantize(Decimal("0.01")) == Decimal("9037.05")
    venue.change_margin("a", SYMBOL, BOTH, Decimal(100), venue.now_ns)
    assert position(venue, "a").isolated_wallet == Decimal("1100.1") * USDT
    with pytest.raises(Refusal, match="isolated_balance"):
        venue.change_margin("a", SYMBOL, BOTH, Decimal(-500), venue.now_ns)
    with pytest.raises(Refusal, match="cross_balance"):
        venue.change_margin("a", SYMBOL, BOTH, Decimal(50_000), venue.now_ns)
    place(venue, "a", market(SELL, "0.5"))
    assert position(venue, "a").isolated_wallet == Decimal("550.05") * USDT
    place(venue, "a", market(SELL, "0.5"))
    assert venue.account("a").assets[0].cross_wallet == 9_998 * USDT


def test_settings_change_only_when_nothing_depends_on_them() -> None:
    venue = trading()

    def kind_of(call: Any, *arguments: Any, **more: Any) -> RefusalKind:
        with pytest.raises(Refusal) as refused:
            call(*arguments, **more)
        return refused.value.kind

    now = venue.now_ns
    isolated, crossed = MarginType.ISOLATED, MarginType.CROSSED
    assert kind_of(venue.set_margin_type, "a", SYMBOL, crossed, now) is RefusalKind.SAME_MARGIN_TYPE
    assert kind_of(venue.set_hedged, "a", now, is_hedged=False) is RefusalKind.SAME_POSITION_MODE
    assert kind_of(venue.set_leverage, "a", SYMBOL, 126, now) is RefusalKind.LEVERAGE
    assert kind_of(venue.change_margin, "a", SYMBOL, BOTH, Decimal(1), now) is RefusalKind.NOT_ISOLATED
    place(venue, "a", limit(BUY, 1, 9_990))
    assert kind_of(venue.set_margin_type, "a", SYMBOL, isolated, now) is RefusalKind.MARGIN_TYPE_OPEN_ORDERS
    assert kind_of(venue.set_hedged, "a", now, is_hedged=True) is RefusalKind.POSITION_MODE_OPEN_ORDERS
    venue.cancel_all("a", SYMBOL, now)
    place(venue, "a", market(BUY, 10))
    assert kind_of(venue.set_margin_type, "a", SYMBOL, isolated, now) is RefusalKind.MARGIN_TYPE_POSITION
    assert kind_of(venue.set_hedged, "a", now, is_hedged=True) is RefusalKind.POSITION_MODE_POSITION
    assert kind_of(venue.set_leverage, "a", SYMBOL, 5, now) is RefusalKind.LEVERAGE_TOO_LOW
    assert kind_of(venue.set_leverage, "a", SYMBOL, 125, now) is RefusalKind.MAX_POSITION
    venue.set_margin_type("b", SYMBOL, isolated, now)
    assert kind_of(venue.change_margin, "b", SYMBOL, BOTH, Decimal(1), now) is RefusalKind.NO_POSITION
    place(venue, "b", market(BUY, 1))
    assert kind_of(venue.set_leverage, "b", SYMBOL, 10, now) is RefusalKind.LEVERAGE_REDUCTION
    assert kind_of(venue.deposit, "b", "USDT", Decimal(-9_900), now) is RefusalKind.CROSS_BALANCE
    venue.deposit("b", "USDT", Decimal(-5_000), now)


def test_unknown_accounts_are_refused() -> None:
    venue = trading()
    for call in (venue.account, venue.positions, venue.open_orders, venue.income, venue.is_hedged, venue.wallets):
        with pytest.raises(Refusal, match="unknown_account"):
            call("nobody")
    with pytest.raises(ValueError, match="negative"):
        venue.open_account("c", {"USDT": Decimal(-1)}, venue.now_ns)
    assert not venue.has_account("c")
