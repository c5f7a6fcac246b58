"""The one table that classifies Binance's failures: by numeric code, then by text, HTTP status, and ccxt class.

Sources: `errors.md` and `rest-api.md` of binance/binance-spot-api-docs; USD-M's general information for 503. An order
call whose outcome is not stated by the venue is of unknown outcome; everything else follows from `Verdict`.
"""

import re

from core.domain.errors import VenueError
from core.venues.failures import Call, Failure, Verdict, error_of

_BY_CODE: dict[int, Verdict] = {
    -1000: Verdict.UNKNOWN,  # an unknown error occurred while processing the request
    -1001: Verdict.UNKNOWN,  # internal error, unable to process
    -1002: Verdict.FORBIDDEN,
    -1003: Verdict.UNAVAILABLE,  # too many requests
    -1004: Verdict.UNAVAILABLE,  # server busy
    -1006: Verdict.UNKNOWN,  # unexpected response from the message bus, execution status unknown
    -1007: Verdict.UNKNOWN,  # timeout waiting for the backend, send and execution status unknown
    -1008: Verdict.UNAVAILABLE,  # throttled by system-level protection
    -1013: Verdict.REFUSED,  # filter failure
    -1014: Verdict.REFUSED,
    -1015: Verdict.UNAVAILABLE,  # too many new orders
    -1016: Verdict.UNAVAILABLE,  # service shutting down
    -1020: Verdict.FORBIDDEN,
    -1021: Verdict.UNAVAILABLE,  # timestamp outside recvWindow: the clock needs correcting
    -1022: Verdict.FORBIDDEN,
    -1034: Verdict.UNAVAILABLE,  # too many connections
    -1099: Verdict.FORBIDDEN,
    -1121: Verdict.FORBIDDEN,  # invalid symbol
    -1125: Verdict.FORBIDDEN,
    -2010: Verdict.REFUSED,  # new order rejected
    -2011: Verdict.REFUSED,  # cancel rejected: unknown order
    -2013: Verdict.REFUSED,  # order does not exist
    -2014: Verdict.FORBIDDEN,
    -2015: Verdict.FORBIDDEN,
    -2016: Verdict.FORBIDDEN,
    -2026: Verdict.REFUSED,
    -4116: Verdict.UNKNOWN,  # duplicate client order id (USD-M)
}
_BY_TEXT: dict[tuple[int, str], Verdict] = {
    # An order with our id is open: one that we sent. Whether it was this very request is for a query to say.
    (-2010, "Duplicate order sent."): Verdict.UNKNOWN,
}
_TIME_HAS_COME = frozenset(
    {
        (-2010, "Stop price would trigger immediately."),
        (-2010, "Order would trigger immediately."),
        (-2010, "The relationship of the prices for the orders is not correct."),  # an OCO beside the market
        (-2021, "Order would immediately trigger."),  # USD-M
    }
)
_OF_RULES = frozenset(
    {
        -1013,  # filter failure, market is closed
        -1111,  # more digits than there are
        -1121,  # invalid symbol
        *(-4001, -4002, -4003, -4004, -4005, -4013, -4014, -4023, -4164),  # USD-M: prices, quantities, notional
        *(-4108, -4140, -4141),  # USD-M: being delivered, not open for new positions, closed
    }
)
"""Refusals by which an instrument's rules show that are not, or no longer, those that we know."""
_BY_STATUS: dict[int, Verdict] = {
    403: Verdict.UNAVAILABLE,  # web application firewall
    408: Verdict.UNKNOWN,
    409: Verdict.UNKNOWN,
    418: Verdict.UNAVAILABLE,  # banned
    429: Verdict.UNAVAILABLE,
}
_BY_KIND: dict[str, Verdict] = {
    "AuthenticationError": Verdict.FORBIDDEN,  # no key: ccxt refuses before it sends
    "ArgumentsRequired": Verdict.FORBIDDEN,
    "NotSupported": Verdict.FORBIDDEN,
}
_BANNED_UNTIL_MS = re.compile(r"banned until (\d{10,16})")


def verdict(failure: Failure) -> Verdict:
    """What is certain about a failed call, not yet regarding what kind of call it was."""
    if failure.code is not None:
        return _by_code(failure.code, failure.message, failure.status)
    if failure.status is not None:
        return _by_status(failure.status)
    if not failure.sent:
        return next((_BY_KIND[kind] for kind in failure.kinds if kind in _BY_KIND), Verdict.UNAVAILABLE)
    return Verdict.UNKNOWN


def classify(call: Call, failure: Failure) -> VenueError:
    """The error to raise."""
    would_trigger = (failure.code, failure.message) in _TIME_HAS_COME
    by_rule = failure.code in _OF_RULES
    return error_of(call, verdict(failure), failure, would_trigger=would_trigger, by_rule=by_rule)


def retry_after_s(header: str | None, message: str, now_ms: int) -> float | None:
    """Seconds to stay away: the `Retry-After` header (seconds), or the end of a ban named in the text."""
    if header is not None and header.strip().isdigit():
        return float(header)
    banned = _BANNED_UNTIL_MS.search(message)
    return max(0.0, (int(banned.group(1)) - now_ms) / 1_000) if banned else None


def _by_code(code: int, message: str, status: int | None) -> Verdict:
    known = _BY_TEXT.get((code, message)) or _BY_CODE.get(code)
    if known is not None:
        return known
    if status is not None and 400 <= status < 500:
        return _BY_STATUS.get(status, Verdict.REFUSED)
    return Verdict.UNKNOWN


def _by_status(status: int) -> Verdict:
    """4xx is the sender's fault and definite; 5xx, and a success that cannot be read, state nothing."""
    return _BY_STATUS.get(status, Verdict.FORBIDDEN if 400 <= status < 500 else Verdict.UNKNOWN)
