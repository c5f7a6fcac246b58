"""A daemon examines the candles that it loads, and says of whom it will enter nothing."""

from pathlib import Path

import pytest

from integration.daemon.bot import bot
from integration.daemon.liar import lying
from integration.daemon.test_live_mode import LIVE, SECRET
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def test_a_symbol_whose_candles_contradict_themselves_is_refused_before_trading_begins(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, key = tmp_path_factory.mktemp("venue"), "key-of-the-doubtful"
    venue = VenueProcess(folder, symbols=("BTC/USDT", "ETH/USDT"), options=("--latency-ms", "0"))
    try:
        venue.admin("/accounts", {"key": key, "secret": SECRET})
        with lying(venue) as liar:
            liar.contradicts = "BTCUSDT"
            addresses = {"VENUE__BASE_URL": liar.url, "VENUE__WS_BASE_URL": liar.ws_url}
            with bot(tmp_path, *LIVE, **addresses, VENUE__API_KEY=key, VENUE__SECRET=SECRET) as daemon:
                refused = daemon.next("history_refused")
                assert refused["symbol"] == "BTC/USDT"
                assert "contradiction" in refused["reason"]
                daemon.next("trading")
                assert len(daemon.all("history_refused")) == 1
    finally:
        venue.stop()
