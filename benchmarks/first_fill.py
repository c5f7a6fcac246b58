"""On the default settings a stranger sees a fill within two minutes: 20 random seeds, at least 18 of them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import claim, folder, run_daemon

LONG = True
SEEDS, WANTED, LIMIT_S = range(101, 121), 18, 120.0


def main() -> int:
    seconds: list[float | None] = []
    for seed in SEEDS:
        with folder() as data_dir:
            config = f'[storage]\ndata_dir = "{data_dir}"\n[api]\nport = 0\n[simulation]\nport = 0\nseed = {seed}\n'
            run = run_daemon(config, data_dir, LIMIT_S, stop_on='"event": "fill"')
        first = next((line["bench_s"] for line in run.lines if line.get("event") == "fill"), None)
        print(f"seed {seed}: " + ("no fill" if first is None else f"first fill after {first:.1f} s"), flush=True)
        seconds.append(first)
    filled = sorted(each for each in seconds if each is not None)
    median_s = filled[len(filled) // 2] if filled else None
    return claim(
        "seeds of 20 with a fill within 2 minutes", len(filled), WANTED, len(filled) >= WANTED, median_s=median_s
    )


if __name__ == "__main__":
    sys.exit(main())
