"""The venues that the contract is held against: each adapter with a server that speaks its protocol."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from pydantic import SecretStr

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.ports.venue import Credentials, VenueRest
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.venue import VenueSettings
from core.venues.adapter import VenueAdapter, build_adapter
from tests.venues import SYMBOLS, VenueProcess, binance_at

BTC = InstrumentId("BTC/USDT")
SWAP = InstrumentId("BTC/USDT:USDT")


@dataclass(frozen=True)
class Account:
    """An adapter with an account of its own."""

    adapter: VenueAdapter
    clock: SyncedClock
    instrument: Instrument

    @property
    def rest(self) -> VenueRest:
        return self.adapter.rest

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    @property
    def is_spot(self) -> bool:
        return self.instrument.kind is InstrumentKind.SPOT


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(
        tmp_path_factory.mktemp("venue"),
        symbols=(*SYMBOLS, SWAP),
        options=("--latency-ms", "0", "--limits", "relaxed"),
    )
    yield process
    assert process.stop() == 0


def _binance(venue: VenueProcess) -> tuple[VenueSettings, Credentials]:
    credentials = venue.register(deposit={"USDT": "100000", "BTC": "1"})
    settings = VenueSettings(
        name="binance",
        base_url=venue.url,
        ws_base_url=venue.ws_url,
        api_key=SecretStr(credentials.api_key),
        secret=SecretStr(credentials.secret),
    )
    return settings, credentials


def _generic(venue: VenueProcess) -> tuple[VenueSettings, Credentials]:
    """The same exchange by ccxt's unified methods."""
    credentials = venue.register(deposit={"USDT": "100000", "BTC": "1"})
    settings = VenueSettings(
        name="binance",
        adapter="ccxt",
        api_key=SecretStr(credentials.api_key),
        secret=SecretStr(credentials.secret),
        ccxt={**binance_at(venue.url, venue.ws_url), "rateLimit": 1},
    )
    return settings, credentials


@dataclass(frozen=True)
class Way:
    """To an account of one kind at one venue."""

    settings: Callable[[VenueProcess], tuple[VenueSettings, Credentials]]
    instrument_id: InstrumentId = BTC
    kind: InstrumentKind = InstrumentKind.SPOT


ADAPTERS = {
    "binance": Way(_binance),
    "usdm": Way(_binance, SWAP, InstrumentKind.PERPETUAL),
    "generic": Way(_generic),
}


@pytest.fixture(params=list(ADAPTERS))
def account(request: pytest.FixtureRequest, simulated: VenueProcess) -> Iterator[Account]:
    """A fresh account at each venue, with 100,000 of quote and, on spot, 1 of base."""
    with _opened(ADAPTERS[request.param], simulated) as opened:
        yield opened


@pytest.fixture
def mover(simulated: VenueProcess) -> Iterator[Account]:
    """Somebody else who trades perpetuals there, with enough to move the market however long it takes."""
    way = ADAPTERS["usdm"]
    settings, credentials = way.settings(simulated)
    gift = {"account": credentials.api_key, "asset": "USDT", "amount": "100000000", "wallet": "usdm"}
    simulated.admin("/deposits", gift)
    with _opened(replace(way, settings=lambda _: (settings, credentials)), simulated) as opened:
        yield opened


@contextmanager
def _opened(way: Way, venue: VenueProcess) -> Iterator[Account]:
    settings, _ = way.settings(venue)
    monotonic = SystemMonotonicClock()
    clock = SyncedClock(monotonic)
    adapter = build_adapter(settings, clock, monotonic, kind=way.kind)
    sent_ns = monotonic.now_ns()
    server_ms = adapter.rest.server_time_ms()
    clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=adapter.rest.clock_speed())
    yield Account(adapter, clock, adapter.rest.instruments()[way.instrument_id])
    adapter.close()
