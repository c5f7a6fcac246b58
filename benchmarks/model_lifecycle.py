"""Seven days of 200 symbols' models on a virtual clock: 60 short of history for a while, 5 for ever, 5 unfit, trainings
that fail, restarts and kills, a universe that changes each hour.

What is claimed, over several seeds: each symbol is trained once in each interval of its schedule, blocked symbols are
looked at when they are due, each live version is loaded once in each run of the daemon, and from each start until all
that had live models are decided with them it is less than two minutes. The rules are those of
`tests/unit/models/worlds.py`.
"""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import claim
from rich.progress import track
from tests.unit.models.worlds import Plan, World, faults

SEEDS, TARGET_S = 5, 120.0


def main() -> int:
    plan = Plan()
    lives = [World(plan, seed).live_through() for seed in track(range(SEEDS), "living", transient=True)]
    looks = Counter(
        type(look.outcome).__name__ for seen in lives for looks in seen.looks.values() for look in looks if look.outcome
    )
    found = [fault for seen in lives for fault in faults(seen, plan)]
    slowest_s = max(ms for seen in lives for ms in seen.to_normal_ms) / 1_000
    schedule = claim(
        "7 days of 200 symbols' models: trainings, looks and loads that no schedule asked for",
        len(found),
        0,
        not found,
        first=found[:1],
        worlds=len(lives),
        turns=sum(seen.turns for seen in lives),
        outcomes=dict(looks),
        loads=sum(seen.loads.total() for seen in lives),
    )
    return schedule | claim(
        "from a start to decisions with all live models, simulated s",
        slowest_s,
        TARGET_S,
        slowest_s < TARGET_S,
        starts=sum(len(seen.to_normal_ms) for seen in lives),
    )


if __name__ == "__main__":
    sys.exit(main())
