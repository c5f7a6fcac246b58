"""An account that holds what the venue has no market for, and too little of what it has one for."""

from pathlib import Path

import pytest

from integration.daemon.bot import SYMBOLS, Truth, bot
from integration.daemon.test_live_mode import LIVE, SECRET
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

HELD = {"USDT": "100000", "SCAMCOIN": "1000000", "LDBTC": "0.5", "BTC": "0.00000123", "ETH": "0.00000007"}


def test_unknown_assets_and_dust_are_left_alone_and_trading_goes_on_around_them(
    tmp_path: Path, venue: VenueProcess
) -> None:
    key, truth = "key-with-odd-balances", Truth(venue.url)
    venue.admin("/accounts", {"key": key, "secret": SECRET, "deposit": HELD})
    settings = {
        "VENUE__BASE_URL": venue.url,
        "VENUE__WS_BASE_URL": venue.ws_url,
        "VENUE__API_KEY": key,
        "VENUE__SECRET": SECRET,
        "EXECUTION__RECONCILE_S": "1",
    }
    with bot(tmp_path, *LIVE, **settings) as daemon:
        daemon.next("trading")
        assert daemon.status()["risk_level"] == "NORMAL"
        assert not daemon.api("/api/v1/positions"), "what others have left is no position of the bot's"
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"))
        daemon.mood = "hold"
        daemon.until(
            lambda: {each["symbol"] for each in daemon.api("/api/v1/positions") if not each["is_dust"]} == set()
        )
        left = truth.ledger(key)["balances"]
        assert {asset: left[asset]["free"].rstrip("0") for asset in ("SCAMCOIN", "LDBTC")} == {
            "SCAMCOIN": "1000000.",
            "LDBTC": "0.5",
        }
        assert not daemon.all("balance_unexplained")
        assert daemon.status()["risk_level"] == "NORMAL"
        assert {line["symbol"] for line in daemon.all("fill", side="sell")} == set(SYMBOLS)
