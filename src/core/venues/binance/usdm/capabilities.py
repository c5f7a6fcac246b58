"""What this adapter can do."""

from core.domain.orders import OrderType, TimeInForce
from core.ports.venue import AmendsInPlace, Pairing, VenueCapabilities
from core.venues.binance.capabilities import REPLICA_LAG_MS

MAX_KLINES = 1_500
ORDER_TYPES = frozenset(
    {
        OrderType.MARKET,
        OrderType.LIMIT,
        OrderType.LIMIT_MAKER,
        OrderType.STOP_LOSS,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_LIMIT,
    }
)
TIMES_IN_FORCE = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD})
LEAST_GTD_S = 600.0
"""`goodTillDate` must lie further ahead than this (USD-M, "New Order")."""


def capabilities(window_ms: int) -> VenueCapabilities:
    """`window_ms` is the recvWindow that requests carry, in venue time."""
    return VenueCapabilities(
        name="binance USD-M",
        order_types=ORDER_TYPES,
        native_stops=True,
        request_window_ms=window_ms,
        replica_lag_ms=REPLICA_LAG_MS,
        max_klines=MAX_KLINES,
        short_selling=True,
        has_positions=True,
        dead_man_timer=True,
        times_in_force=TIMES_IN_FORCE,
        least_gtd_s=LEAST_GTD_S,
        trailing_stops=True,
        amends_in_place=AmendsInPlace.LIMITS,
        pairing=Pairing.APART,
    )
