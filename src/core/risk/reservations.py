"""What approved intents and working orders may still do to the account, at worst."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.facts import OrderState, OrderView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, Leg, Purpose, Side, Terms
from core.domain.tickets import MANUAL

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Claim:
    """One leg that may still fill."""

    intent_id: IntentId
    purpose: Purpose
    instrument_id: InstrumentId
    side: Side
    quantity: Decimal
    """What may still be booked."""
    price: Decimal | None
    """The worst it may fill at, as far as known; `None`: an order of an earlier run without a price of its own."""
    client_order_id: ClientOrderId | None
    """`None` while it is approved and no order yet."""
    is_unknown: bool = False
    is_dormant: bool = False
    """A protective stop or target that has not triggered: no trade under way."""
    is_by_hand: bool = False
    """Ordered by an operator: no part of what strategies have under way."""

    @property
    def signed_quantity(self) -> Decimal:
        return self.side.sign * self.quantity

    @property
    def pays_with(self) -> str | None:
        """The asset that a spot buy is paid from; `None` for everything else. Unified symbols say it themselves:
        `BTC/USDT` is spot, `BTC/USDT:USDT` is not."""
        quote = self.instrument_id.partition("/")[2]
        return quote if self.side is Side.BUY and quote and ":" not in quote and not self.is_dormant else None

    @property
    def cost(self) -> Decimal:
        return ZERO if self.price is None else self.quantity * self.price


@dataclass(frozen=True, slots=True)
class _Amendment:
    """Other terms that an order may have or get, in its own place or in another's."""

    terms: Terms
    price: Decimal
    claim: Claim
    """What they may fill beyond what the order itself still may."""
    is_under_way: bool = False
    """The order has been seen with it: when it is seen without, it is over."""

    def beyond(self, order: OrderView) -> "_Amendment":
        more = max(self.terms.quantity - order.filled_quantity - order.remaining, ZERO)
        is_under_way = self.is_under_way or order.amending is not None
        return replace(self, claim=replace(self.claim, quantity=more), is_under_way=is_under_way)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Over all claims; hundreds of symbols that close together ask for them between two changes."""

    in_flight: Mapping[InstrumentId, Decimal]
    cash: Mapping[str, Decimal]


class _Parent:
    """A parent order's claim: what none of its slices has taken over."""

    def __init__(self, whole: Claim) -> None:
        self.whole = whole
        self._taken = ZERO
        self._slices: dict[ClientOrderId, Decimal] = {}

    def follow(self, order: OrderView) -> None:
        """A slice has what it filled and may still fill; what it will not fill is the parent's again."""
        takes = order.filled_quantity + max(order.remaining, ZERO)
        self._taken += takes - self._slices.get(order.client_order_id, ZERO)
        self._slices[order.client_order_id] = takes

    @property
    def left(self) -> Claim:
        return replace(self.whole, quantity=max(self.whole.quantity - self._taken, ZERO))


