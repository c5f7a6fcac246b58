"""What an operator may tell a running daemon, and what it answers: frozen messages, both ways."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from core.domain.errors import MetronomeError
from core.domain.facts import OrderView

MAX_REASON_CHARS = 200


class CommandRefused(MetronomeError):
    """The daemon can't do that as things stand; says why, and what to do."""


class UnknownOrder(MetronomeError):
    """There is no order of that id."""


@dataclass(frozen=True, slots=True)
class Halt:
    """No order that opens or adds, until a `Resume`."""

    reason: str
    by: str
    """Who says so: a name for the log, nothing is decided by it."""
    reduce_only: bool = False
    """Cancel the working entries, too."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Trade again: the only way back to NORMAL."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """Cancel and close all, then lock."""

    reason: str
    by: str
    scope: Literal["bot", "account"] = "bot"


Command = Halt | Resume | Flatten


class Verdict(StrEnum):
    """How an operator has seen an order in doubt to have ended. It stands until the venue says otherwise."""

    ABSENT = "absent"
    """It never arrived."""
    CANCELLED = "cancelled"
    """It is over, and no fill is still to come."""
    FILLED = "filled"
    """It is over, and has filled; its trades are still asked for."""


@dataclass(frozen=True, slots=True)
class ResolveOrder:
    client_order_id: str
    verdict: Verdict
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class AmendOrder:
    """Give a resting order another price, another quantity, or both."""

    client_order_id: str
    reason: str
    by: str
    price: Decimal | None = None
    """`None`: the one that it has."""
    quantity: Decimal | None = None
    """In all, what has filled of it included; `None`: the one that it has."""


class AmendResult(StrEnum):
    """What came of an amendment."""

    AMENDED = "amended"
    """It is the same order, and the venue shows it with the new terms."""
    REPLACED = "replaced"
    """It was cancelled, and another was sent for what was left."""
    NOTHING_LEFT = "nothing_left"
    """It had filled too far by the time its end was proven: nothing was sent in its place."""
    REFUSED = "refused"
    """The venue would not: it has the terms that it had."""
    GIVEN_UP = "given_up"
    """Not amended; the order goes on, or has ended, as its state says."""
    IN_DOUBT = "in_doubt"
    """The answer was lost: the order is asked for its terms until it shows them."""


@dataclass(frozen=True, slots=True)
class AmendReport:
    result: AmendResult
    order: OrderView
    """The one that was to be amended, as it is now."""
    replacement: OrderView | None
    """The one in its place; `None`: there is none."""
    note: str
    """Why, or what the order now in force says of itself."""


@dataclass(frozen=True, slots=True)
class EndPlan:
    """No further slice of a parent order."""

    plan_id: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ClosePosition:
    """Close at market what the bot holds of a symbol."""

    symbol: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class PauseSymbol:
    """Decide on it no more; its orders and stops go on."""

    symbol: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ResumeSymbol:
    symbol: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class PausedSymbols:
    """Those that are paused now, with the reason."""

    paused: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReloadSettings:
    """Read the settings again."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ForgetOperations:
    """Forget the single calls of operations that are remembered; what is counted stays."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    cleared: int
    """How many."""


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """Keys as `section.key`, of those whose value is another one now."""

    applied: tuple[str, ...]
    """In force from now on."""
    need_restart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlattenProgress:
    """How far a flattening has come. Quantities as `SYMBOL QUANTITY`, signed."""

    scope: str
    rounds: int
    """Looks at what is left, so far."""
    elapsed_s: float
    working_orders: int
    in_doubt: tuple[str, ...]
    """Client order ids whose fate nobody knows yet: the end waits for it."""
    left: tuple[str, ...]
    """Still to be closed."""
    dust: tuple[str, ...]
    """Too little to be traded: stays."""
    is_proven: bool
    """The venue itself says that nothing is left but dust."""
    note: str
    """Why it is not over; empty when it is."""


@dataclass(frozen=True, slots=True)
class KillSwitchStatus:
    """Where the kill switch stands."""

    level: str
    reason: str
    """Why; empty at NORMAL."""
    since_ms: int | None
    """Trading time at which the level was entered; `None`: it was never moved."""
    is_durable: bool = True
    """False where the disk did not take it: a restart would forget it."""
    flattening: FlattenProgress | None = None
    """Under way, or the last of this process; `None`: none yet."""
