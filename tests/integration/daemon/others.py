"""Somebody else on the daemon's account: another bot, or a hand on the venue's web page."""

from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import (
    AmendRequest,
    ClientOrderId,
    Leg,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    Terms,
    TimeInForce,
)
from core.ports.venue import Credentials
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.venue import VenueSettings
from core.venues.binance.rest import BinanceRest
from core.venues.binance.usdm.rest import UsdmRest
from integration.daemon.bot import ACCOUNT


class OtherClient:
    """Trades spot by hand, or with `UsdmRest` perpetuals. Close it."""

    def __init__(self, url: str, rest: type[BinanceRest | UsdmRest] = BinanceRest, account: str = ACCOUNT) -> None:
        monotonic = SystemMonotonicClock()
        clock = SyncedClock(monotonic)
        settings = VenueSettings(name="binance", base_url=url)
        self.rest = rest(settings, Credentials(account, account), clock, monotonic)
        for _ in range(5):
            sent_ns = monotonic.now_ns()
            server_ms = self.rest.server_time_ms()
            clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=self.rest.clock_speed())

    def bid(self, symbol: str, name: str, quantity: str, *, share: float = 0.9) -> OrderReport:
        """A limit order that rests at a `share` of the price."""
        instrument_id = InstrumentId(symbol)
        price = Decimal(int(self.rest.order_book(instrument_id, 5).bids[0][0] * share))
        leg = Leg(instrument_id, Side.BUY, Decimal(quantity), OrderType.LIMIT, price, None, TimeInForce.GTC)
        return self.rest.place(OrderRequest(ClientOrderId(name), leg))

    def market(self, symbol: str, name: str, quantity: str, side: Side = Side.BUY) -> OrderReport:
        leg = Leg(InstrumentId(symbol), side, Decimal(quantity), OrderType.MARKET)
        return self.rest.place(OrderRequest(ClientOrderId(name), leg))

    def shrink(self, symbol: str, name: str, quantity: str) -> OrderReport:
        """Amend an order, whoever has made it."""
        instrument_id, known_as = InstrumentId(symbol), ClientOrderId(name)
        there = self.rest.order(instrument_id, known_as)
        assert there is not None
        leg = Leg(instrument_id, there.side, there.quantity, there.order_type, there.price, there.stop_price)
        return self.rest.amend(AmendRequest(known_as, leg, Terms(Decimal(quantity), there.price)))

    def cancel(self, symbol: str, name: str) -> OrderReport:
        return self.rest.cancel(InstrumentId(symbol), ClientOrderId(name))

    def close(self) -> None:
        self.rest.close()
