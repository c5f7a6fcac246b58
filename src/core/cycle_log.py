"""What is told of each cycle: one line of the log, kept in memory and recorded as well, and how long it took."""

from collections.abc import Callable

import structlog

from core.decision.cycle import Cycle
from core.decision.decision import Decision, decision_line
from core.decision.gates import undecided
from core.decision.recent import RecentDecisions
from core.domain.facts import ExecutionFact, OrderChanged, OrderState
from core.domain.orders import IntentId, Purpose
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.status import DecisionLine
from core.ports.clock import MonotonicClock, TradingClock
from core.runtime.breaker import BreakerState
from core.runtime.breaker import Phase as BreakerPhase
from core.runtime.histogram import Histogram
from core.strategies.plans import SymbolPlan

_NS_PER_MS = 1_000_000
_SENT_MEMORY = 10_000
_MISSED_ONE_BY_ONE = 10

log = structlog.get_logger()


class CycleLog:
    """Each cycle is told once. `received_ns` is when the close came that it is about; it and `analysed_ns` are
    monotonic."""

    def __init__(
        self,
        decisions: RecentDecisions,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        progressed: Callable[[], None],
        record: Callable[[DecisionLine], None] = lambda _: None,
    ) -> None:
        """`progressed` and `record` are called for each cycle told; `record` must not block."""
        self._decisions = decisions
        self._clock = trading_clock
        self._monotonic = monotonic_clock
        self._progressed = progressed
        self._record = record
        self._received_ns: dict[IntentId, int] = {}
        self.n_missed = 0
        self.decision_times = Histogram()
        """Candle close received to decided."""
        self.order_times = Histogram()
        """Candle close received to order request handed to its thread."""

    @property
    def n_cycles(self) -> int:
        return self._decisions.total

    def decided(self, decision: Decision, refusal: Reason | None, received_ns: int, analysed_ns: int) -> None:
        """Just now. `refusal`: why the gate did not let it through; `None`: it did, or was not asked."""
        decided_ns = self._monotonic.now_ns()
        self.decision_times.record_ns(decided_ns - received_ns)
        timings = {
            "analysed": (analysed_ns - received_ns) / _NS_PER_MS,
            "decided": (decided_ns - received_ns) / _NS_PER_MS,
        }
        outcome = None if refusal is None else "REFUSED"
        self._tell(decision_line(decision, outcome=outcome, reason=refusal, timings_ms=timings))

    def not_analysed(self, cycle: Cycle, reason: Reason) -> None:
        """There was nothing to decide on, or no leave to."""
        self._tell_undecided(cycle, "NO_TRADE", reason, {})

    def failed(self, cycle: Cycle, reason: Reason, received_ns: int) -> None:
        elapsed_ms = (self._monotonic.now_ns() - received_ns) / _NS_PER_MS
        self._tell_undecided(cycle, "FAILED", reason, {"decided": elapsed_ms})

    def missed(self, plan: SymbolPlan, taken_ms: int, close_ms: int) -> None:
        """The closes between the last cycle begun and this one. A daemon that slept for hours tells the latest one by
        one, and the number of the others with the first of them."""
        step_ms = plan.key.timeframe.ms
        missed = range(taken_ms + step_ms, close_ms, step_ms)
        self.n_missed += len(missed)
        told = missed[-_MISSED_ONE_BY_ONE:]
        earlier = {"earlier": len(missed) - len(told)} if len(told) < len(missed) else {}
        for missed_ms in told:
            age_s = (self._clock.now_ns() // _NS_PER_MS - missed_ms) / 1_000 / self._clock.speed
            reason = because(ReasonCode.CYCLE_MISSED, age_s=age_s, **earlier)
            self.not_analysed(Cycle.of(plan, missed_ms), reason)
            earlier = {}

    def handed_off(self, intent_id: IntentId, received_ns: int) -> None:
        """How long it takes to leave is measured from here on."""
        while len(self._received_ns) >= _SENT_MEMORY:
            del self._received_ns[next(iter(self._received_ns))]
        self._received_ns[intent_id] = received_ns

    def on_fact(self, fact: ExecutionFact) -> None:
        if isinstance(fact, OrderChanged) and fact.order.state is OrderState.SUBMITTING:
            received_ns = self._received_ns.pop(fact.order.intent_id, None)
            if received_ns is not None and fact.order.purpose is not Purpose.PROTECT:
                self.order_times.record_ns(self._monotonic.now_ns() - received_ns)

    def _tell_undecided(self, cycle: Cycle, outcome: str, reason: Reason, timings_ms: dict[str, float]) -> None:
        self._tell(
            DecisionLine(
                cycle=str(cycle),
                symbol=cycle.instrument_id,
                strategy=cycle.strategy,
                close_ms=cycle.close_ms,
                outcome=outcome,
                reason=str(reason),
                timings_ms=timings_ms,
                gates=undecided(reason.code),
            )
        )

    def _tell(self, line: DecisionLine) -> None:
        self._decisions.record(line)
        self._record(line)
        self._progressed()
        log.info(
            "cycle",
            symbol=line.symbol,
            strategy=line.strategy,
            close_ms=line.close_ms,
            outcome=line.outcome,
            reason=line.reason,
            **{f"{name}_ms": round(value, 2) for name, value in line.timings_ms.items()},
        )


def log_guard(name: str, before: BreakerState, after: BreakerState) -> None:
    """As `log_breaker`, of what is no symbol."""
    if before.phase is BreakerPhase.CLOSED:
        log.warning("breaker_open", what=name, reason=after.reason, failures=after.failures)
    elif after.phase is BreakerPhase.CLOSED:
        log.info("breaker_closed", what=name, was_open_for=before.reason)


def log_breaker(symbol: str, before: BreakerState, after: BreakerState) -> None:
    """Once when a symbol goes down, once when it is back; its probes in between are in its cycles."""
    if before.phase is BreakerPhase.CLOSED:
        log.warning("symbol_down", symbol=symbol, reason=after.reason, failures=after.failures)
    elif after.phase is BreakerPhase.CLOSED:
        log.info("symbol_up", symbol=symbol, was_down_for=before.reason)
