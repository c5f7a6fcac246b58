"""From the settings to a venue that answers: started where it is ours, its clock kept, its instruments known."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import structlog

from core.domain.errors import SettingsError
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.embedded_venue import embedded_keys, embedded_settings, first_start, starts_its_venue
from core.paper_instruments import on_paper
from core.paper_venue import PaperVenue, takes_anothers_market, without_keys
from core.ports.clock import MonotonicClock
from core.ports.venue import VenueRest
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.scheduler import Scheduler
from core.runtime.supervisor import RestartPolicy, Supervisor
from core.runtime.synced_clock import SyncedClock
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.simulation.server.child import EmbeddedVenue
from core.simulation.server.forwarding import ForwardingStatistics
from core.single_writer import account_name
from core.startup import Startup
from core.venues.adapter import VenueAdapter, build_adapter
from core.venues.budget.sharing import Ledgers, runtime_folder, shared_ledgers

log = structlog.get_logger()

FORWARDER = "market forwarder"
"""Its name among the supervisor's children."""
_CLOCK_JOB = "venue clock"
_ORDERS_CLOCK_JOB = "orders' venue clock"
_CLOCK_SAMPLE_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class OpenVenue:
    """A venue, or two composed to one, ready to be traded at."""

    adapter: VenueAdapter
    instruments: Mapping[InstrumentId, Instrument]
    """All that the market's venue lists."""
    epoch: str | None
    """Of the books that orders go to; `None`: a real venue."""
    account: str
    """What the journal calls the account: a digest of its key, which is no secret."""
    forwarding: Callable[[], ForwardingStatistics] | None
    """`None` unless the market is another venue's."""


class VenueOpening:
    """`open()` once. What must go on running it gives to the supervisor and to the scheduler, which must be running."""

    def __init__(
        self,
        settings: Settings,
        startup: Startup,
        *,
        supervisor: Supervisor,
        scheduler: Scheduler,
        clock: SyncedClock,
        monotonic: MonotonicClock,
    ) -> None:
        """`clock` is the one that decisions go by: the market's."""
        self._settings = settings
        self._startup = startup
        self._supervisor = supervisor
        self._scheduler = scheduler
        self._clock = clock
        self._monotonic = monotonic

    async def open(self) -> OpenVenue:
        """Waits for a venue that does not answer, for as long as it takes. Raises `SettingsError` and `RequestRefused`
        for what a person must mend. Cancelling is safe."""
        settings = self._settings
        if takes_anothers_market(settings) and settings.trading.kind is not InstrumentKind.SPOT:
            raise SettingsError(
                f"trading.symbols: paper mode on {settings.venue.name} takes spot symbols; for perpetuals choose"
                ' venue.name = "sim" (a market of its own), or mode = "observe"'
            )
        venue = await self._start_embedded() if starts_its_venue(settings.venue) else settings.venue
        if takes_anothers_market(settings):
            venue = without_keys(venue)
        adapter = build_adapter(
            venue,
            self._clock,
            self._monotonic,
            kind=settings.trading.kind,
            on_clock_refused=self._ask_the_time(_CLOCK_JOB),
            ledgers=budget_ledgers(settings),
        )
        require_fit_for_mode(settings, adapter)
        await self._startup.reach(adapter.rest)
        self._keep_time(_CLOCK_JOB, adapter.rest, self._clock)
        instruments = await self._startup.instruments(adapter.rest)
        forwarding = None
        if takes_anothers_market(settings):
            symbols = [InstrumentId(symbol) for symbol in settings.trading.symbols]
            instruments = on_paper(instruments, symbols, settings.simulation.deposit)
            adapter, forwarding = await self._compose_paper_venue(adapter, instruments)
        epoch = await self._startup.epoch(adapter.rest)
        require_simulated_venue(settings, epoch)
        return OpenVenue(adapter, instruments, epoch, account_name(settings), forwarding)

    async def _start_embedded(self) -> VenueSettings:
        """Find the venue that already listens, or start one that dies with us; the settings that lead to it."""
        settings = self._settings
        embedded = EmbeddedVenue(
            settings.simulation,
            [InstrumentId(symbol) for symbol in settings.trading.symbols],
            settings.storage.data_dir,
            accounts=[embedded_keys(settings.venue)],
            on_line=lambda line: log.debug("venue", line=line),
        )
        self._startup.say("starting", "starting the embedded venue")
        found = await first_start(embedded, self._supervisor)
        log.info("embedded_venue", url=found.url, speed=found.speed, epoch=found.epoch)
        return embedded_settings(settings.venue, found.url, found.ws_url)

    async def _compose_paper_venue(
        self, market: VenueAdapter, instruments: Mapping[InstrumentId, Instrument]
    ) -> tuple[VenueAdapter, Callable[[], ForwardingStatistics]]:
        """Begin to forward the market into an embedded venue: both as one adapter."""
        self._startup.say("starting", "starting the embedded venue")
        paper = PaperVenue(self._settings, instruments, self._clock, self._monotonic)
        found = await first_start(paper.embedded, self._supervisor)
        adapter = paper.adapter(market, found, self._ask_the_time(_ORDERS_CLOCK_JOB))
        self._supervisor.add(FORWARDER, paper.forwarder.run, restart=RestartPolicy())
        await self._startup.reach(adapter.rest, paper.clock)
        self._keep_time(_ORDERS_CLOCK_JOB, adapter.rest, paper.clock)
        await self._startup.instruments(adapter.rest)  # so that it knows how its symbols are spelled
        log.info("paper_venue", url=found.url, speed=found.speed, epoch=found.epoch, market=self._settings.venue.name)
        return adapter, paper.forwarder.statistics

    def _keep_time(self, job: str, rest: VenueRest, clock: SyncedClock) -> None:
        self._scheduler.every(job, _CLOCK_SAMPLE_EVERY_S, lambda: self._startup.sample_clock(rest, clock))

    def _ask_the_time(self, job: str) -> Callable[[], None]:
        """What to do, from any thread, when a venue has refused our clock."""
        loop = asyncio.get_running_loop()

        def trigger() -> None:
            with contextlib.suppress(KeyError):  # refused before the job was there: the samples of `reach` follow
                self._scheduler.trigger(job)

        def from_any_thread() -> None:
            loop.call_soon_threadsafe(trigger)

        return from_any_thread


