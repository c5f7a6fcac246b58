"""Requests that are not answered are asked less and less often; those of others go on."""

import asyncio
from contextlib import suppress

import pytest

from core.domain.errors import BreakerOpen, BudgetSpent, DeadlineExceeded, SymbolRefused, VenueUnavailable
from core.domain.instruments import InstrumentId
from core.market.fetch_breakers import FetchBreakers
from core.runtime.breaker import Phase
from core.runtime.clocks import VirtualClock

A, B, C, D, E = (InstrumentId(f"{name}/USDT") for name in "ABCDE")
SILENCE = VenueUnavailable("no answer")


class Desk:
    """Five symbols; asks about candles."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.breakers = FetchBreakers(5, self.clock)
        self.sent = 0

    def ask(self, symbol: InstrumentId, error: Exception | None = None, operation: str = "ohlcv") -> str:
        """`answered`, or the kind of error."""

        async def request() -> str:
            self.sent += 1
            if error is not None:
                raise error
            return "answered"

        try:
            return asyncio.run(self.breakers.ask(operation, symbol, request))
        except (VenueUnavailable, SymbolRefused, DeadlineExceeded, BreakerOpen) as raised:
            return type(raised).__name__


def test_one_that_hangs_is_left_alone_and_probed_and_nobody_else_notices() -> None:
    desk = Desk()
    for _ in range(5):
        assert desk.ask(A, SILENCE) == "VenueUnavailable"
        assert desk.ask(B) == "answered"
    assert desk.ask(A, SILENCE) == "BreakerOpen"
    assert desk.sent == 10
    assert desk.ask(B) == "answered"
    assert desk.ask(A, operation="order_book") == "answered", "another question about it"
    desk.clock.jump(2.1)
    assert desk.ask(A) == "answered", "the probe"
    assert desk.breakers.requests.not_closed() == {}


def test_a_fifth_that_hangs_for_ever_never_closes_the_door_to_the_others() -> None:
    desk = Desk()
    for _ in range(200):
        desk.ask(A, SILENCE)
        desk.clock.jump(1.0)
    assert desk.sent < 35, "about once in 10 s"
    assert desk.ask(B) == "answered"
    assert desk.breakers.operations.not_closed() == {}


async def test_probes_that_hang_take_two_threads_and_no_more() -> None:
    desk = Desk()
    clock, breakers = desk.clock, desk.breakers

    async def fail() -> None:
        raise SILENCE

    for symbol in (A, B, C) * 5:
        with suppress(VenueUnavailable):
            await breakers.ask("ohlcv", symbol, fail)
        breakers.operations.forget("ohlcv")
    clock.jump(3.0)
    hung = asyncio.Event()
    probes = [asyncio.create_task(breakers.ask("ohlcv", symbol, hung.wait)) for symbol in (A, B, C)]
    done, under_way = await asyncio.wait(probes, timeout=0.01)
    assert [type(each.exception()) for each in done] == [BreakerOpen]
    hung.set()
    assert await asyncio.gather(*under_way) == [True, True]
    assert await breakers.ask("ohlcv", C, hung.wait)


def test_a_venue_that_answers_nobody_gets_one_probe_at_a_time_and_all_are_back_with_its_answer() -> None:
    desk = Desk()
    for symbol in (A, B, C) * 3:
        desk.ask(symbol, SILENCE)
    assert desk.breakers.operations.phase("ohlcv") is Phase.OPEN
    sent = desk.sent
    assert desk.ask(D) == "BreakerOpen"
    assert desk.ask(D, operation="order_book") == "answered"
    desk.clock.jump(1.1)
    assert desk.ask(E, SILENCE) == "VenueUnavailable"
    assert desk.ask(A) == "BreakerOpen"
    assert desk.sent == sent + 2
    desk.clock.jump(2.1)
    assert [desk.ask(symbol) for symbol in (A, B, C, D, E)] == ["answered"] * 5
    assert desk.breakers.requests.not_closed() == {}


@pytest.mark.parametrize(
    "error",
    [
        VenueUnavailable("too many requests", retry_after_s=3.0),
        BudgetSpent("our share"),
        SymbolRefused("no such symbol"),
        DeadlineExceeded("no thread was free", started=False),
    ],
)
def test_what_is_no_silence_opens_nothing(error: Exception) -> None:
    desk = Desk()
    assert {desk.ask(symbol, error) for symbol in (A, B, C, D, E) * 3} == {type(error).__name__}
    assert desk.breakers.requests.not_closed() == {}
    assert desk.breakers.operations.not_closed() == {}


def test_a_call_over_its_deadline_is_silence() -> None:
    desk = Desk()
    for _ in range(5):
        desk.ask(A, DeadlineExceeded("still runs", started=True))
    assert desk.ask(A) == "BreakerOpen"
