"""The daemon's own venue: found or started, restarted, and gone when the daemon is gone."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.domain.errors import VenueUnavailable
from core.domain.instruments import InstrumentId
from core.runtime.children import ChildExited
from core.settings.simulation import SimulationSettings
from core.simulation.server import child
from core.simulation.server.child import EmbeddedVenue
from core.simulation.server.doors import VenueStartError, listen
from tests.processes import is_alive
from tests.venues import SOURCES, VenueProcess
from tests.waiting import eventually

SYMBOLS = (InstrumentId("BTC/USDT"),)
ACCOUNT = ("daemon", "its-secret")


@asynccontextmanager
async def running(embedded: EmbeddedVenue) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(embedded.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def within(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, 30)


@pytest.mark.slow
async def test_a_child_knows_the_account_and_comes_back_with_its_books(tmp_path: Path) -> None:
    embedded = EmbeddedVenue(SimulationSettings(port=0), SYMBOLS, tmp_path, accounts=[ACCOUNT])
    async with running(embedded) as first_run:
        before = await within(embedded.ready())
        assert (before.speed, embedded.statistics().is_child) == (20, True)
        ledger = httpx.get(f"{before.admin_url}/ledger", params={"account": "daemon"}).json()
        assert ledger["balances"] == {"USDT": {"free": "100000.00000000", "locked": "0.00000000"}}
        os.kill(httpx.get(f"{before.admin_url}/health").json()["pid"], signal.SIGKILL)
        with pytest.raises(ChildExited):
            await within(first_run)
    async with running(embedded):
        after = await within(embedded.ready())
        assert (after.url, after.epoch) == (before.url, before.epoch)
        assert embedded.statistics().starts == 2
        again = httpx.get(f"{after.admin_url}/ledger", params={"account": "daemon"}).json()
        assert again == ledger
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{after.url}/api/v3/ping")


async def test_a_venue_that_listens_already_is_used_and_left_alone(venue: VenueProcess, tmp_path: Path) -> None:
    embedded = EmbeddedVenue(SimulationSettings(port=venue.port), SYMBOLS, tmp_path, accounts=[ACCOUNT])
    async with running(embedded):
        found = await within(embedded.ready())
        assert (found.url, found.epoch) == (venue.url, venue.ready["epoch"])
        assert found.admin_url == venue.admin_url
        assert not embedded.statistics().is_child
    assert httpx.get(f"{venue.url}/api/v3/ping").status_code == 200


async def test_something_else_on_the_port_is_named(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(VenueStartError, match=f"{port} is in use by something that is no simulated venue"):
            await within(EmbeddedVenue(SimulationSettings(port=port), SYMBOLS, tmp_path).run())
    finally:
        server.close()
        await server.wait_closed()


async def test_a_child_that_cannot_start_says_why(tmp_path: Path) -> None:
    taken = listen("127.0.0.1", 0, "test")
    settings = SimulationSettings(port=0, admin_port=taken.getsockname()[1])
    try:
        with pytest.raises(VenueStartError, match=r"did not start: .*simulation\.admin_port: port \d+ .* is in use"):
            await within(EmbeddedVenue(settings, SYMBOLS, tmp_path).run())
    finally:
        taken.close()


@pytest.mark.slow
async def test_a_found_venue_that_goes_away_is_no_fault_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_WATCH_PERIOD_S", 0.05)
    found = VenueProcess(tmp_path, symbols=SYMBOLS)
    embedded = EmbeddedVenue(SimulationSettings(port=found.port), SYMBOLS, tmp_path)
    async with running(embedded) as watching:
        await within(embedded.ready())
        assert found.stop() == 0
        with pytest.raises(VenueUnavailable, match=f"{found.port}, which this daemon had found there, is gone"):
            await within(watching)


@pytest.mark.slow
async def test_a_child_that_dies_before_it_listens_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "sim" / "generated" / "venue.sqlite").mkdir(parents=True)
    with pytest.raises(VenueUnavailable, match=r"did not start: the venue's store .* can't be opened"):
        await within(EmbeddedVenue(SimulationSettings(port=0), SYMBOLS, tmp_path).run())


PARENT = """
import asyncio, json, sys
from pathlib import Path
import structlog
from core.settings.simulation import SimulationSettings
from core.simulation.server.child import EmbeddedVenue

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    embedded = EmbeddedVenue(SimulationSettings(port=0), ["BTC/USDT"], Path(sys.argv[1]))
    task = asyncio.create_task(embedded.run())
    found = await embedded.ready()
    print(json.dumps({"url": found.url, "admin_url": found.admin_url}), flush=True)
    await task

asyncio.run(main())
"""


async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    assert parent.stdout is not None
    try:
        found = json.loads(await asyncio.to_thread(parent.stdout.readline))
        pid = httpx.get(f"{found['admin_url']}/health").json()["pid"]
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    await eventually(lambda: not is_alive(pid))
