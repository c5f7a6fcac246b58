"""The venue as a process: builds the parts, runs them, and ends in order."""

import asyncio
import contextlib
import functools
import json
import os
import shlex
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog

from core.domain.errors import JournalError
from core.domain.instruments import InstrumentId
from core.runtime.lifeline import follow_parent
from core.runtime.loop import freeze_long_lived, run_loop
from core.settings.simulation import SimulationSettings
from core.simulation.engine.forwarded import ForwardedMarket
from core.simulation.engine.perpetual.venue import PerpetualVenue, with_perpetuals
from core.simulation.server.accounts import DEFAULT_KEY, DEFAULT_SECRET, AccountRegistry
from core.simulation.server.admin import AdminFront
from core.simulation.server.clock import VenueClock
from core.simulation.server.doors import Doors, listen, only_venue_of
from core.simulation.server.faults.fault_requests import FaultRequests
from core.simulation.server.faults.plan import FaultPlan
from core.simulation.server.faults.schedules import schedule_of
from core.simulation.server.floor import TradingFloor
from core.simulation.server.fronts import Fronts
from core.simulation.server.listing import ForwardedListing, encode_instruments
from core.simulation.server.market_feed import MarketFeed
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.recordings import Recordings
from core.simulation.server.resume import Resumed, account_snapshot, remember, remember_market, resume
from core.simulation.server.socket import Socket
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm.resume import Listed
from core.simulation.server.usdm.resume import listed as usdm_listed
from core.simulation.server.usdm.side import SpotSide, UsdmSide, usdm_fees
from core.simulation.server.user_streams import UserStreams
from core.simulation.server.uvicorn_server import HttpServer
from core.simulation.server.venue_market import (
    build_forwarded_venue,
    build_venue,
    folder_name,
    last_numbers,
    last_prices,
)

TURN_MS = 20
"""Real ms between two turns of the pump."""
_HORIZON_PERIOD_S = 1.0
_HORIZON_AHEAD_S = 5.0

_log = structlog.get_logger(__name__)


def run_venue(
    settings: SimulationSettings,
    symbols: Sequence[InstrumentId],
    data_dir: Path,
    *,
    accounts: Sequence[tuple[str, str]] = ((DEFAULT_KEY, DEFAULT_SECRET),),
    announce: Callable[[str], None] = print,
    listing: ForwardedListing | None = None,
) -> int:
    """Run a venue until SIGTERM, SIGINT or, when started as a child, its parent's end; the exit code.

    Its books live in `data_dir/sim`. `accounts` are (key, secret) pairs that exist from the start. `announce` gets one
    JSON line when the venue listens. `listing`: what another venue lists whose market will be sent in; `None`: this one
    makes its own. Raises `VenueStartError`, `SettingsError`, `DataFileError` or `JournalError`
    before that.
    """
    follow_parent()
    folder = data_dir / "sim" / folder_name(settings, listing)
    with (
        only_venue_of(folder),
        listen(settings.host, settings.port, "simulation.port") as listener,
        listen(settings.host, settings.admin_port, "simulation.admin_port") as admin_listener,
        _proxy_listener(settings) as proxy_listener,
        contextlib.closing(AccountStore(folder / "venue.sqlite")) as store,
    ):
        doors = Doors(listener, admin_listener, proxy_listener)
        return run_loop(
            VenueProcess(settings, symbols, store, doors, accounts, folder=folder, listing=listing).run(announce)
        )


