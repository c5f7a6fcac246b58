"""What of a venue's words is believed at once, what only from its history, and what never."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.domain.facts import OrderState
from core.domain.orders import Fill, OrderStatus, OrderType, Side
from core.execution.doubts import believable, edited_terms, judge
from core.execution.events import Filled, Reported
from core.execution.machine import advance
from unit.execution.making import SWAP, VENUE_ID, fill, leg, order, report

OPEN = order(state=OrderState.ACCEPTED, venue_order_id=VENUE_ID)
CID = OPEN.client_order_id
AT_MARKET = replace(OPEN, leg=leg(price=None, order_type=OrderType.MARKET))


def at_100(_: object) -> Decimal:
    return Decimal(100)


def codes_of(doubts: tuple[str, ...]) -> list[str]:
    return [doubt.partition(" ")[0] for doubt in doubts]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (fill("0"), "ABSURD_FILL"),
        (fill("-1"), "ABSURD_FILL"),
        (fill(price="0"), "ABSURD_FILL"),
        (fill(price="NaN"), "ABSURD_FILL"),
        (fill("Infinity"), "ABSURD_FILL"),
        (fill(fee="NaN"), "ABSURD_FILL"),
        (fill(side=Side.SELL), "ABSURD_FILL"),
        (fill(instrument_id=SWAP), "ABSURD_FILL"),
        (fill("1.1"), "OVERFILL"),
        (fill(price="100.01"), "WORSE_THAN_LIMIT"),
        (fill(price="79"), "FAR_OFF_PRICE"),
        (fill(fee="101"), "FEE_ABOVE_TRADE"),
        (fill(fee="-101"), "FEE_ABOVE_TRADE"),
        (fill(fee="1.1", fee_asset="BTC"), "FEE_ABOVE_TRADE"),
        (fill("0.9"), "MORE_THAN_SAID"),
    ],
)
def test_what_a_message_alone_does_not_prove_is_not_taken_from_it(told: Fill, code: str) -> None:
    filled = "0.5" if code == "MORE_THAN_SAID" else "1"
    picture = report(OPEN, OrderStatus.PARTIALLY_FILLED, filled, fills=(told,))
    judged = judge(OPEN, picture, at_100)
    assert codes_of(judged.doubts) == [code]
    assert (judged.report, judged.fills) == (picture, ()), "the picture still says that something is missing"
    is_never_booked = code in ("ABSURD_FILL", "OVERFILL")
    assert believable(OPEN, [told]) == ([] if is_never_booked else [told])


def test_what_is_odd_and_may_well_be_is_taken() -> None:
    for known, told in (
        (OPEN, fill(price="81")),
        (OPEN, fill(fee="-0.02")),  # a rebate
        (OPEN, fill(fee="500", fee_asset="BNB")),  # nothing to compare it with
        (OPEN, fill("0.00000001", fee="0.00000001", fee_asset="BTC")),
        (AT_MARKET, fill(price="119")),
    ):
        judged = judge(known, report(known, OrderStatus.FILLED, "1", fills=(told,)), at_100)
        assert (judged.fills, judged.doubts) == ((told,), ())
    crash = report(AT_MARKET, OrderStatus.FILLED, "1", fills=(fill(price="1"),))
    assert judge(AT_MARKET, crash, lambda _: None).fills, "without a market there is nothing to hold it against"


def test_of_several_fills_those_that_are_too_many_are_doubted() -> None:
    two, three = fill("0.6", trade_id="2"), fill("0.6", trade_id="3")
    booked, _ = advance(OPEN, Filled(CID, 5, fill("0.3")))
    judged = judge(booked, report(OPEN, OrderStatus.FILLED, "1", fills=(fill("0.3"), two, three)), at_100)
    assert judged.fills == (fill("0.3"), two)
    assert codes_of(judged.doubts) == ["OVERFILL"]
    assert believable(booked, [fill("0.3"), two, three]) == [fill("0.3"), two]


@pytest.mark.parametrize(
    "changes",
    [{"filled_quantity": Decimal(-1)}, {"filled_quantity": Decimal(2)}, {"side": Side.SELL}, {"instrument_id": SWAP}],
)
def test_a_picture_that_can_not_be_is_no_picture_whoever_shows_it(changes: dict[str, object]) -> None:
    picture = replace(report(OPEN, OrderStatus.PARTIALLY_FILLED), **changes)
    for is_answer in (False, True):
        assert judge(OPEN, picture, at_100, is_answer=is_answer).report is None
    after, oddity = advance(OPEN, Reported(CID, 5, picture))
    assert after is OPEN
    assert oddity is not None
    assert oddity.code == "ABSURD_REPORT"


def test_an_order_that_somebody_has_edited_is_as_an_answer_shows_it() -> None:
    edited = report(OPEN, OrderStatus.NEW, quantity=Decimal(3), price=Decimal(99), event_ns=3_000)
    assert codes_of(judge(OPEN, edited, at_100).doubts) == ["EDITED_AT_VENUE"]
    assert judge(OPEN, edited, at_100, is_answer=True).doubts == ()
    after, oddity = advance(OPEN, Reported(CID, 5, edited))
    assert (after.leg.quantity, after.leg.price, after.pending_quantity) == (3, 99, 3)
    assert oddity is not None
    assert (oddity.code, oddity.is_race) == ("EDITED_AT_VENUE", False)
    stale = report(OPEN, OrderStatus.NEW, event_ns=2_000)
    assert advance(after, Reported(CID, 6, stale))[0].leg == after.leg, "an older picture undoes nothing"
    back = report(OPEN, OrderStatus.NEW, event_ns=4_000)
    assert advance(after, Reported(CID, 6, back))[0].leg.terms == OPEN.leg.terms


def test_a_price_that_a_market_order_is_said_to_have_is_no_edit() -> None:
    for known in (
        AT_MARKET,
        replace(OPEN, leg=leg(price=None, order_type=OrderType.STOP_LOSS, stop_price=Decimal(90))),
    ):
        picture = report(known, OrderStatus.NEW, price=Decimal(101))
        assert edited_terms(known, picture) is None
    assert edited_terms(OPEN, report(OPEN, OrderStatus.NEW, quantity=Decimal(0))) is None, "0 is: not known"
