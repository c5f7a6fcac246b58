"""No older candle is ever taken for the one that closed, and a long sleep does not drown the daemon."""

import asyncio
from dataclasses import replace

import pytest

from core.domain.errors import LaneBroken, RequestRefused, VenueUnavailable
from core.domain.instruments import InstrumentStatus
from core.domain.signals import Direction, Signal
from core.runtime.breaker import Phase
from tests.unit.coordinator.room import MINUTE_MS, START_MS, SYMBOLS, Room, candle, open_room

A, B, _ = SYMBOLS
FIRST_MS = START_MS + MINUTE_MS


async def advance_to(room: Room, ms: int) -> None:
    await room.clock.advance((ms - room.clock.now_ns() // 1_000_000) / 1_000)


async def test_a_candle_that_rest_does_not_have_either_is_not_decided_on() -> None:
    async with open_room() as room:
        room.strategies.signals[A] = Signal(Direction.LONG, stop_distance=2.0)
        room.quote(A)
        for n in range(1, 5):
            await advance_to(room, START_MS + n * MINUTE_MS + 2_000)
            await room.coordinator.watch_closes()
            line = (await room.settled(A, n))[-1]
            assert (line.outcome, line.reason) == ("NO_TRADE", f"CANDLE_MISSING newest_ms={START_MS - MINUTE_MS}")
        assert room.handed_off == []
        assert room.breakers.phase(A) is Phase.CLOSED, "a quiet venue is no failure of the symbol"


@pytest.mark.parametrize("error", [VenueUnavailable("down for now"), LaneBroken("all threads hang")])
async def test_a_venue_that_is_down_for_an_hour_is_traded_on_with_its_first_candle(error: Exception) -> None:
    async with open_room() as room:
        room.venue.error = error
        for n in range(1, 61):
            await advance_to(room, START_MS + n * MINUTE_MS + 2_000)
            await room.coordinator.watch_closes()
            line = (await room.settled(A, n))[-1]
            assert (line.outcome, line.reason) == ("NO_TRADE", f"CANDLE_MISSING error={error}")
        room.venue.error = None
        room.venue.pages = {A: [candle(START_MS + n * MINUTE_MS) for n in range(61)]}
        await advance_to(room, START_MS + 61 * MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        assert (await room.settled(A, 61))[-1].reason.startswith("SIGNAL_HOLD")


async def test_a_candle_that_a_venue_in_trouble_refuses_is_asked_for_again() -> None:
    async with open_room(symbol_timeout_s=30.0, ask_again_s=(0.0, 0.0)) as room:
        room.venue.error, room.venue.times = VenueUnavailable("bad gateway"), 2
        room.venue.pages = {A: [candle(START_MS)]}
        await advance_to(room, START_MS + MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        (line,) = await room.settled(A, 1)
        assert line.reason.startswith("SIGNAL_HOLD")
        assert room.venue.asked.count(A) >= 2


async def test_a_venue_that_says_when_to_come_back_is_not_asked_before_and_not_after_the_next_close() -> None:
    async with open_room(symbol_timeout_s=30.0, ask_again_s=(0.0, 0.0)) as room:
        room.venue.error = VenueUnavailable("too many requests", retry_after_s=59.0)
        await advance_to(room, START_MS + MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        (line,) = await room.settled(A, 1)
        assert line.reason == "CANDLE_MISSING error=too many requests"
        assert room.venue.asked.count(A) == 1


async def test_a_symbol_that_the_venue_refuses_is_left_alone_after_a_while() -> None:
    async with open_room() as room:
        room.venue.error = RequestRefused("Invalid symbol.", code=-1121)
        for n in range(1, 5):
            await advance_to(room, START_MS + n * MINUTE_MS + 2_000)
            await room.coordinator.watch_closes()
            line = (await room.settled(A, n))[-1]
        assert line.reason.split()[0] in ("ANALYSIS_FAILED", "BREAKER_OPEN")
        assert room.breakers.phase(A) is not Phase.CLOSED


def list_as(room: Room, status: InstrumentStatus) -> None:
    room.instruments[A] = replace(room.instruments[A], status=status)


async def test_of_what_is_halted_each_cycle_says_so_whatever_else_is_missing() -> None:
    async with open_room() as room:
        list_as(room, InstrumentStatus.HALTED)
        told = f"INSTRUMENT_HALTED symbol={A} status=halted"
        await advance_to(room, FIRST_MS + 2_000)
        await room.coordinator.watch_closes()
        assert [line.reason for line in await room.settled(A, 1)] == [told], "no candle"
        for n, direction in ((2, Direction.FLAT), (3, Direction.LONG)):
            room.strategies.signals[A] = Signal(direction, stop_distance=2.0)
            room.venue.pages = {A: [candle(START_MS + each * MINUTE_MS) for each in range(n)]}
            await advance_to(room, START_MS + n * MINUTE_MS + 2_000)
            await room.coordinator.watch_closes()
            line = (await room.settled(A, n))[-1]
            assert line.reason.startswith(told), "no quote, and nothing to be sold"
        assert room.handed_off == []
        assert room.breakers.phase(A) is Phase.CLOSED


async def test_of_what_is_delisted_nothing_is_asked_until_it_is_back() -> None:
    async with open_room() as room:
        list_as(room, InstrumentStatus.DELISTED)
        room.venue.error = RequestRefused("Invalid symbol.", code=-1121)
        for n in range(1, 6):
            await advance_to(room, START_MS + n * MINUTE_MS + 2_000)
            await room.coordinator.watch_closes()
            line = (await room.settled(A, n))[-1]
            assert (line.outcome, line.reason) == ("NO_TRADE", f"INSTRUMENT_DELISTED symbol={A}")
        assert A not in room.venue.asked
        assert room.breakers.phase(A) is Phase.CLOSED
        list_as(room, InstrumentStatus.TRADING)
        room.venue.error = None
        room.venue.pages = {A: [candle(START_MS + n * MINUTE_MS) for n in range(6)]}
        await advance_to(room, START_MS + 6 * MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        assert (await room.settled(A, 6))[-1].reason.startswith("SIGNAL_HOLD")


async def test_a_signal_for_an_older_window_is_not_traded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_room() as room:
        room.strategies.signals[A] = Signal(Direction.LONG, stop_distance=2.0)
        evaluate = room.strategies.evaluate
        monkeypatch.setattr(room.strategies, "evaluate", lambda plan, key, _: evaluate(plan, key, START_MS))
        await advance_to(room, FIRST_MS)
        room.quote(A)
        room.close_candle(A, FIRST_MS)
        (line,) = await room.settled(A, 1)
        assert line.reason == f"CANDLE_MISSING newest_ms={START_MS - MINUTE_MS}"
        assert room.handed_off == []


async def test_a_daemon_that_slept_for_days_tells_the_last_closes_and_counts_the_others() -> None:
    closes = 3 * 24 * 60
    async with open_room(symbol_timeout_s=30.0) as room:
        room.venue.pages = {A: [candle(START_MS + n * MINUTE_MS) for n in range(closes - 30, closes)]}
        await advance_to(room, START_MS + closes * MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        lines = await room.settled(A, 11)
        assert [line.close_ms for line in lines] == [START_MS + n * MINUTE_MS for n in range(closes - 10, closes + 1)]
        assert lines[0].reason.endswith(f" earlier={closes - 11}")
        assert all("earlier" not in line.reason for line in lines[1:])
        assert lines[-1].reason.startswith("SIGNAL_HOLD")
        assert room.coordinator.statistics().missed == len(SYMBOLS) * (closes - 1)


async def test_a_close_that_is_said_while_its_series_has_a_hole_is_decided_on_the_whole_series() -> None:
    async with open_room() as room:
        room.venue.pages = {A: [candle(START_MS), candle(FIRST_MS)]}
        await advance_to(room, FIRST_MS + MINUTE_MS)
        room.close_candle(A, FIRST_MS + MINUTE_MS)  # nobody said that the one before it had closed
        await asyncio.sleep(0)
        await advance_to(room, FIRST_MS + MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        lines = await room.settled(A, 2)
        assert [line.reason.split()[0] for line in lines] == ["CYCLE_MISSED", "SIGNAL_HOLD"]
        assert room.venue.asked.count(A) == 1, "one request for the hole and for the close"
