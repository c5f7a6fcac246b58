"""Deribit's side of a venue: its parts, put together."""

from core.settings.simulated_data import DeribitSettings
from core.simulation.server.clock import VenueClock
from core.simulation.server.deribit.calls import Calls, Credits
from core.simulation.server.deribit.channels import ChannelFrames
from core.simulation.server.deribit.front import DeribitFront
from core.simulation.server.deribit.market import CoinMarket
from core.simulation.server.deribit.methods import PublicMethods
from core.simulation.server.deribit.sockets import DeribitSockets
from core.simulation.server.latencies import Latencies
from core.simulation.server.limits import RELAXED
from core.simulation.server.made_data import MadeData


class DeribitSide:
    """`front` answers HTTP, `sockets` WebSockets; the latter are for the venue to run."""

    def __init__(
        self,
        settings: DeribitSettings,
        data: MadeData,
        clock: VenueClock,
        *,
        latency_s: float,
        is_relaxed: bool,
    ) -> None:
        """`latency_s` is for methods that the settings name none for; `is_relaxed`: a thousand times the requests."""
        market = CoinMarket(data)
        methods = PublicMethods(market)
        credits_a_second = Credits(settings.requests_per_s * (RELAXED if is_relaxed else 1))
        self.calls = Calls(methods.table, data, clock, credits_a_second, Latencies(settings.latencies, latency_s))
        self.front = DeribitFront(self.calls)
        self.sockets = DeribitSockets(self.calls, ChannelFrames(market, methods.past), data, clock, market.coins)
