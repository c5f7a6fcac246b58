"""One call to an exchange's REST: by the thread's own ccxt instance, under a total deadline, failing in our words."""

import json
import re
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from urllib3.exceptions import HTTPError

from core.domain.errors import VenueError, VenueUnavailable
from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.settings.venue import VenueSettings
from core.venues.ccxt_import import exchange_class
from core.venues.deadline import DeadlineWatch, Wire
from core.venues.generic.errors import Call, Failure, classify
from core.venues.generic.exchange import rest_exchange, share_markets
from core.venues.generic.pace import Pace
from core.venues.session import Answer, WiredSession

log = structlog.get_logger()

T = TypeVar("T")
_STAY_AWAY = (418, 429)
_SHOWN = 300
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_CODE_KEYS = ("code", "retCode", "ret_code", "err_code", "sCode", "error_code", "errno")


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
        self.markets_of: Any = None


class GenericClient:
    """Thread-safe. Markets are loaded once and shared by the instances of all threads."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None,
        clock: TradingClock,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._watch = DeadlineWatch(monotonic_s)
        self._local = threading.local()
        self._clients: weakref.WeakSet[_ThreadClient] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._loaded: Any = None
        self._pace: Pace | None = None
        self._away_until_s = 0.0
        self._is_closed = False
        self._calls = self._failures = self._expired = 0

    @property
    def loaded(self) -> Any:
        """The instance that holds the exchange's markets; `None` before the first call that needs them."""
        return self._loaded

    def call(self, call: Call, invoke: Callable[[Any], T]) -> tuple[T, Answer | None]:
        """Runs `invoke` on the thread's instance, which knows the markets; the HTTP answer is `None` where ccxt needed
        none. Raises `VenueError`s only."""
        if self._loaded is None:
            self.load_markets()
        return self._guarded(call, invoke)

    def call_bare(self, invoke: Callable[[Any], T]) -> tuple[T, Answer | None]:
        """A read that needs no markets."""
        return self._guarded(Call.READ, invoke)

    def load_markets(self, *, reload: bool = False) -> Any:
        """The instance that holds them now."""
        with self._loading:
            if self._loaded is None or reload:
                self._loaded = self._guarded(Call.READ, self._with_markets)[0]
            return self._loaded

    def close(self) -> None:
        """Ends calls under way: their connections close. Later ones raise `VenueUnavailable`."""
        self._is_closed = True
        for client in list(self._clients):
            client.wire.close()
            client.session.close()
        self._watch.close()

    def statistics(self) -> ClientStatistics:
        return ClientStatistics(self._calls, self._failures, self._expired, len(self._clients))

    def _with_markets(self, exchange: Any) -> Any:
        """An instance of its own that nobody calls, so that what it holds never changes under a reader."""
        markets = exchange.fetch_markets()
        holder = rest_exchange(type(exchange), self._settings, None, self._clock, None)
        holder.set_markets([market for market in markets if is_tradeable(market)])
        for name in exchange.options.get("marketHelperProps", ()):
            holder.options[name] = exchange.options.get(name)
        return holder

    def _guarded(self, call: Call, work: Callable[[Any], T]) -> tuple[T, Answer | None]:
        self._check_may_call()
        client = self._client()
        client.session.forget()
        if self._pace is not None:
            self._pace.take(at_once=call is Call.ORDER)
        try:
            with self._watch.call(client.wire, self._settings.request_timeout_s):
                result = work(client.exchange)
                if client.wire.expired:  # what was read until then may look whole
                    raise TimeoutError("the deadline has passed")
            return result, client.session.answer
        except Exception as error:
            # The boundary of the venue: whatever ccxt, requests or a strange answer raise becomes one of our errors.
            # A mistake of ours before anything was sent is shown as what it is.
            if not client.wire.sent and not _is_of_the_network(error):
                raise
            raise self._refuse(call, client, error) from error
        finally:
            with self._lock:
                self._calls += 1

    def _refuse(self, call: Call, client: _ThreadClient, error: Exception) -> VenueError:
        failure = self._failure(client, error)
        with self._lock:
            self._failures += 1
            self._expired += failure.expired
            if failure.status in _STAY_AWAY and failure.retry_after_s is not None:
                self._away_until_s = max(self._away_until_s, self._monotonic_s() + failure.retry_after_s)
        return classify(call, failure)

    def _failure(self, client: _ThreadClient, error: Exception) -> Failure:
        kinds = tuple(kind.__name__ for kind in type(error).__mro__)
        answer, wire = client.session.answer, client.wire
        is_ccxts = "BaseError" in kinds
        if answer is None:
            local = str(error) if is_ccxts and not wire.sent and "NetworkError" not in kinds else ""
            message = "" if wire.expired else local or _cause(error, sent=wire.sent)
            return Failure(sent=wire.sent, expired=wire.expired, message=message, kinds=kinds)
        code = code_in(answer.body)
        message = without_queries(str(error)) if is_ccxts else f"unreadable answer: {type(error).__name__}"
        return Failure(
            sent=True,
            expired=wire.expired,
            status=answer.status,
            code=code,
            message="" if wire.expired or not answer.body else message[:_SHOWN],
            retry_after_s=_seconds(answer.headers.get("retry-after")),
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
            kind = exchange_class(self._settings.name)
            exchange = rest_exchange(kind, self._settings, self._credentials, self._clock, session)
            client = self._local.client = _ThreadClient(exchange, session)
            with self._lock:
                self._clients.add(client)
                if self._pace is None:
                    wait_s = self._settings.request_timeout_s / 2
                    self._pace = Pace(exchange.rateLimit / 1_000, longest_wait_s=wait_s, monotonic_s=self._monotonic_s)
        if client.markets_of is not self._loaded:
            share_markets(self._loaded, client.exchange)
            client.markets_of = self._loaded
        return client


def is_tradeable(market: Any) -> bool:
    """Spot, and perpetuals that settle in their quote; the rest would only take up memory."""
    return bool(market.get("spot") or (market.get("swap") and market.get("linear")))


def without_queries(text: str) -> str:
    """ccxt quotes the URL of a request that failed, and with it the key and the signature."""
    return _QUERY.sub(r"\1", text)


def code_in(body: bytes) -> int | None:
    """The exchange's own number for what went wrong; `None` where it gave none or spelled it in words."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    tables = [said, *(said.get(key) for key in ("error", "data", "result"))] if isinstance(said, dict) else []
    for table in tables:
        first = table[0] if isinstance(table, list) and table else table
        if isinstance(first, dict):
            for key in _CODE_KEYS:
                if (code := _whole(first.get(key))) is not None:
                    return code
    return None


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    is_number = isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 12
    return int(value) if is_number else None  # type: ignore[call-overload]  # text then


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdigit() else None


def _is_of_the_network(error: Exception) -> bool:
    """ccxt's own errors are told by name: its module may not be loaded. Those of requests are OSErrors."""
    return isinstance(error, OSError | HTTPError) or any(kind.__name__ == "BaseError" for kind in type(error).__mro__)


def _cause(error: BaseException, *, sent: bool) -> str:
    """The operating system's word at the root of it. Library messages are left out: they quote the signed URL."""
    what = "the connection broke before an answer came" if sent else "the venue cannot be reached"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return f"{what}: {seen.strerror}"
        seen = seen.__cause__ or seen.__context__
    return f"{what}: {type(error).__name__}"
