"""Binance USD-M over REST: `core.ports.venue.VenueRest`. See `core.venues.binance.rest` for how calls are made."""

from collections.abc import Callable, Sequence

from core.domain.errors import OrderRefused, RequestRefused
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged
from core.domain.orders import (
    AmendRequest,
    Balance,
    ClientOrderId,
    Fill,
    FundingPayment,
    OrderReport,
    OrderRequest,
)
from core.domain.positions import VenuePosition
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import Credentials, KeyPermissions
from core.runtime.clocks import NS_PER_MS
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance.booked_orders import BookedOrders, OrderEndpoints
from core.venues.binance.calls import SignedCalls
from core.venues.binance.instruments import Symbols, venue_symbol
from core.venues.binance.paging import PAGE
from core.venues.binance.public_market import Market, PublicMarket
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
    amend_parameters,
    funding_payment,
    held_balances,
    new_order_parameters,
    order_report,
    trade_fill,
    venue_position,
)
from core.venues.binance.words import readable
from core.venues.budget.toll import Toll

_UNKNOWN_TO_CANCEL = -2011
_USDM = Market(
    capabilities=capabilities,
    exchange_info=lambda client: client.futures_root + "/fapi/v1/exchangeInfo",
    instruments_of=instruments_of,
    klines=lambda ccxt, parameters: ccxt.fapipublic_get_klines(parameters),
    max_klines=MAX_KLINES,
)
_ORDERS = OrderEndpoints(
    place=lambda ccxt, signed: ccxt.fapiprivate_post_order(signed),
    cancel=lambda ccxt, signed: ccxt.fapiprivate_delete_order(signed),
    order=lambda ccxt, signed: ccxt.fapiprivate_get_order(signed),
    open_orders=lambda ccxt, signed: ccxt.fapiprivate_get_openorders(signed),
    all_orders=lambda ccxt, signed: ccxt.fapiprivate_get_allorders(signed),
    trades=lambda ccxt, signed: ccxt.fapiprivate_get_usertrades(signed),
    order_shape=OrderAnswer,
    orders_shape=list[OrderAnswer],
    trades_shape=list[TradeAnswer],
    parameters=new_order_parameters,
    report=order_report,
)


