"""Memory at 100 symbols, for 30 minutes after a warm-up: the slope by Theil and Sen with its confidence interval.

The warm-up is as long as it takes what is remembered in bounded numbers (decisions, fills, ended orders, pages of the
journal) to fill up, and the allocator to find its level: a quarter of an hour, in which 3,300 orders are sent.

`MINUTES=5 python benchmarks/memory_slope.py` shortens it; the claim is about 30.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from benchmarks._daemon import ROOT, TRADER, claim, folder
from benchmarks.hundred_symbols import config
from scipy.stats import theilslopes

LONG = True
MINUTES, WARM_UP_S, EVERY_S = float(os.environ.get("MINUTES", "30")), 900.0, 2.0
TARGET_MB_AN_HOUR, DAEMON_TARGET_MB = 2.0, 300.0


def main() -> int:
    with folder() as data_dir:
        (data_dir / "strategies").mkdir()
        (data_dir / "strategies" / "flipper.py").write_text(TRADER)
        (data_dir / "bench.toml").write_text(config(data_dir))
        command = [sys.executable, str(ROOT / "live_bot.py"), "run", "-c", str(data_dir / "bench.toml"), "--plain"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
            try:
                samples, tree_mb = watch(psutil.Process(process.pid))
            finally:
                process.terminate()
    hours = [seconds / 3_600 for seconds, _ in samples]
    rss_mb = [mb for _, mb in samples]
    slope, _, low, high = theilslopes(rss_mb, hours, alpha=0.95)
    more = {"ci95": [round(float(low), 3), round(float(high), 3)], "minutes": MINUTES, "samples": len(samples)}
    status = claim(
        "RSS slope of the daemon after warm-up, MB an hour",
        round(float(slope), 3),
        TARGET_MB_AN_HOUR,
        bool(slope < TARGET_MB_AN_HOUR),
        **more,
    )
    peak_mb = max(rss_mb)
    return status | claim(
        "RSS of the daemon at 100 symbols, MB",
        round(peak_mb, 1),
        DAEMON_TARGET_MB,
        peak_mb < DAEMON_TARGET_MB,
        pss_tree_mb=tree_mb,
    )


def watch(daemon: psutil.Process) -> tuple[list[tuple[float, float]], float]:
    """(seconds, RSS in MB) of the daemon after the warm-up, and the proportional set size of its tree at the end."""
    started = time.monotonic()
    samples: list[tuple[float, float]] = []
    while (elapsed_s := time.monotonic() - started) < WARM_UP_S + MINUTES * 60:
        rss_mb = daemon.memory_info().rss / 2**20
        if elapsed_s > WARM_UP_S:
            samples.append((elapsed_s, rss_mb))
        if round(elapsed_s / EVERY_S) % 30 == 0:
            print(f"{elapsed_s:6.0f} s  {rss_mb:6.1f} MB", flush=True)
        time.sleep(EVERY_S)
    tree = [daemon, *daemon.children(recursive=True)]
    return samples, round(sum(each.memory_full_info().pss for each in tree) / 2**20, 1)


if __name__ == "__main__":
    sys.exit(main())
