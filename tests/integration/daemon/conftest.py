"""What the daemon's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.daemon.bot import SYMBOLS
from tests.venues import VenueProcess


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[VenueProcess]:
    """A fast venue that outlives the daemons which trade on it; the account `paper` is there from the start."""
    folder = tmp_path / "venue"
    folder.mkdir()
    process = VenueProcess(folder, symbols=SYMBOLS, speed=60.0, options=("--latency-ms", "0"))
    yield process
    process.stop()
