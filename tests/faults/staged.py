"""Behaviours that more than the admin port is needed for."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.acting import Played
from tests.faults.behaviours import SYMBOLS, keeps_to_new_steps, traded_again
from tests.faults.retrying import RetryingProxy
from tests.faults.stage import PATIENT_FOR_S, Stage
from tests.faults.watch import Watch
from tests.venues import VenueProcess


def sent_twice(venue: VenueProcess, folder: Path, name: str, repeats: Callable[[str], bool], answer: bytes) -> Played:
    """Something between daemon and venue repeats requests; the daemon hears of the second one only, and the venue's
    `answer` to it is what was to be played."""
    proxy = RetryingProxy(venue.port)
    proxy.start()
    stage = Stage(venue, folder, symbols=SYMBOLS, account=folder.name, url=proxy.url)
    try:
        proxy.repeats = repeats
        began_s = time.monotonic()
        stage.bot.mood = "pulse"
        stage.until(lambda: proxy.heard(answer) >= len(SYMBOLS))
        shown_s = time.monotonic()
        proxy.repeats = lambda _: False
        stage.bot.mood = "hold"
        stage.right_again(len(stage.bot.lines))
        return Played(name, proxy.heard(answer), shown_s - began_s, time.monotonic() - shown_s)
    finally:
        stage.close()
        proxy.stop()


def is_stop(request: str) -> bool:
    return request.startswith("POST /api/v3/order") and "type=STOP_LOSS" in request


def started_with_a_halt(venue: VenueProcess, folder: Path) -> Played:
    """What was halted at the start is left alone, and taken up when it trades."""
    venue.register(folder.name)
    fault = venue.admin("/faults", {"kind": "halt", "symbol": "ETHUSDT", "status": "BREAK"})
    began_s = time.monotonic()
    stage = Stage(venue, folder, symbols=SYMBOLS, account=folder.name)
    try:
        watch = Watch(stage)
        stage.bot.mood = "pulse"
        stage.until(lambda: watch.why("INSTRUMENT_HALTED") and watch.became("filled", symbol=SYMBOLS[0]))
        shown_s = time.monotonic()
        assert not watch.new_orders("ETHUSDT"), "an order in what is halted"
        stage.faults.end(fault["id"])
        stage.until(lambda: traded_again(watch))
        stage.bot.mood = "hold"
        stage.right_again(len(stage.bot.lines))
        return Played("before the start", 1, shown_s - began_s, time.monotonic() - shown_s)
    finally:
        stage.close()


def refused_by_new_steps(venue: VenueProcess, folder: Path) -> Played:
    """A refusal alone is enough, however long it is until the next look at the list."""
    stage = Stage(venue, folder, symbols=SYMBOLS, account=folder.name, VENUE__INSTRUMENTS_EVERY_S="3600")
    try:
        watch = Watch(stage)
        began_s = time.monotonic()
        stage.bot.mood = "pulse"
        fault = stage.faults.arm(kind="change_filters", symbol="ETHUSDT")
        stage.until(lambda: watch.heard("Filter failure") and keeps_to_new_steps(watch))
        shown_s = time.monotonic()
        stage.faults.end(fault["id"])
        stage.bot.mood = "hold"
        stage.right_again(len(stage.bot.lines))
        return Played("noticed by a refusal", 1, shown_s - began_s, time.monotonic() - shown_s)
    finally:
        stage.close()


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
