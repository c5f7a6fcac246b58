"""Binance spot over REST: `core.ports.venue.VenueRest`.

Calls go through ccxt's endpoint methods (`private_post_order`), which sign and send what they are given and need no
market table; prices and quantities stay decimal text from the Decimal to the wire and back.
"""

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
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance.booked_orders import BookedOrders, OrderEndpoints
from core.venues.binance.calls import SignedCalls
from core.venues.binance.capabilities import MAX_KLINES, capabilities
from core.venues.binance.decode import (
    AccountAnswer,
    AmendAnswer,
    DepthAnswer,
    KeyRestrictions,
    OrderAnswer,
    TradeAnswer,
)
from core.venues.binance.instruments import Symbols, instruments_of, venue_symbol
from core.venues.binance.order_lists import OrderLists
from core.venues.binance.public_market import Market, PublicMarket
from core.venues.binance.reports import (
    amended_report,
    held_balances,
    new_order_parameters,
    order_report,
    shrink_parameters,
    trade_fill,
)
from core.venues.binance.words import readable
from core.venues.budget.toll import Toll

_SPOT = Market(
    capabilities=capabilities,
    exchange_info=lambda client: client.root + "/api/v3/exchangeInfo?showPermissionSets=false",
    instruments_of=instruments_of,
    klines=lambda ccxt, parameters: ccxt.public_get_klines(parameters),
    max_klines=MAX_KLINES,
)
_ORDERS = OrderEndpoints(
    place=lambda ccxt, signed: ccxt.private_post_order(signed),
    cancel=lambda ccxt, signed: ccxt.private_delete_order(signed),
    order=lambda ccxt, signed: ccxt.private_get_order(signed),
    open_orders=lambda ccxt, signed: ccxt.private_get_openorders(signed),
    all_orders=lambda ccxt, signed: ccxt.private_get_allorders(signed),
    trades=lambda ccxt, signed: ccxt.private_get_mytrades(signed),
    order_shape=OrderAnswer,
    orders_shape=list[OrderAnswer],
    trades_shape=list[TradeAnswer],
    parameters=new_order_parameters,
    report=order_report,
)


class BinanceRest(PublicMarket):
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
        """`symbols` is filled by `instruments()`; share it with the user stream. `on_clock_refused` runs in the calling
        thread after the venue refused a timestamp: measure the venue's time again there. `fence`: see
        `SignedCalls`; `None`: nothing bounds requests. `toll` charges for them; `None`: they are free."""
        calls = SignedCalls(
            settings,
            credentials,
            trading_clock,
            time=lambda ccxt: ccxt.public_get_time(),
            on_clock_refused=on_clock_refused,
            fence=fence or RequestFence(),
            toll=toll,
        )
        super().__init__(_SPOT, calls, monotonic_clock, symbols)
        self._orders = BookedOrders(calls, _ORDERS, self._known_id)
        self._lists = OrderLists(calls)

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        """The venue rounds `limit` up to a size it sells (5 to 5,000). The answer carries no time: its event time is
        that of its arrival, in venue time."""
        parameters = {"symbol": venue_symbol(instrument_id), "limit": limit}
        answer = self._calls.read(lambda ccxt: ccxt.public_get_depth(parameters), DepthAnswer)
        return self._book(instrument_id, answer, self._calls.now_ns)

    def key_permissions(self) -> KeyPermissions:
        try:
            said = self._calls.read_signed(
                {}, lambda ccxt, signed: ccxt.sapi_get_account_apirestrictions(signed), KeyRestrictions
            )
        except RequestRefused as refusal:
            if refusal.code is not None:
                raise
            account = self._account()  # a server without this endpoint
            return KeyPermissions(can_read=True, can_trade=account.can_trade, can_withdraw=account.can_withdraw)
        return KeyPermissions(
            can_read=said.enable_reading,
            can_trade=said.enable_spot_and_margin_trading,
            can_withdraw=said.enable_withdrawals,
            ip_restricted=said.ip_restrict,
        )

    def place(self, request: OrderRequest) -> OrderReport:
        """A leg without the prices that its type needs is refused before it is sent."""
        return self._orders.place(request)

    def amend(self, request: AmendRequest) -> OrderReport:
        """ "Order amend keep priority": the quantity, downwards."""
        terms, leg = request.terms, request.leg
        if terms.price != leg.price or terms.quantity >= leg.quantity:
            raise OrderRefused("spot orders become smaller in place, and nothing else")
        return self._calls.order(
            shrink_parameters(request),
            # ccxt has no method of its own for this endpoint.
            lambda ccxt, signed: ccxt.request("order/amend/keepPriority", ["private"], "PUT", signed),
            AmendAnswer,
            lambda answer: amended_report(answer, leg.instrument_id),
        )

    def place_pair(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        return self._lists.place(stop, target)

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        return self._orders.cancel(instrument_id, client_order_id)

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        return self._orders.order(instrument_id, client_order_id)

    def cancel_all_after(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        """Spot has none."""
        raise RequestRefused("Binance's spot market has no dead-man timer")

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]:
        return self._orders.open_orders(instrument_id)

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        answers = self._orders.orders_since(instrument_id, since_ms)
        return readable(lambda: [order_report(answer, instrument_id) for answer in answers])

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        answers = self._orders.trades_since(instrument_id, since_ms)
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

    def _account(self) -> AccountAnswer:
        return self._calls.read_signed(
            {"omitZeroBalances": "true"}, lambda ccxt, signed: ccxt.private_get_account(signed), AccountAnswer
        )
