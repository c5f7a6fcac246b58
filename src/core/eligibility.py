"""Which symbols may be entered: those that pass the universe's filters and whose candles are good enough."""

from collections.abc import Sequence

from core.compute.computer import AsyncFeatureComputer
from core.domain.instruments import InstrumentId
from core.domain.reasons import Reason
from core.history_watch import HistoryWatch
from core.listing import Listing
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.ports.clock import MonotonicClock, TradingClock
from core.risk.account import Account
from core.runtime.scheduler import Scheduler
from core.settings.tree import Settings
from core.strategies.plans import SymbolPlan
from core.universe_watch import UniverseWatch


class Eligibility:
    """Read it from the loop. What is held in a symbol may be closed whatever this says."""

    def __init__(
        self,
        plans: Sequence[SymbolPlan],
        settings: Settings,
        *,
        market: MarketPicture,
        fetcher: MarketFetcher,
        listing: Listing,
        account: Account,
        computer: AsyncFeatureComputer,
        clock: TradingClock,
        monotonic: MonotonicClock,
    ) -> None:
        self._universe = UniverseWatch(
            dict.fromkeys(plan.key.instrument_id for plan in plans),
            settings.universe,
            fetcher=fetcher,
            market=market,
            instruments=listing.traded,
            is_held=account.is_held,
            clock=clock,
            monotonic=monotonic,
        )
        self._history = HistoryWatch(
            {plan.key: plan.window for plan in plans},
            market.candles,
            computer,
            venue=settings.venue.name,
            min_quality=settings.history.min_quality,
        )

    def no_entry(self, symbol: InstrumentId) -> Reason | None:
        """Why nothing may be entered in it; `None`: it may."""
        return self._universe.no_entry(symbol) or self._history.no_entry(symbol)

    def is_wanted(self, symbol: InstrumentId) -> bool:
        """Whether it is traded, or at least to be got out of."""
        return self._universe.is_wanted(symbol)

    def use(self, settings: Settings) -> None:
        """Within seconds."""
        self._universe.use(settings.universe)

    async def look(self) -> None:
        """Once, before anything is decided. Never raises for what the venue does, and takes a minute or two at most.
        Cancelling is safe."""
        await self._history.look()
        await self._universe.look_if_due()

    def begin(self, scheduler: Scheduler) -> None:
        self._history.begin(scheduler)
        self._universe.begin(scheduler)
