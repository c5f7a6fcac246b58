"""The web page: how soon it paints, beside a document of a few bytes in the same browser; and how long after a decision
was logged it stands in the page, while five symbols are decided on every second."""

import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import claim
from benchmarks._page import Trading, chromium, sign_in, trading
from playwright.sync_api import Browser

LOADS, WATCH_S = 7, 20.0
PAINT_TARGET_MS, UPDATE_TARGET_MS = 1_000.0, 500.0
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WATCH = """() => {
  window.appeared = {};
  const seen = () => {
    for (const row of document.querySelectorAll('#decisions li')) {
      const at = row.querySelector('.faint')?.textContent.split(' · ').at(-1);
      window.appeared[`${row.querySelector('strong')?.textContent} ${at}`] ??= Date.now();
    }
  };
  seen();
  window.before = Object.keys(window.appeared);
  new MutationObserver(seen).observe(document.getElementById('decisions'), {childList: true, subtree: true});
}"""


def main() -> int:
    with trading() as bot, chromium() as browser:
        page_ms = paint_ms(browser, bot.url)
        floor_ms = paint_ms(browser, f"{bot.url}health/live")
        delays_ms = update_delays_ms(browser, bot)
    status = claim(
        "first contentful paint of the page on loopback, median, ms",
        round(page_ms, 1),
        PAINT_TARGET_MS,
        page_ms < PAINT_TARGET_MS,
        floor_ms=round(floor_ms, 1),
        times_the_floor=round(page_ms / floor_ms, 2),
        loads=LOADS,
    )
    p95_ms = statistics.quantiles(delays_ms, n=20)[-1]
    return status | claim(
        "a decision in the page after it was logged, p95, ms",
        round(p95_ms, 1),
        UPDATE_TARGET_MS,
        p95_ms < UPDATE_TARGET_MS,
        median_ms=round(statistics.median(delays_ms), 1),
        max_ms=round(max(delays_ms), 1),
        decisions=len(delays_ms),
    )


def paint_ms(browser: Browser, url: str) -> float:
    """From the begin of the navigation; each time in a browser context that has cached nothing."""
    found = []
    for _ in range(LOADS):
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(url)
            page.wait_for_function(PAINTED)
            found.append(float(page.evaluate(PAINTED)))
    return statistics.median(found)


def update_delays_ms(browser: Browser, bot: Trading) -> list[float]:
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, bot)
        page.evaluate(WATCH)
        time.sleep(WATCH_S)
        appeared: dict[str, float] = page.evaluate("window.appeared")
        before: list[str] = page.evaluate("window.before")
    logged_ms = {}
    for line in [each for each in bot.lines if each.get("event") == "cycle"]:
        close = datetime.fromtimestamp(line["close_ms"] / 1_000, UTC)
        key = f"{line['symbol']} {close:%H:%M:%S}"
        logged_ms[key] = datetime.fromisoformat(line["at"]).timestamp() * 1_000
    return [at_ms - logged_ms[key] for key, at_ms in appeared.items() if key not in before and key in logged_ms]


if __name__ == "__main__":
    sys.exit(main())
