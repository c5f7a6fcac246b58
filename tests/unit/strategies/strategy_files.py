"""Strategy sources for tests, written into a folder as a user would."""

from pathlib import Path

from core.domain.instruments import InstrumentId
from core.strategies.spec import StrategySpec

MOMENTUM = """
from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy

class Momentum(Strategy):
    name = "momentum"
    warmup = 21

    class Parameters(Strategy.Parameters):
        period: int = 20

    def features(self, candles):
        return {"momentum": candles["close"].pct_change(self.parameters.period)}

    def signal(self, frame):
        rising = frame["momentum"].iloc[-1] > 0
        return Signal(Direction.LONG if rising else Direction.FLAT, reason="momentum")
"""

BTC = InstrumentId("BTC/USDT")
ETH = InstrumentId("ETH/USDT")


def write(folder: Path, file: str, source: str) -> str:
    """The folder, as a setting names it."""
    (folder / file).write_text(source, encoding="utf-8")
    return str(folder)


def answering(expression: str, *, name: str = "probe", warmup: int = 2, features: str = "{}") -> str:
    """A strategy whose `signal` returns the value of `expression`."""
    return f"""
import math
import numpy as np
from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy

class Probe(Strategy):
    name = {name!r}
    warmup = {warmup}

    def features(self, candles):
        return {features}

    def signal(self, frame):
        return {expression}
"""


def spec(use: str, directory: str | None = None, **parameters: object) -> StrategySpec:
    return StrategySpec(use=use, symbols=(BTC, ETH), parameters=parameters, directory=directory)
