"""One call to an exchange's REST: which ccxt instance makes it, when it is its turn, and what its answer says."""

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.settings.venue import VenueSettings
from core.venues.budget.toll import Toll
from core.venues.ccxt_import import exchange_class
from core.venues.failures import Call
from core.venues.generic.errors import classify
from core.venues.generic.exchange import rest_exchange, share_markets
from core.venues.generic.pace import Pace
from core.venues.guarded_calls import ClientStatistics, GuardedCalls, Said, ThreadClient, is_of_ccxt
from core.venues.session import Answer, WiredSession

T = TypeVar("T")
_SHOWN = 300
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_CODE_KEYS = ("code", "retCode", "ret_code", "err_code", "sCode", "error_code", "errno")


class GenericClient:
    """Thread-safe. Markets are loaded once and shared by the instances of all threads."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None,
        clock: TradingClock,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        toll: Toll | None = None,
    ) -> None:
        """`toll`'s address keeps the pace; `None`: one of this client's own."""
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._toll = toll or Toll.free()
        self._local = threading.local()
        self._loading = threading.Lock()
        self._loaded: Any = None
        self._calls = GuardedCalls(
            self._exchange,
            _said,
            classify,
            timeout_s=settings.request_timeout_s,
            monotonic_s=monotonic_s,
            toll=self._toll,
        )

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
        self._calls.close()

    def statistics(self) -> ClientStatistics:
        return self._calls.statistics()

    def _with_markets(self, exchange: Any) -> Any:
        """An instance of its own that nobody calls, so that what it holds never changes under a reader."""
        markets = exchange.fetch_markets()
        holder = rest_exchange(type(exchange), self._settings, None, self._clock, None)
        holder.set_markets([market for market in markets if is_tradeable(market)])
        for name in exchange.options.get("marketHelperProps", ()):
            holder.options[name] = exchange.options.get(name)
        return holder

    def _guarded(self, call: Call, work: Callable[[Any], T]) -> tuple[T, Answer | None]:
        def answered(client: ThreadClient) -> tuple[T, Answer | None]:
            return work(client.exchange), client.session.answer

        client = self._calls.client()
        self._learn_markets(client.exchange)
        self._local.is_order = call is Call.ORDER
        return self._calls.run(call, client, answered)

    def _exchange(self, session: WiredSession) -> Any:
        kind = exchange_class(self._settings.name)
        exchange = rest_exchange(kind, self._settings, self._credentials, self._clock, session)
        pace = Pace(exchange.rateLimit / 1_000, self._toll.address, longest_wait_s=self._settings.request_timeout_s / 2)
        exchange.enableRateLimit = True
        exchange.throttle = lambda cost=None: pace.take(cost or 1.0, at_once=self._local.is_order)
        return exchange

    def _learn_markets(self, exchange: Any) -> None:
        """The thread's instance takes over what was loaded since it last looked."""
        loaded = self._loaded
        if getattr(self._local, "loaded", None) is not loaded:
            share_markets(loaded, exchange)
            self._local.loaded = loaded


def is_tradeable(market: Any) -> bool:
    """Spot, and perpetuals that settle in their quote; the rest would only take up memory."""
    return bool(market.get("spot") or (market.get("swap") and market.get("linear")))


def without_queries(text: str) -> str:
    """ccxt quotes the URL of a request that failed, and with it the key and the signature."""
    return _QUERY.sub(r"\1", text)


def _said(answer: Answer, error: Exception) -> Said:
    message = without_queries(str(error)) if is_of_ccxt(error) else f"unreadable answer: {type(error).__name__}"
    return Said(
        code_in(answer.body), message[:_SHOWN] if answer.body else "", _seconds(answer.headers.get("retry-after"))
    )


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
    if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 12:
        return int(value)
    return None


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdigit() else None
