"""A campaign small enough for every day; `make chaos KILLS=1000 SEED=7` is the large one."""

import json
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign, Plan, summary
from tests.chaos.points import INSTANT, TABLE

KILLS = 64


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.timeout(540)
def test_killed_again_and_again_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    verdict = Campaign(Plan(kills=KILLS, seed=1, people=2, daemon_kills=2), tmp_path, lambda _: None).run()
    judged = json.loads((tmp_path / "judged.json").read_text())
    findings = [words for each in judged for words in each["findings"]]
    assert verdict["holds"], (verdict, findings)
    assert verdict["kills"] >= KILLS
    assert verdict["orders"] >= 5 * KILLS
    assert verdict["kills_in_flight"] >= 0.2 * KILLS
    assert verdict["unknown"] >= 10
    assert summary(judged).keys() <= {point.step for point in (*TABLE, INSTANT)} | {"end of the script", "daemon"}


def test_the_manual_names_every_step(checkout: Path) -> None:
    manual = (checkout / "docs" / "reliability.md").read_text()
    assert [point.step for point in (*TABLE, INSTANT) if f"| `{point.step}` | {point.words} |" not in manual] == []


def test_the_table_names_every_step_once() -> None:
    steps = [point.step for point in (*TABLE, INSTANT)]
    assert len(steps) == len(set(steps))