class VenueProcess:
    """Constructing reads the store and makes the market, whose time begins there; `run` does the rest."""

    def __init__(
        self,
        settings: SimulationSettings,
        symbols: Sequence[InstrumentId],
        store: AccountStore,
        doors: Doors,
        accounts: Sequence[tuple[str, str]],
        *,
        folder: Path,
        listing: ForwardedListing | None,
    ) -> None:
        self._settings = settings
        self._new_accounts = accounts
        self._store = store
        self._doors = doors
        listed = usdm_listed(self._store.books, symbols) if listing is None else Listed(tuple(symbols), (), {})
        self._resumed: Resumed = resume(self._store.books, settings.seed, listed.spot)
        self._prices = dict(self._resumed.prices)
        self._numbers = dict(self._resumed.numbers)
        asked_ns = time.monotonic_ns()
        if listing is None:
            self._venue, start_ns = build_venue(settings, self._resumed, time.time_ns())
        else:
            self._venue, start_ns = build_forwarded_venue(settings, self._resumed, listing, self._store.books)
        exchange, market = self._venue.exchange, self._venue.market
        self._feed = MarketFeed(market, exchange.symbols.values()) if isinstance(market, ForwardedMarket) else None
        self._recordings = Recordings(self._venue.ends_ns)
        # A recording starts when the venue does; any other time goes on while the market is being made.
        began_ns = time.monotonic_ns() if settings.market == "replay" else asked_ns
        self._clock = VenueClock(start_ns, settings.speed, began_ns=began_ns)
        self._registry = AccountRegistry()
        self._hub = StreamHub()
        self._users = UserStreams(exchange.symbols, self._clock.shown_ms)
        perpetual = self._perpetuals(listed)
        spot_side = None if perpetual is None else SpotSide(perpetual.market)
        publisher = MarketPublisher(exchange, self._hub, self._clock.shown_ms, turn_ms=TURN_MS)
        self._floor = TradingFloor(
            exchange=exchange,
            market=spot_side or market,
            clock=self._clock,
            store=self._store,
            publisher=publisher,
            hub=self._hub,
            tell_private=self._users.publish,
        )
        self._usdm: UsdmSide | None = None
        if perpetual is not None and spot_side is not None:
            self._usdm = UsdmSide(
                settings,
                perpetual,
                advance=self._floor.advance,
                clock=self._clock,
                store=self._store,
                registry=self._registry,
                turn_ms=TURN_MS,
            )
            spot_side.tell = self._usdm.floor.take
        self._fronts = Fronts(
            settings,
            self._floor,
            self._usdm,
            hub=self._hub,
            users=self._users,
            store=store,
            registry=self._registry,
            doors=doors,
            folder=folder,
            epoch=self._resumed.epoch,
            seed=self._resumed.seed,
        )
        self._hands = self._fronts.hands()
        schedule, seed = schedule_of(settings)
        self._faults = FaultPlan(self._hands, schedule, seed=seed)
        self._admin_server = self._admin_front()

    def _perpetuals(self, listed: Listed) -> PerpetualVenue | None:
        """`None`: none is listed."""
        if not listed.perpetuals:
            return None
        return with_perpetuals(
            self._venue,
            listed.perpetuals,
            fees=usdm_fees(self._settings),
            seed=self._resumed.seed,
            messages_per_s=self._settings.messages_per_s / self._settings.speed,
            known=listed.known,
            funding_interval_h=self._settings.funding_interval_h,
        )

    def _admin_front(self) -> HttpServer:
        admin = AdminFront(
            self._floor, self._registry, self._store, self._settings.deposit, self.health, usdm=self._usdm
        )
        feed = None if self._feed is None else functools.partial(Socket, routes=self._feed)
        return HttpServer(admin.application(FaultRequests(self._faults).routes()), self._doors.admin, feed)

    async def run(self, announce: Callable[[str], None]) -> int:
        """Until a signal; 0. Raises `JournalError` when the disk fails. Cancelling is safe: what was acknowledged is on
        disk."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        self._store.start()
        await self._open_books()
        try:
            await self._serve(stopped, announce)
        except ExceptionGroup as failures:  # of the tasks: the fault that ended the others is the one to know
            raise _root(failures) from None
        finally:
            self._fronts.data.close()
        self._remember_market()
        self._store.put_fact("horizon_ns", str(self._clock.now_ns()))
        await self._store.stop()
        return 0

    async def _serve(self, stopped: asyncio.Event, announce: Callable[[str], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(self._store.failed(), name="store"),
                tasks.create_task(self._keep_horizon(), name="horizon"),
                tasks.create_task(self._pump(), name="pump"),
                *(tasks.create_task(api.run(), name="socket api") for api in self._fronts.apis),
                tasks.create_task(self._fronts.deribit.sockets.run(), name="deribit sockets"),
            ]
            if self._fronts.proxy is not None:
                parts.append(tasks.create_task(self._fronts.proxy.run(), name="proxy"))
            both = (self._fronts.server, self._admin_server)
            servers = [tasks.create_task(server.run(), name="server") for server in both]
            for server in both:
                await server.started()
            self._faults.start()
            freeze_long_lived()
            announce(json.dumps({"event": "ready"} | self._whereabouts()))
            if self._fronts.proxy is not None:
                announce("# for clients that insist on the real venue's addresses:")
                for name, value in self._fronts.proxy.environment().items():
                    announce(f"export {name}={shlex.quote(value)}")
            _log.info("venue_listens", accounts=len(list(self._registry)), **self._whereabouts())
            await stopped.wait()
            self._users.terminate()
            for server in both:
                server.stop()
            await asyncio.wait(servers)
            for part in parts:
                part.cancel()

    def health(self) -> dict[str, object]:
        return {
            "status": "ok",
            "epoch": self._resumed.epoch,
            "seed": self._resumed.seed,
            "speed": self._settings.speed,
            "limits": self._settings.limits,
            "venueTime": self._clock.now_ms(),
            "pid": os.getpid(),
            "symbols": len(self._venue.exchange.symbols),
            "accounts": len(list(self._registry)),
            "engineEvents": self._floor.events,
            "messagesSent": self._hub.messages_sent,
            "requestsAnswered": self._fronts.dispatcher.answered,
            "alpacaRequestsAnswered": self._fronts.alpaca.answered,
            "deribitRequestsAnswered": self._fronts.deribit.calls.answered,
            "streamConnections": self._fronts.streams.n_connections,
            "faults": len(self._faults),
            "commits": self._store.commits,
            "recordingsEnded": self._recordings.ended(self._clock.now_ns()),
            **({} if self._feed is None else {"feed": self._feed.statistics()}),
            **({} if self._usdm is None else {"usdm": self._usdm.health()}),
        }

    async def _open_books(self) -> None:
        """Take up what was stored, then let the market open and the new accounts in."""
        exchange = self._venue.exchange
        try:
            exchange.restore_accounts(account_snapshot(self._store.books, self._resumed, exchange.symbols))
        except ValueError as error:
            raise JournalError(f"the venue's accounts can't be resumed: {error}") from error
        for stored in self._store.books.accounts():
            self._registry.register(stored.account, stored.secret)
        if self._usdm is not None:
            self._usdm.open_books()
        remember(self._store, self._resumed, exchange.symbols.values())
        if self._feed is not None:
            self._store.put_fact("instruments", encode_instruments(exchange.symbols.values()))
        await self._raise_horizon()
        self._floor.advance()
        for key, secret in self._new_accounts:
            self._floor.open_account(key, secret, dict(self._settings.deposit))
            self._registry.register(key, secret)
        if self._usdm is not None:
            self._usdm.open_missing()
        await self._store.durable()

    async def _pump(self) -> None:
        """Turn the floor every `TURN_MS`; a turn that is late is not made up for."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self._faults.turn()
            self._hands.chores[:] = [chore for chore in self._hands.chores if not await chore()]
            self._floor.turn()
            if self._usdm is not None:
                self._usdm.turn()
            due_s = max(due_s + TURN_MS / 1_000, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def _keep_horizon(self) -> None:
        while True:
            await asyncio.sleep(_HORIZON_PERIOD_S)
            self._recordings.tell(self._clock.now_ns())
            self._remember_market()
            if self._usdm is not None:
                self._usdm.users.expire()
            await self._raise_horizon()

    async def _raise_horizon(self) -> None:
        horizon_ns = self._clock.ahead_ns(_HORIZON_AHEAD_S)
        self._store.put_fact("horizon_ns", str(horizon_ns))
        await self._store.durable()
        self._clock.raise_horizon(horizon_ns)

    def _remember_market(self) -> None:
        exchange = self._venue.exchange
        self._numbers |= last_numbers(exchange)
        self._prices |= last_prices(exchange)
        sequence = max(self._resumed.sequence, self._floor.last_sequence)
        remember_market(self._store, self._prices, self._numbers, sequence)
        if self._usdm is not None:
            self._usdm.remember()

    def _whereabouts(self) -> dict[str, object]:
        return {
            **self._doors.urls,
            **({} if self._fronts.proxy is None else self._fronts.proxy.whereabouts()),
            "epoch": self._resumed.epoch,
            "seed": self._resumed.seed,
            "speed": self._settings.speed,
            "pid": os.getpid(),
        }


@contextlib.contextmanager
def _proxy_listener(settings: SimulationSettings) -> Iterator[socket.socket | None]:
    if settings.proxy_port is None:
        yield None
        return
    with listen(settings.host, settings.proxy_port, "simulation.proxy_port") as listener:
        yield listener


def _root(failures: ExceptionGroup) -> Exception:
    """The first error of a group, which may hold groups."""
    first: Exception = failures
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return first
