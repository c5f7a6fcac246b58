"""A venue for all tests of faults, and an account at it."""

from collections.abc import Iterator

import pytest

from tests.integration.venue.faults.client import Client
from tests.venues import VenueProcess


@pytest.fixture(scope="package")
def faulty_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(
        tmp_path_factory.mktemp("faulty"),
        symbols=("BTC/USDT", "BNB/USDT"),
        options=("--latency-ms", "0", "--weight-limit", "1000000000"),
    )
    yield process
    assert process.stop() == 0


@pytest.fixture
def client(faulty_venue: VenueProcess) -> Iterator[Client]:
    client = Client(faulty_venue)
    yield client
    client.http.close()
    assert faulty_venue.admin("/faults") == {"faults": []}


@pytest.fixture(scope="package")
def fast_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """A one-minute candle lasts a real second."""
    process = VenueProcess(
        tmp_path_factory.mktemp("fast"),
        symbols=("BTC/USDT",),
        speed=60,
        options=("--latency-ms", "0", "--weight-limit", "1000000000"),
    )
    yield process
    assert process.stop() == 0


@pytest.fixture
def fast(fast_venue: VenueProcess) -> Iterator[Client]:
    """For public requests and streams."""
    client = Client(fast_venue)
    yield client
    client.http.close()
