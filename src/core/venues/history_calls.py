"""Requests for history: as all calls to venues they are wired, deadlined and tolled; what fails ends as a
`HistoryError`."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from core.domain.errors import (
    GarbageAnswer,
    HistoryError,
    KeysRefused,
    NotPermitted,
    QueryRefused,
    RateLimited,
    SourceUnavailable,
    VenueError,
)
from core.ports.request_lane import RequestLane, in_lane
from core.venues.budget.budget import NotYet, RateBudget
from core.venues.budget.ledger import Ledger
from core.venues.budget.toll import FREE, Toll, refusal
from core.venues.failures import Call, Failure
from core.venues.guarded_calls import GuardedCalls, Said, ThreadClient
from core.venues.session import Answer, WiredSession

T = TypeVar("T")
_SHOWN = 200
_RATE_STATUS = (418, 429)
_LONGEST_WAIT_S = 2.0
"""In a thread; the loader keeps the same pace without one, so only other processes' requests are waited for here."""
_LONGEST_RESET_S = 120.0


class Unfetched(VenueError):
    """What went wrong, not yet in the words of history."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.description, retry_after_s=failure.retry_after_s)
        self.failure = failure


class SharedPace:
    """How often an address (with a key) asks, all processes of this user counted: the daemon's, and other loads."""

    def __init__(self, per_min: float, burst: int, ledger: Ledger) -> None:
        self.toll = Toll(FREE, RateBudget((), ledger), RateBudget(()))
        self._every_s = 60.0 / per_min
        self._burst = burst

    def wait(self) -> None:
        """Until it is our turn. Raises `VenueUnavailable` where that is too far off, or the source has told us to stay
        away."""
        try:
            wait_s = self.toll.address.turn_s(
                self._every_s, 1.0, at_once=False, longest_wait_s=_LONGEST_WAIT_S, burst=float(self._burst)
            )
        except NotYet as not_yet:
            raise refusal(not_yet) from None
        if wait_s:
            time.sleep(wait_s)


class HistoryCalls:
    """Thread-safe."""

    def __init__(
        self,
        source: str,
        make: Callable[[WiredSession], Any],
        *,
        timeout_s: float,
        pace: "SharedPace",
        judge: Callable[[Failure], HistoryError | None] = lambda failure: None,
    ) -> None:
        """`make` builds a thread's client of the SDK, which sends by that session. `judge` knows what this source means
        by its failures; `None`: what everybody means by that HTTP status."""
        self.source = source
        self._judge = judge
        self._pace = pace
        self._calls = GuardedCalls(make, _said, _unfetched, timeout_s=timeout_s, toll=pace.toll)

    def run(self, work: Callable[[ThreadClient], T]) -> T:
        """In its turn. Raises `HistoryError`s only."""
        with in_lane(RequestLane.BULK):
            try:
                self._pace.wait()
                return self._calls.run(Call.READ, self._calls.client(), work)
            except Unfetched as error:
                raise self._judge(error.failure) or in_words(self.source, error.failure) from error
            except VenueError as error:  # nothing was sent: our share of the limits is used up, or we are to stay away
                if error.retry_after_s is not None:
                    raise RateLimited(self.source, error.message, error.retry_after_s) from error
                raise SourceUnavailable(self.source, error.message) from error

    def close(self) -> None:
        self._calls.close()


def in_words(source: str, failure: Failure) -> HistoryError:
    """By the HTTP status."""
    said = failure.description
    match failure.status:
        case None:
            return SourceUnavailable(source, said)
        case 401:
            return KeysRefused(source, f"keys are missing or wrong: {said}")
        case 403:
            return NotPermitted(source, f"not permitted: {said}")
        case status if status in _RATE_STATUS:
            return RateLimited(source, said, failure.retry_after_s)
        case status if 400 <= status < 500:
            return QueryRefused(source, f"refused (HTTP {status}): {said}")
        case status if status >= 300:
            return SourceUnavailable(source, f"HTTP {status}: {said}")
    if failure.expired:
        return SourceUnavailable(source, said)
    return GarbageAnswer(source, f"an answer that cannot be read: {said}")


class _Fault(msgspec.Struct):
    code: int | None = None
    message: str = ""


class _Told(msgspec.Struct):
    """How most say what is wrong: at the top, or as JSON-RPC does."""

    message: str = ""
    error: _Fault | str | None = None


def _unfetched(_: Call, failure: Failure) -> VenueError:
    return Unfetched(failure)


def _said(answer: Answer, error: Exception) -> Said:
    code, message = None, "" if answer.status >= 400 else f"{type(error).__name__}: {error}"
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        told = msgspec.json.decode(answer.body, type=_Told)
        fault = told.error if isinstance(told.error, _Fault) else _Fault(message=told.error or "")
        code, message = fault.code, told.message or fault.message
    return Said(code, message[:_SHOWN], _seconds(answer.headers))


def _seconds(headers: dict[str, str]) -> float | None:
    """Until it may be asked again: by `Retry-After`, or by the UNIX time of `X-RateLimit-Reset`."""
    said, reset = headers.get("retry-after", "").strip(), headers.get("x-ratelimit-reset", "").strip()
    if said.isdecimal():
        return float(said)
    if reset.isdecimal() and headers.get("x-ratelimit-remaining", "0").strip() == "0":
        return min(max(float(reset) - time.time(), 0.1), _LONGEST_RESET_S)
    return None
