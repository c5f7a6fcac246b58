"""Moves money when orders fill, funding is paid and margin is set aside, and logs what the owners see."""

from collections.abc import Mapping

from core.domain.orders import OrderStatus
from core.simulation.engine.events import OrderChange
from core.simulation.engine.fees import MILLION, FeeSchedule
from core.simulation.engine.listing import Listing
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AccountReason,
    PerpetualOrderChanged,
    PositionState,
    WalletState,
)
from core.simulation.engine.perpetual.orders import MarginType, PerpetualOrderRecord, PerpetualTrade, PositionSide
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.positions import Position
from core.simulation.engine.perpetual.resting import PerpetualOrder
from core.simulation.engine.perpetual.views import Income, IncomeKind

_TRADE, _FILLED, _PARTIALLY_FILLED = OrderChange.TRADE, OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED
_ISOLATED = MarginType.ISOLATED


class Settlement:
    """The only writer of wallets and positions."""

    __slots__ = (
        "_log",
        "_maker",
        "_perpetuals",
        "_taker",
        "_touched",
        "fees_collected",
        "insurance",
        "last_income_id",
    )

    def __init__(self, fees: FeeSchedule, perpetuals: Mapping[str, Perpetual], log: PerpetualLog) -> None:
        self._maker = fees.maker_millionths
        self._taker = fees.taker_millionths
        self._perpetuals = perpetuals
        self._log = log
        self._touched: dict[str, PerpetualAccount] = {}
        self.fees_collected: dict[str, int] = {}
        self.insurance: dict[str, int] = {}
        """What liquidations paid in, less what they cost."""
        self.last_income_id = 0

    def fill(
        self, listing: Listing, order: PerpetualOrder, price: int, lots: int, is_maker: bool, trade_id: int, now_ns: int
    ) -> None:
        """One side of one trade: change the position, take profit and fee, log the owner's event."""
        spec, account = listing.spec, order.account
        value = price * lots * spec.notional_num
        order.remaining = remaining = order.remaining - lots
        order.filled_quote += value
        order.updated_ns = now_ns
        order.status = _PARTIALLY_FILLED if remaining else _FILLED
        owned = account.in_symbol(spec.name)
        if order.lock:
            account.reserve(order, order.price * remaining * spec.notional_num)
        fee = value * (self._maker if is_maker else self._taker) // MILLION
        self.fees_collected[spec.quote] = self.fees_collected.get(spec.quote, 0) + fee
        signed_lots, signed_value = (lots, value) if order.is_buy else (-lots, -value)
        position = account.position(spec.name, order.position_side)
        realised = self.move_position(listing, account, position, signed_lots, signed_value, fee, now_ns)
        trade = PerpetualTrade(
            account=account.key,
            symbol=spec.name,
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=price,
            quantity=lots,
            quote=value,
            fee=fee,
            fee_asset=spec.quote,
            is_maker=is_maker,
            time_ns=now_ns,
            position_side=order.position_side,
            realised=realised,
        )
        owned.trades.append(trade)
        if realised:
            self._earn(account, IncomeKind.REALIZED_PNL, spec.name, spec.quote, realised, trade_id, now_ns)
        if fee:
            self._earn(account, IncomeKind.COMMISSION, spec.name, spec.quote, -fee, trade_id, now_ns)
        record = self.log_order(_TRADE, order, now_ns, trade)
        if not remaining:
            self.forget(order, record)

    def move_position(
        self,
        listing: Listing,
        account: PerpetualAccount,
        position: Position,
        lots: int,
        value: int,
        fee: int,
        now_ns: int,
    ) -> int:
        """Trade signed `lots` worth `value` against the house's books; the realised profit, which the wallet gets less
        the fee. Opening an isolated position sets margin aside, closing gives the closed share of it back."""
        spec, held = listing.spec, position.lots
        realised, opened = position.trade(lots, value)
        position.updated_ns = now_ns
        listing.house_base -= lots * spec.lot_atoms
        listing.house_quote += value
        if opened and fee:
            position.entry_fees += fee * opened // abs(value)
        account.credit(spec.quote, realised - fee)
        account.touch(position.symbol, position.side)
        self._touched[account.key] = account
        if position.isolated and held:
            closed = min(abs(lots), abs(held)) if (held > 0) != (lots > 0) else 0
            position.isolated -= position.isolated * closed // abs(held)
        settings = account.settings_of(self._perpetuals[spec.name].contract)
        if opened and settings.margin_type is _ISOLATED:
            spare = max(0, self.cross_wallet(account, spec.quote))
            position.isolated += min(spare, -(-opened // settings.leverage))
        return realised

    def transfer(self, account: PerpetualAccount, asset: str, atoms: int, now_ns: int) -> None:
        """Money from outside, or (negative) back there."""
        self._credit(account, asset, atoms)
        self._earn(account, IncomeKind.TRANSFER, "", asset, atoms, 0, now_ns)

    def pay_funding(self, perpetual: Perpetual, account: PerpetualAccount, position: Position, now_ns: int) -> None:
        """A long position pays the rate of its value, a short one gets it; the house is the other side."""
        rate, contract = perpetual.marks.last_funding_rate, perpetual.contract
        paid = contract.funding(abs(position.lots), perpetual.marks.mark_price, rate)
        amount = -paid if position.lots > 0 else paid
        if position.isolated:
            position.isolated += amount
            account.touch(position.symbol, position.side)
        perpetual.listing.house_quote -= amount
        self._credit(account, perpetual.asset, amount)
        self._earn(account, IncomeKind.FUNDING_FEE, perpetual.name, perpetual.asset, amount, 0, now_ns)

    def insure(self, account: PerpetualAccount, symbol: str, asset: str, atoms: int, now_ns: int) -> None:
        """The insurance fund pays into a wallet, or (negative) is paid out of it."""
        if not atoms:
            return
        self.insurance[asset] = self.insurance.get(asset, 0) - atoms
        self._credit(account, asset, atoms)
        self._earn(account, IncomeKind.INSURANCE_CLEAR, symbol, asset, atoms, 0, now_ns)

    def take_over(self, perpetual: Perpetual, order: PerpetualOrder, price: int, now_ns: int) -> None:
        """The insurance fund trades what the book would not: the owner gets `price`, the house, which holds it from now
        on, the mark price, and the fund gains or loses the difference. No such trade is public."""
        listing, lots = perpetual.listing, order.remaining
        listing.trade_id += 1
        self.fill(listing, order, price, lots, False, listing.trade_id, now_ns)
        fair = perpetual.contract.value(lots, perpetual.price())
        gain = price * lots * listing.spec.notional_num - fair
        gain = gain if order.is_buy else -gain
        listing.house_quote -= gain
        self.insurance[perpetual.asset] = self.insurance.get(perpetual.asset, 0) + gain

    def set_aside(self, account: PerpetualAccount, position: Position, atoms: int) -> None:
        """Move from the cross wallet to an isolated position, or (negative) back."""
        position.isolated += atoms
        account.touch(position.symbol, position.side)
        account.touched[self._perpetuals[position.symbol].asset] = None
        self._touched[account.key] = account

    def touch_margin_type(self, account: PerpetualAccount, perpetual: Perpetual) -> None:
        """The next AccountChanged shows the symbol's positions, whose margin type is another now."""
        for side in account.sides():
            account.position(perpetual.name, side)
            account.touch(perpetual.name, side)
        account.touched[perpetual.asset] = None
        self._touched[account.key] = account

    def release(self, order: PerpetualOrder) -> None:
        """An order can no longer open anything."""
        if order.lock:
            order.account.reserve(order, 0)

    def forget(self, order: PerpetualOrder, record: PerpetualOrderRecord) -> None:
        """An order has come to its end; `record` is its last picture."""
        order.account.in_symbol(order.symbol).close(record)
        perpetual = self._perpetuals[order.symbol]
        perpetual.timed.pop(order.order_id, None)
        if order.algo_id:
            perpetual.ended.append(record)

    def cross_wallet(self, account: PerpetualAccount, asset: str) -> int:
        """The part of a wallet that no isolated position holds."""
        held = sum(
            position.isolated
            for position in account.positions.values()
            if position.isolated and self._perpetuals[position.symbol].asset == asset
        )
        return account.wallet(asset) - held

    def log_order(
        self,
        change: OrderChange,
        order: PerpetualOrder,
        now_ns: int,
        trade: PerpetualTrade | None = None,
        request_id: str | None = None,
    ) -> PerpetualOrderRecord:
        """Log the order's present state; the record that was logged."""
        record = order.picture()
        self._log.add(PerpetualOrderChanged(self._log.next(), now_ns, change, record, trade, request_id))
        return record

    def log_balances(self, now_ns: int, reason: AccountReason = AccountReason.ORDER, /) -> None:
        """Log the wallets and positions touched since the last time, one event an account."""
        for account in self._touched.values():
            wallets = []
            for asset in account.touched:
                account.updated_ns[asset] = now_ns
                change = account.changes.get(asset, 0)
                wallets.append(WalletState(asset, account.wallet(asset), self.cross_wallet(account, asset), change))
            positions = tuple([self.position_state(account, *key) for key in account.touched_positions])
            account.touched.clear()
            account.touched_positions.clear()
            account.changes.clear()
            self._log.add(AccountChanged(self._log.next(), now_ns, account.key, reason, tuple(wallets), positions))
        self._touched.clear()

    def position_state(self, account: PerpetualAccount, symbol: str, side: PositionSide) -> PositionState:
        position, perpetual = account.position(symbol, side), self._perpetuals[symbol]
        return PositionState(
            symbol,
            side,
            position.lots,
            position.entry_price(perpetual.contract),
            position.break_even_price(perpetual.contract),
            position.realised,
            position.unrealised(perpetual.contract, perpetual.price()),
            account.settings_of(perpetual.contract).margin_type,
            position.isolated,
        )

    def _credit(self, account: PerpetualAccount, asset: str, atoms: int) -> None:
        """Other than by profits and fees."""
        account.credit(asset, atoms)
        account.changes[asset] = account.changes.get(asset, 0) + atoms
        self._touched[account.key] = account

    def _earn(
        self,
        account: PerpetualAccount,
        kind: IncomeKind,
        symbol: str,
        asset: str,
        amount: int,
        trade_id: int,
        now_ns: int,
    ) -> None:
        self.last_income_id += 1
        account.income.append(Income(self.last_income_id, kind, symbol, asset, amount, trade_id, now_ns))
