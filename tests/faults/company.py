"""Plays behaviours one after the other: on one venue, and with one daemon for as long as that is right."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.faults.acting import Played, play
from tests.faults.behaviours import SYMBOLS, Behaviour
from tests.faults.stage import Stage
from tests.faults.staged import (
    is_stop,
    refused_by_new_steps,
    sent_twice,
    started_during_maintenance,
    started_with_a_halt,
)
from tests.venues import VenueProcess

SPEED = 60.0
"""Venue seconds in a real one."""


class Company:
    """Several may work at the same time, each with a venue of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "venue").mkdir(parents=True)
        # Fees may be paid in BNB, so the venue trades it.
        symbols = (*SYMBOLS, "BNB/USDT")
        self._venue = VenueProcess(folder / "venue", symbols=symbols, speed=SPEED, options=("--latency-ms", "0"))
        self._stage: Stage | None = None
        self._staged: dict[int, Callable[[VenueProcess, Path], Played]] = {
            8: _sent_twice_and_refused,
            17: started_during_maintenance,
            18: started_with_a_halt,
            19: refused_by_new_steps,
        }

    def play(self, behaviour: Behaviour) -> list[Played]:
        """Raises `AssertionError` where something is not as it must be; the next one gets a daemon of its own then."""
        try:
            played = [play(self._ready(), episode) for episode in behaviour.episodes]
        except BaseException:  # whatever it was, a failed assertion or the end: the next one starts clean
            self._venue_is_well()
            self._dismiss()
            raise
        if behaviour.number in self._staged:
            self._dismiss()
            played.append(self._staged[behaviour.number](self._venue, self._new_folder()))
        return played

    def close(self) -> None:
        self._dismiss()
        self._venue.kill()

    def _ready(self) -> Stage:
        if self._stage is None:
            folder = self._new_folder()
            variables = {"TRADING__ORDER_BOOKS": "true"}
            self._stage = Stage(self._venue, folder, symbols=SYMBOLS, account=folder.name, **variables)
        return self._stage

    def _dismiss(self) -> None:
        if self._stage is not None:
            self._stage.close()
            self._stage = None

    def _venue_is_well(self) -> None:
        if self._stage is not None:
            self._stage.faults.end()

    def _new_folder(self) -> Path:
        """Its name is an account's, too."""
        return Path(tempfile.mkdtemp(prefix="account-", dir=self._folder))


def _sent_twice_and_refused(venue: VenueProcess, folder: Path) -> Played:
    """The second stop with the id of one that stands: `Duplicate order sent.`"""
    return sent_twice(venue, folder, "the first answer lost", is_stop, b"Duplicate order sent.")
