"""The desk of conditional orders: takes and cancels them, and makes orders proper of those that a price reaches."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from core.domain.orders import TimeInForce
from core.simulation.engine.listing import Listing
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.checks import (
    Ticket,
    check_mode,
    closes,
    need_parameter,
    read_good_till,
    read_price,
    read_quantity,
)
from core.simulation.engine.perpetual.conditional import AlgoOrder
from core.simulation.engine.perpetual.desk import OrderDesk
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import AlgoOrderChanged
from core.simulation.engine.perpetual.orders import (
    AlgoStatus,
    ConditionalType,
    NewAlgoOrder,
    WorkingType,
)
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.refusals import Refusal, RefusalKind

MAX_ALGO_ORDERS = 200
"""Waiting ones of an account in one symbol (Binance's MAX_NUM_ALGO_ORDERS)."""
_LOWEST_CALLBACK, _HIGHEST_CALLBACK = Decimal("0.1"), Decimal(10)
_CLOSING = frozenset((ConditionalType.STOP_MARKET, ConditionalType.TAKE_PROFIT_MARKET))
_TRAILING = ConditionalType.TRAILING_STOP_MARKET


class AlgoDesk:
    """The caller logs books and accounts afterwards."""

    __slots__ = ("_accounts", "_desk", "_log", "_perpetuals", "last_algo_id")

    def __init__(
        self,
        perpetuals: Mapping[str, Perpetual],
        accounts: Mapping[str, PerpetualAccount],
        desk: OrderDesk,
        log: PerpetualLog,
    ) -> None:
        self._perpetuals = perpetuals
        self._accounts = accounts
        self._desk = desk
        self._log = log
        self.last_algo_id = 0

    def take(self, account: PerpetualAccount, order: NewAlgoOrder, now_ns: int) -> AlgoOrder:
        """Raises `Refusal`."""
        perpetual = self._perpetuals[order.symbol]
        algo = self._read(perpetual, account, order, now_ns)
        self._check(perpetual, account, algo)
        self.last_algo_id += 1
        self.wait(perpetual, algo)
        self._log_algo(algo, now_ns)
        return algo

    def wait(self, perpetual: Perpetual, algo: AlgoOrder) -> None:
        """Put a conditional order where it waits for its price."""
        algo.account.add_algo(algo)
        perpetual.triggers(algo).add(algo)
        if algo.good_till_ns:
            perpetual.timed_algos[algo.algo_id] = algo

    def cancel(self, algo: AlgoOrder, now_ns: int) -> None:
        self._end(algo, AlgoStatus.CANCELED, "", now_ns)

    def expire(self, algo: AlgoOrder, now_ns: int) -> None:
        """Its date has passed."""
        self._end(algo, AlgoStatus.EXPIRED, RefusalKind.GOOD_TILL_DATE.label, now_ns)

    def on_traded(self, listing: Listing, now_ns: int) -> None:
        """Trigger what the traded prices reach, and what the trades of those reach in turn."""
        perpetual = self._perpetuals[listing.spec.name]
        book, tick = perpetual.by_contract_price, listing.spec.tick_atoms
        while (low := listing.traded_low * tick) <= (high := listing.traded_high * tick):
            if book.is_quiet(low, high):
                break
            algo = book.reached(low, high, listing.last_price * tick)
            if algo is None:
                break
            self._trigger(perpetual, algo, now_ns)
        listing.forget_traded_range()
        self.finish_children(perpetual, now_ns)

    def on_marked(self, perpetual: Perpetual, now_ns: int) -> None:
        """Trigger what the mark price reaches."""
        price = perpetual.marks.mark_price
        while (algo := perpetual.by_mark_price.reached(price, price, price)) is not None:
            self._trigger(perpetual, algo, now_ns)

    def finish_children(self, perpetual: Perpetual, now_ns: int) -> None:
        """Conditional orders whose order proper has come to its end are finished."""
        if not perpetual.ended:
            return
        ended, perpetual.ended = perpetual.ended, []
        for child in ended:
            account = self._accounts[child.account]
            record = account.closed_algos.get(child.algo_id)
            if record is None or record.status is not AlgoStatus.TRIGGERED:
                continue
            record = msgspec.structs.replace(record, status=AlgoStatus.FINISHED, updated_ns=now_ns)
            account.keep_algo(record)
            self._log.add(AlgoOrderChanged(self._log.next(), now_ns, record, child))

    def _read(self, perpetual: Perpetual, account: PerpetualAccount, order: NewAlgoOrder, now_ns: int) -> AlgoOrder:
        _check_parameters(order)
        check_mode(account, order.position_side, reduce_only=order.reduce_only)
        price, trigger, activation = (
            read_price(perpetual, each) if each is not None else 0
            for each in (order.price, order.trigger_price, order.activation_price)
        )
        algo_id = self.last_algo_id + 1
        tick = perpetual.contract.spec.tick_atoms
        algo = AlgoOrder(
            account=account,
            symbol=perpetual.name,
            algo_id=algo_id,
            client_algo_id=order.client_algo_id if order.client_algo_id is not None else f"venue-algo-{algo_id}",
            side=order.side,
            position_side=order.position_side,
            order_type=order.order_type,
            time_in_force=order.time_in_force or TimeInForce.GTC,
            quantity=read_quantity(perpetual, order.quantity) if order.quantity is not None else 0,
            price=price,
            trigger_price=trigger,
            activation_price=activation,
            callback_millionths=_callback_millionths(order.callback_rate),
            working_type=order.working_type,
            reduce_only=order.reduce_only,
            close_position=order.close_position,
            good_till_ns=read_good_till(order.time_in_force, order.good_till_ns, now_ns),
            trigger=(trigger or activation) * tick,
            created_ns=now_ns,
            updated_ns=now_ns,
        )
        if order.order_type is _TRAILING and not activation:
            algo.follow(_present_price(perpetual, algo))
        return algo

    def _check(self, perpetual: Perpetual, account: PerpetualAccount, algo: AlgoOrder) -> None:
        if algo.client_algo_id in account.algos_by_client_id:
            raise Refusal(RefusalKind.DUPLICATE_ORDER, algo.client_algo_id)
        waiting = [other for other in account.algos.values() if other.symbol == algo.symbol]
        if len(waiting) >= MAX_ALGO_ORDERS:
            raise Refusal(RefusalKind.MAX_NUM_ALGO_ORDERS, f"{MAX_ALGO_ORDERS} are waiting")
        if algo.close_position and any(
            other.close_position
            and (other.side, other.position_side, other.rises) == (algo.side, algo.position_side, algo.rises)
            for other in waiting
        ):
            raise Refusal(RefusalKind.CLOSE_POSITION_EXISTS)
        price = _present_price(perpetual, algo)
        if price and not algo.extreme and algo.is_reached(price):
            raise Refusal(RefusalKind.ACTIVATION_PRICE if algo.is_trailing else RefusalKind.WOULD_TRIGGER)
        if algo.quantity and not (algo.reduce_only or closes(algo.side, algo.position_side)):
            contract = perpetual.contract
            at = (algo.price or algo.trigger_price or algo.activation_price) * contract.spec.tick_atoms or price
            if at and contract.value(algo.quantity, at) < contract.spec.min_notional:
                raise Refusal(RefusalKind.NOTIONAL, contract.spec.instrument.min_notional.to_eng_string())

    def _trigger(self, perpetual: Perpetual, algo: AlgoOrder, now_ns: int) -> None:
        """Make its order proper, or say why there is none."""
        ticket = _child_ticket(algo)
        if ticket is None:
            self._end(algo, AlgoStatus.EXPIRED, RefusalKind.NO_POSITION.label, now_ns)
            return
        try:
            self._desk.admit_child(algo, ticket)
        except Refusal as refusal:
            self._end(algo, AlgoStatus.REJECTED, refusal.kind.label, now_ns)
            return
        algo.order_id, algo.triggered_ns = self._desk.last_order_id + 1, now_ns
        self._end(algo, AlgoStatus.TRIGGERED, "", now_ns)
        self._desk.take(algo.account, perpetual, ticket, now_ns, algo=algo)

    def _end(self, algo: AlgoOrder, status: AlgoStatus, reason: str, now_ns: int) -> None:
        perpetual = self._perpetuals[algo.symbol]
        perpetual.triggers(algo).remove(algo)
        perpetual.timed_algos.pop(algo.algo_id, None)
        algo.status, algo.reason, algo.updated_ns = status, reason, now_ns
        algo.account.close_algo(algo.picture())
        self._log_algo(algo, now_ns)

    def _log_algo(self, algo: AlgoOrder, now_ns: int) -> None:
        self._log.add(AlgoOrderChanged(self._log.next(), now_ns, algo.picture()))


def _check_parameters(order: NewAlgoOrder) -> None:
    kind = order.order_type
    need_parameter("price", order.price, is_needed=kind.has_limit)
    need_parameter("triggerPrice", order.trigger_price, is_needed=kind is not _TRAILING)
    if order.time_in_force is not None and not kind.has_limit:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "timeInForce")
    if order.activation_price is not None and kind is not _TRAILING:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "activatePrice")
    need_parameter("callbackRate", order.callback_rate, is_needed=kind is _TRAILING)
    if order.close_position and kind not in _CLOSING:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "closePosition")
    if order.close_position and order.reduce_only:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "reduceOnly")
    need_parameter("quantity", order.quantity, is_needed=not order.close_position)


