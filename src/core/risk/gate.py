"""The risk gate: serial, reserving, the only maker of `ApprovedIntent`."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import ExecutionFact, OrderView
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId
from core.domain.orders import IntentId, Proposal
from core.domain.reasons import Reason
from core.portfolio.valuation import Valuation
from core.risk.approval import ApprovedIntent, Refused
from core.risk.context import RiskContext
from core.risk.levels import RiskLevel
from core.settings.risk import RiskSettings


@dataclass(frozen=True, slots=True)
class RiskState:
    """What must survive a restart."""

    level: RiskLevel = RiskLevel.NORMAL
    reason: str = ""
    day: int | None = None
    """UTC day (days since the epoch, trading time) whose loss is measured; `None` before the first valuation."""
    day_start_equity: Decimal | None = None
    day_start_profit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RiskStatistics:
    level: RiskLevel
    reason: str
    """Why the level is what it is; empty at NORMAL."""
    epoch: int
    approved: int
    refused: dict[str, int]
    """Count by reason code."""
    reservations: int
    reserved_notional: Decimal
    """Of entries, in the account's currency, worst case."""
    unknown_orders: int
    day_loss_pct: float | None


class RiskGate:
    """Judges proposals one at a time and reserves what it lets through until orders end and their fills are booked.

    Call it from one thread. Feed it every `ExecutionFact`, before or after the portfolio but in the same turn.
    """

    def __init__(self, settings: RiskSettings, state: RiskState | None = None) -> None:
        raise NotImplementedError

    def judge(self, proposal: Proposal, context: RiskContext, now: Moment) -> ApprovedIntent | Refused:
        """Pass and reserve, or refuse with the first check that failed. Exits and protection are checked for
        form, never against exposure, freshness or rate limits."""
        raise NotImplementedError

    def still_valid(self, intent: ApprovedIntent, monotonic_now_ns: int) -> Reason | None:
        """Why the intent must not leave any more; `None`: it may. Asked immediately before the request leaves."""
        raise NotImplementedError

    def release(self, intent_id: IntentId) -> bool:
        """Give back what an intent that never became an order has reserved; `False` when there is nothing."""
        raise NotImplementedError

    def on_fact(self, fact: ExecutionFact) -> None:
        """Follow orders and fills: reservations shrink as fills are booked and end with their orders."""
        raise NotImplementedError

    def recover(self, orders: Iterable[OrderView]) -> None:
        """Adopt the orders of an earlier run; their `filled_quantity` must already be in the portfolio."""
        raise NotImplementedError

    def in_flight(self, instrument_id: InstrumentId) -> Decimal:
        """Signed quantity that approved entries and exits may still fill, UNKNOWN ones in full. Position plus this is
        what sizing counts as held."""
        raise NotImplementedError

    def reserved_cash(self, asset: str) -> Decimal:
        """Worst-case cost of the spot buys in flight that `asset` pays for."""
        raise NotImplementedError

    def observe(self, valuation: Valuation, now: Moment) -> Reason | None:
        """Measure the day's loss; sets NO_ENTRY and returns the reason at the moment it reaches its limit."""
        raise NotImplementedError

    def set_level(self, level: RiskLevel, reason: str) -> None:
        """Raises `IllegalLevelMove`. Every change makes a new epoch: entries approved before it don't leave."""
        raise NotImplementedError

    @property
    def level(self) -> RiskLevel:
        raise NotImplementedError

    def state(self) -> RiskState:
        raise NotImplementedError

    def statistics(self) -> RiskStatistics:
        raise NotImplementedError
