"""Blocking calls to a venue's REST: by the thread's own ccxt instance, under a total deadline, failing in our words."""

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from urllib3.exceptions import HTTPError

from core.domain.errors import VenueError, VenueUnavailable
from core.runtime.redaction import PROCESS
from core.venues.budget.budget import NotYet
from core.venues.budget.toll import Toll, is_worth_waiting, refusal
from core.venues.deadline import DeadlineWatch, Wire
from core.venues.failures import UNANSWERED, UNREACHED, Call, Failure
from core.venues.session import Answer, WiredSession

T = TypeVar("T")
_STAY_AWAY = (418, 429)


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    calls: int
    failures: int
    expired: int
    """Calls whose socket was shut at their deadline."""
    threads: int
    """Threads that hold an instance now."""


class Said(NamedTuple):
    """What the answer to a call that failed says of the reason."""

    code: int | None
    """The venue's own number; `None` where it gave none."""
    message: str
    """Empty where it cannot be read."""
    retry_after_s: float | None


class ThreadClient:
    """ccxt's instance, its session and its sockets, for one thread."""

    def __init__(self, exchange: Any, session: WiredSession) -> None:
        self.exchange = exchange
        self.session = session
        self.wire = session.wire


class GuardedCalls:
    """Thread-safe."""

    def __init__(
        self,
        exchange: Callable[[WiredSession], Any],
        said: Callable[[Answer, Exception], Said],
        classify: Callable[[Call, Failure], VenueError],
        *,
        timeout_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
        order_limits: frozenset[int] = frozenset(),
        toll: Toll | None = None,
    ) -> None:
        """`exchange` makes a thread's ccxt instance, which sends by that session. `order_limits` are codes by which the
        venue limits orders and leaves reads and cancels free: no reason to stay away. `toll` charges each request;
        `None`: they are free."""
        self._exchange = exchange
        self._said = said
        self._classify = classify
        self._timeout_s = timeout_s
        self._monotonic_s = monotonic_s
        self._order_limits = order_limits
        self._watch = DeadlineWatch(monotonic_s)
        self._local = threading.local()
        self._clients: weakref.WeakSet[ThreadClient] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._toll = toll or Toll.free()
        self._closed = threading.Event()
        self._calls = self._failures = self._expired = 0

    def client(self) -> ThreadClient:
        """The calling thread's. Raises `VenueUnavailable` where nothing may be sent: each request more would prolong
        the time for which the venue has told us to stay away (429 becomes a ban)."""
        self._require_open()
        remaining_s = self._toll.address.away_s()
        if remaining_s > 0:
            raise VenueUnavailable("the venue asked us to stay away", retry_after_s=remaining_s)
        client: ThreadClient | None = getattr(self._local, "client", None)
        if client is None:
            session = WiredSession(Wire(self._monotonic_s), self._toll)
            client = self._local.client = ThreadClient(self._exchange(session), session)
            with self._lock:
                self._clients.add(client)
        return client

    def run(self, call: Call, client: ThreadClient, work: Callable[[ThreadClient], T]) -> T:
        """`work(client)`, and `VenueError`s only. The deadline's end counts as a failure though `work` may have made
        something of what was read until then: an answer that was cut off may look whole.

        A request for which there is no room at the venue yet is waited for and asked for anew, with the time left to
        the call undiminished and stamped afresh; or raises `BudgetSpent` where that would take too long."""
        while True:
            try:
                return self._run(call, client, work)
            except NotYet as not_yet:
                if not is_worth_waiting(not_yet):
                    raise refusal(not_yet) from None
                self._closed.wait(not_yet.wait_s)
                self._require_open()

    def _run(self, call: Call, client: ThreadClient, work: Callable[[ThreadClient], T]) -> T:
        client.session.forget()
        try:
            with self._watch.call(client.wire, self._timeout_s):
                result = work(client)
                if client.wire.expired:
                    raise TimeoutError("the deadline has passed")
            return result
        except NotYet:
            raise
        except Exception as error:  # the boundary of the venue: ccxt, requests, a strange answer; ours if none was sent
            if not client.wire.sent and not _is_of_the_network(error):
                raise
            raise self._refuse(call, client, error) from error
        finally:
            with self._lock:
                self._calls += 1

    def close(self) -> None:
        """Ends calls under way: their connections close. Later ones raise `VenueUnavailable`."""
        self._closed.set()
        for client in list(self._clients):
            client.wire.close()
            client.session.close()
        self._watch.close()

    def statistics(self) -> ClientStatistics:
        return ClientStatistics(self._calls, self._failures, self._expired, len(self._clients))

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise VenueUnavailable("this adapter is closed")

    def _refuse(self, call: Call, client: ThreadClient, error: Exception) -> VenueError:
        failure = self._failure(client, error)
        with self._lock:
            self._failures += 1
            self._expired += failure.expired
            is_told_to_go = failure.status in _STAY_AWAY and failure.code not in self._order_limits
        if is_told_to_go and failure.retry_after_s is not None:
            self._toll.address.stay_away(failure.retry_after_s)
        return self._classify(call, failure)

    def _failure(self, client: ThreadClient, error: Exception) -> Failure:
        kinds = tuple(kind.__name__ for kind in type(error).__mro__)
        answer, wire = client.session.answer, client.wire
        if answer is None:
            message = "" if wire.expired else _cause(error, sent=wire.sent)
            return Failure(sent=wire.sent, expired=wire.expired, message=message, kinds=kinds)
        said = self._said(answer, error)
        is_cut_off = wire.expired and not is_of_ccxt(error)
        return Failure(
            sent=True,
            expired=wire.expired,
            status=answer.status,
            code=said.code,
            message="" if is_cut_off else PROCESS.mask_text(said.message),  # it may quote the request
            retry_after_s=said.retry_after_s,
            kinds=kinds,
        )


def is_of_ccxt(error: Exception, kind: str = "BaseError") -> bool:
    """ccxt's own errors are told by name: its module may not be loaded."""
    return any(each.__name__ == kind for each in type(error).__mro__)


def _is_of_the_network(error: Exception) -> bool:
    """Those of requests are OSErrors."""
    return isinstance(error, OSError | HTTPError) or is_of_ccxt(error)


def _cause(error: Exception, *, sent: bool) -> str:
    """ccxt's reason not to send; or the operating system's word at the root of it. Other messages of libraries are left
    out: they quote the signed URL."""
    if is_of_ccxt(error) and not is_of_ccxt(error, "NetworkError") and not sent and str(error):
        return str(error)
    what = UNANSWERED if sent else UNREACHED
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return f"{what}: {seen.strerror}"
        seen = seen.__cause__ or seen.__context__
    return f"{what}: {type(error).__name__}"
