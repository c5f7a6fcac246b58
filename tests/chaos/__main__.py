"""`python -m tests.chaos --kills 1000 --seed 7`: progress on a terminal, findings, and one JSON line at the end."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.chaos.campaign import Campaign, Plan, summary
from tests.chaos.judge import Json
from tests.chaos.power import PowerPlan
from tests.disks.image import STYLES
from tests.preload import NO_COMPILER, compiler


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    console = Console(stderr=True)
    folder = given.folder
    daemon_kills = given.kills // 20 if given.daemon_kills is None else min(given.daemon_kills, given.kills)
    power = PowerPlan(given.cut_style, given.synchronous.upper()) if given.power_cuts else None
    plan = Plan(given.kills, given.seed, given.people, daemon_kills, power)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("kills", total=plan.kills)

        def tell(told: Json) -> None:
            if told["kind"] == "life":
                progress.advance(bar)

        verdict = Campaign(plan, folder, tell).run()
    _report(console, folder, verdict)
    sys.stdout.write(json.dumps(verdict) + "\n")
    return 0 if verdict["holds"] else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill the order path at every step.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="draws steps, deeds and faults; what races is not drawn")
    parser.add_argument("--people", type=int, default=2, help="accounts side by side")
    parser.add_argument("--daemon-kills", type=int, help="how many are the real daemon's; default: one in twenty")
    parser.add_argument("--power-cuts", action="store_true", help="with each kill goes what was not synced")
    parser.add_argument("--cut-style", choices=STYLES, help="what a power cut keeps of that; default: drawn each time")
    parser.add_argument(
        "--synchronous",
        choices=("full", "normal", "off"),
        default="full",
        help="SQLite's, of the traders' journals; with less than full a power cut must lose orders",
    )
    parser.add_argument("--folder", type=Path, help="where journals and logs stay; default: a new temporary one")
    given = parser.parse_args(arguments)
    if given.kills < 1 or given.people < 1 or (given.daemon_kills or 0) < 0:
        parser.error("--kills and --people are at least 1, --daemon-kills at least 0")
    if not given.power_cuts and (given.cut_style or given.synchronous != "full"):
        parser.error("--cut-style and --synchronous go with --power-cuts")
    if given.power_cuts and compiler() is None:
        parser.error(f"--power-cuts: {NO_COMPILER}")
    try:
        given.folder = given.folder or Path(tempfile.mkdtemp(prefix="metronome-chaos-"))
        given.folder.mkdir(parents=True, exist_ok=True)
        if any(given.folder.iterdir()):
            parser.error(
                f"--folder: {given.folder} is not empty; journals of an earlier campaign would be taken for its own"
            )
    except OSError as error:
        parser.error(f"--folder: {error}")
    return given


def _report(console: Console, folder: Path, verdict: Json) -> None:
    judged = json.loads((folder / "judged.json").read_text())
    for step, n in summary(judged).most_common():
        console.print(f"{n:6}  {step}", highlight=False)
    for each in judged:
        for words in each["findings"]:
            console.print(f"{each['account']}: {words}", style="red", highlight=False)
    if not verdict["holds"]:
        console.print(f"journals, marks and logs are in {folder}", highlight=False)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
