"""A venue in memory: tiny, exact, honest in its ledger, and as unreliable on the way as a test wants it.

Spot accounts with free and locked balances, fees in what is received, stops, partial fills, Binance's refusals.
Thread-safe: calls come from lanes.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.candles import Candle, Timeframe
from core.domain.errors import OrderRefused, OutcomeUnknown, StopWouldTrigger
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
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    TradeId,
    UserEvent,
    VenueOrderId,
)
from core.domain.positions import VenuePosition
from core.ports.venue import AmendsInPlace, KeyPermissions, Pairing, VenueCapabilities

ZERO = Decimal(0)
STOPS = (OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)


@dataclass(frozen=True, slots=True)
class Fault:
    """Happens in the next call, before it does anything (`after=False`) or after it has done everything."""

    after: bool
    error: Exception | None = None
    do: Callable[[], None] | None = None


class FakeVenue:
    """`prices` must be set before orders of an instrument come."""

    def __init__(
        self,
        instruments: dict[InstrumentId, Instrument],
        balances: dict[str, str],
        *,
        window_ms: int | None = 50,
        replica_lag_ms: int = 0,
        fee_rate: str = "0.001",
        epoch: str | None = "epoch-1",
        amends: AmendsInPlace = AmendsInPlace.NOTHING,
        pairing: Pairing = Pairing.LIST,
    ) -> None:
        self._instruments = instruments
        self._free = defaultdict(Decimal, {asset: Decimal(amount) for asset, amount in balances.items()})
        self._locked: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._fee_rate = Decimal(fee_rate)
        self.ahead_ms = 0
        """How far its clock is ahead of ours; raise it to let its time pass."""
        self._epoch = epoch
        self._orders: dict[VenueOrderId, OrderReport] = {}
        self._requests: dict[VenueOrderId, OrderRequest] = {}
        self._triggered: set[VenueOrderId] = set()
        self._partners: dict[VenueOrderId, VenueOrderId] = {}
        """Of order lists: what ends when the other trades or is cancelled. The stop has locked the asset for both."""
        self._fills: list[Fill] = []
        self._visible_from_ms: dict[VenueOrderId, int] = {}
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.RLock()
        self.listener: Callable[[UserEvent], None] | None = None
        """The user stream; `None` while it is down."""
        self.prices: dict[InstrumentId, Decimal] = {}
        self.liquidity: dict[InstrumentId, Decimal] = {}
        """The most that one order finds to trade with at once; absent: endless."""
        self.held: dict[InstrumentId, Decimal] = {}
        """Positions in derivatives, as a test wants them."""
        self.funding: list[FundingPayment] = []
        self.calls: list[str] = []
        self.timers: list[tuple[InstrumentId, float | None]] = []
        """Of the dead man, as they were wound up; `None`: stopped."""
        self.placed: list[OrderRequest] = []
        """Requests as they arrived, refused ones included."""
        self.amended: list[AmendRequest] = []
        self.capabilities = VenueCapabilities(
            name="fake",
            order_types=frozenset(OrderType),
            native_stops=True,
            request_window_ms=window_ms,
            replica_lag_ms=replica_lag_ms,
            max_klines=1_000,
            short_selling=False,
            amends_in_place=amends,
            pairing=pairing,
        )

    # What a test does to it

    def fail(self, call: str, error: Exception, *, after: bool = False, times: int = 1) -> None:
        """The next `times` calls of that name raise `error`; `after=True`: having done what they were asked."""
        self._faults[call].extend([Fault(after, error)] * times)

    def meanwhile(self, call: str, do: Callable[[], None], *, after: bool = False) -> None:
        """Run `do` inside the next call of that name."""
        self._faults[call].append(Fault(after, do=do))

    def lose_answer(self, call: str = "place", times: int = 1) -> None:
        """Done, and nobody is told."""
        self.fail(call, OutcomeUnknown("connection reset"), after=True, times=times)

    def lose_request(self, call: str = "place", times: int = 1) -> None:
        """Never arrives, and nobody is told."""
        self.fail(call, OutcomeUnknown("connection reset"), times=times)

    def move(self, instrument_id: InstrumentId, price: str) -> None:
        """The market goes there: stops trigger, limits that it crosses fill."""
        with self._lock:
            self.prices[instrument_id] = Decimal(price)
            for venue_id in list(self._orders):
                self._match(venue_id)

    def new_epoch(self, epoch: str) -> None:
        with self._lock:
            self._epoch = epoch
            self._orders.clear()
            self._fills.clear()

    def forget(self, client_order_id: ClientOrderId) -> None:
        with self._lock:
            self._orders = {k: v for k, v in self._orders.items() if v.client_order_id != client_order_id}

    def deposit(self, asset: str, amount: str) -> None:
        with self._lock:
            self._free[asset] += Decimal(amount)

    def ledger(self) -> dict[ClientOrderId, OrderReport]:
        """Its own truth, replica lag or not."""
        with self._lock:
            return {report.client_order_id: report for report in self._orders.values()}

    def trades(self) -> list[Fill]:
        with self._lock:
            return list(self._fills)

    def open_stops(self, instrument_id: InstrumentId) -> list[OrderReport]:
        return [
            each
            for each in self.ledger().values()
            if each.status.is_open and each.order_type in STOPS and each.instrument_id == instrument_id
        ]

    # VenueRest

    def server_time_ms(self) -> int:
        self._strike("server_time_ms", after=False)
        return self._server_ms()

    def epoch_id(self) -> str | None:
        self._strike("epoch_id", after=False)
        return self._epoch

    def clock_speed(self) -> float:
        return 1.0

    def instruments(self) -> dict[InstrumentId, Instrument]:
        return self._instruments

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        raise NotImplementedError

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        raise NotImplementedError

    def key_permissions(self) -> KeyPermissions:
        return KeyPermissions(can_read=True, can_trade=True, can_withdraw=False)

    def cancel_all_after(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        self._strike("cancel_all_after", after=False)
        self.timers.append((instrument_id, after_s))

    def place(self, request: OrderRequest) -> OrderReport:
        self._strike("place", after=False)
        with self._lock:
            self.placed.append(request)
            report = self._place(request)
        self._strike("place", after=True)
        return report

    def amend(self, request: AmendRequest) -> OrderReport:
        self._strike("amend", after=False)
        with self._lock:
            self.amended.append(request)
            report = self._amend(request)
        self._strike("amend", after=True)
        return report

    def place_pair(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        self._strike("place_pair", after=False)
        with self._lock:
            self.placed += [stop, target]
            price = self.prices[stop.leg.instrument_id]
            for each in (stop, target):
                if self._is_triggered(each.leg.order_type, each.leg.side, each.leg.stop_price, price):
                    raise StopWouldTrigger("The relationship of the prices for the orders is not correct.", code=-2010)
            first = self._place(stop)
            second = self._place(target, is_locked=True)
            self._partners[first.venue_order_id] = second.venue_order_id
            self._partners[second.venue_order_id] = first.venue_order_id
        self._strike("place_pair", after=True)
        return first, second

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        self._strike("cancel", after=False)
        with self._lock:
            found = self._find(client_order_id)
            if found is None or not found.status.is_open:
                raise OrderRefused("Unknown order sent.", code=-2011)
            self._end_partner(found.venue_order_id, OrderStatus.CANCELLED)
            report = self._end(found, OrderStatus.CANCELLED)
        self._strike("cancel", after=True)
        return report

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        self._strike("order", after=False)
        with self._lock:
            found = self._find(client_order_id)
            return found if found is not None and self._is_visible(found) else None

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]:
        self._strike("open_orders", after=False)
        return [each for each in self._listed(instrument_id) if each.status.is_open]

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        self._strike("orders_since", after=False)
        return [each for each in self._listed(instrument_id) if each.event_ns // 1_000_000 >= since_ms]

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        self._strike("fills_since", after=False)
        with self._lock:
            return [
                replace(fill, client_order_id=None)
                for fill in self._fills
                if fill.instrument_id == instrument_id
                and fill.event_ns // 1_000_000 >= since_ms
                and self._is_visible(self._orders[fill.venue_order_id])
            ]

    def balances(self) -> dict[str, Balance]:
        self._strike("balances", after=False)
        with self._lock:
            assets = self._free.keys() | self._locked.keys()
            return {asset: Balance(asset, self._free[asset], self._locked[asset]) for asset in sorted(assets)}

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        pass

    def positions(self) -> dict[InstrumentId, VenuePosition]:
        self._strike("positions", after=False)
        return {each: VenuePosition(each, quantity, ZERO) for each, quantity in self.held.items() if quantity}

    def funding_since(self, since_ms: int) -> list[FundingPayment]:
        self._strike("funding_since", after=False)
        return [each for each in self.funding if each.event_ns // 1_000_000 >= since_ms]

    def close(self) -> None:
        pass

    # The books behind

    def _server_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def _strike(self, call: str, *, after: bool) -> None:
        if not after:
            self.calls.append(call)
        queue = self._faults[call]
        if not queue or queue[0].after is not after:
            return
        fault = queue.popleft()
        if fault.do is not None:
            fault.do()
        if fault.error is not None:
            raise fault.error

    def _listed(self, instrument_id: InstrumentId | None) -> Iterable[OrderReport]:
        with self._lock:
            every = [each for each in self._orders.values() if self._is_visible(each)]
        return [each for each in every if instrument_id in (None, each.instrument_id)]

    def _is_visible(self, report: OrderReport) -> bool:
        return self._server_ms() >= self._visible_from_ms[report.venue_order_id]

    def _find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        same = [each for each in self._orders.values() if each.client_order_id == client_order_id]
        return same[-1] if same else None

    def _place(self, request: OrderRequest, *, is_locked: bool = False) -> OrderReport:
        leg = request.leg
        if any(one.status.is_open and one.client_order_id == request.client_order_id for one in self._orders.values()):
            raise OrderRefused("Duplicate order sent.", code=-2010)
        price = self.prices[leg.instrument_id]
        if leg.order_type in STOPS and self._is_triggered(leg.order_type, leg.side, leg.stop_price, price):
            raise StopWouldTrigger("Stop price would trigger immediately.", code=-2010)
        asset, amount = self._lock_of(request)
        if not is_locked:
            if self._free[asset] < amount and self.capabilities.pairing is not Pairing.APART:
                raise OrderRefused("Account has insufficient balance for requested action.", code=-2010)
            self._free[asset] -= amount
            self._locked[asset] += amount
        venue_id = VenueOrderId(str(1_000 + len(self._requests)))
        self._requests[venue_id] = request
        self._visible_from_ms[venue_id] = self._server_ms() + self.capabilities.replica_lag_ms
        self._orders[venue_id] = OrderReport(
            instrument_id=leg.instrument_id,
            client_order_id=request.client_order_id,
            venue_order_id=venue_id,
            status=OrderStatus.NEW,
            side=leg.side,
            order_type=leg.order_type,
            quantity=leg.quantity,
            filled_quantity=ZERO,
            filled_notional=ZERO,
            price=leg.price,
            stop_price=leg.stop_price,
            event_ns=self._server_ms() * 1_000_000,
        )
        self._say(self._orders[venue_id])
        before = len(self._fills)
        self._match(venue_id)
        mine = tuple(fill for fill in self._fills[before:] if fill.venue_order_id == venue_id)
        return replace(self._orders[venue_id], fills=mine)

    def _amend(self, request: AmendRequest) -> OrderReport:
        found, terms = self._find(request.client_order_id), request.terms
        if found is None or not found.status.is_open:
            raise OrderRefused("Order does not exist.", code=-2013)
        if terms.quantity <= found.filled_quantity:
            raise OrderRefused("Order amend would leave nothing to execute.", code=-2038)
        venue_id = found.venue_order_id
        asset, reserved = self._lock_of(self._requests[venue_id])
        held = reserved * (found.quantity - found.filled_quantity) / found.quantity
        changed = OrderRequest(found.client_order_id, replace(request.leg, quantity=terms.quantity, price=terms.price))
        needed = self._lock_of(changed)[1] * (terms.quantity - found.filled_quantity) / terms.quantity
        if self._free[asset] + held < needed:
            raise OrderRefused("Account has insufficient balance for requested action.", code=-2010)
        self._free[asset] += held - needed
        self._locked[asset] += needed - held
        self._requests[venue_id] = changed
        now_ns = self._server_ms() * 1_000_000
        self._orders[venue_id] = replace(found, quantity=terms.quantity, price=terms.price, event_ns=now_ns)
        self._say(self._orders[venue_id])
        before = len(self._fills)
        self._match(venue_id)
        mine = tuple(fill for fill in self._fills[before:] if fill.venue_order_id == venue_id)
        return replace(self._orders[venue_id], fills=mine)

    def _match(self, venue_id: VenueOrderId) -> None:
        order = self._orders[venue_id]
        if not order.status.is_open:
            return
        price = self.prices.get(order.instrument_id)
        if price is None:
            return
        if order.order_type in STOPS and venue_id not in self._triggered:
            if not self._is_triggered(order.order_type, order.side, order.stop_price, price):
                return
            self._triggered.add(venue_id)
            self._end_partner(venue_id, OrderStatus.EXPIRED)
        is_market = order.order_type in (OrderType.MARKET, *STOPS)
        crosses = is_market or (order.price is not None and (order.price - price) * order.side.sign >= 0)
        left = order.quantity - order.filled_quantity
        size = min(left, self.liquidity.get(order.instrument_id, left)) if crosses else ZERO
        if size > ZERO:
            self._trade(order, size, price)
        order = self._orders[venue_id]
        request = self._requests[venue_id]
        is_impatient = is_market or request.leg.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        if order.status.is_open and is_impatient:
            self._end(order, OrderStatus.EXPIRED)

    def _trade(self, order: OrderReport, size: Decimal, price: Decimal) -> None:
        instrument = self._instruments[order.instrument_id]
        bought, paid = (
            (instrument.base, instrument.quote) if order.side is Side.BUY else (instrument.quote, instrument.base)
        )
        got, gave = (size, size * price) if order.side is Side.BUY else (size * price, size)
        fee = got * self._fee_rate
        fill = Fill(
            instrument_id=order.instrument_id,
            trade_id=TradeId(str(len(self._fills) + 1)),
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=price,
            quantity=size,
            fee=fee,
            fee_asset=bought,
            is_maker=False,
            event_ns=self._server_ms() * 1_000_000,
        )
        self._fills.append(fill)
        _, reserved = self._lock_of(self._requests[order.venue_order_id])
        released = reserved * size / order.quantity
        self._locked[paid] -= released
        self._free[paid] += released - gave
        self._free[bought] += got - fee
        filled = order.filled_quantity + size
        self._orders[order.venue_order_id] = replace(
            order,
            status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED,
            filled_quantity=filled,
            filled_notional=order.filled_notional + size * price,
            event_ns=fill.event_ns,
        )
        self._say(replace(self._orders[order.venue_order_id], fills=(fill,)))

    def _end(self, order: OrderReport, status: OrderStatus) -> OrderReport:
        asset, reserved = self._lock_of(self._requests[order.venue_order_id])
        rest = reserved * (order.quantity - order.filled_quantity) / order.quantity
        self._locked[asset] -= rest
        self._free[asset] += rest
        ended = replace(order, status=status, event_ns=self._server_ms() * 1_000_000)
        self._orders[order.venue_order_id] = ended
        self._say(ended)
        return ended

    def _end_partner(self, venue_id: VenueOrderId, status: OrderStatus) -> None:
        """What the one has locked the other goes on with."""
        partner = self._partners.pop(venue_id, None)
        if partner is None:
            return
        del self._partners[partner]
        ended = replace(self._orders[partner], status=status, event_ns=self._server_ms() * 1_000_000)
        self._orders[partner] = ended
        self._say(ended)

    def _lock_of(self, request: OrderRequest) -> tuple[str, Decimal]:
        leg = request.leg
        instrument = self._instruments[leg.instrument_id]
        if leg.side is Side.SELL:
            return instrument.base, leg.quantity
        price = leg.price or leg.stop_price or self.prices[leg.instrument_id]
        return instrument.quote, leg.quantity * price * (Decimal("1.5") if leg.price is None else Decimal(1))

    @staticmethod
    def _is_triggered(order_type: OrderType, side: Side, stop: Decimal | None, price: Decimal) -> bool:
        assert stop is not None
        falls = (order_type is OrderType.STOP_LOSS) is (side is Side.SELL)
        return price <= stop if falls else price >= stop

    def _say(self, report: OrderReport) -> None:
        if self.listener is not None:
            self.listener(report)
