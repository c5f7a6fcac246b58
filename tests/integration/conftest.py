"""What tests on real sockets share."""

from collections.abc import Iterator

import pytest

from tests.venues import VenueProcess


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """One simulated venue for all tests of a session, at speed 1: take an account of your own with `register()`."""
    process = VenueProcess(
        tmp_path_factory.mktemp("venue"), options=("--latency-ms", "0", "--weight-limit", "10000000")
    )
    yield process
    assert process.stop() == 0
