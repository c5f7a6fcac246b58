"""A venue that stops answering, in part or altogether, without a word: every close is still decided, with a reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import CANDLE_MS, SYMBOLS, Bot, Truth, bot
from integration.daemon.proxy import Proxy, proxied
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def behind(proxy: Proxy, venue: VenueProcess) -> dict[str, str]:
    """The settings of a daemon that reaches its venue through the proxy, and is quick to lose patience."""
    return {
        "VENUE__BASE_URL": proxy.url,
        "VENUE__WS_BASE_URL": proxy.ws_url,
        "VENUE__API_KEY": "paper",
        "VENUE__SECRET": "paper",
        "VENUE__REQUEST_TIMEOUT_S": "1",
        "VENUE__STALE_STREAM_S": "2",
        "EXECUTION__ORDER_DEADLINE_S": "2",
    }


def is_about(*words: str) -> Callable[[str], bool]:
    return lambda first_line: any(word in first_line for word in words)


def reasons_since(daemon: Bot, count: int) -> set[str]:
    return {line["reason"].split()[0] for line in daemon.all("cycle")[count:]}


def assert_closes_are_whole(daemon: Bot) -> None:
    for symbol in SYMBOLS:
        closes = [line["close_ms"] for line in daemon.all("cycle", symbol=symbol)]
        assert sorted(closes) == list(range(min(closes), max(closes) + 1, CANDLE_MS)), "each once, none left out"


def test_without_candles_each_close_is_decided_with_a_reason_and_it_recovers(
    tmp_path: Path, venue: VenueProcess
) -> None:
    with proxied(venue.port) as proxy, bot(tmp_path, **behind(proxy, venue)) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.mood = "flat"
        proxy.hold(is_about("/klines", "/stream", "/ws"))
        proxy.cut()
        daemon.next("stream_lost")
        count = len(daemon.all("cycle"))
        daemon.until(lambda: len(daemon.all("cycle")) > count + 10, 60)
        assert "CANDLE_MISSING" in reasons_since(daemon, count)
        assert {line["outcome"] for line in daemon.all("cycle")[count:]} == {"NO_TRADE"}
        assert any("/klines" in line for line in proxy.held)
        assert daemon.status()["state"] == "trading", "the loop lives and answers"
        proxy.let_go()
        daemon.until(lambda: daemon.traded("sell"), 60)
        wait_until_all_agree(daemon, Truth(venue.url))
        assert_closes_are_whole(daemon)
        assert not daemon.all("symbol_down"), "it was the venue's fault, not the symbols'"


def test_a_venue_that_freezes_whole_costs_time_and_no_order(tmp_path: Path, venue: VenueProcess) -> None:
    with proxied(venue.port) as proxy, bot(tmp_path, **behind(proxy, venue)) as daemon:
        daemon.mood = "pulse"
        daemon.until(lambda: daemon.traded("sell"))
        proxy.freeze()
        count = len(daemon.all("cycle"))
        daemon.until(lambda: daemon.all("stream_lost") and len(daemon.all("cycle")) > count + 8, 60)
        assert daemon.status()["state"] == "trading"
        assert "CANDLE_MISSING" in reasons_since(daemon, count)
        proxy.let_go()
        daemon.from_now_on()
        daemon.next("order", now="filled", timeout_s=90)
        daemon.mood = "hold"
        wait_until_all_agree(daemon, Truth(venue.url))
        assert daemon.status()["unknown_orders"] == 0
        assert_closes_are_whole(daemon)


def test_orders_whose_answer_never_comes_are_asked_after_and_never_sent_again(
    tmp_path: Path, venue: VenueProcess
) -> None:
    """The request waits in the network and arrives later: within its window, or too late for the venue to take it."""
    with proxied(venue.port) as proxy, bot(tmp_path, **behind(proxy, venue)) as daemon:
        daemon.next("trading")
        proxy.hold(is_about("POST /api/v3/order"))
        daemon.mood = "long"
        daemon.until(lambda: len(daemon.all("order", now="unknown")) >= 2, 60)
        assert daemon.status()["unknown_orders"] == 2
        daemon.mood = "hold"
        held = len(proxy.held)
        count = len(daemon.all("cycle"))
        daemon.until(lambda: len(daemon.all("cycle")) > count + 6)
        assert len(proxy.held) == held, "asked after, not repeated"
        proxy.let_go()
        daemon.until(lambda: daemon.status()["unknown_orders"] == 0, 90)
        wait_until_all_agree(daemon, Truth(venue.url))
