"""What watching costs trading: 100 symbols with ten pages and a scraper at the API against none (pairs), and under a
flood of requests, a thousand slow connections and a page that never reads.

Pairs alternate, so that what disturbs the machine disturbs both; the clients share its cores, at a low priority.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import TRADER, Run, claim, folder, idle_lag_ms, many_symbols, run_daemon, unlimited

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
SYMBOLS, SPEED, RUNTIME_S, FLOOR_S = 100, 4.0, 60.0, 5.0
LAG_TARGET_MS, NOISY_FLOOR_MS = 1.0, 2.0


def main() -> int:
    floor_ms = idle_lag_ms(FLOOR_S)
    growths, seen = [], {}
    for _ in range(PAIRS):
        alone, _ = lag_with(None)
        watched, seen = lag_with("pages")
        growths.append(watched.summary["loop_lag_ms"]["p99"] - alone.summary["loop_lag_ms"]["p99"])
    flooded, did = lag_with("flood")
    growth = statistics.median(growths)
    status = claim(
        "ten pages and a scraper: growth of loop lag p99, ms",
        round(growth, 2),
        LAG_TARGET_MS,
        None if floor_ms > NOISY_FLOOR_MS else growth < LAG_TARGET_MS,
        pairs=[round(each, 2) for each in growths],
        idle_floor_p99=round(floor_ms, 2),
        clients=seen,
    )
    cycles = [line for line in flooded.lines if line.get("event") == "cycle"]
    closes = {line["close_ms"] for line in cycles}
    missing = len(closes) * SYMBOLS - len({(line["symbol"], line["close_ms"]) for line in cycles})
    failed = sum(line["outcome"] == "FAILED" for line in cycles)
    answers = sum(count for name, count in did.items() if name.startswith("status "))
    return status | claim(
        "cycles that a flood of the API costs 100 symbols",
        missing + failed,
        0,
        bool(closes) and missing + failed == 0,
        closes=len(closes),
        answers_per_s=round(answers / RUNTIME_S),
        lag_ms=flooded.summary["loop_lag_ms"],
        clients=did,
    )


def lag_with(clients: str | None) -> tuple[Run, dict[str, int]]:
    with folder() as data_dir:
        (data_dir / "strategies").mkdir()
        (data_dir / "strategies" / "flipper.py").write_text(TRADER)
        if clients is None:
            return run_daemon(config(data_dir), data_dir, RUNTIME_S), {}
        script = Path(__file__).with_name("_api_clients.py")
        command = [sys.executable, str(script), clients, str(data_dir), str(RUNTIME_S)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as company:
            run = run_daemon(config(data_dir), data_dir, RUNTIME_S)
            said, _ = company.communicate()
        return run, json.loads(said or "{}")


def config(data_dir: Path) -> str:
    simulation = f"\n[simulation]\nport = 0\nspeed = {SPEED}\nseed = 7\nmessages_per_s = 28.0\n"
    return unlimited(data_dir, many_symbols(SYMBOLS), "", 0.5) + simulation


if __name__ == "__main__":
    sys.exit(main())