class Reservations:
    """Claims by intent while they wait to become orders, by client order id from then on; and for what other terms of
    an order would add to it, until it has them or another has taken its place. The claim of a parent order waits as
    long as the parent is not over, and has what its slices leave.

    A claim is made once (`reserve` or the first sight of an order), shrinks with each booked fill, and ends once: with
    `release` before it was an order, with its order after.
    """

    def __init__(self) -> None:
        self._waiting: dict[IntentId, tuple[tuple[Leg, Claim], ...]] = {}
        self._orders: dict[ClientOrderId, Claim] = {}
        self._amended: dict[ClientOrderId, _Amendment] = {}
        self._parents: dict[IntentId, _Parent] = {}
        self._sums: _Sums | None = None
        """`None`: something has changed since they were made."""

    def __iter__(self) -> Iterator[Claim]:
        for claims in self._waiting.values():
            yield from (claim for _, claim in claims)
        for parent in self._parents.values():
            if (left := parent.left).quantity:
                yield left
        yield from self._orders.values()
        yield from (amendment.claim for amendment in self._amended.values() if amendment.claim.quantity)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + len(self._parents) + len(self._orders)

    def without(self, client_order_id: ClientOrderId) -> "Reservations":
        """All the others."""
        others = Reservations()
        others._waiting = self._waiting
        others._parents = self._parents
        others._orders = {each: claim for each, claim in self._orders.items() if each != client_order_id}
        others._amended = {each: found for each, found in self._amended.items() if each != client_order_id}
        return others

    def holds(self, intent_id: IntentId) -> bool:
        """Whether the intent still waits, or has an order at work."""
        if intent_id in self._waiting or intent_id in self._parents:
            return True
        claims = (*self._orders.values(), *(amendment.claim for amendment in self._amended.values()))
        return any(claim.intent_id == intent_id for claim in claims)

    def reserve(
        self,
        intent_id: IntentId,
        purpose: Purpose,
        priced_legs: Iterable[tuple[Leg, Decimal]],
        *,
        is_by_hand: bool = False,
    ) -> None:
        self._sums = None
        self._waiting[intent_id] = tuple(
            (leg, replace(_claim(intent_id, purpose, leg, price), is_by_hand=is_by_hand)) for leg, price in priced_legs
        )

    def reserve_parent(self, intent_id: IntentId, purpose: Purpose, leg: Leg, price: Decimal) -> None:
        """The whole of it, until it is released."""
        self._sums = None
        self._parents[intent_id] = _Parent(_claim(intent_id, purpose, leg, price))

    def release(self, intent_id: IntentId) -> bool:
        """`False` when no leg of it waits (any more)."""
        self._sums = None
        is_parent = self._parents.pop(intent_id, None) is not None
        return self._waiting.pop(intent_id, None) is not None or is_parent

    def amend(self, order: OrderView, terms: Terms, price: Decimal) -> None:
        """Count an order at work as whichever is worse: itself, or what it may become. `price` is the worst that the
        new terms may fill at. Ends as the amendment does."""
        self._sums = None
        claim = Claim(order.intent_id, order.purpose, order.leg.instrument_id, order.leg.side, ZERO, price, None)
        claim = replace(claim, is_dormant=_sleeps(order.purpose, order.leg), is_by_hand=order.strategies == (MANUAL,))
        self._amended[order.client_order_id] = _Amendment(terms, price, claim).beyond(order)
        known = self._orders.get(order.client_order_id)
        if known is not None:
            worst = price if known.price is None else max(known.price, price)
            self._orders[order.client_order_id] = replace(known, price=worst)

    def keep_terms(self, client_order_id: ClientOrderId) -> None:
        """Nothing was asked of the venue after all."""
        self._sums = None
        self._amended.pop(client_order_id, None)

    def on_order(self, order: OrderView) -> None:
        """Follow an order to where it is now; may be told anything any number of times."""
        self._sums = None
        known = self._orders.pop(order.client_order_id, None) or self._take_waiting(order) or self._take_place(order)
        known = self._follow_amendment(order, known)
        parent = self._parents.get(order.intent_id)
        if parent is not None and order.plan_id is not None:
            parent.follow(order)
            known = known or parent.whole
        if order.state.is_terminal and not order.remaining:
            return
        self._orders[order.client_order_id] = Claim(
            intent_id=order.intent_id,
            purpose=order.purpose,
            instrument_id=order.leg.instrument_id,
            side=order.leg.side,
            quantity=max(order.remaining, ZERO),
            price=order.leg.price if known is None else known.price,
            client_order_id=order.client_order_id,
            is_unknown=order.state is OrderState.UNKNOWN,
            is_dormant=_sleeps(order.purpose, order.leg) and not order.filled_quantity,
            is_by_hand=order.strategies == (MANUAL,),
        )

    def in_flight(self, instrument_id: InstrumentId) -> Decimal:
        """Signed quantity still to be booked of trades of strategies under way; dormant protection is none."""
        return self._summed().in_flight.get(instrument_id, ZERO)

    def cash(self, asset: str) -> Decimal:
        """What spot buys under way may cost of `asset`, at worst; those without a known price count nothing."""
        return self._summed().cash.get(asset, ZERO)

    def entries(self) -> Iterator[Claim]:
        """Everything that may add."""
        return (claim for claim in self if not claim.purpose.takes_away)

    def unknown(self, instrument_id: InstrumentId) -> Claim | None:
        """An order of this instrument that may or may not have arrived; `None`: there is none."""
        return next((claim for claim in self.all_unknown() if claim.instrument_id == instrument_id), None)

    def all_unknown(self) -> Iterator[Claim]:
        return (claim for claim in self._orders.values() if claim.is_unknown)

    def _summed(self) -> _Sums:
        if self._sums is None:
            in_flight: defaultdict[InstrumentId, Decimal] = defaultdict(Decimal)
            cash: defaultdict[str, Decimal] = defaultdict(Decimal)
            for claim in self:
                if not (claim.is_dormant or claim.is_by_hand):
                    in_flight[claim.instrument_id] += claim.signed_quantity
                if (asset := claim.pays_with) is not None:
                    cash[asset] += claim.cost
            self._sums = _Sums(in_flight, cash)
        return self._sums

    def _take_place(self, order: OrderView) -> Claim | None:
        """The claim that has become this order, which is there in another's place."""
        amendment = None if order.replaces is None else self._amended.pop(order.replaces, None)
        return None if amendment is None else replace(amendment.claim, price=amendment.price)

    def _follow_amendment(self, order: OrderView, known: Claim | None) -> Claim | None:
        """The claim of the order itself, at a price that counts for the terms that it has or may have."""
        amendment = self._amended.get(order.client_order_id)
        if amendment is None:
            if order.amending is not None:  # of an earlier run: its own price is all that is known
                price = max((each for each in (order.amending.price, order.leg.price) if each), default=ZERO)
                self.amend(order, order.amending, price)
            return known
        if order.amending is None and amendment.is_under_way:
            del self._amended[order.client_order_id]
            own_price = order.leg.price if order.leg.side is Side.BUY else None
            return known if known is None or own_price is None else replace(known, price=own_price)
        self._amended[order.client_order_id] = amendment.beyond(order)
        return known

    def _take_waiting(self, order: OrderView) -> Claim | None:
        """The claim that has become this order; `None` for orders that were never judged (protection, recovery)."""
        waiting = self._waiting.get(order.intent_id, ())
        match = next((pair for pair in waiting if _is_leg_of(order, pair)), None)
        if match is None:
            return None
        left = tuple(pair for pair in waiting if pair is not match)
        if left:
            self._waiting[order.intent_id] = left
        else:
            del self._waiting[order.intent_id]
        return match[1]


def _claim(intent_id: IntentId, purpose: Purpose, leg: Leg, price: Decimal) -> Claim:
    return Claim(
        intent_id=intent_id,
        purpose=purpose,
        instrument_id=leg.instrument_id,
        side=leg.side,
        quantity=leg.quantity,
        price=price,
        client_order_id=None,
        is_dormant=_sleeps(purpose, leg),
    )


def _sleeps(purpose: Purpose, leg: Leg) -> bool:
    """What an operator has waiting for a price locks at the venue what it needs, and counts as under way."""
    return purpose in (Purpose.PROTECT, Purpose.MANUAL) and leg.is_conditional


def _is_leg_of(order: OrderView, pair: tuple[Leg, Claim]) -> bool:
    leg, claim = pair
    same = (leg.instrument_id, leg.side, claim.purpose) == (order.leg.instrument_id, order.leg.side, order.purpose)
    return same and leg.order_type is order.leg.order_type
