"""The daemon's own venue: found where one already listens, else started as a child that dies with the daemon."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import VenueUnavailable
from core.domain.instruments import InstrumentId
from core.runtime.children import PACKAGES, ChildExited, ChildProcess
from core.settings.simulation import SimulationSettings
from core.simulation.server.doors import VenueStartError
from core.simulation.server.listing import ForwardedListing, write_listing
from core.simulation.server.probe import RunningVenue, find_venue, register_account

_START_TIMEOUT_S = 60.0
_WATCH_PERIOD_S = 2.0
_READY = '"event": "ready"'


@dataclass(frozen=True, slots=True)
class EmbeddedVenueStatistics:
    venue: RunningVenue | None
    """`None`: not there yet."""
    is_child: bool
    """False: it was there before us."""
    starts: int


class EmbeddedVenue:
    """Give `run` to the supervisor with a restart policy; `ready` tells where the venue listens.

    A venue that already answers on the configured port is used as it is. `accounts` are (key, secret) pairs made known
    to it. A restarted child takes the same port again, and its accounts and open orders are those of before.
    """

    def __init__(
        self,
        settings: SimulationSettings,
        symbols: Sequence[InstrumentId],
        data_dir: Path,
        *,
        accounts: Sequence[tuple[str, str]] = (),
        on_line: Callable[[str], None] | None = None,
        listing: Callable[[], ForwardedListing] | None = None,
    ) -> None:
        """`on_line` gets each line that the child prints; `None`: they are dropped. `listing`, asked at each start,
        makes it a venue for another venue's market, which is always a child of its own: one that was there before is
        fed by somebody else. `None`: it makes its own market."""
        self._settings = settings
        self._symbols = symbols
        self._data_dir = data_dir
        self._accounts = accounts
        self._on_line = on_line or (lambda line: None)
        self._listing = listing
        self._venue: RunningVenue | None = None
        self._ready = asyncio.Event()
        self._is_child = False
        self._starts = 0
        self._last_line = ""

    async def run(self) -> None:
        """Raises `ChildExited` or `VenueUnavailable` when the venue is gone or late, run it again to get it back;
        `VenueStartError` when it can't begin before a person acts. Cancelling stops a child and leaves a venue that
        was there before alone."""
        try:
            found = None
            if self._settings.port and self._listing is None:
                found = await asyncio.to_thread(find_venue, self._settings.host, self._settings.port)
            if found is None:
                await self._run_child()
            else:
                await self._watch(found)
        finally:
            self._ready.clear()

    async def ready(self) -> RunningVenue:
        """Returns once the venue listens and knows the accounts. Cancelling is safe."""
        while self._venue is None or not self._ready.is_set():
            await self._ready.wait()
        return self._venue

    def statistics(self) -> EmbeddedVenueStatistics:
        return EmbeddedVenueStatistics(self._venue, self._is_child, self._starts)

    async def _run_child(self) -> None:
        self._is_child = True
        self._starts += 1
        self._last_line = ""
        command = await asyncio.to_thread(self._command)
        child = ChildProcess("venue", command, environment=_environment(), on_line=self._hear)
        process = asyncio.create_task(child.run(), name="venue process")
        try:
            line = json.loads(await self._first_words(child))
            venue = RunningVenue(line["url"], line["ws_url"], line["admin_url"], line["epoch"], line["speed"])
            self._settings = self._settings.model_copy(update={"port": int(venue.url.rpartition(":")[2])})
            await self._announce(venue)
            await process
        finally:
            process.cancel()
            await asyncio.wait((process,))

    async def _first_words(self, child: ChildProcess) -> str:
        try:
            return await child.wait_for_line(_READY, _START_TIMEOUT_S)
        except (ChildExited, TimeoutError) as error:
            last_words = self._last_line.removeprefix("error: ") or error
            message = f"the embedded venue did not start: {last_words}"
            if isinstance(error, ChildExited) and error.code == VenueStartError.exit_code:
                raise VenueStartError(message) from None
            raise VenueUnavailable(message) from None

    def _hear(self, line: str) -> None:
        self._last_line = line
        self._on_line(line)

    async def _watch(self, venue: RunningVenue) -> None:
        self._is_child = False
        await self._announce(venue)
        while True:
            await asyncio.sleep(_WATCH_PERIOD_S)
            found = await asyncio.to_thread(find_venue, self._settings.host, self._settings.port)
            if found is None:
                raise VenueUnavailable(f"the venue at {venue.url}, which this daemon had found there, is gone")

    async def _announce(self, venue: RunningVenue) -> None:
        for key, secret in self._accounts:
            await asyncio.to_thread(register_account, venue, key, secret)
        self._venue = venue
        self._ready.set()

    def _command(self) -> list[str]:
        sections: dict[str, object] = {
            "simulation": self._settings.model_dump(mode="json"),
            "trading": {"symbols": list(self._symbols)},
            "storage": {"data_dir": str(self._data_dir)},
        }
        if self._listing is not None:
            listing = self._listing()
            file = self._data_dir / "sim" / listing.folder_name / "listing.json"
            write_listing(listing, file)
            sections["listing_file"] = str(file)
        return [sys.executable, "-m", "core.cli.simulate", "--as-child", json.dumps(sections)]


def _environment() -> dict[str, str]:
    """This process's own, with the folder this package was imported from on the child's path."""
    paths = [PACKAGES, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
