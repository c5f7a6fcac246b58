"""The kill switch on real sockets: by command, through a half-broken venue, over a kill, and without a daemon."""

import json
import signal
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import SYMBOLS, Bot, bot
from tests.venues import VenueProcess

pytestmark = pytest.mark.processes

LOT = Decimal("0.001")


def bought(daemon: Bot) -> None:
    daemon.mood = "long"
    daemon.until(lambda: daemon.traded("buy"))
    daemon.mood = "hold"
    wait_until_all_agree(daemon)
    assert daemon.venue.stops()


def assert_flat(ledger: dict[str, Any]) -> None:
    """By the venue's own ledger: no order works, and no base asset is left but dust."""
    assert not [each for each in ledger["orders"] if each["status"] in ("NEW", "PARTIALLY_FILLED")]
    for symbol in SYMBOLS:
        balance = ledger["balances"].get(symbol.partition("/")[0], {"free": "0", "locked": "0"})
        assert Decimal(balance["free"]) + Decimal(balance["locked"]) < LOT, symbol


def told(daemon: Bot, *arguments: str) -> dict[str, Any]:
    done = daemon.command(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_halt_flatten_and_resume_by_command(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        bought(daemon)
        halted = told(daemon, "halt", "--reason", "lunch")
        assert halted["level"] == "NO_ENTRY"
        assert "lunch" in halted["reason"] and halted["since_ms"] > 0 and halted["is_durable"]
        assert daemon.next("command", command="halt", outcome="DONE")["reason"] == "lunch"
        refused = daemon.command("flatten")
        assert refused.returncode == 2 and "--yes" in refused.stderr, "nobody is there to be asked"

        flat = told(daemon, "flatten", "--yes", "--reason", "enough")
        assert flat["level"] == "LOCKED" and flat["flattening"]["is_proven"], flat
        assert "FLATTEN_PROVEN" in flat["reason"] and "enough" in flat["reason"]
        assert_flat(daemon.venue.ledger())
        wait_until_all_agree(daemon)
        status = daemon.status()
        assert (status["risk_level"], status["flattening"]["left"]) == ("LOCKED", [])

        assert told(daemon, "resume", "--reason", "back")["level"] == "NORMAL"
        assert daemon.next("command", command="resume", outcome="DONE")["reason"] == "back"
        daemon.from_now_on()
        daemon.mood = "long"
        daemon.next("fill", side="buy")
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
        assert daemon.errors == ""


def fault(venue: VenueProcess, **what: Any) -> None:
    body = json.dumps(what).encode()
    with urllib.request.urlopen(venue.admin_url + "/faults", body, timeout=10):
        pass
