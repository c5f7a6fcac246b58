"""What is known of a failed call to a venue, and the error that it becomes. Each adapter brings its own table from the
one to a `Verdict`; what a verdict means for an order and for a read is said here."""

from dataclasses import dataclass
from enum import Enum

from core.domain.errors import (
    OrderRefused,
    OutcomeUnknown,
    RequestRefused,
    RuleBroken,
    StopWouldTrigger,
    SymbolRefused,
    VenueError,
    VenueUnavailable,
)


class Call(Enum):
    READ = "read"
    ORDER = "order"
    """Place or cancel: repeating it is not safe."""


class Verdict(Enum):
    REFUSED = "refused"
    """The venue took the request and said no."""
    FORBIDDEN = "forbidden"
    """Refused for who asks or what is asked for: key, signature, symbol, endpoint."""
    UNAVAILABLE = "unavailable"
    """It did not happen; come back later."""
    UNKNOWN = "unknown"
    """It may have happened."""


@dataclass(frozen=True, slots=True)
class Failure:
    """All that is known of a failed call."""

    sent: bool
    """Whether any byte of the request may have left."""
    expired: bool = False
    """Its total deadline passed."""
    status: int | None = None
    """HTTP status; `None` when no answer came."""
    code: int | None = None
    """The venue's own number; `None` when the answer carried none."""
    message: str = ""
    retry_after_s: float | None = None
    kinds: tuple[str, ...] = ()
    """Names of the exception's classes, the closest first."""

    @property
    def description(self) -> str:
        """Never empty."""
        if self.message:
            return self.message
        if self.expired:
            return "no complete answer within the deadline"
        if self.status is not None:
            return f"HTTP {self.status} without a readable answer"
        return UNANSWERED if self.sent else UNREACHED


UNANSWERED = "the connection broke before an answer came"
UNREACHED = "the venue cannot be reached"


def error_of(call: Call, verdict: Verdict, failure: Failure, *, would_trigger: bool, by_rule: bool) -> VenueError:
    """The error to raise. `would_trigger`: a refusal says that a stop's time has come; `by_rule`: it names the rules of
    the instrument, or that there is none."""
    message = failure.description
    if verdict is Verdict.UNKNOWN and call is Call.ORDER:
        return OutcomeUnknown(message, code=failure.code, retry_after_s=failure.retry_after_s)
    if verdict in (Verdict.UNKNOWN, Verdict.UNAVAILABLE):
        return VenueUnavailable(message, code=failure.code, retry_after_s=failure.retry_after_s)
    if verdict is Verdict.FORBIDDEN or call is Call.READ:
        refused = SymbolRefused if by_rule else RequestRefused
        return refused(message, code=failure.code)
    kind = StopWouldTrigger if would_trigger else RuleBroken if by_rule else OrderRefused
    return kind(message, code=failure.code)
