"""What the venue's books keep of USD-M accounts: orders, conditional orders and fills, each as it is now."""

from collections.abc import Iterable, Iterator

from core.simulation.engine.perpetual.events import AlgoOrderChanged, PerpetualOrderChanged
from core.simulation.engine.perpetual.orders import AlgoOrderRecord, PerpetualOrderRecord, PerpetualTrade
from core.simulation.server.records import Record

ORDER, ALGO_ORDER, TRADE = "usdm order", "usdm algo order", "usdm trade"


def records_of(events: Iterable[object]) -> Iterator[Record]:
    for event in events:
        if isinstance(event, PerpetualOrderChanged):
            yield _order(event.order)
            if event.trade is not None:
                yield _trade(event.trade)
        elif isinstance(event, AlgoOrderChanged):
            yield _algo_order(event.order)


def _order(order: PerpetualOrderRecord) -> Record:
    return Record(ORDER, order.account, order.symbol, order.order_id, order, is_open=order.status.is_open)


def _algo_order(order: AlgoOrderRecord) -> Record:
    return Record(ALGO_ORDER, order.account, order.symbol, order.algo_id, order, is_open=order.status.is_open)


def _trade(trade: PerpetualTrade) -> Record:
    """Both sides of a trade may be one account's."""
    return Record(TRADE, trade.account, trade.symbol, trade.trade_id, trade, part=trade.order_id)