def _callback_millionths(rate_pct: Decimal | None) -> int:
    """0: none."""
    if rate_pct is None:
        return 0
    if not (rate_pct.is_finite() and _LOWEST_CALLBACK <= rate_pct <= _HIGHEST_CALLBACK and rate_pct * 10 % 1 == 0):
        raise Refusal(RefusalKind.CALLBACK_RATE, str(rate_pct))
    return int(rate_pct * 10_000)


def _present_price(perpetual: Perpetual, algo: AlgoOrder) -> int:
    """The price that triggers it, as it stands; 0: there is none yet."""
    if algo.working_type is WorkingType.MARK_PRICE:
        return perpetual.marks.mark_price
    return perpetual.listing.last_price * perpetual.contract.spec.tick_atoms


def _child_ticket(algo: AlgoOrder) -> Ticket | None:
    """`None`: it is to close a position and there is none."""
    quantity = algo.quantity
    if algo.close_position:
        held = algo.account.position(algo.symbol, algo.position_side).lots
        quantity = max(0, -held if algo.is_buy else held)
        if not quantity:
            return None
    owned = algo.account.in_symbol(algo.symbol)
    return Ticket(
        algo.side,
        algo.position_side,
        algo.price,
        quantity,
        algo.time_in_force,
        algo.reduce_only or (algo.close_position and not algo.account.is_hedged),
        algo.reduce_only or algo.close_position or closes(algo.side, algo.position_side),
        algo.good_till_ns,
        algo.client_algo_id if algo.client_algo_id not in owned.open_by_client_id else None,
    )
