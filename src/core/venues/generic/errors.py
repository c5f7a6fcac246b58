"""Failures by ccxt's class hierarchy, HTTP status and whether anything had left: one table for all exchanges.

ccxt maps each exchange's own codes to classes, best effort. Two families are trusted: `ExchangeError` below its root is
the exchange's definite no, `OperationFailed` (with `NetworkError`) states nothing. A bare `ExchangeError` is a code
that ccxt has no class for: definite where the HTTP status is a refusal too.
"""

from core.domain.errors import VenueError
from core.venues.failures import Call, Failure, Verdict, error_of

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
_OF_RULES = ("InvalidOrder", "BadSymbol", "MarketClosed", "ContractUnavailable")
"""Of just these classes: other refusals of orders are below `InvalidOrder`, too."""
_DUPLICATE = ("duplicate", "already exist")
_WOULD_TRIGGER = ("trigger immediately", "immediately trigger", "immediate trigger")


def classify(call: Call, failure: Failure) -> VenueError:
    """The error to raise."""
    ruling = verdict(failure)
    if ruling is Verdict.UNKNOWN and not failure.sent:
        ruling = Verdict.UNAVAILABLE
    by_rule = bool(failure.kinds) and failure.kinds[0] in _OF_RULES
    return error_of(call, ruling, failure, would_trigger=_says(failure, _WOULD_TRIGGER), by_rule=by_rule)


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
