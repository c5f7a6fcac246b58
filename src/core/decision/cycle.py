"""The name of a decision, and the intent that it may make."""

import hashlib
from dataclasses import dataclass

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.domain.orders import IntentId
from core.strategies.plans import SymbolPlan


@dataclass(frozen=True, slots=True)
class Cycle:
    """One (strategy, symbol, timeframe, candle close), decided exactly once. `strategy` names those netted, joined by
    `+`."""

    strategy: str
    instrument_id: InstrumentId
    timeframe: Timeframe
    close_ms: int

    @classmethod
    def of(cls, plan: SymbolPlan, close_ms: int) -> "Cycle":
        return cls(plan.names, plan.key.instrument_id, plan.key.timeframe, close_ms)

    def __str__(self) -> str:
        return f"{self.strategy}|{self.instrument_id}|{self.timeframe.value}|{self.close_ms}"

    @property
    def intent_id(self) -> IntentId:
        """24 hex characters, a function of the cycle alone: deciding it again cannot make a second intent."""
        return _digest(str(self))

    @property
    def reversal_id(self) -> IntentId:
        """Of the intent that goes to the other side once `intent_id` has closed what was held."""
        return _digest(f"{self}|reversal")


def _digest(text: str) -> IntentId:
    return IntentId(hashlib.blake2b(text.encode(), digest_size=12).hexdigest())
