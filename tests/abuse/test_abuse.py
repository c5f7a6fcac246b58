"""Three minutes of what `make abuse MINUTES=30` does for half an hour."""

from pathlib import Path

import pytest

from tests.abuse.run import AbuseRun, Plan
from tests.preload import NO_COMPILER, compiler

MINUTES = 3.0


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.timeout(1_200)
def test_nobody_notices_what_hangs_beside_him(tmp_path: Path) -> None:
    if compiler() is None:
        pytest.skip(NO_COMPILER)
    verdict = AbuseRun(Plan(MINUTES, tmp_path)).run()
    assert verdict["holds"] is not False, verdict
    assert verdict["cycles"] > 100, "there was something to miss"
