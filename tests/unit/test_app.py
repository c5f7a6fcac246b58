"""What the composition root decides by itself: how an end is explained, and where paper orders may go."""

import asyncio

import pytest

from core.app import Daemon, DaemonFault, RunOptions, _explained, _require_simulated_venue, starts_its_venue
from core.domain.errors import JournalError, MetronomeError, SettingsError
from core.runtime.supervisor import Supervisor
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.simulation.server.doors import VenueStartError
from core.simulation.server.probe import RunningVenue

FOUND = RunningVenue("http://127.0.0.1:1", "ws://127.0.0.1:1", "http://127.0.0.1:2", "books-1", 20.0)


def test_what_a_person_must_mend_is_said_as_it_is() -> None:
    error = JournalError("no room on the disk")
    assert _explained(error) is error
    assert _explained(None) is None


def test_what_a_group_of_tasks_died_of_is_found_in_it() -> None:
    error = SettingsError("the cause")
    group = BaseExceptionGroup("tasks", [ValueError("fallout"), ExceptionGroup("inner", [error])])
    assert _explained(group) is error


@pytest.mark.parametrize("cause", [ValueError("oops"), ExceptionGroup("tasks", [ValueError("oops")])])
def test_a_fault_of_the_daemons_own_has_words_and_a_code(cause: Exception) -> None:
    fault = _explained(cause)
    assert isinstance(fault, DaemonFault)
    assert fault.exit_code == 1
    assert "ValueError: oops" in str(fault)
    assert isinstance(fault.__cause__, ValueError)


def test_an_interrupt_stays_one() -> None:
    interrupt = KeyboardInterrupt()
    assert _explained(interrupt) is interrupt


def test_paper_orders_go_to_simulated_venues_only() -> None:
    paper = Settings.model_validate({"venue": {"base_url": "https://api.example.com"}})
    with pytest.raises(SettingsError, match=r"https://api\.example\.com is no simulated one"):
        _require_simulated_venue(paper, epoch=None)
    _require_simulated_venue(paper, epoch="books-1")
    for mode in ("observe", "live"):
        _require_simulated_venue(Settings.model_validate({"trading": {"mode": mode}}), epoch=None)


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


async def first_start(daemon: Daemon, embedded: Embedded) -> RunningVenue:
    return await daemon._first_start(embedded)  # type: ignore[arg-type]


async def supervised(daemon: Daemon, supervisor: Supervisor) -> asyncio.Task[object]:
    running = asyncio.create_task(supervisor.run())
    await asyncio.sleep(0)
    return running


async def test_a_venue_that_cannot_begin_is_tried_once_and_said() -> None:
    daemon, embedded = Daemon(Settings(), RunOptions()), Embedded(VenueStartError("port 18080 is in use"))
    running = await supervised(daemon, daemon._supervisor)
    with pytest.raises(SettingsError, match="port 18080 is in use"):
        await first_start(daemon, embedded)
    assert embedded.starts == 1
    running.cancel()
    await asyncio.wait([running])


async def test_a_venue_that_has_begun_is_started_again_when_it_dies() -> None:
    daemon, embedded = Daemon(Settings(), RunOptions()), Embedded()
    running = await supervised(daemon, daemon._supervisor)
    assert await first_start(daemon, embedded) == FOUND
    embedded.is_ready.clear()
    embedded.crash.set()
    async with asyncio.timeout(10):
        await embedded.is_ready.wait()
    assert embedded.starts == 2
    running.cancel()
    await asyncio.wait([running])
