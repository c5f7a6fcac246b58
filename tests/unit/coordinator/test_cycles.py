"""Every close is decided exactly once, and what one symbol does costs its neighbours nothing."""

import asyncio

import pytest

from core.domain.errors import StrategyError
from core.domain.signals import Direction, Signal
from core.runtime.breaker import Phase
from tests.unit.coordinator.room import MINUTE_MS, START_MS, SYMBOLS, Room, candle, open_room

A, B, C = SYMBOLS
FIRST_MS = START_MS + MINUTE_MS


async def advance_to(room: Room, ms: int) -> None:
    await room.clock.advance((ms - room.clock.now_ns() // 1_000_000) / 1_000)


async def test_a_close_is_decided_once_however_often_it_is_said() -> None:
    async with open_room() as room:
        await advance_to(room, FIRST_MS)
        for _ in range(3):
            room.close_candle(A, FIRST_MS)
        await room.settled(A, 1)
        await advance_to(room, FIRST_MS + 5_000)
        await room.coordinator.watch_closes()
        room.close_candle(A, FIRST_MS, price=101.0)
        await room.settled(B, 1)
        assert [line.close_ms for line in room.lines(A)] == [FIRST_MS]


async def test_a_close_that_the_stream_does_not_bring_is_fetched_by_rest() -> None:
    async with open_room() as room:
        room.venue.pages = {symbol: [candle(START_MS)] for symbol in SYMBOLS}
        await advance_to(room, FIRST_MS + 500)
        await room.coordinator.watch_closes()
        assert room.lines(A) == []
        await advance_to(room, FIRST_MS + 2_000)
        await room.coordinator.watch_closes()
        for symbol in SYMBOLS:
            (line,) = await room.settled(symbol, 1)
            assert line.close_ms == FIRST_MS
        assert sorted(room.venue.asked) == sorted(SYMBOLS)
        room.close_candle(A, FIRST_MS)
        await asyncio.sleep(0)
        assert len(room.lines(A)) == 1
        assert room.coordinator.statistics().late == 3


async def test_closes_that_were_slept_through_are_recorded_as_missed() -> None:
    async with open_room() as room:
        room.venue.pages = {A: [candle(START_MS + n * MINUTE_MS) for n in range(3)]}
        await advance_to(room, START_MS + 3 * MINUTE_MS + 2_000)
        await room.coordinator.watch_closes()
        lines = await room.settled(A, 3)
        assert [line.close_ms for line in lines] == [START_MS + n * MINUTE_MS for n in (1, 2, 3)]
        assert [line.reason.split()[0] for line in lines[:2]] == ["CYCLE_MISSED"] * 2
        assert lines[2].reason.startswith("SIGNAL_HOLD")


async def test_a_hung_symbol_costs_only_itself() -> None:
    async with open_room() as room:
        room.computer.hung = {A}
        await advance_to(room, FIRST_MS + 2_000)
        room.close_candle(B, FIRST_MS)
        await room.coordinator.watch_closes()
        await room.settled(B, 1)
        (line,) = await room.settled(A, 1)
        assert (line.outcome, line.reason.split()[0]) == ("FAILED", "SYMBOL_TIMEOUT")
        assert room.lines(B)[0].outcome == "NO_TRADE"


async def test_a_symbol_that_swallows_its_cancellation_is_abandoned_and_counted() -> None:
    async with open_room() as room:
        room.computer.stubborn = {A}
        await advance_to(room, FIRST_MS + 2_000)
        await room.coordinator.watch_closes()
        (line,) = await room.settled(A, 1)
        assert line.reason.startswith("SYMBOL_TIMEOUT")
        assert room.coordinator.statistics().abandoned_tasks == 1


@pytest.mark.parametrize("error", [StrategyError("flipper: worker killed"), ZeroDivisionError("a bug")])
async def test_repeated_failures_open_the_symbols_breaker_and_no_other(error: Exception) -> None:
    async with open_room() as room:
        room.strategies.signals[A] = error
        for n in range(1, 5):
            await advance_to(room, START_MS + n * MINUTE_MS)
            room.close_candle(A, START_MS + n * MINUTE_MS)
            room.close_candle(B, START_MS + n * MINUTE_MS)
            await room.settled(A, n)
            await room.settled(B, n)
        assert [line.outcome for line in room.lines(A)] == ["FAILED"] * 4  # the fourth is the probe
        assert room.breakers.phase(A) is not Phase.CLOSED
        assert room.breakers.phase(B) is Phase.CLOSED
        assert [line.outcome for line in room.lines(B)] == ["NO_TRADE"] * 4


async def test_an_approved_entry_is_handed_off_once_with_its_stop() -> None:
    async with open_room() as room:
        room.strategies.signals[A] = Signal(Direction.LONG, stop_distance=2.0, reason="up")
        await advance_to(room, FIRST_MS)
        room.quote(A)
        room.close_candle(A, FIRST_MS)
        room.close_candle(A, FIRST_MS)
        (line,) = await room.settled(A, 1)
        assert line.outcome == "TRADE", line.reason
        (intent,) = room.handed_off
        assert intent.proposal.cycle == line.cycle
        assert intent.proposal.protection is not None
        assert set(line.timings_ms) >= {"analysed", "decided"}


async def test_without_a_fresh_quote_nothing_is_traded() -> None:
    async with open_room() as room:
        room.strategies.signals[A] = Signal(Direction.LONG, stop_distance=2.0)
        room.quote(A)
        await advance_to(room, FIRST_MS)
        room.close_candle(A, FIRST_MS)
        (line,) = await room.settled(A, 1)
        assert line.reason.startswith("STALE_QUOTE"), line.reason
        assert room.handed_off == []
