"""`python -m tests.soak --seeds 20 --minutes 120`: a line a seed, findings, and one JSON line at the end."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.chaos.judge import Json
from tests.soak.campaign import Plan, Soak
from tests.soak.seed import FAULTS_PER_MINUTE


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    console = Console(stderr=True)
    plan = Plan(given.seeds, given.minutes, given.first_seed, given.at_once, given.intensity)

    def tell(said: Json) -> None:
        told = {name: said.get(name) for name in ("orders", "fills", "unknown", "right_again_s", "holds")}
        console.print(f"seed {said['seed']}: {told}", highlight=False)
        for words in (*said["findings"], *said["amiss"]):
            console.print(f"seed {said['seed']}: {words}", style="red", highlight=False, markup=False)

    verdict = Soak(plan, given.folder, tell).run()
    if not verdict["holds"]:
        console.print(f"journals and logs are in {given.folder}", highlight=False)
    sys.stdout.write(json.dumps(verdict) + "\n")
    return 0 if verdict["holds"] else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Trade through all faults together.")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=12.0, help="real, of all seeds together")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="seeds side by side; each wants about a core")
    parser.add_argument("--intensity", type=float, default=FAULTS_PER_MINUTE, help="faults in a minute of the venue's")
    parser.add_argument("--folder", type=Path, help="where journals and logs stay; default: a new temporary one")
    given = parser.parse_args(arguments)
    if min(given.seeds, given.at_once) < 1 or min(given.minutes, given.intensity) <= 0:
        parser.error("--seeds and --at-once are at least 1, --minutes and --intensity above 0")
    try:
        given.folder = given.folder or Path(tempfile.mkdtemp(prefix="metronome-soak-"))
        given.folder.mkdir(parents=True, exist_ok=True)
        if any(given.folder.iterdir()):
            parser.error(f"--folder: {given.folder} is not empty")
    except OSError as error:
        parser.error(f"--folder: {error}")
    return given


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
