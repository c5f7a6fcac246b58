"""`OrderExecutor`: takes approved intents to the venue, and the venue's facts to the journal and the house."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.domain.facts import ExecutionFact, OrderView
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Purpose, UserEvent
from core.domain.reasons import Reason
from core.execution.journal.identity import JournalOpened
from core.execution.journal.journal import Journal
from core.execution.journal.state import JournalState
from core.execution.lane import RunInLane
from core.execution.reconciliation import Correction
from core.execution.statistics import ExecutionStatistics
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import VenueRest
from core.risk.approval import ApprovedIntent
from core.settings.execution import ExecutionSettings


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a start found."""

    journal: JournalOpened
    orders: int
    """In the journal."""
    fills: int
    lost_track_of: int
    """Orders that may have left before the last end and whose answer nobody saw."""
    unresolved: tuple[OrderView, ...]
    """Still UNKNOWN when recovery gave up waiting; asked after on and on, they block their instruments."""
    corrections: tuple[Correction, ...]
    stops_armed: int
    duration_s: float


class OrderExecutor:
    """Owns every order of one account at one venue. Call it from the loop's thread.

    Life: `recover()` once, then `run()` for as long as the daemon lives, then `Journal.close()`. Facts are published on
    the loop, each after it is durable, in the order in which they became known.
    """

    def __init__(
        self,
        *,
        venue: VenueRest,
        run_in_lane: RunInLane,
        journal: Journal,
        publish: Callable[[ExecutionFact], None],
        still_valid: Callable[[ApprovedIntent, int], Reason | None],
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        settings: ExecutionSettings,
    ) -> None:
        """`run_in_lane` is the order lane's `Lane.run`; `still_valid` is `RiskGate.still_valid`; `publish` must not
        raise and not block."""
        raise NotImplementedError

    async def recover(self, replayed: Callable[[JournalState], None] = lambda _: None) -> RecoveryReport:
        """The only way to start: open the journal (venue's epoch checked), replay it, hand the past to `replayed` (fold
        `state.bookings` into the portfolio, then `RiskGate.recover(state.working)`), reconcile with the venue, resolve
        unknown orders, re-arm protective duties. What it finds on the way is published as usual, after `replayed`.

        Waits, asking again with backoff, while the venue is down (`statistics().note` says so). Raises `JournalError`
        (exit code 4) and `RequestRefused` (wrong keys). Cancelling is safe; it may be called again.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Carry out what is submitted, follow the user stream, ask after unknown orders, keep stops armed; until
        cancelled. On cancellation queued intents are withdrawn, orders in flight are awaited for `settle_on_stop_s`.
        """
        raise NotImplementedError

    def submit(self, approved: ApprovedIntent) -> None:
        """Queue an intent. Never raises and never blocks: what can't be taken (queue full, journal failed, not
        recovered, stopping) is published as REJECTED with its reason, at once."""
        raise NotImplementedError

    async def cancel(self, client_order_id: ClientOrderId, reason: str = "OPERATOR") -> OrderView | None:
        """Ask the venue to cancel; gives back the order as known then (it may have filled first), `None` for an order
        that is not ours or not in memory. Waits for its turn in the instrument. Cancelling the wait does not recall
        the request.
        """
        raise NotImplementedError

    async def cancel_working(self, purpose: Purpose, reason: str) -> tuple[OrderView, ...]:
        """`cancel` for every working order of that purpose; gives back those that still work afterwards."""
        raise NotImplementedError

    def on_user_event(self, event: UserEvent) -> None:
        """Queue an event of the private stream. Never raises; when full it drops the event and reconciles instead."""
        raise NotImplementedError

    async def reconcile(self) -> tuple[Correction, ...]:
        """Compare with the venue and correct what differs; calls at the same time share one. Give it to the scheduler
        every `settings.reconcile_s`. Raises `VenueError` where the venue can't be read (nothing is corrected then).
        """
        raise NotImplementedError

    def orders(self) -> tuple[OrderView, ...]:
        """All in memory, oldest first."""
        raise NotImplementedError

    def order(self, client_order_id: ClientOrderId) -> OrderView | None:
        raise NotImplementedError

    def statistics(self) -> ExecutionStatistics:
        raise NotImplementedError
