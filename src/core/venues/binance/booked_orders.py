"""Orders in one market's order book, and the trades they came to, by REST."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.domain.errors import OrderRefused, RequestRefused
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, OrderReport, OrderRequest
from core.venues.binance.calls import Send, SignedCalls
from core.venues.binance.decode import BookedOrder, OwnTrade
from core.venues.binance.instruments import venue_symbol
from core.venues.binance.paging import PAGE, since
from core.venues.binance.words import readable

Order = TypeVar("Order", bound=BookedOrder)
Trade = TypeVar("Trade", bound=OwnTrade)
Row = TypeVar("Row")
_NO_SUCH_ORDER = -2013


@dataclass(frozen=True, slots=True)
class OrderEndpoints(Generic[Order, Trade]):
    """A market's methods of ccxt, and what their answers are read as."""

    place: Send
    cancel: Send
    order: Send
    open_orders: Send
    all_orders: Send
    trades: Send
    order_shape: type[Order]
    orders_shape: type[list[Order]]
    trades_shape: type[list[Trade]]
    parameters: Callable[[OrderRequest], Mapping[str, object]]
    """Of a new order. Raises ValueError for a leg without the prices that its type needs."""
    report: Callable[[Order, InstrumentId], OrderReport]
    """Raises ValueError for words that Binance does not use."""


class BookedOrders(Generic[Order, Trade]):
    """Thread-safe. `known_id` gives the instrument of a venue's symbol."""

    def __init__(
        self, calls: SignedCalls, endpoints: OrderEndpoints[Order, Trade], known_id: Callable[[str], InstrumentId]
    ) -> None:
        self._calls = calls
        self._at = endpoints
        self._known_id = known_id

    def place(self, request: OrderRequest) -> OrderReport:
        """A leg without the prices that its type needs is refused before it is sent."""
        try:
            parameters = self._at.parameters(request)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        return self._changed(request.leg.instrument_id, parameters, self._at.place)

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        return self._changed(instrument_id, _named(instrument_id, client_order_id), self._at.cancel)

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        """`None`: the book does not know it."""
        named = _named(instrument_id, client_order_id)
        try:
            answer = self._calls.read_signed(named, self._at.order, self._at.order_shape)
        except RequestRefused as refusal:
            if refusal.code == _NO_SUCH_ORDER:
                return None
            raise
        return readable(lambda: self._at.report(answer, instrument_id))

    def open_orders(self, instrument_id: InstrumentId | None) -> list[OrderReport]:
        """`None`: of all instruments."""
        parameters = {} if instrument_id is None else {"symbol": venue_symbol(instrument_id)}
        answers = self._calls.read_signed(parameters, self._at.open_orders, self._at.orders_shape)
        return readable(
            lambda: [self._at.report(each, instrument_id or self._known_id(each.symbol)) for each in answers]
        )

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Order]:
        return since(
            since_ms,
            self._calls.now_ms,
            self._pages(instrument_id, self._at.all_orders, self._at.orders_shape),
            id_parameter="orderId",
            id_of=lambda answer: answer.order_id,
            time_ms_of=lambda answer: answer.update_time or 0,
        )

    def trades_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Trade]:
        return since(
            since_ms,
            self._calls.now_ms,
            self._pages(instrument_id, self._at.trades, self._at.trades_shape),
            id_parameter="fromId",
            id_of=lambda answer: answer.id,
            time_ms_of=lambda answer: answer.time,
        )

    def _pages(
        self, instrument_id: InstrumentId, send: Send, shape: type[list[Row]]
    ) -> Callable[[Mapping[str, int]], list[Row]]:
        parameters = {"symbol": venue_symbol(instrument_id), "limit": PAGE}
        return lambda bounds: self._calls.read_signed({**parameters, **bounds}, send, shape)

    def _changed(self, instrument_id: InstrumentId, parameters: Mapping[str, object], send: Send) -> OrderReport:
        return self._calls.order(
            parameters, send, self._at.order_shape, lambda answer: self._at.report(answer, instrument_id)
        )


def _named(instrument_id: InstrumentId, client_order_id: ClientOrderId) -> dict[str, object]:
    return {"symbol": venue_symbol(instrument_id), "origClientOrderId": client_order_id}
