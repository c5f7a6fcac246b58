"""Stop and target of one duty, whatever the venue has: from any state of things each step leads to cover, never to more
than is held. The venue is a model with order lists, or conditional orders that lock nothing, or neither."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.instruments import TrailingGrid
from core.domain.orders import ClientOrderId, Leg, OrderType, Protection, Purpose, Side
from core.execution.duty import Duty
from core.execution.following import followed
from core.execution.order import Order
from core.execution.protection import Close, Covered, Means, Place, Remove, Step, next_step
from core.ports.venue import Pairing
from unit.execution.making import BTC, INTENT, instrument, leg, order

D = Decimal
ENTRY = order(state=OrderState.FILLED)
SPOT = instrument()
LOT = SPOT.lot_size
TRAILING = TrailingGrid(10, 2_000, 1)
BRACKET = Protection(D(90), D(120))


def duty(held: str | Decimal, protection: Protection = BRACKET, **changes: object) -> Duty:
    made = Duty(ENTRY.client_order_id, INTENT, BTC, Side.BUY, protection, ("ema_cross",), 1, D(held))
    return replace(made, **changes)


def one(role: str, quantity: str, state: OrderState = OrderState.ACCEPTED, **changes: object) -> Order:
    is_target = role.startswith("target") or role.endswith("target")
    kind, price = (OrderType.TAKE_PROFIT, "120") if is_target else (OrderType.STOP_LOSS, "90")
    if role.startswith("close"):
        kind, price = OrderType.MARKET, None
    made = leg(quantity, Side.SELL, None, order_type=kind, stop_price=D(price) if price else None)
    return order(role=role, purpose=Purpose.PROTECT, leg=made, state=state, **changes)


def pair(n: int, quantity: str) -> tuple[Order, Order]:
    return one(f"pair-{n}-stop", quantity), one(f"pair-{n}-target", quantity)


def ask(
    owed: Duty, *orders: Order, pairing: Pairing, room: int | None = None, exiting: str = "0", **more: object
) -> Step:
    means = Means(frozenset(OrderType), pairing, room)
    return next_step(owed, entry=ENTRY, protectors=orders, exiting=D(exiting), instrument=SPOT, means=means, **more)


def shape(leg_: Leg | None) -> tuple[OrderType, Decimal, Decimal | None] | None:
    return None if leg_ is None else (leg_.order_type, leg_.quantity, leg_.stop_price)


STOP, TARGET = OrderType.STOP_LOSS, OrderType.TAKE_PROFIT


def test_an_order_list_covers_both_at_once_and_counts_once() -> None:
    step = ask(duty("1"), pairing=Pairing.LIST)
    assert isinstance(step, Place)
    assert (shape(step.leg), shape(step.target)) == ((STOP, D(1), D(90)), (TARGET, D(1), D(120)))
    assert ask(duty("1"), *pair(1, "1"), pairing=Pairing.LIST) == Covered()
    more = ask(duty("1.5"), *pair(1, "1"), pairing=Pairing.LIST)
    assert isinstance(more, Place)
    assert more.target is not None
    assert more.leg.quantity == more.target.quantity == D("0.5")
    both = (*pair(1, "1"), *pair(3, "1"))
    assert ask(duty("3"), *both, pairing=Pairing.LIST) == Remove(tuple(each.client_order_id for each in both))


def test_an_order_whose_partner_has_ended_is_asked_for_and_other_pairs_stay() -> None:
    _, orphan = pair(1, "1")
    assert ask(duty("1"), orphan, *pair(3, "1"), pairing=Pairing.LIST) == Remove((orphan.client_order_id,))


def test_fills_of_either_that_are_not_booked_yet_count_as_cover() -> None:
    stop, target = pair(1, "1")
    sold = replace(target, state=OrderState.FILLED, reported_quantity=D(1))
    assert ask(duty("1"), stop, sold, pairing=Pairing.LIST) == Covered()
    assert ask(duty("1"), sold, pairing=Pairing.LIST) == Covered()


def test_a_stop_that_stands_alone_stays_where_it_is_and_its_target_is_watched() -> None:
    """As earlier versions left it, or where the venue would not have the list."""
    assert ask(duty("1"), one("stop-1", "1"), pairing=Pairing.LIST) == Covered()
    price = followed(duty("1"), D(120), (), SPOT.tick_size)
    assert price.is_reached


def test_without_room_for_two_the_stop_goes_alone() -> None:
    step = ask(duty("1"), pairing=Pairing.LIST, room=1)
    assert isinstance(step, Place)
    assert (step.leg.order_type, step.target) == (STOP, None)


def test_apart_the_stop_comes_first_and_each_kind_is_kept_for_itself() -> None:
    apart = Pairing.APART
    first = ask(duty("1"), pairing=apart)
    assert isinstance(first, Place)
    assert (shape(first.leg), first.target) == ((STOP, D(1), D(90)), None)
    second = ask(duty("1"), one("stop-1", "1"), pairing=apart)
    assert isinstance(second, Place)
    assert shape(second.leg) == (TARGET, D(1), D(120))
    target = one("target-2", "1")
    assert ask(duty("1"), one("stop-1", "1"), target, pairing=apart) == Covered()
    assert ask(duty("0"), target, pairing=apart) == Remove((target.client_order_id,))
    half = ask(duty("0.5"), target, pairing=apart)  # the stop traded a half: the position first, then the other order
    assert isinstance(half, Place)
    assert shape(half.leg) == (STOP, D("0.5"), D(90))
    in_doubt = one("target-2", "1", OrderState.UNKNOWN)
    assert isinstance(ask(duty("1"), in_doubt, pairing=apart), Place)
    assert ask(duty("1"), one("stop-1", "1"), in_doubt, pairing=apart) == Covered()


@pytest.mark.parametrize("pairing", list(Pairing))
def test_once_reached_the_stops_go_and_the_rest_is_sold(pairing: Pairing) -> None:
    reached = duty("1", is_reached=True)
    standing = one("stop-1", "1")
    assert ask(reached, standing, pairing=pairing) == Remove((standing.client_order_id,))
    assert ask(reached, one("stop-1", "1", OrderState.UNKNOWN), pairing=pairing) == Covered("STOP_IN_DOUBT")
    sale = ask(reached, pairing=pairing)
    assert isinstance(sale, Place)
    assert shape(sale.leg) == (OrderType.MARKET, D(1), None)
    assert ask(reached, one("close-2", "1"), pairing=pairing) == Covered()
    assert ask(duty("0", is_reached=True), pairing=pairing) == Close("FLAT")


def test_a_trailing_stop_is_moved_when_it_is_looser_than_it_should_be_and_never_back() -> None:
    trailing = duty("1", Protection(D(90), None, D(10)), best_price=D(110))
    standing = one("stop-1", "1")
    assert ask(trailing, standing, pairing=Pairing.LIST) == Remove((standing.client_order_id,))
    step = ask(trailing, pairing=Pairing.LIST)
    assert isinstance(step, Place)
    assert shape(step.leg) == (STOP, D(1), D(100))
    assert replace(trailing, best_price=D(95)).stop_level == 90
    short = replace(trailing, entry_side=Side.SELL, protection=Protection(D(110), None, D(10)), best_price=D(95))
    assert short.stop_level == 105


def test_a_venues_own_trailing_stop_is_used_until_the_price_was_followed() -> None:
    protection = Protection(D(90), None, D(10), trailing_bps=1_000)
    grid = replace(SPOT, trailing=TRAILING)
    means = Means(frozenset(OrderType), Pairing.LIST)
    options = {"entry": ENTRY, "protectors": (), "exiting": D(0), "instrument": grid, "means": means}
    native = next_step(duty("1", protection), **options)
    assert isinstance(native, Place)
    assert (native.leg.trailing_bps, native.leg.stop_price, native.leg.order_type) == (1_000, None, STOP)
    fixed = next_step(duty("1", protection, best_price=D(111)), **options)
    assert isinstance(fixed, Place)
    assert (fixed.leg.trailing_bps, fixed.leg.stop_price) == (None, D(101))
    standing = replace(one("stop-1", "1"), leg=native.leg)
    moved = next_step(duty("1", protection, best_price=D(111)), **{**options, "protectors": (standing,)})
    assert moved == Covered()


@given(
    prices=st.lists(st.integers(5_000, 20_000).map(lambda ticks: D(ticks) / 100), max_size=20),
    side=st.sampled_from(Side),
)
def test_following_never_loosens_and_moves_by_no_less_than_a_step(prices: list[Decimal], side: Side) -> None:
    distance = D(5)
    stop = 100 - side.sign * distance
    now = duty("1", Protection(stop, None, distance), entry_side=side)
    for price in prices:
        after = followed(now, price, (), SPOT.tick_size)
        assert now.stop_level is not None
        assert after.stop_level is not None
        gained = (after.stop_level - now.stop_level) * side.sign
        assert gained == 0 or gained >= distance / 10
        now = after
    best = max((price * side.sign for price in prices), default=D("-Infinity")) * side.sign
    assert now.stop_level is not None
    if prices:
        reachable = max((best * side.sign) - distance, stop * side.sign)
        assert reachable - now.stop_level * side.sign < distance / 10


# The model of a venue


@dataclass
class Model:
    """What stands at the venue, and what we know of it."""

    pairing: Pairing
    duty: Duty
    known: dict[ClientOrderId, Order] = field(default_factory=dict)
    there: dict[ClientOrderId, Decimal] = field(default_factory=dict)
    """What open orders may still trade."""
    n: int = 0

    def place(self, legs: list[Leg], fate: str) -> None:
        self.n += 1
        roles = ["stop", "target"] if len(legs) == 2 else [""]
        for kind, wanted in zip(roles, legs, strict=True):
            role = f"pair-{self.n}-{kind}" if kind else f"{_KINDS[wanted.order_type]}-{self.n}"
            made = order(role=role, purpose=Purpose.PROTECT, leg=wanted, state=OrderState.UNKNOWN)
            self.known[made.client_order_id] = made
            if fate != "absent":
                self.there[made.client_order_id] = wanted.quantity
        if fate == "answered":
            self.learn()
            self.trade_at_market()

    def learn(self) -> None:
        """Everything in doubt is asked for: the truth, and ends that nobody told of."""
        for each in self.known.values():
            if each.state is OrderState.UNKNOWN:
                state = OrderState.ACCEPTED if each.client_order_id in self.there else OrderState.ABSENT
                self.known[each.client_order_id] = replace(each, state=state)

    def trade_at_market(self) -> None:
        for each in list(self.there):
            if self.known[each].leg.order_type is OrderType.MARKET:
                self.trade(self.known[each], self.there[each])

    def trade(self, order_: Order, quantity: Decimal) -> None:
        """A triggered order trades that much and is over; the venue ends its partner, which we are not told."""
        cid = order_.client_order_id
        quantity = min(quantity, self.duty.held)
        del self.there[cid]
        for other in list(self.there):
            if self.known[other].pair is not None and self.known[other].pair == order_.pair:
                del self.there[other]
        state = OrderState.FILLED if quantity == order_.leg.quantity else OrderState.EXPIRED
        self.known[cid] = replace(
            order_, state=state, reported_quantity=quantity, booked_quantity=quantity, venue_order_id="1"
        )
        self.duty = replace(self.duty, held=self.duty.held - quantity)

    def remove(self, ids: tuple[ClientOrderId, ...]) -> None:
        """Until their end is proven."""
        for cid in ids:
            order_ = self.known[cid]
            for other in list(self.there):
                if other == cid or (order_.pair is not None and self.known[other].pair == order_.pair):
                    del self.there[other]
            self.known[cid] = replace(order_, state=OrderState.CANCELLED)

    def cover(self, guards: bool) -> Decimal:
        """The most that the stops (or the targets) at the venue may sell."""
        most: dict[str, Decimal] = {}
        for cid, left in self.there.items():
            order_ = self.known[cid]
            is_target = order_.leg.order_type is TARGET
            if self.pairing is Pairing.APART and is_target is guards and order_.leg.is_conditional:
                continue
            key = order_.pair or cid
            most[key] = max(most.get(key, D(0)), left)
        return sum(most.values(), D(0))

    def step(self) -> Step:
        unsettled = [each for each in self.known.values() if not each.is_settled]
        return ask(self.duty, *unsettled, pairing=self.pairing)

    def settle(self, fate: Callable[[], str]) -> Step:
        for _ in range(30):
            step = self.step()
            before = {guards: self.cover(guards) for guards in (True, False)}
            match step:
                case Place(stop, target):
                    self.place([stop] if target is None else [stop, target], fate())
                case Remove(ids):
                    self.remove(ids)
                case _:
                    return step
            for guards in (True, False):
                assert self.cover(guards) <= max(self.duty.held, before[guards])
        return pytest.fail("no end in sight")


_KINDS = {STOP: "stop", TARGET: "target", OrderType.MARKET: "close"}
LOTS = st.integers(100, 3_000).map(lambda lots: D(lots) / 1_000)
FATES = st.sampled_from(["answered", "lost", "absent"])
EVENTS = st.tuples(st.sampled_from(["entry", "stop", "target", "exit", "hand", "reached", "restart"]), LOTS)


@pytest.mark.parametrize("pairing", list(Pairing))
@settings(max_examples=60)
@given(
    events=st.lists(EVENTS, max_size=8), fates=st.lists(st.sampled_from(["answered", "lost", "absent"]), max_size=12)
)
def test_whatever_happens_it_ends_covered_or_closed_and_never_over_covered(
    pairing: Pairing, events: list[tuple[str, Decimal]], fates: list[str]
) -> None:
    """`restart`: what was in doubt is resolved, as it is by recovery; the same state goes on from the journal."""
    left = list(fates)

    def fate() -> str:
        return left.pop() if left else "answered"

    model = Model(pairing, duty("1"))
    for kind, quantity in [*events, ("restart", D(1))]:
        open_ = [model.known[each] for each in model.there]
        stops = [each for each in open_ if each.leg.order_type is STOP and each.state is OrderState.ACCEPTED]
        targets = [each for each in open_ if each.leg.order_type is TARGET and each.state is OrderState.ACCEPTED]
        match kind:
            case "entry":
                model.duty = replace(model.duty, held=model.duty.held + quantity)
            case "stop" if stops:
                model.trade(stops[0], min(quantity, stops[0].leg.quantity))
            case "target" if targets:
                model.trade(targets[-1], min(quantity, targets[-1].leg.quantity))
            case "exit":
                model.duty = replace(model.duty, held=max(model.duty.held - quantity, D(0)))
            case "hand" if open_:
                del model.there[open_[0].client_order_id]
                if model.pairing is Pairing.LIST:
                    model.there = {k: v for k, v in model.there.items() if model.known[k].pair != open_[0].pair}
            case "reached":
                model.duty = followed(model.duty, D(120), targets, SPOT.tick_size)
            case "restart":
                gone = [each for each, known in model.known.items() if each not in model.there]
                for each in gone:
                    if not model.known[each].is_settled:
                        model.known[each] = replace(model.known[each], state=OrderState.CANCELLED)
                model.learn()
                model.trade_at_market()
                left.clear()
        model.settle(fate)
    end = model.settle(fate)
    held = model.duty.held
    assert model.cover(True) <= held
    assert model.cover(False) <= held
    if isinstance(end, Close):
        assert not model.there
        assert held * 90 < SPOT.min_notional
    else:
        assert (held - model.cover(True)) * 90 < SPOT.min_notional
