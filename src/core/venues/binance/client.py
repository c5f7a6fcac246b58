"""One call to Binance's REST: which ccxt instance makes it, and what its answer says."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from core.domain.errors import VenueError, VenueUnavailable
from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.runtime.clocks import NS_PER_MS
from core.venues.binance.decode import UNREADABLE, ErrorAnswer
from core.venues.binance.errors import classify, retry_after_s
from core.venues.budget.toll import Toll
from core.venues.ccxt_import import exchange_class
from core.venues.failures import Call
from core.venues.guarded_calls import ClientStatistics, GuardedCalls, Said, ThreadClient
from core.venues.session import Answer, WiredSession
from core.venues.shapes import read_as

T = TypeVar("T")
ROOT = "https://api.binance.com"
FUTURES_ROOT = "https://fapi.binance.com"
_error_answer = msgspec.json.Decoder(ErrorAnswer)
_ORDER_LIMIT = -1015
"""Too many orders, which leaves reads and cancels free."""
_TIMESTAMP_REFUSED = -1021


class BinanceClient:
    """Thread-safe. `on_clock_refused` is called, in the caller's thread, after the venue refused a request for its
    timestamp (-1021): measure the skew again there."""

    def __init__(
        self,
        base_url: str | None,
        credentials: Credentials | None,
        clock: TradingClock,
        *,
        timeout_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
        on_clock_refused: Callable[[], None] = lambda: None,
        toll: Toll | None = None,
    ) -> None:
        self.root = (base_url or ROOT).rstrip("/")
        self.futures_root = (base_url or FUTURES_ROOT).rstrip("/")
        self._credentials = credentials
        self._clock = clock
        self._on_clock_refused = on_clock_refused
        self._calls = GuardedCalls(
            self._exchange,
            self._said,
            classify,
            timeout_s=timeout_s,
            monotonic_s=monotonic_s,
            order_limits=frozenset({_ORDER_LIMIT}),
            toll=toll,
        )

    def call(self, call: Call, invoke: Callable[[Any], object], shape: type[T]) -> tuple[T, Answer]:
        """Runs `invoke` on the thread's ccxt instance and reads its result as `shape`. Raises `VenueError`s only."""

        def converted(client: ThreadClient) -> T:
            return read_as(shape, invoke(client.exchange))

        return self._guarded(call, converted)

    def download(self, url: str) -> bytes:
        """The body of a public GET, undecoded: for answers too large to decode at once."""

        def fetched(client: ThreadClient) -> bytes:
            response = client.session.get(url)
            response.raise_for_status()
            return response.content

        return self._guarded(Call.READ, fetched)[0]

    def close(self) -> None:
        """Ends calls under way: their connections close. Later ones raise `VenueUnavailable`."""
        self._calls.close()

    def statistics(self) -> ClientStatistics:
        return self._calls.statistics()

    def _guarded(self, call: Call, work: Callable[[ThreadClient], T]) -> tuple[T, Answer]:
        def answered(client: ThreadClient) -> tuple[T, Answer]:
            result, answer = work(client), client.session.answer
            if answer is None:
                raise VenueUnavailable("ccxt made no request")
            return result, answer

        try:
            return self._calls.run(call, self._calls.client(), answered)
        except VenueError as error:
            if error.code == _TIMESTAMP_REFUSED:
                self._on_clock_refused()
            raise

    def _said(self, answer: Answer, error: Exception) -> Said:
        code, message = _code_and_text(answer.body)
        if code is None and isinstance(error, msgspec.ValidationError):
            message = f"unreadable answer: {error}"
        now_ms = self._clock.now_ns() // NS_PER_MS
        return Said(code, message, retry_after_s(answer.headers.get("retry-after"), message, now_ms))

    def _exchange(self, session: WiredSession) -> Any:
        """ccxt's throttle, retries and copies of the last answer are off; its clock is not used."""
        return exchange_class("binance")(
            {
                "apiKey": self._credentials.api_key if self._credentials else None,
                "secret": self._credentials.secret if self._credentials else None,
                "enableRateLimit": False,
                "enableLastHttpResponse": False,
                "enableLastJsonResponse": False,
                "enableLastResponseHeaders": False,
                "session": session,
                "options": {"maxRetriesOnFailure": 0, "adjustForTimeDifference": False},
                "urls": {
                    "api": {
                        "public": f"{self.root}/api/v3",
                        "private": f"{self.root}/api/v3",
                        "sapi": f"{self.root}/sapi/v1",
                        "fapiPublic": f"{self.futures_root}/fapi/v1",
                        "fapiPrivate": f"{self.futures_root}/fapi/v1",
                        "fapiPrivateV3": f"{self.futures_root}/fapi/v3",
                    }
                },
            }
        )


def _code_and_text(body: bytes) -> tuple[int | None, str]:
    """The venue's own; (None, "") where the body has none."""
    try:
        said = _error_answer.decode(body)
    except UNREADABLE:
        return None, ""
    return said.code, said.msg
