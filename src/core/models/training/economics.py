"""What predictions would have earned, candle by candle, after costs.

Each sample on which the model wants a position opens one of an equal share, held until the sample's exit; with a
horizon of h candles up to h of them overlap, each with 1/h of the capital. So every candle has one return and none is
counted twice, whatever the horizon.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.models.costs import Costs
from core.models.training.market import Changes, Grid
from core.models.training.samples import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Positions over the candles of a market."""

    position: Grid
    """Held over the candle, as a share of the symbol's capital."""
    market: Changes

    def gross(self) -> NDArray[np.float64]:
        """(n_candles,) mean over symbols."""
        earned: NDArray[np.float64] = (self.position * self.market.change).mean(axis=1)
        return earned

    def net(self, costs: Costs) -> NDArray[np.float64]:
        """(n_candles,) after both sides of every trade."""
        return self.gross() - costs.side * self.turnover()

    def turnover(self) -> NDArray[np.float64]:
        """(n_candles,) share of the capital that is traded at the beginning of the candle, mean over symbols."""
        before = np.vstack((np.zeros((1, self.position.shape[1])), self.position[:-1]))
        traded: NDArray[np.float64] = np.abs(self.position - before).mean(axis=1)
        return traded


def hold(samples: Samples, wishes: NDArray[np.float64], market: Changes, horizon: int) -> Held:
    """A sample known at a candle's close is held from the next candle on; `wishes` are 1, -1 or 0."""
    n = len(market)
    steps = np.zeros((n + 1, market.change.shape[1]))
    begins, ends = (np.minimum(market.next_candle(each), n) for each in (samples.known_ms, samples.exit_ms))
    np.add.at(steps, (begins, samples.symbol), wishes / horizon)
    np.add.at(steps, (ends, samples.symbol), -wishes / horizon)
    return Held(np.cumsum(steps, axis=0)[:-1], market)


def drawdown(returns: NDArray[np.float64]) -> float:
    """Deepest fall from a height of the compounded returns, as a fraction; 0 for none."""
    worth = np.cumprod(np.concatenate(([1.0], 1.0 + returns)))
    return float((1.0 - worth / np.maximum.accumulate(worth)).max())
