"""Amending orders at a venue that does what it is told, and at one that loses answers, refuses, and is faster."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.commands import AmendReport, AmendResult, CommandRefused, UnknownOrder
from core.domain.errors import OrderRefused, VenueUnavailable
from core.domain.facts import FillBooked, OrderChanged, OrderState, OrderView
from core.domain.orders import AmendRequest, ClientOrderId, Proposal, Terms
from core.domain.reasons import Reason
from core.execution import amending
from core.execution.events import AmendAsked, AmendLost, AmendWay
from core.execution.journal.records import Record
from core.ports.venue import AmendsInPlace
from core.risk.approval import ApprovedAmendment, ApprovedIntent, Refused
from core.risk.gate import RiskGate
from core.settings.risk import RiskSettings
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, INSTRUMENTS, leg, order
from unit.execution.rig import FAR_FUTURE_NS, QUICK, Rig, a_venue, entry, exit_, rig_on

IMPATIENT = QUICK.model_copy(update={"clear_stop_s": 0.2})


@dataclass
class Judge:
    """Approves everything, and remembers what; refuses from the `refuse_from`-th time on."""

    asked: list[tuple[Terms, bool]] = field(default_factory=list)
    refuse_from: int = 1_000
    released: list[ClientOrderId] = field(default_factory=list)

    def judge(self, order: OrderView, terms: Terms, *, in_place: bool) -> ApprovedAmendment | Refused:
        self.asked.append((terms, in_place))
        left = replace(order.leg, quantity=terms.quantity - order.filled_quantity, price=terms.price)
        proposal = Proposal(order.intent_id, order.purpose, (left,), order.strategies, "amend", 1, Decimal(100))
        if len(self.asked) >= self.refuse_from:
            return Refused(proposal, Reason("LEVEL_FORBIDS"))
        return ApprovedAmendment(order.client_order_id, terms, ApprovedIntent(proposal, FAR_FUTURE_NS, 1))

    def release(self, client_order_id: ClientOrderId) -> None:
        self.released.append(client_order_id)


async def amend(
    rig: Rig,
    client_order_id: ClientOrderId,
    *,
    price: str | None = None,
    quantity: str | None = None,
    judge: Judge | None = None,
) -> AmendReport:
    return await rig.executor.amend(
        client_order_id,
        price=None if price is None else Decimal(price),
        quantity=None if quantity is None else Decimal(quantity),
        reason="as the test says",
        judge=judge or Judge(),
    )


async def resting(rig: Rig, quantity: str = "1", price: str = "90", **changes: str) -> ClientOrderId:
    client_order_id = rig.submit(entry(quantity, price=price, **changes))
    await rig.until(client_order_id, OrderState.ACCEPTED)
    return client_order_id


def live(venue: FakeVenue) -> list[Terms]:
    return [report.terms for report in venue.ledger().values() if report.status.is_open]


def terms(quantity: str, price: str = "90") -> Terms:
    return Terms(Decimal(quantity), Decimal(price))


# In place


@pytest.mark.parametrize(
    ("can", "price", "quantity", "in_place"),
    [
        (AmendsInPlace.SHRINK, None, "0.4", True),
        (AmendsInPlace.SHRINK, None, "1.4", False),
        (AmendsInPlace.SHRINK, "91", "0.4", False),
        (AmendsInPlace.LIMITS, "91", None, True),
        (AmendsInPlace.LIMITS, "91", "1.4", True),
        (AmendsInPlace.NOTHING, None, "0.4", False),
    ],
)
async def test_the_venue_amends_in_place_what_it_can_and_the_rest_is_replaced(
    tmp_path: Path, can: AmendsInPlace, price: str | None, quantity: str | None, in_place: bool
) -> None:
    async with rig_on(tmp_path, a_venue(amends=can)) as rig:
        old = await resting(rig)
        report = await amend(rig, old, price=price, quantity=quantity)
        wanted = terms(quantity or "1", price or "90")
        assert live(rig.venue) == [wanted]
        assert report.result is (AmendResult.AMENDED if in_place else AmendResult.REPLACED)
        if in_place:
            assert rig.order(old).leg.terms == wanted
            assert report.replacement is None
        else:
            assert report.replacement is not None
            assert report.replacement.replaces == old
            assert rig.order(old).state is OrderState.CANCELLED
        assert rig.order(old).amending is None


async def test_a_lost_answer_to_an_amendment_is_asked_for_and_never_sent_again(tmp_path: Path) -> None:
    async with rig_on(tmp_path, a_venue(amends=AmendsInPlace.LIMITS)) as rig:
        old = await resting(rig)
        rig.venue.lose_answer("amend")
        report = await amend(rig, old, price="91")
        assert report.result is AmendResult.AMENDED
        assert rig.order(old).leg.price == 91
        assert len(rig.venue.amended) == 1


async def test_an_answer_that_is_found_while_the_doubt_is_written_down_is_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig_on(tmp_path, a_venue(amends=AmendsInPlace.LIMITS)) as rig:
        old = await resting(rig)
        append = rig.journal.append

        async def slow(records: Sequence[Record]) -> None:
            written = asyncio.create_task(append(records))
            if any(isinstance(each, AmendLost) for each in records):
                await rig.executor.parts.enquiries.ask(old)
            await written

        monkeypatch.setattr(rig.journal, "append", slow)
        rig.venue.lose_answer("amend")
        report = await amend(rig, old, price="91")
        assert (report.result, report.order.leg.price) == (AmendResult.AMENDED, 91)


async def test_a_lost_request_to_amend_is_proven_never_to_have_arrived(tmp_path: Path) -> None:
    async with rig_on(tmp_path, a_venue(amends=AmendsInPlace.LIMITS)) as rig:
        old = await resting(rig)
        rig.venue.lose_request("amend")
        asking = asyncio.create_task(amend(rig, old, price="91"))
        await eventually(lambda: "AMEND_IN_DOUBT" in rig.order(old).reason)
        assert rig.order(old).amending == terms("1", "91")
        with pytest.raises(CommandRefused, match="not known yet"):
            await amend(rig, old, price="92")
        rig.venue.ahead_ms += 10_000
        assert (await asking).result is AmendResult.REFUSED
        assert rig.order(old).leg.price == 90
        assert (await amend(rig, old, price="92")).result is AmendResult.AMENDED
        assert len(rig.venue.amended) == 1, "the lost one was not sent again"


async def test_a_venue_that_says_no_leaves_the_order_as_it_was(tmp_path: Path) -> None:
    async with rig_on(tmp_path, a_venue(amends=AmendsInPlace.LIMITS)) as rig:
        old = await resting(rig)
        rig.venue.fail("amend", OrderRefused("Filter failure: PERCENT_PRICE", code=-4131))
        report = await amend(rig, old, price="91")
        assert (report.result, report.note) == (
            AmendResult.REFUSED,
            "AMEND_REFUSED [-4131] Filter failure: PERCENT_PRICE",
        )
        rig.venue.fail("amend", VenueUnavailable("down"))
        assert "NOT_SENT down" in (await amend(rig, old, price="91")).note
        assert live(rig.venue) == [terms("1")]


async def test_an_order_that_fills_before_it_is_amended_is_found_to_have_filled(tmp_path: Path) -> None:
    async with rig_on(tmp_path, a_venue(amends=AmendsInPlace.LIMITS)) as rig:
        old = await resting(rig)
        rig.venue.meanwhile("amend", lambda: rig.venue.move(BTC, "90"))
        report = await amend(rig, old, quantity="2")
        assert report.result is AmendResult.REFUSED
        assert (await rig.until(old, OrderState.FILLED)).filled_quantity == 1


# Another in its place


async def test_the_new_order_waits_for_the_proven_end_of_the_old_one(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1")
        judge = Judge()
        at_the_call: list[list[Terms]] = []
        rig.venue.meanwhile("place", lambda: at_the_call.append(live(rig.venue)))
        report = await amend(rig, old, price="91", quantity="0.8", judge=judge)
        assert at_the_call == [[]], "none was live when the new one came"
        assert live(rig.venue) == [terms("0.8", "91")]
        assert judge.asked == [(terms("0.8", "91"), False)] * 2, "asked before the first step, and before the last"
        assert report.replacement is not None
        assert rig.order(report.replacement.client_order_id).intent_id == rig.order(old).intent_id


async def test_what_fills_while_it_is_cancelled_is_not_asked_for_again(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1")
        rig.venue.liquidity[BTC] = Decimal("0.3")
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "90"))
        report = await amend(rig, old, price="89")
        assert live(rig.venue) == [terms("0.7", "89")]
        assert report.order.filled_quantity == Decimal("0.3")


async def test_nothing_is_sent_for_an_order_that_has_filled(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1")
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "90"))
        report = await amend(rig, old, price="89")
        assert (report.result, report.replacement) == (AmendResult.NOTHING_LEFT, None)
        assert (rig.order(old).state, live(rig.venue)) == (OrderState.FILLED, [])


async def test_a_rest_too_small_for_the_venue_is_not_sent(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1")
        rig.venue.liquidity[BTC] = Decimal("0.99")
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "90"))
        report = await amend(rig, old, price="89")
        assert report.result is AmendResult.NOTHING_LEFT
        assert "less than the least" in report.note


async def test_what_it_was_to_be_more_is_sent_though_the_old_one_filled(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1")
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "90"))
        await amend(rig, old, price="80", quantity="1.5")
        assert live(rig.venue) == [terms("0.5", "80")]


async def test_a_lost_answer_to_the_cancel_is_asked_for(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig)
        rig.venue.lose_answer("cancel")
        rig.venue.fail("order", VenueUnavailable("down"), times=2)
        assert (await amend(rig, old, price="91")).result is AmendResult.REPLACED
        assert live(rig.venue) == [terms("1", "91")]


async def test_none_is_sent_while_the_fate_of_the_old_one_is_unknown(tmp_path: Path) -> None:
    async with rig_on(tmp_path, settings=IMPATIENT) as rig:
        old = await resting(rig)
        rig.venue.lose_request("cancel", times=1_000)
        rig.venue.fail("order", VenueUnavailable("down"), times=1_000)
        report = await amend(rig, old, price="91")
        assert report.result is AmendResult.GIVEN_UP
        assert "its end is not proven" in report.note
        assert live(rig.venue) == [terms("1")]
        assert len(rig.venue.placed) == 1
        rig.venue._faults.clear()


async def test_a_lost_answer_to_the_new_order_makes_it_unknown_and_no_third(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig)
        rig.venue.lose_answer("place")
        rig.venue.listener = None
        report = await amend(rig, old, price="91")
        assert report.replacement is not None
        new = report.replacement.client_order_id
        await rig.until(new, OrderState.ACCEPTED)
        assert OrderState.UNKNOWN in rig.states(new)
        assert live(rig.venue) == [terms("1", "91")]
        assert len(rig.venue.placed) == 2


async def test_the_gate_is_asked_again_before_the_new_order_leaves(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig)
        report = await amend(rig, old, price="91", judge=Judge(refuse_from=2))
        assert (report.result, live(rig.venue)) == (AmendResult.GIVEN_UP, [])
        assert "cancelled, and not replaced: LEVEL_FORBIDS" in report.note


async def test_an_order_is_replaced_again_and_again(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        at = await resting(rig)
        for price in ("91", "92", "93"):
            report = await amend(rig, at, price=price)
            assert report.replacement is not None
            at = report.replacement.client_order_id
        assert live(rig.venue) == [terms("1", "93")]
        assert len({one.client_order_id for one in rig.venue.placed}) == 4


async def test_the_fills_of_the_new_order_get_the_stop_that_the_old_one_owed(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1", stop="70")
        rig.venue.liquidity[BTC] = Decimal("0.4")
        rig.venue.move(BTC, "90")
        await rig.until(old, OrderState.PARTIALLY_FILLED)
        await amend(rig, old, price="85")
        rig.venue.liquidity.clear()
        rig.venue.move(BTC, "85")
        await eventually(lambda: sum(one.quantity for one in rig.venue.open_stops(BTC)) >= Decimal("0.998"))


async def test_an_order_whose_replacement_could_have_no_stop_stays_and_its_own_stop_is_not_counted(
    tmp_path: Path,
) -> None:
    async with rig_on(tmp_path) as rig:
        for n in range(3):
            await rig.until(rig.submit(entry("0.1", intent=f"held-{n}", stop="70")), OrderState.FILLED)
        await eventually(lambda: len(rig.venue.open_stops(BTC)) == 3)
        first, second = await resting(rig, intent="first", stop="70"), await resting(rig, intent="second", stop="70")
        assert (await amend(rig, first, price="91")).result is AmendResult.REPLACED, "five of five, as before"
        rig.venue.liquidity[BTC] = Decimal("0.2")
        rig.venue.move(BTC, "90")
        await rig.until(second, OrderState.PARTIALLY_FILLED)
        judge = Judge()
        with pytest.raises(CommandRefused, match="STOPS_FULL"):
            await amend(rig, second, price="85", judge=judge)
        assert judge.released == [second]
        assert rig.order(second).state is OrderState.PARTIALLY_FILLED


async def test_an_exit_is_replaced_within_what_is_held(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        bought = rig.submit(entry("1", stop="70"))
        await rig.until(bought, OrderState.FILLED)
        resting_exit = exit_("0.5")
        out = rig.submit(replace(resting_exit, legs=(leg("0.5", resting_exit.legs[0].side, price="120"),)))
        await rig.until(out, OrderState.ACCEPTED)
        report = await amend(rig, out, price="110", quantity="5")
        assert report.replacement is not None
        assert report.replacement.leg.quantity == Decimal("0.999"), "a fee has taken the rest"
        assert not rig.venue.open_stops(BTC)


# Asking for what can't be


@pytest.mark.parametrize(
    ("price", "quantity", "why"),
    [
        (None, None, "has these terms already: 1 at 90"),
        ("90.00", "1.0", "has these terms already"),
        ("90.001", None, "steps of 0.01"),
        ("-1", None, "must be above 0"),
        ("NaN", None, "must be above 0"),
        ("1E+40", None, "steps of"),
        (None, "0", "orders cancel"),
        (None, "0.0005", "steps of 0.001"),
    ],
)
async def test_what_can_not_be_asked_is_refused_in_words(
    tmp_path: Path, price: str | None, quantity: str | None, why: str
) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig)
        with pytest.raises(CommandRefused, match=why):
            await amend(rig, old, price=price, quantity=quantity)
        assert live(rig.venue) == [terms("1")]


async def test_orders_that_can_not_be_amended_are_refused_in_words(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        with pytest.raises(UnknownOrder, match="no order mtn-nothing"):
            await amend(rig, ClientOrderId("mtn-nothing"), price="91")
        bought = rig.submit(entry("1", stop="70", intent="bought"))
        await rig.until(bought, OrderState.FILLED)
        with pytest.raises(CommandRefused, match="is a market order"):
            await amend(rig, bought, price="91")
        await eventually(lambda: rig.venue.open_stops(BTC))
        with pytest.raises(CommandRefused, match="protects a position"):
            await amend(rig, rig.venue.open_stops(BTC)[0].client_order_id, quantity="0.5")
        old = await resting(rig, intent="old")
        rig.venue.liquidity[BTC] = Decimal("0.4")
        rig.venue.move(BTC, "90")
        await rig.until(old, OrderState.PARTIALLY_FILLED)
        with pytest.raises(CommandRefused, match=r"has filled 0\.4 already"):
            await amend(rig, old, quantity="0.4")
        await rig.executor.cancel(old)
        with pytest.raises(CommandRefused, match=r"has ended \(cancelled\)"):
            await amend(rig, old, price="91")


async def test_a_gate_that_says_no_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        old = await resting(rig)
        with pytest.raises(CommandRefused, match="the risk gate says no: LEVEL_FORBIDS"):
            await amend(rig, old, price="91", judge=Judge(refuse_from=1))
        assert (live(rig.venue), rig.order(old).amending) == ([terms("1")], None)


# Over a restart


async def test_a_restart_gives_up_what_was_not_replaced_yet(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        old = await resting(rig)
        await rig.journal.append([AmendAsked(old, 5, terms("1", "91"), AmendWay.REPLACE, "and then it was killed")])
    async with rig_on(tmp_path, venue) as rig:
        assert rig.order(old).state is OrderState.ACCEPTED
        assert rig.order(old).reason == "AMEND_GIVEN_UP RESTARTED before it was replaced"
        assert (await amend(rig, old, price="92")).result is AmendResult.REPLACED


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_restart_asks_an_order_which_terms_it_has(tmp_path: Path, arrived: bool) -> None:
    venue = a_venue(amends=AmendsInPlace.LIMITS)
    async with rig_on(tmp_path, venue) as rig:
        old = await resting(rig)
        await rig.journal.append([AmendAsked(old, 5, terms("1", "91"), AmendWay.IN_PLACE, "and then it was killed")])
        if arrived:
            venue._amend(amending_request(rig, old))
    venue.ahead_ms += 10_000
    async with rig_on(tmp_path, venue) as rig:
        await eventually(lambda: rig.order(old).amending is None)
        assert rig.order(old).leg.price == (91 if arrived else 90)


def amending_request(rig: Rig, client_order_id: ClientOrderId) -> AmendRequest:
    return AmendRequest(client_order_id, rig.order(client_order_id).leg, terms("1", "91"))


# The reservation


async def test_the_gate_counts_one_of_both_at_any_time(tmp_path: Path) -> None:
    """Worst case after every fact: never less than what may still fill, and never both orders."""
    gate = RiskGate(RiskSettings())
    async with rig_on(tmp_path) as rig:
        old = await resting(rig, "1")
        for fact in rig.facts:
            gate.on_fact(fact)
        seen = len(rig.facts)
        gate._reservations.amend(rig.order(old), terms("1.5", "91"), Decimal(91))
        rig.venue.liquidity[BTC] = Decimal("0.3")
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "90"))
        await amend(rig, old, price="80", quantity="1.5")
        await rig.idle()
        booked = Decimal(0)
        for fact in rig.facts[seen:]:
            gate.on_fact(fact)
            if isinstance(fact, OrderChanged | FillBooked) and fact.order and fact.order.client_order_id == old:
                booked = fact.order.filled_quantity
            assert gate.in_flight(BTC) == Decimal("1.5") - booked
    assert gate.in_flight(BTC) == Decimal("1.2")


def test_roles_number_the_orders_in_each_others_places() -> None:
    first = amending.replacement(order(), leg("1"), "cheaper", 5)
    second = amending.replacement(first, leg("1"), "cheaper", 6)
    assert [first.role, second.role] == ["leg-0-replace-1", "leg-0-replace-2"]
    assert len({order().client_order_id, first.client_order_id, second.client_order_id}) == 3


def test_a_slice_is_not_amended_by_itself() -> None:
    part = replace(order(), plan_id=ClientOrderId("mtn-plan"), state=OrderState.ACCEPTED)
    with pytest.raises(CommandRefused, match="is a slice of mtn-plan"):
        amending.new_terms(part, Decimal(99), None, INSTRUMENTS[BTC])
