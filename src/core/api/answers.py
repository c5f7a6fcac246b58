"""Shapes of the API's own answers; the rest are the pictures of `core.domain.status`."""

from dataclasses import dataclass

from core.domain.status import BreakerStatus, DaemonStatus, DecisionLine, LaneStatus, SymbolStatus, WorkersStatus


@dataclass(frozen=True, slots=True)
class Alive:
    alive: bool
    age_s: float | None
    """Of the daemon's last picture; `None` before the first."""


@dataclass(frozen=True, slots=True)
class Readiness:
    ready: bool
    state: str
    reason: str | None
    """Why it is not ready; `None` when it is."""


@dataclass(frozen=True, slots=True)
class Why:
    """One symbol: how it stands now, and its last decisions, newest first."""

    now: SymbolStatus
    decisions: tuple[DecisionLine, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Body of every 4xx answer."""

    detail: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a request came with."""

    name: str
    scope: str
    """`read`, `trade`, `admin`: each may what the ones before it may."""


@dataclass(frozen=True, slots=True)
class EquityPoint:
    at_ms: int
    """Trading time."""
    equity: float
    drawdown_pct: float
    """Below the highest point shown."""


@dataclass(frozen=True, slots=True)
class Profit:
    """Money as strings; `None` before the first valuation."""

    currency: str
    equity: str | None
    profit: str | None
    """Net of fees and funding."""
    realised_profit: str | None
    unrealised_profit: str | None
    fees: str | None
    funding: str | None
    curve: tuple[EquityPoint, ...]
    """Oldest first; the longer ago, the fewer."""

    @staticmethod
    def of(status: DaemonStatus, curve: tuple[EquityPoint, ...]) -> "Profit":
        return Profit(
            currency=status.currency,
            equity=status.equity,
            profit=status.profit,
            realised_profit=status.realised_profit,
            unrealised_profit=status.unrealised_profit,
            fees=status.fees,
            funding=status.funding,
            curve=curve,
        )


@dataclass(frozen=True, slots=True)
class Breakers:
    breakers: tuple[BreakerStatus, ...]
    """Those that are not closed."""
    lanes: tuple[LaneStatus, ...]
    workers: WorkersStatus | None
    abandoned_threads: int
    abandoned_tasks: int

    @staticmethod
    def of(status: DaemonStatus) -> "Breakers":
        return Breakers(
            breakers=status.breaker_states,
            lanes=status.lanes,
            workers=status.workers,
            abandoned_threads=status.abandoned_threads,
            abandoned_tasks=status.abandoned_tasks,
        )
