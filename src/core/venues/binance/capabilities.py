"""What this adapter can do."""

from core.domain.orders import OrderType
from core.ports.venue import AmendsInPlace, Pairing, VenueCapabilities
from core.runtime.clocks import NS_PER_MS

MAX_WINDOW_MS = 60_000
"""Longest recvWindow that the venue accepts."""
MAX_KLINES = 1_000
REPLICA_LAG_MS = 5_000
"""Reads come from replicas ("Data Source: Memory => Database"); no bound is promised, so this is ample."""


def capabilities(window_ms: int) -> VenueCapabilities:
    """`window_ms` is the recvWindow that requests carry, in venue time."""
    return VenueCapabilities(
        name="binance",
        order_types=frozenset(OrderType),
        native_stops=True,
        request_window_ms=window_ms,
        replica_lag_ms=REPLICA_LAG_MS,
        max_klines=MAX_KLINES,
        short_selling=False,
        icebergs=True,
        trailing_stops=True,
        amends_in_place=AmendsInPlace.SHRINK,
        pairing=Pairing.LIST,
    )


def stamp_ms(now_ns: int, window_ms: int) -> int:
    """Timestamp of a request made at `now_ns` (venue time): a tenth of the window early, since the venue takes a stamp
    that is late within the window but hardly one of its future, and what we know of its clock is never exact."""
    return now_ns // NS_PER_MS - window_ms // 10


def window_ms(setting_ms: int, speed: float) -> int:
    """recvWindow in venue ms: as many real ms as the setting says, but at least that many venue ms, and no more than
    the venue accepts. At 20 times real time a window of 5,000 venue ms would close after a quarter of a second."""
    return min(MAX_WINDOW_MS, round(setting_ms * max(speed, 1.0)))
