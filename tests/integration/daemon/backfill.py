"""A program that fetches candles as fast as its share of the venue's limits lets it: `backfill.py URL FOLDER SYMBOLS`.

Ends when its standard input does, with one line of JSON: how often it was answered, had to wait for its own budget, and
was refused by the venue.
"""

import json
import select
import sys
import time
from pathlib import Path

from core.domain.candles import Timeframe
from core.domain.errors import BudgetSpent, VenueError
from core.domain.instruments import InstrumentId
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.venue import VenueSettings
from core.venues.adapter import build_adapter
from core.venues.budget.sharing import shared_ledgers

_WAITED_S = 0.5
"""The venue answers within milliseconds."""
TIMEFRAMES = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4)


def main(url: str, folder: str, symbols: str) -> None:
    monotonic = SystemMonotonicClock()
    clock = SyncedClock(monotonic)
    settings = VenueSettings(name="binance", base_url=url)
    rest = build_adapter(settings, clock, monotonic, ledgers=shared_ledgers(Path(folder))).rest
    sent_ns = monotonic.now_ns()
    clock.observe(rest.server_time_ms(), sent_ns, monotonic.now_ns(), declared_speed=rest.clock_speed())
    rest.instruments()
    series = [(InstrumentId(symbol), each) for symbol in symbols.split(",") for each in TIMEFRAMES]
    counts = {"answered": 0, "waited": 0, "refused": 0}
    say("begins")
    while not is_told_to_end():
        symbol, timeframe = series[counts["answered"] % len(series)]
        began_s = time.monotonic()
        try:
            rest.ohlcv(symbol, timeframe, None, 500)
            counts["answered"] += 1
            counts["waited"] += time.monotonic() - began_s > _WAITED_S
        except BudgetSpent as spent:
            counts["waited"] += 1
            time.sleep(min(spent.retry_after_s or 0.1, 0.5))
        except VenueError:
            counts["refused"] += 1
    say(json.dumps(counts))
    rest.close()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def is_told_to_end() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
