"""A few power cuts for every day; `make chaos KILLS=200 SEED=7 ARGS=--power-cuts` are many. And what they are worth:
with less than full syncs they must find lost orders."""

import json
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign, Plan
from tests.chaos.power import PowerPlan
from tests.preload import NO_COMPILER, compiler

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.timeout(400),
    pytest.mark.skipif(compiler() is None, reason=NO_COMPILER),
]

CUTS = 20


def test_what_the_power_takes_with_it_was_not_needed(tmp_path: Path) -> None:
    plan = Plan(kills=CUTS, seed=1, people=2, daemon_kills=1, power=PowerPlan())
    verdict = Campaign(plan, tmp_path, lambda _: None).run()
    findings = [words for each in json.loads((tmp_path / "judged.json").read_text()) for words in each["findings"]]
    assert verdict["holds"], (verdict, findings)
    assert verdict["power_cuts"] >= CUTS
    assert verdict["orders"] >= 3 * CUTS
    assert verdict["cuts_that_hurt"] >= CUTS / 2


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_without_full_syncs_orders_are_lost(tmp_path: Path, synchronous: str) -> None:
    plan = Plan(kills=4, seed=3, people=1, power=PowerPlan("nothing", synchronous))
    verdict = Campaign(plan, tmp_path, lambda _: None).run()
    assert verdict["lost"] >= 4, verdict
    assert not verdict["holds"]
