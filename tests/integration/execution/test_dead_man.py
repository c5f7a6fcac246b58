"""A trader that stands still: the venue takes its resting entry away, and leaves its stop."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.bot import eventually
from tests.venues import SOURCES, VenueProcess

BTC = "BTC/USDT:USDT"
CHECKOUT = SOURCES.parent


@pytest.mark.slow
def test_a_stopped_traders_resting_entry_is_cancelled_by_the_venue_and_its_stop_stays(tmp_path: Path) -> None:
    venue = VenueProcess(tmp_path, symbols=("BTC/USDT", BTC), options=("--latency-ms", "0"))
    account = venue.register()
    orders = {
        "url": venue.url,
        "ws_url": venue.ws_url,
        "key": account.api_key,
        "folder": str(tmp_path / "life"),
        "name": "still",
        "kind": "perpetual",
        "settings": {"dead_man_s": 5.0},
        "deeds": [f"in:{BTC}:0.01", f"rest:{BTC}:0.02", "stay"],
    }
    (tmp_path / "life").mkdir()
    command = [sys.executable, "-m", "tests.integration.execution.life", json.dumps(orders)]
    environment = {"PYTHONPATH": f"{SOURCES}:{CHECKOUT}:{CHECKOUT / 'tests'}", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=CHECKOUT) as trader:
        try:
            assert trader.stdout is not None
            assert any(line == "staying\n" for line in trader.stdout), "it has ended"
            assert eventually(lambda: countdowns(venue) >= 3, 30), "wound up again and again"
            assert [each["status"] for each in resting(venue, account.api_key)] == ["NEW"]
            trader.send_signal(signal.SIGSTOP)
            assert eventually(lambda: [each["status"] for each in resting(venue, account.api_key)] == ["CANCELED"], 30)
            usdm = venue.ledger(account)["usdm"]
            assert [each["algoStatus"] for each in usdm["algoOrders"]] == ["NEW"], "the stop stands"
        finally:
            trader.kill()
            venue.stop()


def resting(venue: VenueProcess, account: str) -> list[dict[str, Any]]:
    orders = venue.admin(f"/ledger?account={account}")["usdm"]["orders"]
    return [each for each in orders if each["type"] == "LIMIT"]


def countdowns(venue: VenueProcess) -> int:
    return int(venue.admin("/health")["usdm"]["countdownsSet"])
