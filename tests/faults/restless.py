"""The strategy of daemons that trade under faults, as a file of the user's would be."""

from pathlib import Path

RESTLESS = '''
"""In and out, as the file beside it says. The stop is far away, or so near that the market soon reaches it."""

import zlib
from pathlib import Path

from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy

MOOD = Path(__file__).parent / "mood"
STOPS = {"far": 0.2, "near": 0.002, "touching": 0.0003}


class Restless(Strategy):
    name = "restless"
    warmup = 30

    def prepare(self, window):
        mood = MOOD.read_text().split()[-1]
        price, minute = float(window.close[-1]), int(window.open_ms[-1]) // 60_000
        chance = zlib.crc32(f"{minute} {price!r}".encode()) % 100
        stop = "far"
        match mood:
            case "pulse":
                long, hold = minute % 4 < 2, False
            case "stopped":
                long, hold, stop = minute % 2 == 0, False, "touching"
            case "drawn":
                long, hold = chance < 40, chance >= 65
                stop = "far" if chance % 4 else ("near" if chance % 8 else "touching")
            case "long":
                long, hold = True, False
            case _:
                long, hold = False, mood == "hold"
        signal = Signal(
            Direction.LONG if long else Direction.FLAT, stop_distance=price * STOPS[stop], reason=mood, hold=hold
        )
        return {"price": price}, lambda: signal

    def signal(self, frame):
        raise NotImplementedError
'''


def write_restless(folder: Path) -> None:
    """Into the daemon's folder of strategies; its mood is `flat` at first.

    Moods: `pulse` (in and out by turns), `stopped` (in, under stops that the market reaches), `drawn` (in, out and
    still, by chance), `long`, `flat`, `hold`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "restless.py").write_text(RESTLESS)
