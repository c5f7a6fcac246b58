"""Settings that change while it trades: a mistake changes nothing, what is right counts from the next decision on."""

import signal
from pathlib import Path

import pytest

from integration.daemon.bot import bot

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def test_limits_change_while_it_trades_and_a_mistake_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("[risk]\nmax_open_positions = 20\n")
    with bot(tmp_path, "-c", str(file)) as daemon:
        daemon.next("trading")

        file.write_text("[risk]\nmax_order_notional_usd = 1\nmax_open_position = 0\n")
        daemon.signal(signal.SIGHUP)
        refused = daemon.next("settings_stay")
        for word in (f"{file}:3", "risk.max_open_position", "max_open_positions?"):
            assert word in refused["error"]
        assert daemon.api("/api/v1/settings")["risk"]["max_order_notional_usd"] == "50000"

        file.write_text("[risk]\nmax_order_notional_usd = 1\n[storage]\nlease_s = 61\n")
        daemon.signal(signal.SIGHUP)
        taken = daemon.next("command", command="reload_settings")
        assert (taken["applied"], taken["need_restart"]) == (["risk.max_order_notional_usd"], ["storage.lease_s"])
        assert daemon.api("/api/v1/settings")["risk"]["max_order_notional_usd"] == "1"
        daemon.mood = "long"
        daemon.wait_for(lambda line: line["event"] == "cycle" and line["reason"].startswith("EXPOSURE_ORDER"))
        assert not daemon.all("order")

        file.write_text("")
        status, answer = daemon.post("/api/v1/settings/reload", {"reason": "back again", "by": "a test"})
        assert (status, answer) == (200, {"applied": ["risk.max_order_notional_usd"], "need_restart": []})
        daemon.until(lambda: daemon.traded("buy"))
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0, daemon.errors
