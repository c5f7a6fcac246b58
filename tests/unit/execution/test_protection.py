"""What to do for a duty: each rule by its number, and any state of things ends covered, never more than held."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.orders import OrderType, Protection, Purpose, Side
from core.execution.duty import Duty
from core.execution.order import Order
from core.execution.protection import MAX_STOPS, Close, Covered, Means, Place, Remove, Step, next_step, share_exits
from unit.execution.making import BTC, INTENT, instrument, leg, order

ENTRY = order(state=OrderState.FILLED)
NATIVE = Means(frozenset(OrderType))
SPOT = instrument()


def duty(held: str, stop: str | None = "90", target: str | None = None, side: Side = Side.BUY) -> Duty:
    protection = Protection(Decimal(stop) if stop else None, Decimal(target) if target else None)
    return Duty(ENTRY.client_order_id, INTENT, BTC, side, protection, ("ema_cross",), 1, Decimal(held))


def stop(quantity: str, n: int = 1, state: OrderState = OrderState.ACCEPTED, **changes: object) -> Order:
    made = order(role=f"stop-{n}", purpose=Purpose.PROTECT, leg=leg(quantity, Side.SELL), state=state)
    return replace(made, **changes)


def ask(owed: Duty, *stops: Order, exiting: str = "0", entry: Order | None = ENTRY, **options: object) -> Step:
    return next_step(
        owed,
        entry=entry,
        protectors=stops,
        exiting=Decimal(exiting),
        instrument=SPOT,
        means=NATIVE,
        **options,
    )


def placed(step: Step) -> tuple[Side, Decimal, OrderType, Decimal | None]:
    assert isinstance(step, Place), step
    return step.leg.side, step.leg.quantity, step.leg.order_type, step.leg.stop_price


def test_1_what_is_held_gets_a_stop_and_what_is_added_another() -> None:
    assert placed(ask(duty("1.0009"))) == (Side.SELL, Decimal("1.000"), OrderType.STOP_LOSS, Decimal(90))
    assert placed(ask(duty("1.5"), stop("1")))[1] == Decimal("0.5")
    assert ask(duty("1.5"), stop("1"), stop("0.5", 2)) == Covered()


def test_2_too_many_stops_become_one() -> None:
    stops = [stop("1", n) for n in range(MAX_STOPS)]
    assert ask(duty("4"), *stops) == Remove(tuple(one.client_order_id for one in stops))


def test_3_stops_for_more_than_is_held_are_replaced() -> None:
    assert ask(duty("0.5"), stop("1")) == Remove((stop("1").client_order_id,))
    assert ask(duty("0.9995"), stop("1")) == Covered()
    assert ask(duty("0"), stop("1"), entry=None) == Remove((stop("1").client_order_id,))


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.SUBMITTING, OrderState.INTENDED])
def test_4_nothing_is_added_while_a_stop_is_in_doubt(state: OrderState) -> None:
    assert ask(duty("3"), stop("1", state=state)) == Covered("STOP_IN_DOUBT")


def test_5_what_an_exit_may_still_sell_is_not_covered() -> None:
    assert placed(ask(duty("3"), exiting="1"))[1] == 2
    assert ask(duty("3"), exiting="3") == Covered()
    assert ask(duty("3"), exiting="9") == Covered()


def test_6_dust_waits_while_it_may_grow_and_is_closed_when_it_can_not() -> None:
    working = replace(ENTRY, state=OrderState.PARTIALLY_FILLED)
    assert ask(duty("0.01"), entry=working) == Covered("BELOW_MINIMUM quantity=0.01")
    assert ask(duty("0.01")) == Close("DUST quantity=0.01")
    assert ask(duty("0")) == Close("FLAT")
    assert ask(duty("0"), entry=working) == Covered()
    unbooked = replace(ENTRY, reported_quantity=Decimal(1))
    assert ask(duty("0"), entry=unbooked) == Covered()


def test_7_at_market_when_its_time_has_come() -> None:
    assert placed(ask(duty("1"), at_market=True)) == (Side.SELL, Decimal(1), OrderType.MARKET, None)


def test_8_a_target_alone_is_a_take_profit() -> None:
    assert placed(ask(duty("1", None, "120"))) == (Side.SELL, Decimal(1), OrderType.TAKE_PROFIT, Decimal(120))
    assert placed(ask(duty("1", "90", "120")))[2] is OrderType.STOP_LOSS


def test_trigger_prices_are_rounded_towards_the_market() -> None:
    assert placed(ask(duty("1", "90.001")))[3] == Decimal("90.01")
    assert placed(ask(duty("1", "110.009", side=Side.SELL)))[::3] == (Side.BUY, Decimal("110.00"))
    assert placed(ask(duty("1", None, "120.009")))[3] == Decimal("120.00")


def test_large_quantities_are_split_at_the_venues_limit() -> None:
    limited = replace(SPOT, max_quantity=Decimal("0.7"), market_max_quantity=Decimal("0.4"))
    options = {"entry": ENTRY, "protectors": (), "exiting": Decimal(0), "means": NATIVE}
    assert placed(next_step(duty("1"), instrument=limited, **options))[1] == Decimal("0.700")
    assert placed(next_step(duty("1"), instrument=limited, at_market=True, **options))[1] == Decimal("0.400")


def test_what_the_account_no_longer_has_is_said() -> None:
    assert placed(ask(duty("1"), available=Decimal("0.25")))[1] == Decimal("0.250")
    assert ask(duty("1"), available=Decimal("0.01")) == Covered("ASSET_MISSING uncovered=1 free=0.01")


def test_a_venue_without_such_orders_leaves_it_uncovered_and_says_so() -> None:
    poor = Means(frozenset({OrderType.MARKET}))
    step = next_step(duty("1"), entry=ENTRY, protectors=(), exiting=Decimal(0), instrument=SPOT, means=poor)
    assert step == Covered("NO_NATIVE_ORDER type=stop_loss")


def test_fills_of_a_stop_that_are_announced_and_not_booked_count_as_cover() -> None:
    done = stop("1", state=OrderState.FILLED, reported_quantity=Decimal(1))
    assert ask(duty("1"), done) == Covered()
    assert ask(duty("0.2"), done) == Covered("FILLS_MISSING")


LOTS = st.integers(0, 5_000).map(lambda lots: Decimal(lots) / 1_000)


@given(held=LOTS, exiting=LOTS, stops=st.lists(LOTS.filter(bool), max_size=5))
def test_from_any_state_it_ends_covered_and_never_covers_more_than_is_held(
    held: Decimal, exiting: Decimal, stops: list[Decimal]
) -> None:
    standing = [stop(str(quantity), n) for n, quantity in enumerate(stops)]
    for _ in range(10):
        step = ask(duty(str(held)), *standing, exiting=str(exiting))
        if isinstance(step, Covered | Close):
            break
        if isinstance(step, Remove):
            standing = [one for one in standing if one.client_order_id not in step.client_order_ids]
        else:
            standing.append(stop(str(step.leg.quantity), len(stops) + len(standing)))
    else:
        pytest.fail("no end")
    covered = sum((one.leg.quantity for one in standing), Decimal(0))
    owed = max(held - exiting, Decimal(0))
    assert covered <= owed
    assert (owed - covered) * 90 < SPOT.min_notional


@given(held=st.lists(LOTS, min_size=1, max_size=5), pending=LOTS)
def test_exits_are_shared_oldest_first_and_never_beyond_what_is_held(held: list[Decimal], pending: Decimal) -> None:
    duties = [
        replace(duty(str(each)), duty_id=order(role=f"leg-{n}").client_order_id, opened_ns=n)
        for n, each in enumerate(held)
    ]
    shares = list(share_exits(duties, pending).values())
    assert sum(shares) == min(pending, sum(held))
    for n, share in enumerate(shares):
        assert share <= held[n]
        assert share == held[n] or not any(shares[n + 1 :])
