"""The proof that an order never arrived: what counts, what starts it again, what makes it impossible."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import Balance, OrderStatus, OrderType, Side, TimeInForce, VenueOrderId
from core.execution.absence import AbsenceCase, VenueRead, after_read, open_case, sighting
from unit.execution.making import BTC, ETH, fill, leg, order, report

ORDER = order("2")
CASE = open_case(ORDER, server_time_ms=100_000, replica_lag_ms=500)
PROVABLE = 100_000 + 5_000 + 500 + 1_000


def read(began_ms: int = PROVABLE + 1, **changes: object) -> VenueRead:
    return VenueRead(
        began_ms,
        None,
        *(changes.get(name, ()) for name in ("open_orders", "orders", "fills")),
        changes.get("balances", {}),
    )


def test_it_takes_two_reads_after_window_lag_and_lead() -> None:
    assert AbsenceCase(PROVABLE) == CASE
    once = after_read(CASE, ORDER, read())
    assert not once.is_proven
    assert after_read(once, ORDER, read()).is_proven


@given(st.lists(st.integers(PROVABLE - 10_000, PROVABLE + 10_000), max_size=6))
def test_proven_exactly_when_two_reads_began_late_enough(began: list[int]) -> None:
    case = CASE
    for each in began:
        case = after_read(case, ORDER, read(each))
    assert case.is_proven is (sum(each > PROVABLE for each in began) >= 2)


def test_without_a_window_or_with_a_venue_id_nothing_is_ever_proven() -> None:
    for unprovable in (order(window_ms=None), order(venue_order_id=VenueOrderId("7"))):
        case = open_case(unprovable, 100_000, 0)
        for _ in range(5):
            case = after_read(case, unprovable, read(10**15))
        assert not case.is_proven


def test_it_is_seen_wherever_it_shows() -> None:
    mine, other = report(ORDER, OrderStatus.NEW), report(order(role="leg-1"), OrderStatus.NEW)
    assert sighting(ORDER, read(open_orders=[other, mine])) == mine
    assert sighting(ORDER, read(orders=[other, mine])) == mine
    assert sighting(ORDER, read(open_orders=[other], orders=[other])) is None


def test_a_trade_that_names_it_starts_the_count_again() -> None:
    once = after_read(CASE, ORDER, read())
    named = fill(client_order_id=ORDER.client_order_id)
    assert after_read(once, ORDER, read(fills=[named])).complete_reads == 0


def locked(asset: str, amount: str) -> dict[str, Balance]:
    return {asset: Balance(asset, Decimal(0), Decimal(amount))}


def test_money_locked_that_no_open_order_explains_may_be_its_own() -> None:
    other = report(order(role="leg-1"), OrderStatus.NEW, quantity=Decimal(1))
    assert after_read(CASE, ORDER, read(balances=locked("USDT", "200"))).complete_reads == 0
    assert after_read(CASE, ORDER, read(balances=locked("USDT", "299"), open_orders=[other])).complete_reads == 1
    assert after_read(CASE, ORDER, read(balances=locked("USDT", "300"), open_orders=[other])).complete_reads == 0
    assert after_read(CASE, ORDER, read(balances=locked("ETH", "300"))).complete_reads == 1


def test_sells_lock_the_base() -> None:
    selling = order(leg=leg("2", Side.SELL))
    assert after_read(CASE, selling, read(balances=locked("BTC", "2"))).complete_reads == 0
    assert after_read(CASE, selling, read(balances=locked("BTC", "1.9"))).complete_reads == 1


def test_a_stop_and_its_target_in_one_order_list_lock_once() -> None:
    selling = order(leg=leg("2", Side.SELL))
    stop, target = (
        replace(
            report(order(role=role, leg=leg("2", Side.SELL, price=None, order_type=kind)), OrderStatus.NEW),
            venue_order_id=VenueOrderId(role),
            list_id="7",
        )
        for role, kind in (("pair-1-stop", OrderType.STOP_LOSS), ("pair-1-target", OrderType.TAKE_PROFIT))
    )
    apart = replace(target, list_id=None)
    for locks, open_orders, reads in [
        ("4", (stop, target), 0),
        ("3.9", (stop, target), 1),
        ("4", (stop, apart), 1),
        ("6", (stop, apart), 0),
        ("4", (stop, replace(target, list_id="8")), 1),
        ("4", (stop, replace(target, instrument_id=ETH)), 0),
    ]:
        case = after_read(CASE, selling, read(balances=locked("BTC", locks), open_orders=open_orders))
        assert case.complete_reads == reads, (locks, open_orders)


def test_an_open_order_whose_lock_can_not_be_told_makes_locks_no_evidence() -> None:
    stop_buy = report(
        order(), OrderStatus.NEW, instrument_id=ETH, order_type=OrderType.STOP_LOSS, price=None, side=Side.BUY
    )
    assert after_read(CASE, ORDER, read(balances=locked("USDT", "900"), open_orders=[stop_buy])).complete_reads == 1


def test_orders_that_never_rest_lock_nothing() -> None:
    for restless in (
        order(leg=leg("2", price=None)),
        order(leg=leg("2", time_in_force=TimeInForce.IOC)),
        order(leg=leg("2", instrument_id="BTC/USDT:USDT")),
    ):
        assert after_read(CASE, restless, read(balances=locked("USDT", "900"))).complete_reads == 1
    assert ORDER.instrument_id == BTC
