"""Every row of the table on real sockets: provoked, seen, ended, and then nothing lost, nothing doubled, not a cent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.behaviours import BEHAVIOURS, Behaviour
from tests.faults.company import Company


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = Company(tmp_path_factory.mktemp("behaviours"))
    yield company
    company.close()


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: f"{each.number}-{each.name}")
def test_the_daemon_is_right_again(company: Company, behaviour: Behaviour) -> None:
    played = company.play(behaviour)
    assert len(played) >= max(1, len(behaviour.episodes))


def test_the_table_has_every_row_once_and_the_manual_shows_it(checkout: Path) -> None:
    assert [behaviour.number for behaviour in BEHAVIOURS] == list(range(1, 23))
    manual = (checkout / "docs" / "reliability.md").read_text()
    rows = [f"| {each.number} | {each.name} | {each.does} |" for each in BEHAVIOURS]
    assert [row for row in rows if row not in manual] == []
