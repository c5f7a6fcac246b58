"""Conditional orders: USD-M's algo service (`/fapi/v1/algoOrder`), which places an order of its own at the trigger."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeVar

from core.domain.errors import OrderRefused, OutcomeUnknown, RequestRefused, VenueError
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, OrderReport, OrderRequest
from core.venues.binance.calls import SignedCalls
from core.venues.binance.instruments import venue_symbol
from core.venues.binance.paging import PAGE
from core.venues.binance.usdm.decode import AlgoAnswer, AlgoCancelAnswer, OrderAnswer
from core.venues.binance.usdm.reports import algo_report, new_algo_parameters, order_report, placed_order_id
from core.venues.binance.words import readable

T = TypeVar("T")
_NO_SUCH_ORDER = (-2011, -2013)
_REMEMBERED = 1_000
_WEEK_MS = 7 * 86_400_000
"""Longest span that `allAlgoOrders` answers for."""


class AlgoOrders:
    """Thread-safe. `known_id` gives the instrument of a venue's symbol."""

    def __init__(self, calls: SignedCalls, known_id: Callable[[str], InstrumentId]) -> None:
        self._calls = calls
        self._known_id = known_id
        self._placed: OrderedDict[ClientOrderId, None] = OrderedDict()

    def was_placed(self, client_order_id: ClientOrderId) -> bool:
        """By this process, lately: spares a question to the wrong service."""
        return client_order_id in self._placed

    def place(self, request: OrderRequest) -> OrderReport:
        try:
            parameters = new_algo_parameters(request)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        self._placed[request.client_order_id] = None
        while len(self._placed) > _REMEMBERED:
            self._placed.popitem(last=False)
        return self._calls.order(
            parameters,
            lambda ccxt, signed: ccxt.fapiprivate_post_algoorder(signed),
            AlgoAnswer,
            lambda answer: algo_report(answer, request.leg.instrument_id),
        )

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        """Once triggered it is the placed order that is cancelled."""
        try:
            self._calls.order(
                {"symbol": venue_symbol(instrument_id), "clientAlgoId": client_order_id},
                lambda ccxt, signed: ccxt.fapiprivate_delete_algoorder(signed),
                AlgoCancelAnswer,
                lambda answer: answer,
            )
        except OrderRefused as refusal:
            if refusal.code not in _NO_SUCH_ORDER:
                raise
            return self._cancel_placed(instrument_id, client_order_id, refusal)
        return self._picture(instrument_id, client_order_id)

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        """`None`: the service does not know it."""
        answer = self._find(client_order_id, instrument_id)
        return None if answer is None else self._with_placed(answer, instrument_id)

    def open_orders(self, instrument_id: InstrumentId | None) -> list[OrderReport]:
        parameters = {} if instrument_id is None else {"symbol": venue_symbol(instrument_id)}
        answers = self._calls.read_signed(
            parameters, lambda ccxt, signed: ccxt.fapiprivate_get_openalgoorders(signed), list[AlgoAnswer]
        )
        return readable(
            lambda: [
                algo_report(answer, instrument_id or self._known_id(answer.symbol))
                for answer in answers
                if placed_order_id(answer) is None
            ]
        )

    def orders_since(
        self, instrument_id: InstrumentId, since_ms: int, booked: Mapping[int, OrderReport]
    ) -> list[OrderReport]:
        """Made since then; `booked` are the order book's orders, by number, among which are those already placed."""
        found: list[OrderReport] = []
        start_ms, now_ms = since_ms, self._calls.now_ms
        while start_ms <= now_ms:
            for answer in self._page(instrument_id, start_ms):
                placed = booked.get(placed_order_id(answer) or 0)
                found.append(
                    self._with_placed(answer, instrument_id)
                    if placed is None
                    else _merged(answer, instrument_id, placed)
                )
            start_ms += _WEEK_MS
        return found

    def _page(self, instrument_id: InstrumentId, start_ms: int) -> list[AlgoAnswer]:
        """Of a week. A symbol has at most 200 conditional orders at a time, so a full page is another bot's doing; its
        newest are left to the next look."""
        bounds = {"startTime": start_ms, "endTime": start_ms + _WEEK_MS - 1}
        parameters = {"symbol": venue_symbol(instrument_id), "limit": PAGE, **bounds}
        return self._calls.read_signed(
            parameters, lambda ccxt, signed: ccxt.fapiprivate_get_allalgoorders(signed), list[AlgoAnswer]
        )

    def _find(self, client_order_id: ClientOrderId, instrument_id: InstrumentId) -> AlgoAnswer | None:
        parameters = {"symbol": venue_symbol(instrument_id), "clientAlgoId": client_order_id}
        try:
            return self._calls.read_signed(
                parameters, lambda ccxt, signed: ccxt.fapiprivate_get_algoorder(signed), AlgoAnswer
            )
        except RequestRefused as refusal:
            if refusal.code in _NO_SUCH_ORDER:
                return None
            raise

    def _with_placed(self, answer: AlgoAnswer, instrument_id: InstrumentId) -> OrderReport:
        number = placed_order_id(answer)
        if number is None:
            return readable(lambda: algo_report(answer, instrument_id))
        parameters = {"symbol": venue_symbol(instrument_id), "orderId": number}
        placed = self._calls.read_signed(
            parameters, lambda ccxt, signed: ccxt.fapiprivate_get_order(signed), OrderAnswer
        )
        return _merged(answer, instrument_id, readable(lambda: order_report(placed, instrument_id)))

    def _cancel_placed(
        self, instrument_id: InstrumentId, client_order_id: ClientOrderId, refusal: OrderRefused
    ) -> OrderReport:
        answer = self._find(client_order_id, instrument_id)
        number = None if answer is None else placed_order_id(answer)
        if answer is None or number is None:
            raise refusal
        placed = self._calls.order(
            {"symbol": venue_symbol(instrument_id), "orderId": number},
            lambda ccxt, signed: ccxt.fapiprivate_delete_order(signed),
            OrderAnswer,
            lambda cancelled: order_report(cancelled, instrument_id),
        )
        return _merged(answer, instrument_id, placed)

    def _picture(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        """The answer to a cancel shows nothing of the order. Raises `OutcomeUnknown` where it cannot be looked at."""
        try:
            found = self.order(instrument_id, client_order_id)
        except VenueError as error:
            raise OutcomeUnknown(f"cancelled, but not to be seen: {error}", code=error.code) from error
        if found is None:
            raise OutcomeUnknown("cancelled, but not to be seen")
        return found


def _merged(answer: AlgoAnswer, instrument_id: InstrumentId, placed: OrderReport) -> OrderReport:
    return readable(lambda: algo_report(answer, instrument_id, placed))
