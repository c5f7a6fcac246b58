"""Failures by ccxt's class hierarchy, HTTP status and whether anything had left: one table for all exchanges.

ccxt maps each exchange's own codes to classes, best effort. Two families are trusted: `ExchangeError` below its root is
the exchange's definite no, `OperationFailed` (with `NetworkError`) states nothing. A bare `ExchangeError` is a code
that ccxt has no class for: definite where the HTTP status is a refusal too.
"""

from dataclasses import dataclass
from enum import Enum

from core.domain.errors import (
    OrderRefused,
    OutcomeUnknown,
    RequestRefused,
    StopWouldTrigger,
    VenueError,
    VenueUnavailable,
)


class Call(Enum):
    READ = "read"
    ORDER = "order"
    """Place or cancel: repeating it is not safe."""


class Verdict(Enum):
    REFUSED = "refused"
    FORBIDDEN = "forbidden"
    """Refused for who asks or what is asked for: key, symbol, method."""
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
    """The exchange's own number; `None` where it gave none."""
    message: str = ""
    retry_after_s: float | None = None
    kinds: tuple[str, ...] = ()
    """Names of the exception's classes, the closest first."""


_BY_KIND = {
    "DuplicateOrderId": Verdict.UNKNOWN,  # an order with our id exists; whether it is this one is for a query to say
    "OrderNotCached": Verdict.UNKNOWN,
    "AuthenticationError": Verdict.FORBIDDEN,
    "ArgumentsRequired": Verdict.FORBIDDEN,
    "BadSymbol": Verdict.FORBIDDEN,
    "NotSupported": Verdict.FORBIDDEN,
    "InvalidProxySettings": Verdict.FORBIDDEN,
    "OperationFailed": Verdict.UNKNOWN,
    "BadRequest": Verdict.REFUSED,
    "OperationRejected": Verdict.REFUSED,
    "InsufficientFunds": Verdict.REFUSED,
    "InvalidOrder": Verdict.REFUSED,
    "InvalidAddress": Verdict.REFUSED,
}
_TURNED_AWAY = (418, 429)
"""The limiter in front answered: the request got no further (RFC 6585; 418 is its ban on Binance's kin)."""
_DUPLICATE = ("duplicate", "already exist")
_WOULD_TRIGGER = ("trigger immediately", "immediately trigger", "immediate trigger")


def classify(call: Call, failure: Failure) -> VenueError:
    """The error to raise."""
    ruling = verdict(failure)
    message = failure.message or _describe(failure)
    if ruling is Verdict.UNKNOWN and call is Call.ORDER and failure.sent:
        return OutcomeUnknown(message, code=failure.code, retry_after_s=failure.retry_after_s)
    if ruling in (Verdict.UNKNOWN, Verdict.UNAVAILABLE):
        return VenueUnavailable(message, code=failure.code, retry_after_s=failure.retry_after_s)
    if ruling is Verdict.FORBIDDEN or call is Call.READ:
        return RequestRefused(message, code=failure.code)
    kind = StopWouldTrigger if _says(failure, _WOULD_TRIGGER) else OrderRefused
    return kind(message, code=failure.code)


def verdict(failure: Failure) -> Verdict:
    """What is certain about a failed call, not yet regarding what kind of call it was."""
    if failure.status in _TURNED_AWAY:
        return Verdict.UNAVAILABLE
    if failure.status is not None and failure.status >= 500:
        return Verdict.UNKNOWN
    ruling = next((_BY_KIND[kind] for kind in failure.kinds if kind in _BY_KIND), None)
    if ruling is None:
        is_refusal = "ExchangeError" in failure.kinds and failure.status is not None and 400 <= failure.status < 500
        ruling = Verdict.REFUSED if is_refusal else Verdict.UNKNOWN
    if ruling is Verdict.REFUSED and failure.sent and _says(failure, _DUPLICATE):
        return Verdict.UNKNOWN  # as with DuplicateOrderId
    return ruling


def _says(failure: Failure, phrases: tuple[str, ...]) -> bool:
    words = failure.message.lower()
    return any(phrase in words for phrase in phrases)


def _describe(failure: Failure) -> str:
    if failure.expired:
        return "no complete answer within the deadline"
    if failure.status is not None:
        return f"HTTP {failure.status} without a readable answer"
    return "the connection broke before an answer came" if failure.sent else "the venue cannot be reached"
