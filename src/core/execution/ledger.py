"""What all fills and payments of an account come to. Pure: the same bookings in the same order, however they are cut
into parts, leave the same ledger."""

from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, FundingPayment
from core.execution.by_hand import by_hand_after
from core.execution.holdings import base_fee, moved_totals, taken_in
from core.execution.order import ZERO, Errand
from core.portfolio.past import Past

Quantities = dict[InstrumentId, Decimal]


@dataclass(slots=True)
class Ledger:
    """Grows with the number of instruments, not with that of fills."""

    n_fills: int = 0
    """Ours."""
    n_foreign_fills: int = 0
    past: dict[InstrumentId, Past] = field(default_factory=dict)
    """Of our own fills, and of all payments."""
    held: Quantities = field(default_factory=dict)
    """What our own fills have left, signed."""
    foreign_held: Quantities = field(default_factory=dict)
    """What others' have left, signed."""
    by_hand: Quantities = field(default_factory=dict)
    """Of `held`, what an operator has ordered."""
    totals: dict[str, Decimal] | None = None
    """Balances as last observed, with the effect of all bookings since; `None` before the first observation."""
    left_ns: dict[InstrumentId, int] = field(default_factory=dict)
    """When the last fill took away from a position, venue time."""
    first_fill_ns: int | None = None
    """Venue time, others' fills included; `None`: nothing was ever booked."""
    last_fill_ns: dict[InstrumentId, int] = field(default_factory=dict)
    """Venue time of the fill that was booked last, others' included."""
    last_funding_ns: int | None = None
    """Venue time; `None`: there never was any."""

    def note_fill(self, fill: Fill, errand: Errand | None) -> None:
        """`errand` `None`: by no order of ours."""
        instrument_id = fill.instrument_id
        self.last_fill_ns[instrument_id] = fill.event_ns
        self.first_fill_ns = fill.event_ns if self.first_fill_ns is None else min(self.first_fill_ns, fill.event_ns)
        if self.totals is not None:
            for asset, amount in moved_totals(fill).items():
                self._move(asset, amount)
        taken = taken_in(fill)
        if errand is None and not fill.is_forced:
            self.n_foreign_fills += 1
            self.foreign_held[instrument_id] = self.foreign_held.get(instrument_id, ZERO) + taken
            return
        self.n_fills += 1
        self.held[instrument_id] = whole = self.held.get(instrument_id, ZERO) + taken
        self.by_hand[instrument_id] = by_hand_after(self.by_hand.get(instrument_id, ZERO), errand, taken, whole)
        self._past_of(instrument_id).note_fill(fill, base_fee(fill))
        if errand is not None and errand.purpose.takes_away:
            self.left_ns[instrument_id] = max(fill.event_ns, self.left_ns.get(instrument_id, 0))

    def note_funding(self, payment: FundingPayment) -> None:
        self.last_funding_ns = max(payment.event_ns, self.last_funding_ns or 0)
        if self.totals is not None:
            self._move(payment.asset, payment.amount)
        self._past_of(payment.instrument_id).note_funding(payment.asset, payment.amount)

    def _past_of(self, instrument_id: InstrumentId) -> Past:
        past = self.past.get(instrument_id)
        if past is None:
            past = self.past[instrument_id] = Past()
        return past

    def _move(self, asset: str, amount: Decimal) -> None:
        if self.totals is not None:
            self.totals[asset] = self.totals.get(asset, ZERO) + amount
