"""Binance USD-M over REST: `core.ports.venue.VenueRest`. See `core.venues.binance.rest` for how calls are made."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.domain.candles import Candle, Timeframe
from core.domain.errors import OrderRefused, RequestRefused, VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import BookChanged
from core.domain.orders import Balance, ClientOrderId, Fill, FundingPayment, OrderReport, OrderRequest
from core.domain.positions import VenuePosition
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import Credentials, KeyPermissions, VenueCapabilities
from core.runtime.clocks import NS_PER_MS
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance.calls import SignedCalls
from core.venues.binance.decode import UNREADABLE, Kline
from core.venues.binance.instruments import Symbols, venue_symbol
from core.venues.binance.paging import PAGE, since
from core.venues.binance.usdm.account_setup import AccountSetup
from core.venues.binance.usdm.algo import AlgoOrders
from core.venues.binance.usdm.capabilities import MAX_KLINES, capabilities
from core.venues.binance.usdm.decode import (
    AccountAnswer,
    DepthAnswer,
    FuturesRights,
    IncomeAnswer,
    ListenKey,
    OrderAnswer,
    PositionAnswer,
    TradeAnswer,
)
from core.venues.binance.usdm.instruments import instruments_of
from core.venues.binance.usdm.reports import (
    CONDITIONAL,
    funding_payment,
    held_balances,
    new_order_parameters,
    order_report,
    trade_fill,
    venue_position,
)
from core.venues.binance.words import readable
from core.venues.guarded_calls import ClientStatistics

_NO_SUCH_ORDER = -2013
_UNKNOWN_TO_CANCEL = -2011


class UsdmRest:
    """One account (or none: public calls only). Methods may be called from several threads at once."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        *,
        symbols: Symbols | None = None,
        on_clock_refused: Callable[[], None] = lambda: None,
        fence: RequestFence | None = None,
    ) -> None:
        """As `BinanceRest`."""
        self._monotonic = monotonic_clock
        self._symbols = symbols if symbols is not None else Symbols()
        self._calls = SignedCalls(
            settings,
            credentials,
            trading_clock,
            time=lambda ccxt: ccxt.fapipublic_get_time(),
            on_clock_refused=on_clock_refused,
            fence=fence or RequestFence(),
        )
        self._algo = AlgoOrders(self._calls, self._known_id)
        self._setup = AccountSetup(self._calls, settings)

    @property
    def capabilities(self) -> VenueCapabilities:
        return capabilities(self._calls.window_ms)

    def server_time_ms(self) -> int:
        return self._calls.server_time_ms()

    def epoch_id(self) -> str | None:
        """As of the last `server_time_ms`; asks once when there was none."""
        return self._calls.epoch.id()

    def clock_speed(self) -> float:
        """As of the last `server_time_ms`; asks once when there was none."""
        return self._calls.epoch.clock_speed()

    def instruments(self) -> dict[InstrumentId, Instrument]:
        body = self._calls.client.download(self._calls.client.futures_root + "/fapi/v1/exchangeInfo")
        try:
            found = instruments_of(body)
        except UNREADABLE as error:
            raise VenueUnavailable(f"unreadable exchangeInfo: {error}") from error
        self._symbols.learn(found.values())
        return found

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        """Raises ValueError for a limit below 1 or above `capabilities.max_klines`."""
        if not 1 <= limit <= MAX_KLINES:
            raise ValueError(f"limit must be 1 to {MAX_KLINES}, not {limit}")
        parameters = {"symbol": venue_symbol(instrument_id), "interval": timeframe.value, "limit": limit}
        if since_ms is not None:
            parameters["startTime"] = since_ms
        rows = self._calls.read(lambda ccxt: ccxt.fapipublic_get_klines(parameters), list[Kline])
        return [
            Candle(row.open_ms, row.open, row.high, row.low, row.close, row.volume, row.quote_volume, row.n_trades)
            for row in rows
        ]

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        """The venue sells 5, 10, 20, 50, 100, 500 or 1,000 levels: the next larger size is asked for."""
        size = next((size for size in (5, 10, 20, 50, 100, 500) if size >= limit), 1_000)
        parameters = {"symbol": venue_symbol(instrument_id), "limit": size}
        answer = self._calls.read(lambda ccxt: ccxt.fapipublic_get_depth(parameters), DepthAnswer)
        return BookChanged(
            instrument_id=instrument_id,
            bids=answer.bids,
            asks=answer.asks,
            first_sequence=answer.last_update_id,
            last_sequence=answer.last_update_id,
            is_snapshot=True,
            event_ns=answer.event_ms * NS_PER_MS,
            received_ns=self._monotonic.now_ns(),
        )

    def key_permissions(self) -> KeyPermissions:
        signed = self._calls.signed({})
        said = self._calls.read(lambda ccxt: ccxt.sapi_get_account_apirestrictions(signed()), FuturesRights)
        return KeyPermissions(
            can_read=said.enable_reading, can_trade=said.enable_futures, can_withdraw=said.enable_withdrawals
        )

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        self._setup.prepare(instrument_ids)

    def place(self, request: OrderRequest) -> OrderReport:
        """A leg without the prices that its type needs is refused before it is sent."""
        if request.leg.order_type in CONDITIONAL:
            return self._algo.place(request)
        try:
            parameters = new_order_parameters(request)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        return self._order_call(
            request.leg.instrument_id, parameters, lambda ccxt, signed: ccxt.fapiprivate_post_order(signed)
        )

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        """In the order book, or among the conditional orders where the book does not know it."""
        if self._algo.was_placed(client_order_id):
            return self._algo.cancel(instrument_id, client_order_id)
        parameters = {"symbol": venue_symbol(instrument_id), "origClientOrderId": client_order_id}
        try:
            return self._order_call(
                instrument_id, parameters, lambda ccxt, signed: ccxt.fapiprivate_delete_order(signed)
            )
        except OrderRefused as refusal:
            if refusal.code != _UNKNOWN_TO_CANCEL:
                raise
            return self._algo.cancel(instrument_id, client_order_id)

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        """From the order book, or from among the conditional orders: those that this process placed there first."""
        if self._algo.was_placed(client_order_id):
            return self._algo.order(instrument_id, client_order_id)
        found = self._booked(instrument_id, client_order_id)
        return found if found is not None else self._algo.order(instrument_id, client_order_id)

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]:
        """Those in the order book and those that wait for their trigger."""
        signed = self._calls.signed({} if instrument_id is None else {"symbol": venue_symbol(instrument_id)})
        answers = self._calls.read(lambda ccxt: ccxt.fapiprivate_get_openorders(signed()), list[OrderAnswer])
        waiting = self._algo.open_orders(instrument_id)
        booked = readable(
            lambda: [order_report(each, instrument_id or self._known_id(each.symbol)) for each in answers]
        )
        triggered = {report.client_order_id for report in booked}
        return [*booked, *(report for report in waiting if report.client_order_id not in triggered)]

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        answers = self._orders_since(instrument_id, since_ms)
        booked = readable(lambda: {each.order_id: order_report(each, instrument_id) for each in answers})
        return [*booked.values(), *self._algo.orders_since(instrument_id, since_ms, booked)]

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        """Trades name their order by its number only: the client ids come with the orders."""

        def fetch(bounds: Mapping[str, int]) -> list[TradeAnswer]:
            signed = self._calls.signed({"symbol": venue_symbol(instrument_id), "limit": PAGE, **bounds})
            return self._calls.read(lambda ccxt: ccxt.fapiprivate_get_usertrades(signed()), list[TradeAnswer])

        trades = since(
            since_ms,
            self._calls.now_ms,
            fetch,
            id_parameter="fromId",
            id_of=lambda answer: answer.id,
            time_ms_of=lambda answer: answer.time,
        )
        if not trades:
            return []
        owners = {each.order_id: each.client_order_id for each in self._orders_since(instrument_id, since_ms)}
        return readable(lambda: [trade_fill(each, instrument_id, owners.get(each.order_id)) for each in trades])

    def balances(self) -> dict[str, Balance]:
        """Wallets in which there is anything; one that is missing is 0."""
        signed = self._calls.signed({})
        account = self._calls.read(lambda ccxt: ccxt.fapiprivatev3_get_account(signed()), AccountAnswer)
        return readable(lambda: held_balances(account))

    def positions(self) -> dict[InstrumentId, VenuePosition]:
        self._learn_symbols()
        signed = self._calls.signed({})
        answers = self._calls.read(lambda ccxt: ccxt.fapiprivatev3_get_positionrisk(signed()), list[PositionAnswer])
        found = readable(lambda: [venue_position(each, self._symbols) for each in answers])
        return {position.instrument_id: position for position in found if position.quantity}

    def funding_since(self, since_ms: int) -> list[FundingPayment]:
        self._learn_symbols()
        found: dict[tuple[str, str], IncomeAnswer] = {}
        start_ms = since_ms
        while True:
            rows = self._funding_page(start_ms)
            before = len(found)
            found |= {(row.symbol, str(row.tran_id)): row for row in rows}
            if len(rows) < PAGE or len(found) == before:
                break
            start_ms = max(row.time for row in rows)  # those of the same moment come again, and are known
        ordered = sorted(found.values(), key=lambda row: row.time)
        return readable(lambda: [funding_payment(row, self._symbols) for row in ordered])

    def _funding_page(self, start_ms: int) -> list[IncomeAnswer]:
        signed = self._calls.signed({"incomeType": "FUNDING_FEE", "startTime": start_ms, "limit": PAGE})
        return self._calls.read(lambda ccxt: ccxt.fapiprivate_get_income(signed()), list[IncomeAnswer])

    def new_listen_key(self) -> str:
        """Names this account's user data stream; the one that is valid, if any, for another hour."""
        return self._calls.read(lambda ccxt: ccxt.fapiprivate_post_listenkey(), ListenKey).listen_key

    def keep_listen_key(self) -> None:
        """Valid for another hour."""
        self._calls.read(lambda ccxt: ccxt.fapiprivate_put_listenkey(), ListenKey)

    def statistics(self) -> ClientStatistics:
        return self._calls.client.statistics()

    def close(self) -> None:
        self._calls.client.close()

    def _booked(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        signed = self._calls.signed({"symbol": venue_symbol(instrument_id), "origClientOrderId": client_order_id})
        try:
            answer = self._calls.read(lambda ccxt: ccxt.fapiprivate_get_order(signed()), OrderAnswer)
        except RequestRefused as refusal:
            if refusal.code == _NO_SUCH_ORDER:
                return None
            raise
        return readable(lambda: order_report(answer, instrument_id))

    def _orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderAnswer]:
        def fetch(bounds: Mapping[str, int]) -> list[OrderAnswer]:
            signed = self._calls.signed({"symbol": venue_symbol(instrument_id), "limit": PAGE, **bounds})
            return self._calls.read(lambda ccxt: ccxt.fapiprivate_get_allorders(signed()), list[OrderAnswer])

        return since(
            since_ms,
            self._calls.now_ms,
            fetch,
            id_parameter="orderId",
            id_of=lambda answer: answer.order_id,
            time_ms_of=lambda answer: answer.update_time or 0,
        )

    def _order_call(
        self,
        instrument_id: InstrumentId,
        parameters: Mapping[str, object],
        send: Callable[[Any, dict[str, object]], object],
    ) -> OrderReport:
        return self._calls.order(parameters, send, OrderAnswer, lambda answer: order_report(answer, instrument_id))

    def _known_id(self, symbol: str) -> InstrumentId:
        self._learn_symbols()
        return self._symbols.instrument_id(symbol)

    def _learn_symbols(self) -> None:
        if not self._symbols:
            self.instruments()
