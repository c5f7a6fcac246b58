"""Strategies that tell what they were shown, or misbehave at prices that mean it. Imported by workers by name."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.domain.candles import CandleWindow
from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy

KILLS = 666.0
HANGS = 777.0


class Teller(Strategy):
    """Its reason is the close it saw and how many candles it had; `while_computing` runs in between."""

    name = "teller"
    warmup = 3
    while_computing: Callable[[], None] = staticmethod(lambda: None)

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        type(self).while_computing()
        words = f"{len(window)} candles to {float(window.close[-1]):g}"
        return {}, lambda: Signal(Direction.LONG, reason=words)

    def signal(self, frame: Any) -> Signal:
        raise NotImplementedError


class Moody(Teller):
    """Takes its worker down, or never comes back, where the last close says so."""

    name = "moody"

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        if window.close[-1] == KILLS:
            os._exit(9)
        while window.close[-1] == HANGS:
            time.sleep(0.1)
        return super().prepare(window)


class Abusive(Teller):
    """Misbehaves at the close that means it, in the way that its parameter names."""

    name = "abusive"

    class Parameters(Strategy.Parameters):
        how: str

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        if window.close[-1] == HANGS:
            getattr(self, f"_{self.parameters.how}")()
        return super().prepare(window)

    def _spin(self) -> None:
        while True:
            pass

    def _regex(self) -> None:
        re.match(r"(a+)+$", "a" * 60 + "b")  # exponential, in C, with the GIL held

    def _bomb(self) -> None:
        eaten = []
        while True:
            eaten.append(bytearray(32 << 20))

    def _exit(self) -> None:
        os._exit(9)


class Once(Teller):
    """Its first worker is killed from outside, as the system does where memory runs out."""

    name = "once"

    class Parameters(Strategy.Parameters):
        file: str

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        trace = Path(self.parameters.file)
        is_first = not trace.exists()
        with trace.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if is_first:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prepare(window)


class Fickle(Teller):
    """Can be loaded as long as its file is there, and takes its worker down when asked."""

    name = "fickle"

    class Parameters(Strategy.Parameters):
        file: str

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)
        if not Path(parameters.file).exists():
            raise RuntimeError("my file has gone")

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        os._exit(9)
