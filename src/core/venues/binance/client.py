"""One call to Binance's REST: by the thread's own ccxt instance, under a total deadline, failing in our words."""

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from urllib3.exceptions import HTTPError

from core.domain.errors import VenueError, VenueUnavailable
from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.runtime.clocks import NS_PER_MS
from core.venues.binance.decode import UNREADABLE, ErrorAnswer
from core.venues.binance.errors import Call, Failure, classify, retry_after_s
from core.venues.ccxt_import import exchange_class
from core.venues.deadline import DeadlineWatch, Wire
from core.venues.session import Answer, WiredSession
from core.venues.shapes import read_as

T = TypeVar("T")
ROOT = "https://api.binance.com"
FUTURES_ROOT = "https://fapi.binance.com"
_error_answer = msgspec.json.Decoder(ErrorAnswer)
_STAY_AWAY = (418, 429)
_ORDER_LIMIT = -1015
"""Too many orders, which leaves reads and cancels free."""


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    calls: int
    failures: int
    expired: int
    """Calls whose socket was shut at their deadline."""
    threads: int
    """Threads that hold an instance now."""


class _ThreadClient:
    """ccxt's instance, its session and its sockets, for one thread."""

    def __init__(self, exchange: Any, session: WiredSession) -> None:
        self.exchange = exchange
        self.session = session
        self.wire = session.wire


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
    ) -> None:
        self.root = (base_url or ROOT).rstrip("/")
        self.futures_root = (base_url or FUTURES_ROOT).rstrip("/")
        self._credentials = credentials
        self._clock = clock
        self._timeout_s = timeout_s
        self._monotonic_s = monotonic_s
        self._on_clock_refused = on_clock_refused
        self._watch = DeadlineWatch(monotonic_s)
        self._local = threading.local()
        self._clients: weakref.WeakSet[_ThreadClient] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._away_until_s = 0.0
        self._is_closed = False
        self._calls = self._failures = self._expired = 0

    def call(self, call: Call, invoke: Callable[[Any], object], shape: type[T]) -> tuple[T, Answer]:
        """Runs `invoke` on the thread's ccxt instance and reads its result as `shape`. Raises `VenueError`s only."""

        def converted(client: _ThreadClient) -> T:
            return read_as(shape, invoke(client.exchange))

        return self._guarded(call, converted)

    def download(self, url: str) -> bytes:
        """The body of a public GET, undecoded: for answers too large to decode at once."""

        def fetched(client: _ThreadClient) -> bytes:
            response = client.session.get(url)
            response.raise_for_status()
            return response.content

        return self._guarded(Call.READ, fetched)[0]

    def close(self) -> None:
        """Ends calls under way: their connections close. Later ones raise `VenueUnavailable`."""
        self._is_closed = True
        for client in list(self._clients):
            client.wire.close()
            client.session.close()
        self._watch.close()

    def statistics(self) -> ClientStatistics:
        return ClientStatistics(self._calls, self._failures, self._expired, len(self._clients))

    def _guarded(self, call: Call, work: Callable[[_ThreadClient], T]) -> tuple[T, Answer]:
        self._check_may_call()
        client = self._client()
        client.session.forget()
        try:
            with self._watch.call(client.wire, self._timeout_s):
                result = work(client)
            answer = client.session.answer
        except Exception as error:
            # The boundary of the venue: whatever ccxt, requests or a strange answer raise becomes one of our errors.
            # A mistake of ours before anything was sent is shown as what it is.
            if not client.wire.sent and not _is_of_the_network(error):
                raise
            raise self._refuse(call, client, error) from error
        finally:
            with self._lock:
                self._calls += 1
        if answer is None:
            raise classify(call, Failure(sent=client.wire.sent, message="ccxt made no request"))
        return result, answer

    def _refuse(self, call: Call, client: _ThreadClient, error: Exception) -> VenueError:
        failure = self._failure(client, error)
        ruling = classify(call, failure)
        with self._lock:
            self._failures += 1
            self._expired += failure.expired
            is_told_to_go = failure.status in _STAY_AWAY and failure.code != _ORDER_LIMIT
            if is_told_to_go and failure.retry_after_s is not None:
                self._away_until_s = max(self._away_until_s, self._monotonic_s() + failure.retry_after_s)
        if failure.code == -1021:
            self._on_clock_refused()
        return ruling

    def _failure(self, client: _ThreadClient, error: Exception) -> Failure:
        kinds = tuple(kind.__name__ for kind in type(error).__mro__)
        answer = client.session.answer
        if answer is None:
            return Failure(
                sent=client.wire.sent,
                expired=client.wire.expired,
                message="" if client.wire.expired else _cause(error, sent=client.wire.sent),
                kinds=kinds,
            )
        code, message = _said(answer.body)
        if code is None and isinstance(error, msgspec.ValidationError):
            message = f"unreadable answer: {error}"
        now_ms = self._clock.now_ns() // NS_PER_MS
        return Failure(
            sent=True,
            expired=client.wire.expired,
            status=answer.status,
            code=code,
            message=message,
            retry_after_s=retry_after_s(answer.headers.get("retry-after"), message, now_ms),
            kinds=kinds,
        )

    def _check_may_call(self) -> None:
        """While the venue has told us to stay away, each request more prolongs it (429 becomes a ban)."""
        if self._is_closed:
            raise VenueUnavailable("this adapter is closed")
        remaining_s = self._away_until_s - self._monotonic_s()
        if remaining_s > 0:
            raise VenueUnavailable("the venue asked us to stay away", retry_after_s=remaining_s)

    def _client(self) -> _ThreadClient:
        client: _ThreadClient | None = getattr(self._local, "client", None)
        if client is None:
            session = WiredSession(Wire(self._monotonic_s))
            client = self._local.client = _ThreadClient(self._exchange(session), session)
            with self._lock:
                self._clients.add(client)
        return client

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


def _is_of_the_network(error: Exception) -> bool:
    """ccxt's own errors are told by name: its module may not be loaded. Those of requests are OSErrors."""
    return isinstance(error, OSError | HTTPError) or any(kind.__name__ == "BaseError" for kind in type(error).__mro__)


def _said(body: bytes) -> tuple[int | None, str]:
    """The venue's own code and text; (None, "") where the body has none."""
    try:
        said = _error_answer.decode(body)
    except UNREADABLE:
        return None, ""
    return said.code, said.msg


def _cause(error: BaseException, *, sent: bool) -> str:
    """The operating system's word at the root of it. Library messages are left out: they quote the signed URL."""
    what = "the connection broke before an answer came" if sent else "the venue cannot be reached"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return f"{what}: {seen.strerror}"
        seen = seen.__cause__ or seen.__context__
    return f"{what}: {type(error).__name__}"
