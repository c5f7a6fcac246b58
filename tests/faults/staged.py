"""Behaviours that more than the admin port is needed for."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.acting import Played
from tests.faults.behaviours import SYMBOLS
from tests.faults.retrying import RetryingProxy
from tests.faults.stage import PATIENT_FOR_S, Stage
from tests.faults.watch import Watch
from tests.venues import VenueProcess


def sent_twice(
    venue: VenueProcess, folder: Path, name: str, repeats: Callable[[str], bool], shows: Callable[[Watch], bool]
) -> Played:
    """Something between daemon and venue repeats requests; the daemon hears of the second one only."""
    proxy = RetryingProxy(venue.port)
    proxy.start()
    stage = Stage(venue, folder, symbols=SYMBOLS, account=folder.name, url=proxy.url)
    try:
        watch = Watch(stage)
        proxy.repeats = repeats
        began_s = time.monotonic()
        stage.bot.mood = "pulse"
        stage.until(lambda: proxy.repeated >= len(SYMBOLS) and shows(watch))
        shown_s = time.monotonic()
        proxy.repeats = lambda _: False
        stage.bot.mood = "hold"
        stage.right_again(len(stage.bot.lines))
        return Played(name, proxy.repeated, shown_s - began_s, time.monotonic() - shown_s)
    finally:
        stage.close()
        proxy.stop()


def is_stop(request: str) -> bool:
    return request.startswith("POST /api/v3/order") and "type=STOP_LOSS" in request


def started_during_maintenance(venue: VenueProcess, folder: Path) -> Played:
    """A daemon that finds its venue away waits, and says so."""
    venue.register(folder.name)
    fault = venue.admin("/faults", {"kind": "maintenance", "how": "unavailable"})
    began_s = time.monotonic()
    stage = Stage(venue, folder, symbols=SYMBOLS, account=folder.name, wait=False)
    try:
        stage.until(lambda: stage.bot.all("waiting_for_venue"))
        shown_s = time.monotonic()
        stage.faults.end(fault["id"])
        stage.bot.next("trading", timeout_s=PATIENT_FOR_S)
        stage.bot.mood = "hold"
        stage.right_again(0)
        return Played("at the start", 1, shown_s - began_s, time.monotonic() - shown_s)
    finally:
        stage.close()
