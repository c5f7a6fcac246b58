"""The risk gate: serial, reserving, the only maker of `ApprovedIntent`."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.facts import ExecutionFact, FillBooked, OrderChanged, OrderView, PlanChanged
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, Leg, Proposal, Purpose, Terms
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.tickets import MANUAL
from core.portfolio.valuation import Valuation
from core.risk.amendments import adds_risk, proposal_of
from core.risk.approval import ApprovedAmendment, ApprovedIntent, Refused
from core.risk.checks import check_notional, check_prices, check_quantity, check_status
from core.risk.context import RiskContext
from core.risk.day_loss import DayStart
from core.risk.drawdown import Peak
from core.risk.entry_checks import EntryCase
from core.risk.levels import PERMITTED, FlattenScope, RiskLevel, check_move
from core.risk.reservations import Reservations
from core.risk.triggers import Alarm, Vitals, alarms, strictest
from core.settings.risk import RiskSettings

_MINUTE_NS = 60_000_000_000
_REMEMBERED_INTENTS = 1_000


@dataclass(frozen=True, slots=True)
class RiskState:
    """What must survive a restart."""

    level: RiskLevel = RiskLevel.NORMAL
    reason: str = ""
    day: DayStart | None = None
    """`None` before the first valuation."""
    since_ns: int | None = None
    """When the level was entered, trading time; `None`: it was never moved, or nobody said when."""
    scope: FlattenScope = FlattenScope.BOT
    """Of the flattening under way, or of the last one."""
    peak: Peak | None = None
    """`None` before the first valuation."""
    accepted: tuple[str, ...] = ()
    """Unexplained differences that a person has seen and resumed in spite of, in words."""


@dataclass(frozen=True, slots=True)
class RiskStatistics:
    level: RiskLevel
    reason: str
    """Why the level is what it is; empty at NORMAL."""
    epoch: int
    approved: int
    refused: dict[str, int]
    """Count by reason code."""
    claims: int
    """Approved legs and orders at work that may still fill, protection included."""
    unknown_orders: int
    day_loss_pct: float | None
    """At the last valuation; `None` before the first."""
    drawdown_pct: float | None
    """At the last valuation; `None` before the first."""
    since_ns: int | None
    """As in `RiskState`."""


class RiskGate:
    """Judges proposals one at a time and reserves what it lets through until orders end and their fills are booked.

    Call it from one thread. Feed it every `ExecutionFact` in the same turn as the portfolio, so that what leaves a
    reservation is in a position.
    """

    def __init__(self, settings: RiskSettings, state: RiskState | None = None) -> None:
        self._settings = settings
        self._state = state or RiskState()
        self._on_level: Callable[[RiskLevel], None] = lambda was: None
        self._epoch = 1
        self._reservations = Reservations()
        self._judged: OrderedDict[IntentId, None] = OrderedDict()
        self._entries_ns: deque[int] = deque()
        self._left_ns: dict[InstrumentId, int] = {}
        self._loss_pct: float | None = None
        self._drawdown_pct: float | None = None
        self._approved = 0
        self._refused: Counter[str] = Counter()

    def use(self, settings: RiskSettings) -> None:
        """Judge by these limits from now on. What was approved by others stays approved for as long as it was, and no
        level is taken back."""
        self._settings = settings

    def judge(self, proposal: Proposal, context: RiskContext, now: Moment) -> ApprovedIntent | Refused:
        """Pass and reserve, or refuse with the first check that failed. Exits and protection are checked for form,
        never against exposure, freshness or rate limits."""
        case = self._case(proposal, context, now)
        reason = self._objection(case)
        if reason is not None:
            self._refused[reason.code] += 1
            return Refused(proposal, reason)
        self._reserve(case)
        return self._approve(proposal, now)

    def judge_amendment(
        self, order: OrderView, terms: Terms, context: RiskContext, now: Moment, *, in_place: bool
    ) -> ApprovedAmendment | Refused:
        """Pass other terms of an order at work, or refuse them: what is left of it with these is judged as if the
        order itself were not there, and reserved on top of it only as far as it goes beyond. What only takes risk away
        from an order that stays the same passes at any level."""
        proposal = proposal_of(order, terms, context, now)
        if isinstance(proposal, Refused):
            self._refused[proposal.reason.code] += 1
            return proposal
        if in_place and not adds_risk(order, terms):
            self._reservations.amend(order, terms, terms.price or proposal.reference_price)
            return ApprovedAmendment(order.client_order_id, terms, None)
        others = self._reservations.without(order.client_order_id)
        case = replace(self._case(proposal, context, now), reservations=others)
        if (reason := self._against(case)) is not None:
            self._refused[reason.code] += 1
            return Refused(proposal, reason)
        is_entry = proposal.purpose is Purpose.ENTRY
        if is_entry and order.amending is None:
            self._entries_ns.append(now.monotonic_ns)
        price = case.worst_price(proposal.legs[0]) if is_entry else proposal.reference_price
        self._reservations.amend(order, terms, price)
        return ApprovedAmendment(order.client_order_id, terms, self._approve(proposal, now))

    def keep_terms(self, client_order_id: ClientOrderId) -> None:
        """Give back what an amendment has reserved of which nothing was asked of the venue after all."""
        self._reservations.keep_terms(client_order_id)

    def _approve(self, proposal: Proposal, now: Moment) -> ApprovedIntent:
        self._approved += 1
        valid_ns = round(self._settings.approval_valid_s * 1e9)
        return ApprovedIntent(proposal, valid_until_ns=now.monotonic_ns + valid_ns, risk_epoch=self._epoch)

    def still_valid(self, intent: ApprovedIntent, monotonic_now_ns: int) -> Reason | None:
        """Why the intent must not leave any more; `None`: it may. Asked immediately before the request leaves. The
        approval of a parent lasts as long as the parent: its terms say how long."""
        proposal = intent.proposal
        if (forbidden := self._forbidden(proposal)) is not None:
            return forbidden
        if not self._reservations.holds(proposal.intent_id):
            return because(ReasonCode.APPROVAL_MISSING, intent=proposal.intent_id)
        if proposal.purpose is not Purpose.ENTRY:
            return None
        if intent.risk_epoch not in (None, self._epoch):
            return because(ReasonCode.EPOCH_CHANGED, approved=intent.risk_epoch, now=self._epoch)
        if proposal.slicing is None and monotonic_now_ns > intent.valid_until_ns:
            late_s = (monotonic_now_ns - intent.valid_until_ns) / 1e9
            return because(ReasonCode.APPROVAL_EXPIRED, late_s=late_s)
        for leg in proposal.legs:
            if (claim := self._reservations.unknown(leg.instrument_id)) is not None:
                return because(ReasonCode.ORDER_UNKNOWN, symbol=leg.instrument_id, order=claim.client_order_id)
        return None

    def release(self, intent_id: IntentId) -> bool:
        """Give back what an intent that never became an order has reserved; `False` when there is nothing."""
        return self._reservations.release(intent_id)

    def on_fact(self, fact: ExecutionFact) -> None:
        """Follow orders and fills: reservations shrink as fills are booked and end with their orders."""
        match fact:
            case OrderChanged(order=order):
                self._reservations.on_order(order)
            case FillBooked(fill=fill, order=order) if order is not None:
                self._reservations.on_order(order)
                if order.purpose.takes_away:
                    self._note_left(fill.instrument_id, fill.event_ns)
            case PlanChanged(plan=plan) if plan.is_over:
                self._reservations.release(plan.intent_id)

    def recover(
        self,
        orders: Iterable[OrderView],
        left_ns: Mapping[InstrumentId, int] | None = None,
        intents: Iterable[IntentId] = (),
        parents: Iterable[Proposal] = (),
    ) -> None:
        """Adopt the working orders of an earlier run, whose booked fills must already be in the portfolio. Cooldowns go
        on from `left_ns`, the last fill that took away, by instrument; `intents` are not judged a second time.
        `parents` are not over; `orders` has every slice of theirs."""
        for parent in parents:
            self._remember(parent.intent_id)
            leg = parent.legs[0]
            self._reservations.reserve_parent(
                parent.intent_id, parent.purpose, leg, leg.price or parent.reference_price
            )
        for intent_id in intents:
            self._remember(intent_id)
        for order in orders:
            self._remember(order.intent_id)
            self._reservations.on_order(order)
        for instrument_id, at_ns in (left_ns or {}).items():
            self._note_left(instrument_id, at_ns)

    def in_flight(self, instrument_id: InstrumentId) -> Decimal:
        """Signed quantity that approved entries and exits of strategies may still fill, UNKNOWN ones in full. The
        strategies' part of the position plus this is what sizing counts as held."""
        return self._reservations.in_flight(instrument_id)

    def reserved_cash(self, asset: str) -> Decimal:
        """Worst-case cost of the spot buys in flight that `asset` pays for."""
        return self._reservations.cash(asset)

    def observe(self, valuation: Valuation, now: Moment) -> Reason | None:
        """Measure the day's loss and the fall from the peak; moves the level, and returns the reason, at the moment
        when a limit is reached. A day begins with its first valuation, and it and the peak begin anew when the level
        is set back to NORMAL by hand. Valuations that are not whole (a position without a price, no equity yet) are
        passed over: what they lack would look like a loss later."""
        if valuation.equity <= 0 or any(held in valuation.unpriced for held in valuation.exposures):
            return None
        day, peak = self._state.day, self._state.peak
        if day is None or not day.covers(now):
            day = DayStart.of(valuation, now)
        peak = Peak.of(valuation) if peak is None else peak.raised_to(valuation)
        self._state = replace(self._state, day=day, peak=peak)
        self._loss_pct = day.loss_pct(valuation)
        self._drawdown_pct = peak.drawdown_pct(valuation)
        vitals = Vitals(day_loss_pct=self._loss_pct, drawdown_pct=self._drawdown_pct)
        return self.heed(strictest(alarms(vitals, self._settings)), now.trading_ns)

    def heed(self, alarm: Alarm | None, at_ns: int) -> Reason | None:
        """Move to the alarm's level where that is stricter than the present one: its reason then, else `None`."""
        if alarm is None or not alarm.level.is_stricter_than(self.level):
            return None
        self.set_level(alarm.level, str(alarm.reason), at_ns=at_ns)
        return alarm.reason

    def set_level(
        self, level: RiskLevel, reason: str, *, at_ns: int | None = None, scope: FlattenScope = FlattenScope.BOT
    ) -> None:
        """Raises `IllegalLevelMove`. Every change makes a new epoch: entries approved before it don't leave. `at_ns` is
        trading time; `scope` counts for FLATTEN."""
        was = self.level
        check_move(was, level)
        if level is was:
            return
        self._state = replace(self._state, level=level, reason=reason, since_ns=at_ns)
        self._epoch += 1
        if level is RiskLevel.FLATTEN:
            self._state = replace(self._state, scope=scope)
        if level is RiskLevel.NORMAL:
            self._state = replace(self._state, reason="", day=None, peak=None)
        self._on_level(was)

    def widen(self, scope: FlattenScope) -> None:
        """A flattening under way shall close that, too."""
        self._state = replace(self._state, scope=scope)

    def accept(self, differences: Iterable[str]) -> None:
        """A person has seen these unexplained differences: they are no break any more."""
        self._state = replace(self._state, accepted=tuple(differences))

    def on_level(self, listener: Callable[[RiskLevel], None]) -> None:
        """`listener(level before)` is called after each change of the level; it must not raise."""
        self._on_level = listener

    @property
    def level(self) -> RiskLevel:
        return self._state.level

    def state(self) -> RiskState:
        return self._state

    def statistics(self) -> RiskStatistics:
        return RiskStatistics(
            level=self.level,
            reason=self._state.reason,
            epoch=self._epoch,
            approved=self._approved,
            refused=dict(self._refused),
            claims=len(self._reservations),
            unknown_orders=sum(1 for _ in self._reservations.all_unknown()),
            day_loss_pct=self._loss_pct,
            drawdown_pct=self._drawdown_pct,
            since_ns=self._state.since_ns,
        )

    def _case(self, proposal: Proposal, context: RiskContext, now: Moment) -> EntryCase:
        while self._entries_ns and self._entries_ns[0] <= now.monotonic_ns - _MINUTE_NS:
            self._entries_ns.popleft()
        return EntryCase(
            proposal=proposal,
            context=context,
            reservations=self._reservations,
            settings=self._settings,
            now=now,
            left_ns=self._left_ns,
            recent_entries=len(self._entries_ns),
        )

    def _objection(self, case: EntryCase) -> Reason | None:
        proposal = case.proposal
        if proposal.intent_id in self._judged:
            return because(ReasonCode.INTENT_REPEATED, intent=proposal.intent_id)
        return self._against(case)

    def _against(self, case: EntryCase) -> Reason | None:
        proposal = case.proposal
        is_entry = proposal.purpose is Purpose.ENTRY
        if is_entry and (loss := self.observe(case.context.valuation, case.now)) is not None:
            return loss
        if (forbidden := self._forbidden(proposal)) is not None:
            return forbidden
        form = next((fault for leg in proposal.legs if (fault := _form(leg, case)) is not None), None)
        if form is not None:
            return form
        if is_entry:
            return case.verdict()
        return self._excess(case) if proposal.purpose is Purpose.EXIT else None

    def _forbidden(self, proposal: Proposal) -> Reason | None:
        if proposal.purpose in PERMITTED[self.level]:
            return None
        return because(ReasonCode.LEVEL_FORBIDS, level=self.level.value, purpose=proposal.purpose.value)

    def _excess(self, case: EntryCase) -> Reason | None:
        """An exit must take away what is held and not yet on its way out, or it would be an entry in disguise."""
        for leg in case.proposal.legs:
            position = case.context.positions.get(leg.instrument_id)
            held = Decimal(0) if position is None else position.quantity
            leaving = sum(
                (
                    claim.quantity
                    for claim in case.reservations
                    if claim.instrument_id == leg.instrument_id and claim.side is leg.side and not claim.is_dormant
                ),
                Decimal(0),
            )
            if held * leg.side.sign >= 0 or leg.quantity > abs(held) - leaving:
                return because(ReasonCode.EXIT_EXCEEDS_POSITION, quantity=leg.quantity, held=held, leaving=leaving)
        return None

    def _reserve(self, case: EntryCase) -> None:
        proposal = case.proposal
        is_entry = proposal.purpose is Purpose.ENTRY
        if is_entry:
            self._entries_ns.append(case.now.monotonic_ns)
        priced = ((leg, case.worst_price(leg) if is_entry else proposal.reference_price) for leg in proposal.legs)
        if proposal.slicing is None:
            by_hand = proposal.strategies == (MANUAL,)
            self._reservations.reserve(proposal.intent_id, proposal.purpose, priced, is_by_hand=by_hand)
        else:
            ((leg, price),) = priced
            self._reservations.reserve_parent(proposal.intent_id, proposal.purpose, leg, price)
        self._remember(proposal.intent_id)

    def _remember(self, intent_id: IntentId) -> None:
        self._judged[intent_id] = None
        if len(self._judged) > _REMEMBERED_INTENTS:
            self._judged.popitem(last=False)

    def _note_left(self, instrument_id: InstrumentId, at_ns: int) -> None:
        self._left_ns[instrument_id] = max(at_ns, self._left_ns.get(instrument_id, 0))


def _form(leg: Leg, case: EntryCase) -> Reason | None:
    """What holds for every order, whatever it is for."""
    instrument = case.context.instruments.get(leg.instrument_id)
    if instrument is None:
        return because(ReasonCode.INSTRUMENT_UNKNOWN, symbol=leg.instrument_id)
    price = leg.price or leg.stop_price or case.proposal.reference_price
    return (
        check_status(instrument)
        or check_prices(leg, case.proposal.protection, instrument)
        or check_quantity(leg, instrument)
        or check_notional(leg.quantity * price * instrument.multiplier, instrument, is_closing=leg.reduce_only)
    )
