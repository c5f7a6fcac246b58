"""`python -m tests.abuse --minutes 30`: findings, and one JSON line at the end."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.abuse.run import AbuseRun, Plan
from tests.preload import NO_COMPILER, compiler


def main(arguments: Sequence[str]) -> int:
    plan = _parse(arguments)
    console = Console(stderr=True)
    verdict = AbuseRun(plan).run()
    for words in verdict["amiss"]:
        console.print(words, style="red", highlight=False, markup=False)
    if verdict["holds"] is not True:
        console.print(f"journals and logs are in {plan.folder}", highlight=False)
    sys.stdout.write(json.dumps(verdict) + "\n")
    return 1 if verdict["holds"] is False else 0


def _parse(arguments: Sequence[str]) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description="Trade while everything hangs.")
    parser.add_argument("--minutes", type=float, default=30.0, help="real, in which it does; at least 1.5")
    parser.add_argument("--folder", type=Path, help="where journals and logs stay; default: a new temporary one")
    given = parser.parse_args(arguments)
    if given.minutes < 1.5:
        parser.error("--minutes is at least 1.5: the disk alone hangs for half a minute")
    if compiler() is None:
        parser.error(NO_COMPILER)
    try:
        folder = given.folder or Path(tempfile.mkdtemp(prefix="metronome-abuse-"))
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"--folder: {folder} is not empty")
    except OSError as error:
        parser.error(f"--folder: {error}")
    return Plan(given.minutes, folder)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
