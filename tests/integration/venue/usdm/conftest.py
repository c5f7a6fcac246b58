"""A venue with perpetuals for all tests of a session."""

from collections.abc import Iterator

import pytest

from tests.venues import VenueProcess

SYMBOLS = ("BTC/USDT", "BTC/USDT:USDT", "SOL/USDT:USDT")


@pytest.fixture(scope="session")
def usdm_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """At speed 1: take an account of your own with `register()`."""
    process = VenueProcess(
        tmp_path_factory.mktemp("usdm"), symbols=SYMBOLS, options=("--latency-ms", "0", "--limits", "relaxed")
    )
    yield process
    assert process.stop() == 0
