"""A symbol that does not pass the filters is decided on, and not entered."""

from pathlib import Path

import pytest

from integration.daemon.bot import SYMBOLS, bot

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def test_only_the_one_with_the_larger_volume_is_entered(tmp_path: Path) -> None:
    with bot(tmp_path, UNIVERSE__MOST_SYMBOLS="1", UNIVERSE__LEAST_AGE_DAYS="30") as daemon:
        daemon.mood = "long"
        left = daemon.next("universe_left")
        assert (left["filter"], left["held"]) == ("crowded_out", False)
        out = left["symbol"]
        (other,) = set(SYMBOLS) - {out}
        daemon.until(lambda: daemon.venue.ledger()["orders"])
        daemon.until(lambda: daemon.all("cycle", symbol=out, reason="OUTSIDE_UNIVERSE filter=crowded_out"))
        line = daemon.api(f"/api/v1/why/{out.replace('/', '-')}")["decisions"][0]
        assert (line["outcome"], line["gates"]["instrument"]) == ("NO_TRADE", "no")
        assert {order["symbol"] for order in daemon.venue.ledger()["orders"]} == {other.replace("/", "")}
        assert not daemon.complaints()
