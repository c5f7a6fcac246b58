"""Binance spot over REST: `core.ports.venue.VenueRest`.

Calls go through ccxt's endpoint methods (`private_post_order`), which sign and send what they are given and need no
market table; prices and quantities stay decimal text from the Decimal to the wire and back.
"""

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
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance.calls import SignedCalls
from core.venues.binance.capabilities import MAX_KLINES, capabilities
from core.venues.binance.decode import (
    UNREADABLE,
    AccountAnswer,
    DepthAnswer,
    KeyRestrictions,
    Kline,
    OrderAnswer,
    TradeAnswer,
)
from core.venues.binance.instruments import Symbols, instruments_of, venue_symbol
from core.venues.binance.paging import PAGE, since
from core.venues.binance.reports import held_balances, new_order_parameters, order_report, trade_fill
from core.venues.binance.words import readable
from core.venues.guarded_calls import ClientStatistics

_NO_SUCH_ORDER = -2013


class BinanceRest:
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
        """`symbols` is filled by `instruments()`; share it with the user stream. `on_clock_refused` runs in the calling
        thread after the venue refused a timestamp: measure the venue's time again there. `fence`: see
        `SignedCalls`; `None`: nothing bounds requests."""
        self._monotonic = monotonic_clock
        self._symbols = symbols if symbols is not None else Symbols()
        self._calls = SignedCalls(
            settings,
            credentials,
            trading_clock,
            time=lambda ccxt: ccxt.public_get_time(),
            on_clock_refused=on_clock_refused,
            fence=fence or RequestFence(),
        )

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
        body = self._calls.client.download(self._calls.client.root + "/api/v3/exchangeInfo?showPermissionSets=false")
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
        parameters: dict[str, object] = {
            "symbol": venue_symbol(instrument_id),
            "interval": timeframe.value,
            "limit": limit,
        }
        if since_ms is not None:
            parameters["startTime"] = since_ms
        rows = self._calls.read(lambda ccxt: ccxt.public_get_klines(parameters), list[Kline])
        return [
            Candle(row.open_ms, row.open, row.high, row.low, row.close, row.volume, row.quote_volume, row.n_trades)
            for row in rows
        ]

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        """The venue rounds `limit` up to a size it sells (5 to 5,000). The answer carries no time: its event time is
        that of its arrival, in venue time."""
        parameters = {"symbol": venue_symbol(instrument_id), "limit": limit}
        answer = self._calls.read(lambda ccxt: ccxt.public_get_depth(parameters), DepthAnswer)
        return BookChanged(
            instrument_id=instrument_id,
            bids=answer.bids,
            asks=answer.asks,
            first_sequence=answer.last_update_id,
            last_sequence=answer.last_update_id,
            is_snapshot=True,
            event_ns=self._calls.now_ns,
            received_ns=self._monotonic.now_ns(),
        )

    def key_permissions(self) -> KeyPermissions:
        signed = self._calls.signed({})
        try:
            said = self._calls.read(lambda ccxt: ccxt.sapi_get_account_apirestrictions(signed()), KeyRestrictions)
        except RequestRefused as refusal:
            if refusal.code is not None:
                raise
            account = self._account()  # a server without this endpoint
            return KeyPermissions(can_read=True, can_trade=account.can_trade, can_withdraw=account.can_withdraw)
        return KeyPermissions(
            can_read=said.enable_reading,
            can_trade=said.enable_spot_and_margin_trading,
            can_withdraw=said.enable_withdrawals,
        )

    def place(self, request: OrderRequest) -> OrderReport:
        """A leg without the prices that its type needs is refused before it is sent."""
        try:
            parameters = new_order_parameters(request)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        return self._order_call(
            request.leg.instrument_id, parameters, lambda ccxt, signed: ccxt.private_post_order(signed)
        )

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        parameters = {"symbol": venue_symbol(instrument_id), "origClientOrderId": client_order_id}
        return self._order_call(instrument_id, parameters, lambda ccxt, signed: ccxt.private_delete_order(signed))

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        signed = self._calls.signed({"symbol": venue_symbol(instrument_id), "origClientOrderId": client_order_id})
        try:
            answer = self._calls.read(lambda ccxt: ccxt.private_get_order(signed()), OrderAnswer)
        except RequestRefused as refusal:
            if refusal.code == _NO_SUCH_ORDER:
                return None
            raise
        return readable(lambda: order_report(answer, instrument_id))

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]:
        if instrument_id is None and not self._symbols:
            self.instruments()
        signed = self._calls.signed({} if instrument_id is None else {"symbol": venue_symbol(instrument_id)})
        answers = self._calls.read(lambda ccxt: ccxt.private_get_openorders(signed()), list[OrderAnswer])
        return readable(
            lambda: [
                order_report(answer, instrument_id or self._symbols.instrument_id(answer.symbol)) for answer in answers
            ]
        )

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        def fetch(bounds: Mapping[str, int]) -> list[OrderAnswer]:
            signed = self._calls.signed({"symbol": venue_symbol(instrument_id), "limit": PAGE, **bounds})
            return self._calls.read(lambda ccxt: ccxt.private_get_allorders(signed()), list[OrderAnswer])

        answers = since(
            since_ms,
            self._calls.now_ms,
            fetch,
            id_parameter="orderId",
            id_of=lambda answer: answer.order_id,
            time_ms_of=lambda answer: answer.update_time or 0,
        )
        return readable(lambda: [order_report(answer, instrument_id) for answer in answers])

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        def fetch(bounds: Mapping[str, int]) -> list[TradeAnswer]:
            signed = self._calls.signed({"symbol": venue_symbol(instrument_id), "limit": PAGE, **bounds})
            return self._calls.read(lambda ccxt: ccxt.private_get_mytrades(signed()), list[TradeAnswer])

        answers = since(
            since_ms,
            self._calls.now_ms,
            fetch,
            id_parameter="fromId",
            id_of=lambda answer: answer.id,
            time_ms_of=lambda answer: answer.time,
        )
        return readable(lambda: [trade_fill(answer, instrument_id) for answer in answers])

    def balances(self) -> dict[str, Balance]:
        """Assets of which the account holds anything; one that is missing is 0."""
        account = self._account()
        return readable(lambda: held_balances(account))

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Spot needs nothing."""

    def positions(self) -> dict[InstrumentId, VenuePosition]:
        """Spot has balances only."""
        return {}

    def funding_since(self, since_ms: int) -> list[FundingPayment]:
        """Spot has none."""
        return []

    def statistics(self) -> ClientStatistics:
        return self._calls.client.statistics()

    def close(self) -> None:
        self._calls.client.close()

    def _account(self) -> AccountAnswer:
        signed = self._calls.signed({"omitZeroBalances": "true"})
        return self._calls.read(lambda ccxt: ccxt.private_get_account(signed()), AccountAnswer)

    def _order_call(
        self,
        instrument_id: InstrumentId,
        parameters: Mapping[str, object],
        send: Callable[[Any, dict[str, object]], object],
    ) -> OrderReport:
        return self._calls.order(parameters, send, OrderAnswer, lambda answer: order_report(answer, instrument_id))
