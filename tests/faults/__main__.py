"""`python -m tests.faults`: plays all behaviours, and prints the table of `docs/reliability.md`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.faults.behaviours import BEHAVIOURS
from tests.faults.company import Company

_HEAD = "| # | what the venue does | what the daemon does | seen after | right again after |\n|---|---|---|---|---|"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Play each failure of a venue.")
    parser.add_argument("only", nargs="*", type=int, help="numbers of rows; default: all")
    given = parser.parse_args(arguments)
    console = Console(stderr=True)
    company = Company(Path(tempfile.mkdtemp(prefix="metronome-faults-")))
    failed = 0
    sys.stdout.write(f"{_HEAD}\n")
    try:
        for behaviour in BEHAVIOURS:
            if given.only and behaviour.number not in given.only:
                continue
            try:
                played = company.play(behaviour)
            except AssertionError as error:
                failed += 1
                console.print(f"{behaviour.number}: {error}"[:3_000], style="red", highlight=False, markup=False)
                continue
            shown_s, right_s = (max(times) for times in zip(*(each.times_s for each in played), strict=True))
            row = f"| {behaviour.number} | {behaviour.name} | {behaviour.does} | {shown_s:.1f} s | {right_s:.1f} s |"
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
            for each in played:
                console.print(f"  {each}", highlight=False, markup=False)
    finally:
        company.close()
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