class UsdmRest(PublicMarket):
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
        toll: Toll | None = None,
    ) -> None:
        """As `BinanceRest`."""
        calls = SignedCalls(
            settings,
            credentials,
            trading_clock,
            time=lambda ccxt: ccxt.fapipublic_get_time(),
            on_clock_refused=on_clock_refused,
            fence=fence or RequestFence(),
            toll=toll,
        )
        super().__init__(_USDM, calls, monotonic_clock, symbols)
        self._booked = BookedOrders(calls, _ORDERS, self._known_id)
        self._algo = AlgoOrders(calls, self._known_id)
        self._setup = AccountSetup(calls, settings)

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        """The venue sells 5, 10, 20, 50, 100, 500 or 1,000 levels: the next larger size is asked for."""
        size = next((size for size in (5, 10, 20, 50, 100, 500) if size >= limit), 1_000)
        parameters = {"symbol": venue_symbol(instrument_id), "limit": size}
        answer = self._calls.read(lambda ccxt: ccxt.fapipublic_get_depth(parameters), DepthAnswer)
        return self._book(instrument_id, answer, answer.event_ms * NS_PER_MS)

    def key_permissions(self) -> KeyPermissions:
        said = self._calls.read_signed(
            {}, lambda ccxt, signed: ccxt.sapi_get_account_apirestrictions(signed), FuturesRights
        )
        return KeyPermissions(
            can_read=said.enable_reading,
            can_trade=said.enable_futures,
            can_withdraw=said.enable_withdrawals,
            ip_restricted=said.ip_restrict,
        )

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        self._setup.prepare(instrument_ids)

    def place(self, request: OrderRequest) -> OrderReport:
        """A leg without the prices that its type needs is refused before it is sent."""
        if request.leg.order_type in CONDITIONAL:
            return self._algo.place(request)
        return self._booked.place(request)

    def amend(self, request: AmendRequest) -> OrderReport:
        """Orders in the book only. One that has filled as far as the new quantity goes, or that is post-only and would
        take at the new price, is cancelled by this (USD-M, "Modify Order")."""
        if request.leg.order_type in CONDITIONAL:
            raise OrderRefused("conditional orders can't be amended in place")
        try:
            parameters = amend_parameters(request)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        return self._calls.order(
            parameters,
            lambda ccxt, signed: ccxt.fapiprivate_put_order(signed),
            OrderAnswer,
            lambda answer: order_report(answer, request.leg.instrument_id),
        )

    def place_pair(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        raise RequestRefused("USD-M has no order lists: its conditional orders stand side by side")

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        """In the order book, or among the conditional orders where the book does not know it."""
        if self._algo.was_placed(client_order_id):
            return self._algo.cancel(instrument_id, client_order_id)
        try:
            return self._booked.cancel(instrument_id, client_order_id)
        except OrderRefused as refusal:
            if refusal.code != _UNKNOWN_TO_CANCEL:
                raise
            return self._algo.cancel(instrument_id, client_order_id)

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        """From the order book, or from among the conditional orders: those that this process placed there first."""
        if self._algo.was_placed(client_order_id):
            return self._algo.order(instrument_id, client_order_id)
        found = self._booked.order(instrument_id, client_order_id)
        return found if found is not None else self._algo.order(instrument_id, client_order_id)

    def cancel_all_after(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        """`countdownCancelAll`: takes the orders in the book, not the conditional ones (`algoOrder`)."""
        countdown_ms = 0 if after_s is None else self._calls.venue_ms(after_s)
        parameters = {"symbol": venue_symbol(instrument_id), "countdownTime": countdown_ms}
        self._calls.change(parameters, lambda ccxt, signed: ccxt.fapiprivate_post_countdowncancelall(signed))

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]:
        """Those in the order book and those that wait for their trigger."""
        booked = self._booked.open_orders(instrument_id)
        waiting = self._algo.open_orders(instrument_id)
        triggered = {report.client_order_id for report in booked}
        return [*booked, *(report for report in waiting if report.client_order_id not in triggered)]

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        answers = self._booked.orders_since(instrument_id, since_ms)
        booked = readable(lambda: {each.order_id: order_report(each, instrument_id) for each in answers})
        return [*booked.values(), *self._algo.orders_since(instrument_id, since_ms, booked)]

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        """Trades name their order by its number only: the client ids come with the orders."""
        trades = self._booked.trades_since(instrument_id, since_ms)
        if not trades:
            return []
        orders = self._booked.orders_since(instrument_id, since_ms)
        owners = {each.order_id: each.client_order_id for each in orders}
        return readable(lambda: [trade_fill(each, instrument_id, owners.get(each.order_id)) for each in trades])

    def balances(self) -> dict[str, Balance]:
        """Wallets in which there is anything; one that is missing is 0."""
        account = self._calls.read_signed(
            {}, lambda ccxt, signed: ccxt.fapiprivatev3_get_account(signed), AccountAnswer
        )
        return readable(lambda: held_balances(account))

    def positions(self) -> dict[InstrumentId, VenuePosition]:
        self._learn_symbols()
        answers = self._calls.read_signed(
            {}, lambda ccxt, signed: ccxt.fapiprivatev3_get_positionrisk(signed), list[PositionAnswer]
        )
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
        parameters = {"incomeType": "FUNDING_FEE", "startTime": start_ms, "limit": PAGE}
        return self._calls.read_signed(
            parameters, lambda ccxt, signed: ccxt.fapiprivate_get_income(signed), list[IncomeAnswer]
        )

    def new_listen_key(self) -> str:
        """Names this account's user data stream; the one that is valid, if any, for another hour."""
        return self._calls.read(lambda ccxt: ccxt.fapiprivate_post_listenkey(), ListenKey).listen_key

    def keep_listen_key(self) -> None:
        """Valid for another hour."""
        self._calls.read(lambda ccxt: ccxt.fapiprivate_put_listenkey(), ListenKey)
