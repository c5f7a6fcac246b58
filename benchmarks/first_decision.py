"""From a fresh clone to the first decision on a closed candle: `make run` as a stranger types it, cold and then set up.

Cold means: a new clone, no virtual environment, no pip cache. What is timed is the whole command, up to the moment at
which the daemon logs its first cycle.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import ROOT, claim, folder

COLD_TARGET_S, WARM_TARGET_S = 180.0, 15.0


def main() -> int:
    with folder() as place:
        clone = place / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        cold_s = first_decision_s(clone, place / "cold")
        warm_s = sorted(first_decision_s(clone, place / f"warm{n}") for n in range(3))
    status = claim(
        "fresh clone to first decision, s", round(cold_s, 1), COLD_TARGET_S, cold_s < COLD_TARGET_S, caches="cold"
    )
    return status | claim(
        "set up to first decision, s", round(warm_s[1], 1), WARM_TARGET_S, warm_s[1] < WARM_TARGET_S, runs=warm_s
    )


def first_decision_s(clone: Path, data_dir: Path) -> float:
    """Seconds from `make run` to the first cycle in its log."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"} | {
        "PIP_NO_CACHE_DIR": "1",
        "METRONOME__STORAGE__DATA_DIR": str(data_dir),
        "METRONOME__SIMULATION__PORT": "0",
        "METRONOME__API__PORT": "0",
        "METRONOME__LOGGING__FORMAT": "json",
    }
    started = time.monotonic()
    with subprocess.Popen(
        ["make", "run"], cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            for line in process.stdout or ():
                if line.startswith("{") and json.loads(line).get("event") == "cycle":
                    return time.monotonic() - started
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    raise SystemExit("the daemon ended without a decision")


if __name__ == "__main__":
    sys.exit(main())
