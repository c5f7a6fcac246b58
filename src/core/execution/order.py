"""One order of ours, as far as we know it."""

from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.commands import Verdict
from core.domain.facts import OrderState, OrderView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, IntentId, Leg, OrderReport, Purpose, Terms, TradeId, VenueOrderId
from core.domain.tickets import MANUAL
from core.execution.events import AmendWay

ZERO = Decimal(0)
NEVER_LEFT = ("NOT_SENT", "JOURNAL_FAILED")
"""How the reasons of orders begin that never reached the venue."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What an order is there for."""

    client_order_id: ClientOrderId
    purpose: Purpose
    protects: ClientOrderId | None
    """The entry whose fills it protects; `None` for all but PROTECT orders."""
    plan_id: ClientOrderId | None = None
    """The parent whose slice it is; `None`: it is none."""
    is_by_hand: bool = False
    """An operator's, or one that protects what he has entered."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """Other terms that were asked for, of which nobody knows yet what came."""

    terms: Terms
    way: AmendWay
    is_lost: bool = False
    """The request's answer never came: only the order itself can tell."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked (only a proven amendment changes that) and what is known of it (only `core.execution.machine`
    changes either)."""

    client_order_id: ClientOrderId
    intent_id: IntentId
    role: str
    """Its part in the intent: `leg-0`, `stop-1`, `target-2`, `close-3`; `pair-4-stop` and `pair-4-target` are one order
    list."""
    purpose: Purpose
    strategies: tuple[str, ...]
    leg: Leg
    sent_because: str
    created_ns: int
    """Trading time. Of an adopted order: of the picture by which it was adopted."""
    changed_ns: int
    """Trading time."""
    protects: ClientOrderId | None = None
    """The entry whose fills this order protects; `None` for all but PROTECT orders."""
    replaces: ClientOrderId | None = None
    """The order in whose place it was sent; `None`: in no other's."""
    window_ms: int | None = None
    """How old (venue time) its request may be and still be accepted; `None`: the venue has no such rule."""
    plan_id: ClientOrderId | None = None
    """The parent whose slice it is (`slice-3`); `None`: it is none."""

    theirs: ClientOrderId | None = None
    """Adopted from somebody else: what he called it, and the venue with him; `None`: of our own making."""
    filled_before: Decimal = ZERO
    """Of an adopted order: what was filled and booked as somebody else's before; `leg.quantity` is the rest."""

    state: OrderState = OrderState.INTENDED
    reason: str = ""
    """Why it was refused, cancelled or lost; empty while it is as it was sent."""
    venue_order_id: VenueOrderId | None = None
    """The first name that the venue gave it; `None` while it has not."""
    later_names: frozenset[VenueOrderId] = frozenset()
    """Others that it gave later: some venues give a conditional order a new one when it triggers."""
    reported_quantity: Decimal = ZERO
    """The most that the venue has ever said is filled."""
    reported_notional: Decimal = ZERO
    booked_quantity: Decimal = ZERO
    """Sum of the fills in the journal."""
    booked_notional: Decimal = ZERO
    operators_word: Verdict | None = None
    """How an operator says that it ended; `None` where nobody did, or the venue has spoken since."""
    trade_ids: frozenset[TradeId] = frozenset()
    """The fills that are booked."""
    amendment: Amendment | None = None
    """Under way; `None`: none is."""
    terms_ns: int = 0
    """Venue time of the picture that proved the last amendment: older ones show other terms."""

    @property
    def errand(self) -> Errand:
        is_by_hand = self.strategies == (MANUAL,)
        return Errand(self.client_order_id, self.purpose, self.protects, self.plan_id, is_by_hand=is_by_hand)

    @property
    def is_exit_by_hand(self) -> bool:
        return self.purpose is Purpose.EXIT and self.errand.is_by_hand

    @property
    def known_as(self) -> ClientOrderId:
        """The client order id by which the venue knows it."""
        return self.theirs or self.client_order_id

    @property
    def instrument_id(self) -> InstrumentId:
        return self.leg.instrument_id

    @property
    def most_quantity(self) -> Decimal:
        """What it may have been asked for by now, at most."""
        asked = self.amendment
        if asked is None or asked.way is AmendWay.REPLACE:
            return self.leg.quantity
        return max(self.leg.quantity, asked.terms.quantity)

    @property
    def pair(self) -> str | None:
        """Which of its duty's order lists it is in; `None`: it stands alone."""
        return self.role.rpartition("-")[0] if self.role.startswith("pair-") else None

    @property
    def filled_quantity(self) -> Decimal:
        """By the venue's word or by its trades, whichever knows more."""
        return max(self.reported_quantity, self.booked_quantity)

    @property
    def unbooked_quantity(self) -> Decimal:
        """Filled by the venue's word, or an operator's, trades still to be booked."""
        said = self.leg.quantity if self.operators_word is Verdict.FILLED else self.reported_quantity
        return max(said - self.booked_quantity, ZERO)

    @property
    def pending_quantity(self) -> Decimal:
        """What may still be booked, at worst."""
        return self.unbooked_quantity if self.state.is_terminal else self.most_quantity - self.booked_quantity

    @property
    def is_over(self) -> bool:
        """It has ended, and all its fills are booked."""
        return self.state.is_terminal and not self.unbooked_quantity

    @property
    def is_settled(self) -> bool:
        """Over, with no amendment under way: nothing more is expected of it."""
        return self.is_over and self.amendment is None

    @property
    def is_amend_in_doubt(self) -> bool:
        """Nobody knows which terms it has."""
        return self.amendment is not None and self.amendment.is_lost

    @property
    def never_left(self) -> bool:
        """The venue has said nothing against it: the request did not reach it."""
        return self.state is OrderState.REJECTED and self.reason.startswith(NEVER_LEFT)

    @property
    def is_only_said_to_be_over(self) -> bool:
        """An operator says that it has ended, and the venue has never named it: its trades could not be told from
        somebody else's."""
        return self.operators_word is not None and self.venue_order_id is None

    @property
    def names(self) -> frozenset[VenueOrderId]:
        """All by which the venue knows it."""
        return self.later_names if self.venue_order_id is None else self.later_names | {self.venue_order_id}

    def pictured_by(self, report: OrderReport) -> bool:
        """Whether a report by the id that the venue knows it by is about this order. Others may use their ids again;
        what is placed when a conditional order triggers may have another name."""
        return self.theirs is None or self.leg.stop_price is not None or report.venue_order_id in self.names

    def named(self, name: VenueOrderId) -> "Order":
        if self.venue_order_id is None:
            return replace(self, venue_order_id=name)
        return self if name in self.names else replace(self, later_names=self.later_names | {name})

    def owns(self, fill: Fill) -> bool:
        """Whether a trade of its instrument is its own, by either name."""
        is_named = fill.venue_order_id in self.names or fill.client_order_id == self.client_order_id
        return is_named and not self.was_not_ours_at(fill)

    def was_not_ours_at(self, fill: Fill) -> bool:
        """Whether a trade of an adopted order is in `filled_before`."""
        return self.theirs is not None and fill.event_ns <= self.created_ns

    def view(self) -> OrderView:
        return OrderView(
            client_order_id=self.client_order_id,
            intent_id=self.intent_id,
            purpose=self.purpose,
            strategies=self.strategies,
            leg=self.leg,
            state=self.state,
            venue_order_id=self.venue_order_id,
            filled_quantity=self.booked_quantity,
            average_price=self.booked_notional / self.booked_quantity if self.booked_quantity else None,
            reason=self.reason or self.sent_because,
            created_ns=self.created_ns,
            changed_ns=self.changed_ns,
            unbooked_quantity=self.unbooked_quantity,
            amending=None if self.amendment is None else self.amendment.terms,
            replaces=self.replaces,
            plan_id=self.plan_id,
        )