@contextlib.contextmanager
def checking_venue(settings: Settings) -> Iterator[VenueRest]:
    """The venue's REST face for one-off questions; starts nothing. Raises `VenueError` where nothing answers, and
    `SettingsError` where it is not fit for the mode."""
    monotonic = SystemMonotonicClock()
    clock = SyncedClock(monotonic)
    venue = settings.venue
    if starts_its_venue(venue):
        venue = embedded_settings(venue, f"http://{settings.simulation.host}:{settings.simulation.port}", ws_url=None)
    adapter = build_adapter(venue, clock, monotonic, kind=settings.trading.kind, ledgers=budget_ledgers(settings))
    rest = adapter.rest
    try:
        require_fit_for_mode(settings, adapter)
        sent_ns = monotonic.now_ns()
        server_ms = rest.server_time_ms()
        clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=rest.clock_speed())
        yield rest
    finally:
        rest.close()


def budget_ledgers(settings: Settings) -> Ledgers:
    """Where the daemons of this user count what they use of a venue's rate limits."""
    return shared_ledgers(settings.storage.runtime_dir or runtime_folder(os.environ))


def require_fit_for_mode(settings: Settings, adapter: VenueAdapter) -> None:
    """Raises `SettingsError` for live trading where the adapter lacks what orders with real money need."""
    if settings.trading.mode == "live" and adapter.not_for_live:
        raise SettingsError(
            f'trading.mode is "live", but {settings.venue.name} can\'t be traded live: '
            f'{"; ".join(adapter.not_for_live)}. Its market can be traded on paper: mode = "paper".'
        )


def require_simulated_venue(settings: Settings, epoch: str | None) -> None:
    """Paper orders go to a venue that owns up to being simulated, or nowhere. Raises `SettingsError`."""
    if settings.trading.mode == "paper" and epoch is None:
        venue = settings.venue.base_url or settings.venue.name
        raise SettingsError(
            f'trading.mode is "paper", but the venue {venue} is no simulated one: paper orders must not go there. '
            'Choose mode = "observe", or venue.name = "sim".'
        )
