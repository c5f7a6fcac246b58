"""The venue's blocking calls that only composition makes, each in its lane of threads."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import TypeVar

import structlog

from core.compute.computer import AsyncFeatureComputer
from core.compute.priority import Priority
from core.domain.errors import ComputeError, RuleBroken, SymbolRefused, VenueError
from core.domain.instruments import InstrumentId
from core.domain.orders import Balance
from core.ports.request_lane import RequestLane, chosen_lane, in_lane
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.venues.adapter import VenueAdapter
from core.venues.prices import middle_of_book

T = TypeVar("T")

_LANE_MARGIN_S = 5.0
_PRIORITIES = {"cancel": Priority.CANCEL, "place": Priority.ORDER}

log = structlog.get_logger()


def read_deadline_s(venue: VenueSettings) -> float:
    """For a request with its own time limit, queueing for a thread of the lane included."""
    return venue.request_timeout_s + _LANE_MARGIN_S


class VenueLanes:
    def __init__(
        self,
        settings: Settings,
        adapter: VenueAdapter,
        computer: AsyncFeatureComputer,
        on_rule: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_rule` is called, on the loop, after an instrument's rules were what the venue refused something for."""
        self._on_rule = on_rule
        self._adapter = adapter
        self._computer = computer
        self._read_deadline_s = read_deadline_s(settings.venue)
        self._order_deadline_s = settings.execution.order_deadline_s

    async def run_in_order_lane(self, fn: Callable[..., T], /, *args: object, deadline_s: float, **kwargs: object) -> T:
        """As `core.execution.lane.RunInLane`: cancels go first, then new orders, then all that only asks."""
        priority = _PRIORITIES.get(getattr(fn, "__name__", ""), Priority.RECONCILE)
        lane = self._computer.lane("order")
        with in_lane(chosen_lane() or RequestLane.ACCOUNT):
            try:
                return await lane.run(partial(fn, **kwargs), *args, deadline_s=deadline_s, priority=priority)
            except (RuleBroken, SymbolRefused):
                self._on_rule()
                raise

    async def prepare(self, symbols: Iterable[InstrumentId]) -> None:
        """One instrument a call, so that each has the time of one. Raises `VenueError` and `ComputeError`."""
        for symbol in symbols:
            await self._order_lane(self._adapter.rest.prepare, (symbol,))

    async def balances(self) -> Mapping[str, Balance]:
        """Raises `VenueError` and `ComputeError`."""
        return await self._order_lane(self._adapter.rest.balances)

    async def price(self, instrument_id: InstrumentId) -> Decimal | None:
        """The middle of the book, as asked for now; `None` where nobody can tell."""
        ask = self._computer.lane("data").run
        try:
            with in_lane(RequestLane.ACCOUNT):  # flattening waits for it: before the candles that others want
                book = await ask(
                    self._adapter.market.order_book,
                    instrument_id,
                    5,
                    deadline_s=self._read_deadline_s,
                    priority=Priority.RECONCILE,
                )
        except (VenueError, ComputeError) as error:
            log.info("price_missing", symbol=instrument_id, reason=str(error))
            return None
        return middle_of_book(book)

    async def _order_lane(self, fn: Callable[..., T], /, *args: object) -> T:
        with in_lane(RequestLane.ACCOUNT):
            return await self._computer.lane("order").run(fn, *args, deadline_s=self._order_deadline_s)
