"""What trading costs, and from which probability on it pays."""

import msgspec
import numpy as np
from numpy.typing import NDArray


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one side of a trade: entering and leaving cost it twice."""

    fee_bps: float = 5.0
    slippage_bps: float = 2.0

    @property
    def side(self) -> float:
        """As a fraction of what is traded."""
        return (self.fee_bps + self.slippage_bps) / 10_000


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probabilities of a rise beyond which a position is worth its costs; between them the model abstains."""

    long_above: float
    short_below: float


def break_even(outcome: NDArray[np.float64], costs: Costs, *, may_short: bool) -> Thresholds:
    """Where the expected gain of a move of average size pays both sides: P = 1/2 ± cost / average move."""
    move = float(np.abs(outcome).mean()) if len(outcome) else 0.0
    edge = min(0.5, costs.side / move) if move > 0 else 0.5
    return Thresholds(0.5 + edge, 0.5 - edge if may_short else -1.0)


def wanted(probabilities: NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.float64]:
    """1 long, -1 short, 0 none; (n,)."""
    above = (probabilities > thresholds.long_above).astype(np.float64)
    return above - (probabilities < thresholds.short_below)
