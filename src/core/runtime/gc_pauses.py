"""How long the garbage collector holds everything up."""

import gc
import time
from typing import Any

from core.runtime.histogram import Histogram


class GcPauses:
    """Call `start` once, and `stop` at the end. The collector calls back in whatever thread it runs in, and only one at
    a time does."""

    def __init__(self) -> None:
        self.histogram = Histogram()
        self._began_ns = 0

    def start(self) -> None:
        gc.callbacks.append(self._heed)

    def stop(self) -> None:
        """Nothing where it was not started."""
        if self._heed in gc.callbacks:
            gc.callbacks.remove(self._heed)

    def _heed(self, phase: str, _: dict[str, Any]) -> None:
        now_ns = time.perf_counter_ns()
        if phase == "start":
            self._began_ns = now_ns
        elif self._began_ns:
            self.histogram.record_ns(now_ns - self._began_ns)
