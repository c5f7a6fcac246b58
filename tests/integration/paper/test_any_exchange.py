"""The daemon in paper mode on an exchange without an adapter of its own: played by a second simulated venue, which is
spoken to by ccxt's unified methods and ccxt.pro's streams."""

import json
import signal
from pathlib import Path

import pytest

from integration.daemon.bot import SYMBOLS, Bot, bot
from integration.paper.test_paper_daemon import assert_within_the_market, has_been_in_and_out
from tests.processes import free_port
from tests.venues import VenueProcess, binance_at

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(400)]


def fills_of(daemon: Bot) -> int:
    return len(daemon.all("fill"))


def test_it_trades_any_exchanges_market_on_paper(tmp_path: Path) -> None:
    books, port = tmp_path / "foreign", free_port()
    books.mkdir()
    foreign = VenueProcess(books, symbols=(*SYMBOLS, "SOL/USDT"), speed=20, port=port)
    variables = {
        "VENUE__NAME": "binance",
        "VENUE__ADAPTER": "ccxt",
        "VENUE__CCXT": json.dumps(binance_at(foreign.url, foreign.ws_url)),
    }
    try:
        with bot(tmp_path / "data", **variables) as daemon:
            daemon.mood = "pulse"
            daemon.next("trading")
            daemon.until(lambda: has_been_in_and_out(daemon, 1), 120)
            status = json.loads(daemon.command("status", "--json").stdout)
            assert (status["venue"], status["orders_venue"], status["clock_speed"]) == ("binance", "sim", 20)

            daemon.mood = "long"
            daemon.until(lambda: len(daemon.venue.stops()) == len(SYMBOLS), 60)
            daemon.mood = "hold"
            daemon.from_now_on()
            before = daemon.venue.ledger()["fills"]
            for fill in before:  # now: a venue that starts again makes its past candles anew
                assert_within_the_market(fill, foreign)
            foreign.kill()
            assert daemon.next("stream_lost")["venue"] == "binance"
            resting, fills = daemon.venue.stops(), fills_of(daemon)
            missing = daemon.next("cycle", outcome="NO_TRADE")
            assert "the venue cannot be reached" in missing["reason"]
            assert daemon.venue.stops() == resting and fills_of(daemon) == fills

            foreign.start()
            daemon.next("stream_back")
            daemon.mood = "pulse"
            daemon.until(lambda: fills_of(daemon) >= fills + 2 * len(SYMBOLS), 120)
            for fill in daemon.venue.ledger()["fills"][len(before) :]:
                assert_within_the_market(fill, foreign)
            assert foreign.admin("/ledger?account=paper")["orders"] == []
            daemon.signal(signal.SIGTERM)
            assert daemon.end() == 0, daemon.errors
            assert daemon.errors == ""
    finally:
        foreign.stop()
