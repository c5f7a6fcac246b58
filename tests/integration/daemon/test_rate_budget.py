"""Several processes, one address, a venue that counts: together they stay below its limit, and orders get through."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from integration.daemon.bot import SYMBOLS, bot
from tests.venues import SOURCES, VenueProcess

LIMIT = 800
"""What an address may use in a minute of the venue, which here lasts six seconds."""
OTHERS = tuple(f"X{letter}/USDT" for letter in "ABCDEFGHIJKLMNOPQR")


@contextmanager
def backfill(venue: VenueProcess, folder: Path) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, str(Path(__file__).with_name("backfill.py")), venue.url, str(folder)]
    process = subprocess.Popen(
        [*program, ",".join((*SYMBOLS, *OTHERS))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_daemon_flattens_while_two_processes_fetch_a_hundred_series_each(tmp_path: Path) -> None:
    venue = VenueProcess(
        tmp_path,
        symbols=(*SYMBOLS, *OTHERS),
        speed=10,
        options=("--weight-limit", str(LIMIT), "--messages-per-s", "2", "--latency-ms", "1"),
    )
    runtime = tmp_path / "shared"
    account = venue.register()
    (tmp_path / "daemon").mkdir()
    given = {
        "VENUE__BASE_URL": venue.url,
        "VENUE__WS_BASE_URL": venue.ws_url,
        "VENUE__API_KEY": account.api_key,
        "VENUE__SECRET": account.secret,
        "STORAGE__RUNTIME_DIR": str(runtime),
    }
    try:
        with ExitStack() as running, bot(tmp_path / "daemon", **given) as trader:
            fetching = [running.enter_context(backfill(venue, runtime)) for _ in range(2)]
            trader.mood = "long"
            trader.until(lambda: trader.traded("buy"), 90)
            trader.mood = "flat"
            status = trader.status()
            assert {each["name"] for each in status["rate_limits"]} >= {"weight 1m", "orders 10s"}
            assert next(each["limit"] for each in status["rate_limits"] if each["name"] == "weight 1m") == LIMIT
            flattened = trader.command("flatten", "--reason", "enough", "--yes")
            assert flattened.returncode == 0, flattened.stdout + flattened.stderr
            assert trader.traded("sell")
            ends = [json.loads(process.communicate("end\n", timeout=60)[0]) for process in fetching]
            assert not [line for line in trader.lines if "-1003" in str(line)]
        assert [end["refused"] for end in ends] == [0, 0], "not one 429"
        assert all(end["waited"] for end in ends), "and the limit was felt"
        assert sum(end["answered"] for end in ends) > LIMIT / 2 / 2, "more than one window's share was fetched"
    finally:
        venue.stop()
