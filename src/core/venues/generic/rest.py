"""Any ccxt exchange over REST, by the unified methods: `core.ports.venue.VenueRest`.

Money is decimal text from the Decimal to the wire and back. What ccxt would round on its way out is refused here
instead, and an order is looked for by our own id wherever the exchange lists orders.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from core.domain.candles import Candle, Timeframe
from core.domain.errors import OrderRefused, OutcomeUnknown, RequestRefused, VenueError, VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import BookChanged
from core.domain.orders import (
    AmendRequest,
    Balance,
    ClientOrderId,
    Fill,
    FundingPayment,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
)
from core.domain.positions import VenuePosition
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import Credentials, KeyPermissions, VenueCapabilities
from core.runtime.clocks import NS_PER_MS
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.budget.toll import Toll
from core.venues.epoch import VenueEpoch
from core.venues.failures import Call
from core.venues.generic.client import GenericClient
from core.venues.generic.decode import book_changed, candle
from core.venues.generic.history import Row, since
from core.venues.generic.instruments import PrecisionMode, instruments_of
from core.venues.generic.reports import fill, held_balances, order_arguments, order_report
from core.venues.generic.traits import Traits
from core.venues.guarded_calls import ClientStatistics

T = TypeVar("T")
_REMEMBERED = 10_000
_DATE_TOLERANCE_MS = 2_000
"""The Date header is cut to seconds; a machine whose clock agrees with it that well knows the time better."""


class GenericRest:
    """One account (or none: public calls only). Methods may be called from several threads at once."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        traits: Traits,
        *,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // NS_PER_MS,
        fence: RequestFence | None = None,
        toll: Toll | None = None,
    ) -> None:
        """`fence` shut: no order or cancel leaves. What has left can't be recalled: there is no window by which the
        exchange would refuse it. `None`: nothing bounds requests. `toll`: as `GenericClient`."""
        self._fence = fence or RequestFence()
        self._clock = trading_clock
        self._monotonic = monotonic_clock
        self._traits = traits
        self._capabilities = traits.capabilities()
        self._wall_ms = wall_ms
        self._epoch = VenueEpoch(self.server_time_ms)
        self._instruments: Mapping[InstrumentId, Instrument] = {}
        self._venue_ids: OrderedDict[ClientOrderId, str] = OrderedDict()
        self._client_ids: dict[str, ClientOrderId] = {}
        self._lock = threading.Lock()
        self.client = GenericClient(settings, credentials, trading_clock, toll=toll)

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._capabilities

    def server_time_ms(self) -> int:
        """The exchange's own word; where it has none, the Date of an answer, to the second, or this machine's clock
        where that agrees with the Date or the answer has none."""
        if self._traits.has_time:
            said, answer = self.client.call_bare(_fetch_time)
            self._epoch.learn(answer.headers if answer is not None else {})
            if isinstance(said, int | str) and str(said).isdigit():
                return int(said)
            raise VenueUnavailable(f"unreadable time: {said!r}")
        self._epoch.learn({})
        return self._time_by_date()

    def epoch_id(self) -> str | None:
        """As of the last `server_time_ms`; asks once when there was none."""
        return self._epoch.id()

    def clock_speed(self) -> float:
        """As of the last `server_time_ms`; asks once when there was none."""
        return self._epoch.clock_speed()

    def instruments(self) -> dict[InstrumentId, Instrument]:
        holder = self.client.load_markets(reload=True)
        mode = PrecisionMode(holder.precisionMode)
        prices = None
        if mode is PrecisionMode.SIGNIFICANT_DIGITS:
            tickers = self._read(lambda ccxt: ccxt.fetch_tickers())
            prices = _readable(lambda: {each: price for each, row in tickers.items() if (price := last_price(row))})
        found = instruments_of(holder.markets.values(), mode, prices)
        self._instruments = found
        return found

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        """Raises ValueError for a limit below 1 or above `capabilities.max_klines`, `RequestRefused` for candles that
        the exchange does not make."""
        if not 1 <= limit <= self._traits.max_klines:
            raise ValueError(f"limit must be 1 to {self._traits.max_klines}, not {limit}")
        if timeframe not in self._traits.timeframes:
            known = ", ".join(each.value for each in self._traits.timeframes)
            raise RequestRefused(f"{self._traits.name} has no {timeframe.value} candles; it has {known}")
        rows = self._read(lambda ccxt: ccxt.fetch_ohlcv(instrument_id, timeframe.value, since_ms, limit))
        candles = _readable(lambda: sorted((candle(row) for row in rows), key=lambda each: each.open_ms))
        if since_ms is None:
            return candles[-limit:]
        return [each for each in candles if each.open_ms >= since_ms][:limit]

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        """At most `limit` levels of as many as the exchange shows unasked: which sizes can be had differs. Numbered by
        the time of its arrival, as all books and quotes of this adapter are: few exchanges number theirs."""
        book = self._read(lambda ccxt: ccxt.fetch_order_book(instrument_id))
        received_ns, event_ns = self._monotonic.now_ns(), self._clock.now_ns()
        return _readable(lambda: book_changed(instrument_id, book, limit, event_ns, received_ns))

    def key_permissions(self) -> KeyPermissions:
        """ccxt has no word for them: a key whose balances can be read is taken to trade, until an order is refused."""
        self.balances()
        return KeyPermissions(can_read=True, can_trade=True, can_withdraw=None)

    def place(self, request: OrderRequest) -> OrderReport:
        """A leg off the instrument's steps, or without the prices that its type needs, is refused before it is sent."""
        self._require_steps(request)
        is_market_buy = request.leg.order_type is OrderType.MARKET and request.leg.side is Side.BUY
        if is_market_buy and self._traits.market_buys_count_quote:
            raise OrderRefused(f"market orders to buy count quote on {self._traits.name}; send a limit order")
        try:
            arguments = order_arguments(request)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        answer = self._order_call(lambda ccxt: ccxt.create_order(*arguments))
        report = _outcome(lambda: self._report(answer, request.leg.instrument_id, request.client_order_id, request))
        self._remember(report)
        return report

    def amend(self, request: AmendRequest) -> OrderReport:
        """ccxt's `edit_order` does not say what it does: it amends on some exchanges, on others it cancels and places
        anew, in one request or in two. So `capabilities` promises nothing."""
        raise OrderRefused(f"orders can't be amended in place on {self._traits.name}")

    def place_pair(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        raise RequestRefused("ccxt has no unified order lists")

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        """The report is the exchange's picture after it took the cancel."""
        venue_id = self._venue_id(client_order_id)
        if venue_id is None and not self._traits.cancels_by_client_id:
            known = self.order(instrument_id, client_order_id)
            if known is None:
                raise OrderRefused(f"no order {client_order_id} is known there")
            venue_id = known.venue_order_id
        params = {} if venue_id is not None else {"clientOrderId": client_order_id}
        answer = self._order_call(lambda ccxt: ccxt.cancel_order(venue_id, instrument_id, params))
        return self._after_cancel(answer, instrument_id, client_order_id)

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        venue_id = self._venue_id(client_order_id)
        if venue_id is None and not self._traits.finds_by_client_id:
            return self._search(instrument_id, client_order_id)
        params = {} if venue_id is not None else {"clientOrderId": client_order_id}
        answer = self._read(lambda ccxt: _unless_unknown(lambda: ccxt.fetch_order(venue_id, instrument_id, params)))
        if answer is None:
            return None
        if venue_id is None and answer.get("clientOrderId") not in (client_order_id, None):
            return self._search(instrument_id, client_order_id)  # it did not understand the question
        report = _readable(lambda: self._report(answer, instrument_id, client_order_id))
        self._remember(report)
        return report

    def cancel_all_after(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        """ccxt has no word for it."""
        raise RequestRefused(f"{self._traits.name} has no dead-man timer here")

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]:
        rows = self._read(lambda ccxt: ccxt.fetch_open_orders(instrument_id))
        return _readable(lambda: [self._report(row, instrument_id or InstrumentId(row["symbol"])) for row in rows])

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        """As far back as `history.MAX_DAYS`."""
        rows = list(self._since("fetch_orders", instrument_id, since_ms)) if self._traits.lists_all_orders else []
        if not self._traits.lists_all_orders:
            rows = list(self._since("fetch_closed_orders", instrument_id, since_ms))
            rows += self._read(lambda ccxt: ccxt.fetch_open_orders(instrument_id))
        return _readable(lambda: [self._report(row, instrument_id) for row in rows])

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        """As far back as `history.MAX_DAYS`."""
        rows = self._since("fetch_my_trades", instrument_id, since_ms)
        return _readable(lambda: [fill(row, instrument_id) for row in rows])

    def balances(self) -> dict[str, Balance]:
        """Assets of which the account holds anything; one that is missing is 0."""
        answer = self._read(lambda ccxt: ccxt.fetch_balance())
        return _readable(lambda: held_balances(answer))

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Left as the account has it."""

    def positions(self) -> dict[InstrumentId, VenuePosition]:
        """Not asked for: `capabilities.has_positions` is false."""
        return {}

    def funding_since(self, since_ms: int) -> list[FundingPayment]:
        """As `positions`."""
        return []

    def statistics(self) -> ClientStatistics:
        return self.client.statistics()

    def close(self) -> None:
        self.client.close()

    # Orders

    def _report(
        self,
        row: Row,
        instrument_id: InstrumentId,
        asked_for: ClientOrderId | None = None,
        request: OrderRequest | None = None,
    ) -> OrderReport:
        named = asked_for or self._client_id(str(row.get("id")))
        return order_report(row, instrument_id, named=named, request=request, now_ns=self._clock.now_ns())

    def _after_cancel(self, answer: Row, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        """Half of the exchanges answer with an id only: then the order is asked for. It may still show as open."""
        try:
            if answer.get("status") in ("canceled", "closed", "expired") and answer.get("filled") is not None:
                return self._report(answer, instrument_id, client_order_id)
            found = self.order(instrument_id, client_order_id)
        except (VenueError, ValueError, AttributeError) as error:
            raise OutcomeUnknown(f"cancelled, but what became of it can't be read: {error}") from error
        if found is None:
            raise OutcomeUnknown("cancelled, but the order is not listed any more")
        return found

    def _search(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        """Where orders can't be asked for by our id: in every list that could show it."""
        recent_ms = self._clock.now_ns() // NS_PER_MS - 86_400_000
        for reports in (self.open_orders(instrument_id), self.orders_since(instrument_id, recent_ms)):
            for report in reports:
                if report.client_order_id == client_order_id:
                    self._remember(report)
                    return report
        return None

    def _require_steps(self, request: OrderRequest) -> None:
        """ccxt would cut off what is too fine. Raises `OrderRefused`."""
        if not self._instruments:
            self.instruments()
        leg = request.leg
        instrument = self._instruments.get(leg.instrument_id)
        if instrument is None:
            raise RequestRefused(f"{self._traits.name} lists no {leg.instrument_id}")
        if leg.quantity % instrument.lot_size:
            raise OrderRefused(f"quantity {leg.quantity} is no multiple of the lot {instrument.lot_size}")
        if leg.quantity < instrument.min_quantity:
            raise OrderRefused(f"quantity {leg.quantity} is below the least, {instrument.min_quantity}")
        for price in (leg.price, leg.stop_price):
            if price is not None and price % instrument.tick_size:
                raise OrderRefused(f"price {price} is no multiple of the tick {instrument.tick_size}")

    def _venue_id(self, client_order_id: ClientOrderId) -> str | None:
        with self._lock:
            return self._venue_ids.get(client_order_id)

    def _client_id(self, venue_id: str) -> ClientOrderId | None:
        """Our id of an order that an exchange lists without it."""
        with self._lock:
            return self._client_ids.get(venue_id)

    def _remember(self, report: OrderReport) -> None:
        with self._lock:
            self._venue_ids[report.client_order_id] = report.venue_order_id
            self._client_ids[report.venue_order_id] = report.client_order_id
            while len(self._venue_ids) > _REMEMBERED:
                _, forgotten = self._venue_ids.popitem(last=False)
                self._client_ids.pop(forgotten, None)

    # Calls

    def _read(self, invoke: Callable[[Any], T]) -> T:
        return self.client.call(Call.READ, invoke)[0]

    def _order_call(self, invoke: Callable[[Any], Any]) -> Row:
        def within_fence(ccxt: Any) -> Any:
            self._fence.left_ms()
            return invoke(ccxt)

        with self._fence.let_out():
            answer = self.client.call(Call.ORDER, within_fence)[0]
        return answer if isinstance(answer, dict) else {}

    def _since(self, method: str, instrument_id: InstrumentId, since_ms: int) -> list[Row]:
        def fetch(start_ms: int, until_ms: int | None) -> list[Row]:
            params = {} if until_ms is None else {"until": until_ms}
            rows: list[Row] = self._read(lambda ccxt: getattr(ccxt, method)(instrument_id, start_ms, None, params))
            return rows

        now_ms = self._clock.now_ns() // NS_PER_MS
        return since(since_ms, now_ms, fetch, span_days=self._traits.history_days)

    # Time

    def _time_by_date(self) -> int:
        if self.client.loaded is None:
            self.client.load_markets()
        symbol = next(iter(self.client.loaded.markets), None)
        if symbol is None:
            raise VenueUnavailable("the exchange lists nothing that its time could be asked with")
        _, answer = self.client.call(Call.READ, lambda ccxt: ccxt.fetch_order_book(symbol))
        wall_ms = self._wall_ms()
        said = answer.headers.get("date") if answer is not None else None
        try:
            date_ms = wall_ms if said is None else int(parsedate_to_datetime(said).timestamp() * 1_000) + 500
        except ValueError:
            date_ms = wall_ms
        return wall_ms if abs(wall_ms - date_ms) <= _DATE_TOLERANCE_MS else date_ms


def last_price(ticker: Mapping[str, Any]) -> Decimal | None:
    """`None` where the ticker has none."""
    value = ticker.get("last") or ticker.get("close")
    return None if value is None else Decimal(str(value))


def _fetch_time(ccxt: Any) -> Any:
    return ccxt.fetch_time()


def _unless_unknown(fetch: Callable[[], Any]) -> Any:
    """`None` where the exchange says that it knows no such order."""
    try:
        return fetch()
    except Exception as error:  # of ccxt, whose module may be loaded under any name: told by the class's
        if any(kind.__name__ == "OrderNotFound" for kind in type(error).__mro__):
            return None
        raise


def _readable(convert: Callable[[], T]) -> T:
    """Of reads: an answer in words we do not know is no answer."""
    try:
        return convert()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VenueUnavailable(f"unreadable answer: {error}") from error


def _outcome(convert: Callable[[], T]) -> T:
    """Of orders: an answer that can't be read leaves the outcome unknown."""
    try:
        return convert()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutcomeUnknown(f"unreadable answer: {error}") from error
