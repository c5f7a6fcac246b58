"""Request weights and order counts, as the venue counts and punishes them.

Windows are of venue time: a client that works candle by candle uses the same share of its limit at any speed. What
clients are told to wait (`Retry-After`) is real seconds, because that is what they sleep.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core.simulation.server.errors import ApiError

_BAN_AFTER_REFUSALS = 60
_FIRST_BAN_MS = 120_000
_LONGEST_BAN_MS = 3 * 86_400_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One row of exchangeInfo's `rateLimits`."""

    kind: str
    interval: str
    interval_count: int
    limit: int

    @property
    def window_ms(self) -> int:
        return self.interval_count * {"SECOND": 1_000, "MINUTE": 60_000, "DAY": 86_400_000}[self.interval]

    @property
    def window_name(self) -> str:
        """As in the names of headers: `10s`, `1m`, `1d`."""
        return f"{self.interval_count}{self.interval[0].lower()}"

    def as_json(self, count: int | None = None) -> dict[str, object]:
        row: dict[str, object] = {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.interval_count,
            "limit": self.limit,
        }
        if count is not None:
            row["count"] = count
        return row

    def relaxed(self) -> "RateLimit":
        """For tests of speed: a thousand times as much."""
        return replace(self, limit=self.limit * RELAXED)


def weight_limit(limit: int) -> RateLimit:
    return RateLimit("REQUEST_WEIGHT", "MINUTE", 1, limit)


RELAXED = 1_000
ORDERS_10S = RateLimit("ORDERS", "SECOND", 10, 100)
ORDERS_1D = RateLimit("ORDERS", "DAY", 1, 200_000)
RAW_REQUESTS = RateLimit("RAW_REQUESTS", "MINUTE", 5, 61_000)
SPOT_ORDERS = (ORDERS_10S, ORDERS_1D)
OrderCounts = tuple[tuple[RateLimit, int], ...]
"""Accepted orders in the present window of each limit."""
_MINUTE_MS = 60_000


@dataclass(slots=True)
class _Window:
    start_ms: int = -1
    used: int = 0

    def add(self, amount: int, length_ms: int, now_ms: int) -> int:
        start_ms = now_ms - now_ms % length_ms
        if start_ms != self.start_ms:
            self.start_ms, self.used = start_ms, 0
        self.used += amount
        return self.used


@dataclass(slots=True)
class _Client:
    weight: _Window = field(default_factory=_Window)
    raw: _Window = field(default_factory=_Window)
    refusals: int = 0
    bans: int = 0
    banned_until_ms: int = 0


class RequestLimits:
    """Weights by client address; `limit` is what one may use in a minute. `raw` limits requests whatever they weigh;
    `None`: the market does not count them."""

    def __init__(
        self, now_ms: Callable[[], int], speed: float, limit: int, *, raw: RateLimit | None = RAW_REQUESTS
    ) -> None:
        self._now_ms = now_ms
        self._speed = speed
        self.weight = weight_limit(limit)
        self._raw = raw
        self._clients: dict[str, _Client] = {}

    def charge(self, address: str, weight: int) -> int:
        """Count one request; the weight used in the present minute. Raises `ApiError` 429, and 418 when 429 is
        ignored."""
        now_ms = self._now_ms()
        client = self._client(address)
        if now_ms < client.banned_until_ms:
            raise self._banned(client, now_ms)
        used = client.weight.add(weight, _MINUTE_MS, now_ms)
        is_raw_full = self._raw is not None and client.raw.add(1, self._raw.window_ms, now_ms) > self._raw.limit
        if used == weight:
            client.refusals = 0
        if used <= self.weight.limit and not is_raw_full:
            return used
        client.refusals += 1
        if client.refusals > _BAN_AFTER_REFUSALS:
            self.ban(address)
            raise self._banned(client, now_ms)
        raise self._too_much(used, now_ms)

    def ban(self, address: str, for_ms: int | None = None) -> None:
        """Shut an address out for `for_ms` of venue time; `None`: two minutes the first time, then twice as long each
        time, three days at most."""
        client = self._client(address)
        if for_ms is None:
            client.bans += 1
            client.refusals = 0
            for_ms = min(_FIRST_BAN_MS * 2 ** (client.bans - 1), _LONGEST_BAN_MS)
        client.banned_until_ms = max(client.banned_until_ms, self._now_ms() + for_ms)

    def pardon(self, address: str) -> None:
        """End a ban."""
        self._client(address).banned_until_ms = 0

    def ban_of(self, address: str) -> ApiError | None:
        """The 418 that a banned address gets; `None`: it is not banned."""
        client, now_ms = self._clients.get(address), self._now_ms()
        return self._banned(client, now_ms) if client is not None and now_ms < client.banned_until_ms else None

    def table(self, orders: tuple[RateLimit, ...] = SPOT_ORDERS) -> tuple[RateLimit, ...]:
        """All limits, those on `orders` among them, as exchangeInfo shows them."""
        return (self.weight, *orders, *([] if self._raw is None else [self._raw]))

    def used(self, address: str) -> int:
        client = self._clients.get(address)
        return client.weight.add(0, _MINUTE_MS, self._now_ms()) if client else 0

    def _client(self, address: str) -> _Client:
        return self._clients.setdefault(address, _Client())

    def _too_much(self, used: int, now_ms: int) -> ApiError:
        wait_ms = _MINUTE_MS - now_ms % _MINUTE_MS
        return ApiError(
            -1003,
            f"Too much request weight used; current limit is {self.weight.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            status=429,
            headers={"retry-after": self._real_s(wait_ms), "x-mbx-used-weight-1m": str(used)},
        )

    def _banned(self, client: _Client, now_ms: int) -> ApiError:
        return ApiError(
            -1003,
            f"Way too much request weight used; IP banned until {client.banned_until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
            status=418,
            headers={"retry-after": self._real_s(client.banned_until_ms - now_ms)},
        )

    def _real_s(self, venue_ms: int) -> str:
        return str(max(1, math.ceil(venue_ms / 1_000 / self._speed)))


class OrderLimits:
    """Accepted orders by account."""

    def __init__(self, now_ms: Callable[[], int], limits: tuple[RateLimit, ...] = SPOT_ORDERS) -> None:
        self._now_ms = now_ms
        self._limits = limits
        self._accounts: dict[str, tuple[_Window, ...]] = {}

    def check(self, account: str) -> None:
        """Raises `ApiError` -1015 when the account may not place another order now."""
        for limit, used in self.used(account):
            if used >= limit.limit:
                window = f"{limit.interval_count} {limit.interval}"
                message = f"Too many new orders; current limit is {limit.limit} orders per {window}."
                raise ApiError(-1015, message, status=429)

    def count(self, account: str, orders: int = 1) -> OrderCounts:
        """Count accepted orders."""
        return self._add(account, orders)

    def used(self, account: str) -> OrderCounts:
        return self._add(account, 0)

    def _add(self, account: str, amount: int) -> OrderCounts:
        windows = self._accounts.setdefault(account, tuple(_Window() for _ in self._limits))
        now_ms = self._now_ms()
        return tuple(
            (limit, window.add(amount, limit.window_ms, now_ms))
            for limit, window in zip(self._limits, windows, strict=True)
        )
