"""Faults inside the venue: orders that fill while they are cancelled, symbols that stop, rules and fees that change."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from core.simulation.engine.orders import OrderRecord
from core.simulation.engine.stops import STOP_TYPES
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.faults.address import Target
from core.simulation.server.faults.injector import CancelInjector, Injector
from core.simulation.server.market_rules import Filters, MarketRules, SymbolStatus


class CancelRaceParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fill: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Share of what remains of a limit order; 1: the cancel comes too late (-2011)."""


class CancelRace(CancelInjector):
    """The order trades, at its own price, between the receipt of its cancel and the cancel itself; a stop is
    triggered."""

    params: CancelRaceParameters

    def before_cancel(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> None:
        exchange = self.hands.floor.exchange
        order = exchange.order(account, symbol, order_id=order_id, client_order_id=client_order_id)
        if order is None or not order.status.is_open or not (_waits_for_its_price(order) or _rests(order)):
            return
        if not self.work.strikes(Target(accounts=(account,), symbols=(symbol,))):
            return
        if order.is_working:
            self.hands.floor.fill_order(account, symbol, order.order_id, self._lots(order))
        else:
            self.hands.floor.trigger_order(account, symbol, order.order_id)

    def _lots(self, order: OrderRecord) -> int:
        return max(1, int((order.quantity - order.filled) * self.params.fill))


def _rests(order: OrderRecord) -> bool:
    return order.is_working and bool(order.price)


def _waits_for_its_price(order: OrderRecord) -> bool:
    is_pending = order.special is not None and order.special.is_pending
    return not order.is_working and order.order_type in STOP_TYPES and not is_pending


class SymbolInjector(Injector):
    """Strikes each symbol of the address once, when it begins."""

    def begin(self) -> None:
        self._struck: list[tuple[MarketRules, SymbolSpec]] = []
        for rules in self.hands.rules:
            for spec in rules.exchange.symbols.values():
                if self.work.strikes(Target(symbols=(spec.name,))):
                    self._struck.append((rules, spec))
                    self.strike(rules, spec)

    def strike(self, rules: MarketRules, spec: SymbolSpec) -> None:
        raise NotImplementedError


class HaltParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Literal["CANCEL_ONLY", "BREAK", "ABSENT"] = "BREAK"


class Halt(SymbolInjector):
    """A symbol stops trading; at the end it trades again, with the orders that were open."""

    params: HaltParameters

    def strike(self, rules: MarketRules, spec: SymbolSpec) -> None:
        rules.set_status(spec.name, SymbolStatus(self.params.status))

    def end(self) -> None:
        for rules, spec in self._struck:
            rules.set_status(spec.name, SymbolStatus.TRADING)


class Delist(SymbolInjector):
    """CANCEL_ONLY for the first third, BREAK for the second, when open orders are cancelled by the venue, and absent
    until the end, when it is listed as before."""

    def begin(self) -> None:
        self._began_ms = self.hands.clock.now_ms()
        super().begin()

    def strike(self, rules: MarketRules, spec: SymbolSpec) -> None:
        rules.set_status(spec.name, SymbolStatus.CANCEL_ONLY)

    def turn(self) -> None:
        ends_ms = self.work.ends_ms
        if not self._struck or ends_ms is None:
            return
        third_ms = (ends_ms - self._began_ms) / 3
        passed_ms = self.hands.clock.now_ms() - self._began_ms
        stage = SymbolStatus.ABSENT if passed_ms >= 2 * third_ms else SymbolStatus.BREAK
        for rules, spec in self._struck if passed_ms >= third_ms else ():
            if rules is self.hands.floor.rules and rules.status(spec.name) is SymbolStatus.CANCEL_ONLY:
                self._cancel_all(spec.name)
            rules.set_status(spec.name, stage)

    def end(self) -> None:
        for rules, spec in self._struck:
            rules.set_status(spec.name, SymbolStatus.TRADING)

    def _cancel_all(self, symbol: str) -> None:
        exchange = self.hands.floor.exchange
        for account in self.hands.accounts():
            if exchange.has_account(account) and exchange.open_orders(account, symbol):
                self.hands.floor.cancel_all(account, symbol)


class ChangeFiltersParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tick_times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10
    """How many of its own ticks one tick has now."""
    step_times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10
    min_notional: Annotated[float, msgspec.Meta(gt=0)] | None = None


class ChangeFilters(SymbolInjector):
    """exchangeInfo has other steps from now on, and orders that don't keep to them are refused."""

    params: ChangeFiltersParameters

    def strike(self, rules: MarketRules, spec: SymbolSpec) -> None:
        least = self.params.min_notional
        rules.filters[spec.name] = Filters(
            spec.price_decimal(self.params.tick_times),
            spec.quantity_decimal(self.params.step_times),
            None if least is None else Decimal(str(least)),
        )

    def end(self) -> None:
        for rules, spec in self._struck:
            rules.filters.pop(spec.name, None)


class PayFeesInParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    asset: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,20}$")] = "BNB"
    amount: Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}(\.\d{1,8})?$")] = "0.01"
    """Deposited to begin with; when it is used up, fees come out of what is received again."""


class PayFeesIn(Injector):
    """Fees are paid in another asset while there is some of it. The venue must trade it against the quote."""

    params: PayFeesInParameters

    def begin(self) -> None:
        self._struck: list[str] = []
        floor = self.hands.floor
        for account in self.hands.accounts():
            if floor.exchange.has_account(account) and self.work.strikes(Target(accounts=(account,))):
                self._struck.append(account)
                floor.exchange.pay_fees_in(account, self.params.asset)
                if Decimal(self.params.amount):
                    floor.deposit(account, self.params.asset, Decimal(self.params.amount))

    def end(self) -> None:
        for account in self._struck:
            self.hands.floor.exchange.pay_fees_in(account, None)
