"""kill -9 at random instants of a load, again and again: no torn file is ever left, and the resumed load ends like one
that nobody disturbed, row by row.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarks._daemon import claim
from tests.killed_loads import killed_loads

LONG = True
CLAIM = "history: killed loads resumed to the same end"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = killed_loads(Path(folder), kills)
        except AssertionError as error:
            return claim(CLAIM, None, kills, holds=False, reason=str(error))
    return claim(
        "history: killed loads resumed to the same end", found["kills"], kills, found["kills"] >= kills, **found
    )


if __name__ == "__main__":
    sys.exit(main())
