"""All seeds, some side by side, and the sum of their verdicts."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.judge import FAULTS, Json
from tests.soak.seed import FAULTS_PER_MINUTE, SeedRun

MUST_BE_NOTHING = (*FAULTS, "cycles_missed", "cycles_decided_twice")
_COUNTED = ("orders", "fills", "unknown", "unknown_by_venue", "absent", "cycles", "cycles_late")
_LONGEST = ("unprotected_s_max", "unknown_s_max", "right_again_s")


@dataclass(frozen=True, slots=True)
class Plan:
    seeds: int
    minutes: float
    """Real, of all seeds together, in which faults begin."""
    first_seed: int = 1
    at_once: int = 2
    intensity: float = FAULTS_PER_MINUTE


class Soak:
    def __init__(self, plan: Plan, folder: Path, tell: Callable[[Json], None]) -> None:
        """`tell` hears of each seed that is done, from several threads."""
        self._plan = plan
        self._folder = folder
        self._tell = tell

    def run(self) -> Json:
        plan = self._plan
        seeds = range(plan.first_seed, plan.first_seed + plan.seeds)
        with ThreadPoolExecutor(plan.at_once) as pool:
            judged = list(pool.map(self._one, seeds))
        (self._folder / "judged.json").write_text(json.dumps(judged, indent=1))
        return verdict(judged) | {"seeds": plan.seeds, "minutes": plan.minutes, "first_seed": plan.first_seed}

    def _one(self, seed: int) -> Json:
        folder = self._folder / f"seed-{seed}"
        run = SeedRun(seed, self._plan.minutes / self._plan.seeds, folder, intensity=self._plan.intensity)
        try:
            said = run.run()
        except Exception as error:  # one seed's end is a finding, and the other seeds go on
            said = {"seed": seed, "holds": False, "amiss": [f"{type(error).__name__}: {error}"], "findings": []}
        self._tell(said)
        return said


def verdict(judged: list[Json]) -> Json:
    def total(name: str) -> int:
        return sum(each.get(name) or 0 for each in judged)

    def most(name: str) -> Any:
        return max((each.get(name) or 0 for each in judged), key=lambda found: Decimal(str(found)))

    faults: Counter[str] = Counter()
    for each in judged:
        faults.update(each.get("faults") or {})
    return {
        **{name: total(name) for name in (*_COUNTED, *MUST_BE_NOTHING)},
        **{name: most(name) for name in (*_LONGEST, "cash_difference", "position_difference")},
        "unknown_s": round(sum(each.get("unknown_s") or 0 for each in judged), 1),
        "faults": dict(sorted(faults.items())),
        "failed_seeds": [each["seed"] for each in judged if not each["holds"]],
        "holds": all(each["holds"] for each in judged) and not any(map(total, MUST_BE_NOTHING)),
    }
