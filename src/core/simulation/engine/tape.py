"""The tape: the last public trades of one symbol, and how they join into aggregate trades."""

from collections import deque
from collections.abc import Iterable
from itertools import groupby, islice

from core.simulation.engine.events import Trade
from core.simulation.engine.views import AggregateTrade

TRADES_KEPT = 1_000
"""What the protocol's `trades` and `aggTrades` answer at most."""


class Tape:
    __slots__ = ("_trades",)

    def __init__(self) -> None:
        self._trades: deque[Trade] = deque(maxlen=TRADES_KEPT)

    def append(self, trade: Trade) -> None:
        self._trades.append(trade)

    def last(self) -> Trade | None:
        return self._trades[-1] if self._trades else None

    def recent(self, limit: int, from_id: int | None = None) -> list[Trade]:
        """The last `limit` trades, or the first `limit` from `from_id` on; oldest first."""
        if from_id is None:
            return list(islice(self._trades, max(0, len(self._trades) - limit), None))
        return list(islice((trade for trade in self._trades if trade.trade_id >= from_id), limit))

    def aggregates(self, limit: int, from_id: int | None = None) -> list[AggregateTrade]:
        """As `recent`, for aggregates and their ids."""
        joined = aggregate(self._trades)
        if from_id is None:
            return joined[-limit:]
        return [each for each in joined if each.aggregate_id >= from_id][:limit]


def aggregate(trades: Iterable[Trade]) -> list[AggregateTrade]:
    """Join consecutive trades of one symbol that share an aggregate id."""
    joined = []
    for aggregate_id, group in groupby(trades, key=lambda trade: trade.aggregate_id):
        parts = list(group)
        first, last = parts[0], parts[-1]
        quantity = sum(part.quantity for part in parts)
        joined.append(
            AggregateTrade(
                aggregate_id,
                first.price,
                quantity,
                first.trade_id,
                last.trade_id,
                first.time_ns,
                first.buyer_is_maker,
            )
        )
    return joined
