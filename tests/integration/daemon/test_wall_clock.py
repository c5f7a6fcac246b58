"""A machine whose wall clock is wrong from the start and set by hours while it trades: nothing hangs on it."""

import signal
from pathlib import Path

import pytest

from integration.daemon.agreement import rows, wait_until_all_agree
from integration.daemon.bot import CANDLE_MS, SYMBOLS, Bot, Truth, bot
from integration.daemon.proxy import proxied
from integration.daemon.test_hung_venue import assert_closes_are_whole, behind
from integration.daemon.test_tickets import last_price, placed, spot, state, ticket
from tests.clocks import SettableClock
from tests.preload import NO_COMPILER, compiler
from tests.venues import VenueProcess

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.skipif(compiler() is None, reason=NO_COMPILER),
]

HOUR_S = 3_600


def with_clock(clock: SettableClock) -> tuple[str, ...]:
    """What a command is started with whose wall clock is that one; the venue's is another process's, and stays."""
    return ("env", *(f"{name}={value}" for name, value in clock.environment.items()))


def decided(daemon: Bot, closes: int = 4) -> None:
    """So many more closes."""
    count = len(daemon.all("cycle"))
    daemon.until(lambda: len(daemon.all("cycle")) >= count + closes)


def assert_dated_by_the_venue(daemon: Bot, truth: Truth) -> None:
    """Everything that was journalled lies between the venue's first fill and its time now, give or take a minute."""
    fills = [int(fill["time"]) for fill in truth.ledger()["fills"]]
    dates = [at_ns // 1_000_000 for (at_ns,) in rows(daemon.data_dir, "SELECT at_ns FROM events")]
    assert min(fills) - CANDLE_MS <= min(dates)
    assert max(dates) <= max(fills) + CANDLE_MS * len(daemon.all("cycle"))


def test_an_hour_forward_and_an_hour_back_change_nothing(tmp_path: Path, venue: VenueProcess) -> None:
    clock, truth = SettableClock(tmp_path / "clock", ahead_s=HOUR_S), Truth(venue.url)
    settings = {"SIMULATION__PORT": str(venue.port)}
    with bot(tmp_path, prefix=with_clock(clock), **settings) as daemon:
        daemon.next("trading")
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        clock.set(-HOUR_S)
        decided(daemon)
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"))
        clock.set(2 * HOUR_S)
        decided(daemon)
        daemon.mood = "long"
        bought = len(daemon.all("fill", side="buy"))
        daemon.until(lambda: len(daemon.all("fill", side="buy")) >= bought + len(SYMBOLS))
        wait_until_all_agree(daemon, truth)
        assert_closes_are_whole(daemon)
        assert not daemon.all("cycle", outcome="FAILED")
        lease = {line["event"] for line in daemon.lines if "lease" in line["event"]}
        assert lease <= {"lease_taken"}, "it goes by the time since the machine's start"
        assert daemon.status()["risk_level"] == "NORMAL"
        assert_dated_by_the_venue(daemon, truth)
        daemon.signal(signal.SIGKILL)
        daemon.end()
    clock.set(-HOUR_S)
    with bot(tmp_path, prefix=with_clock(clock), **settings) as daemon:
        daemon.next("trading")
        assert not daemon.all("waiting_for_lease")
        wait_until_all_agree(daemon, truth)
        assert len(truth.stops()) == len(SYMBOLS)


def test_an_order_in_doubt_is_not_called_absent_because_the_clock_was_set(tmp_path: Path) -> None:
    """Its request is still on its way, and within its window, when the clock jumps: it arrives, and is found."""
    folder = tmp_path / "venue"
    folder.mkdir()
    venue = VenueProcess(folder, symbols=SYMBOLS, options=("--latency-ms", "0"))
    try:
        hold_and_set(tmp_path, venue)
    finally:
        venue.stop()


def hold_and_set(tmp_path: Path, venue: VenueProcess) -> None:
    clock, truth = SettableClock(tmp_path / "clock"), Truth(venue.url)
    asked: list[str] = []

    def holds(first_line: str) -> bool:
        if first_line.startswith("GET /api/v3/order?"):
            asked.append(first_line)
        return first_line.startswith("POST /api/v3/order")

    with (
        proxied(venue.port) as proxy,
        bot(tmp_path, prefix=with_clock(clock), **behind(proxy, venue), VENUE__RECV_WINDOW_MS="60000") as daemon,
    ):
        daemon.mood = "hold"
        daemon.next("trading")
        daemon.until(lambda: last_price(daemon))
        for n, ahead_s in enumerate((HOUR_S, -HOUR_S)):
            proxy.hold(holds)
            order = placed(daemon, ticket(f"held-{n}", "market"))
            assert order["state"] == "unknown"
            clock.set(ahead_s)
            asked.clear()
            daemon.until(lambda: len(asked) >= 2)
            assert state(daemon, order) == "unknown"
            proxy.let_go()
            daemon.until(lambda held=order: state(daemon, held) == "filled")
            assert spot(truth, order)["status"] == "FILLED"
        assert abs(daemon.status()["clock_skew_ms"] - HOUR_S * 1_000) < 60_000, "what the wall clock lacks is shown"
        assert rows(tmp_path, "SELECT * FROM events WHERE kind = 'absence_proven'") == []
