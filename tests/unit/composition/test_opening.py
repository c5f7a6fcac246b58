"""Where orders may go, and how the venue that the daemon brings along is first started."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.domain.errors import MetronomeError, SettingsError
from core.embedded_venue import first_start, starts_its_venue
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.runtime.supervisor import Supervisor
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.simulation.server.doors import VenueStartError
from core.simulation.server.probe import RunningVenue
from core.venue_opening import require_fit_for_mode, require_simulated_venue
from core.venues.adapter import build_adapter

FOUND = RunningVenue("http://127.0.0.1:1", "ws://127.0.0.1:1", "http://127.0.0.1:2", "books-1", 20.0)


def test_paper_orders_go_to_simulated_venues_only() -> None:
    paper = Settings.model_validate({"venue": {"base_url": "https://api.example.com"}})
    with pytest.raises(SettingsError, match=r"https://api\.example\.com is no simulated one"):
        require_simulated_venue(paper, epoch=None)
    require_simulated_venue(paper, epoch="books-1")
    for mode in ("observe", "live"):
        require_simulated_venue(Settings.model_validate({"trading": {"mode": mode}}), epoch=None)


def test_live_orders_go_only_where_they_can_be_found_again() -> None:
    adapter = build_adapter(VenueSettings(name="bitso"), WallClock(), SystemMonotonicClock())
    live = Settings.model_validate({"trading": {"mode": "live"}, "venue": {"name": "bitso"}})
    with pytest.raises(SettingsError, match=r"bitso can't be traded live: .*an id of ours.*mode = \"paper\""):
        require_fit_for_mode(live, adapter)
    for mode in ("paper", "observe"):
        require_fit_for_mode(Settings.model_validate({"trading": {"mode": mode}}), adapter)
    adapter.close()


@pytest.mark.parametrize(
    ("venue", "starts"),
    [
        (VenueSettings(), True),
        (VenueSettings(base_url="http://127.0.0.1:1"), False),
        (VenueSettings(name="binance"), False),
    ],
)
def test_the_daemon_brings_its_own_venue_where_none_is_named(venue: VenueSettings, starts: bool) -> None:
    assert starts_its_venue(venue) is starts


class Embedded:
    """Fails as often as `failures` says before it is ready; then fails once more when told to."""

    def __init__(self, *failures: MetronomeError) -> None:
        self.failures = list(failures)
        self.starts = 0
        self.is_ready = asyncio.Event()
        self.crash = asyncio.Event()

    async def run(self) -> None:
        self.starts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.is_ready.set()
        await self.crash.wait()
        self.crash.clear()
        raise VenueStartError("killed")

    async def ready(self) -> RunningVenue:
        await self.is_ready.wait()
        return FOUND


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    made = Supervisor(SystemMonotonicClock())
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0)
    yield made
    running.cancel()
    await asyncio.wait([running])


async def test_a_venue_that_cannot_begin_is_tried_once_and_said(supervisor: Supervisor) -> None:
    embedded = Embedded(VenueStartError("port 18080 is in use"))
    with pytest.raises(SettingsError, match="port 18080 is in use"):
        await first_start(embedded, supervisor)
    assert embedded.starts == 1


async def test_a_venue_that_has_begun_is_started_again_when_it_dies(supervisor: Supervisor) -> None:
    embedded = Embedded()
    assert await first_start(embedded, supervisor) == FOUND
    embedded.is_ready.clear()
    embedded.crash.set()
    async with asyncio.timeout(10):
        await embedded.is_ready.wait()
    assert embedded.starts == 2
