"""Memory of the web page that is open for an hour, after a warm-up in which its bounded lists fill: the slope of what
its renderer process holds to itself, by Theil and Sen, and of its JavaScript heap after collection.

Five symbols are decided on every second, so the page sees as many decisions as in sixty hours of one-minute candles.
`MINUTES=5 python benchmarks/page_memory.py` shortens it; the claim is about 60.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from benchmarks._daemon import claim
from benchmarks._page import chromium, sign_in, trading
from playwright.sync_api import CDPSession
from scipy.stats import theilslopes

LONG = True
MINUTES = float(os.environ.get("MINUTES", "60"))
WARM_UP_S = float(os.environ.get("WARM_UP_S", "1500"))
EVERY_S = 10.0
TARGET_MB_AN_HOUR = 5.0


def main() -> int:
    with trading() as bot, chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        sign_in(page, bot)
        samples = watch(context.new_cdp_session(page), renderer())
    hours, uss_mb, heap_mb = zip(*samples, strict=True)
    slope, _, low, high = theilslopes(uss_mb, hours, alpha=0.95)
    heap_slope, *_ = theilslopes(heap_mb, hours)
    return claim(
        "memory of the open page after warm-up, MB an hour",
        round(float(slope), 3),
        TARGET_MB_AN_HOUR,
        bool(slope < TARGET_MB_AN_HOUR),
        ci95=[round(float(low), 3), round(float(high), 3)],
        heap_mb_an_hour=round(float(heap_slope), 3),
        uss_mb=round(uss_mb[-1], 1),
        heap_mb=round(heap_mb[-1], 1),
        minutes=MINUTES,
        samples=len(samples),
    )


def renderer() -> psutil.Process:
    """The process of the one page that is open: the largest of its kind."""
    found = [each for each in psutil.Process().children(recursive=True) if "--type=renderer" in each.cmdline()]
    return max(found, key=lambda each: each.memory_info().rss)


def watch(devtools: CDPSession, process: psutil.Process) -> list[tuple[float, float, float]]:
    """(hours, USS of the renderer in MB, JavaScript heap in MB), each after a collection."""
    started = time.monotonic()
    samples = []
    while (elapsed_s := time.monotonic() - started) < WARM_UP_S + MINUTES * 60:
        devtools.send("HeapProfiler.collectGarbage")
        uss_mb = process.memory_full_info().uss / 2**20
        heap_mb = devtools.send("Runtime.getHeapUsage")["usedSize"] / 2**20
        if elapsed_s > WARM_UP_S:
            samples.append((elapsed_s / 3_600, uss_mb, heap_mb))
        print(f"{elapsed_s:6.0f} s  renderer {uss_mb:6.1f} MB  heap {heap_mb:5.1f} MB", flush=True)
        time.sleep(EVERY_S)
    return samples


if __name__ == "__main__":
    sys.exit(main())
