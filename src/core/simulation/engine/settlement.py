"""Moves money when orders lock, fill and end, charges fees, and logs what the owners see."""

from collections.abc import Mapping, Sequence

from core.domain.orders import OrderStatus
from core.simulation.engine.accounts import Account
from core.simulation.engine.amounts import ATOMS
from core.simulation.engine.event_log import EventLog
from core.simulation.engine.events import (
    BalancesChanged,
    ListChanged,
    ListRecord,
    ListStatus,
    OrderChange,
    OrderChanged,
)
from core.simulation.engine.fees import MILLION, FeeSchedule
from core.simulation.engine.listing import Listing
from core.simulation.engine.order_lists import OrderGroup, list_record
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.special import Amendment, PreventedMatch
from core.simulation.engine.stops import STOP_TYPES
from core.simulation.engine.symbols import SymbolSpec

# Bound once: looking a member up in its enum costs more than comparing it.
_TRADE, _FILLED, _PARTIALLY_FILLED = OrderChange.TRADE, OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED


class Settlement:
    """The only writer of balances."""

    __slots__ = ("_discount_kept", "_listings", "_log", "_maker", "_taker", "_touched", "fees_collected")

    def __init__(self, fees: FeeSchedule, listings: Mapping[str, Listing], log: EventLog) -> None:
        self._maker = fees.maker_millionths
        self._taker = fees.taker_millionths
        self._discount_kept = int((100 - fees.discount_pct) * 10_000)
        """What is left of a fee after the discount, in millionths."""
        self._listings = listings
        self._log = log
        self._touched: dict[str, Account] = {}
        self.fees_collected: dict[str, int] = {}

    def credit(self, account: Account, asset: str, atoms: int) -> None:
        account.credit(asset, atoms)
        self._touched[account.key] = account

    def lock(self, order: RestingOrder, asset: str, atoms: int) -> None:
        """Lock `atoms` for an order that has none locked yet; the account has them free."""
        order.lock = atoms
        order.account.lock(asset, atoms)
        self._touched[order.account.key] = order.account

    def relock(self, order: RestingOrder, spec: SymbolSpec, atoms: int) -> None:
        """Lock `atoms` for an order, whatever is locked for it now; more than that the account must have free."""
        if atoms != order.lock:
            order.account.lock(spec.quote if order.is_buy else spec.base, atoms - order.lock)
            order.lock = atoms
            self._touched[order.account.key] = order.account

    def release(self, order: RestingOrder, spec: SymbolSpec) -> None:
        """Free what is still locked for an order."""
        if order.lock:
            order.account.lock(spec.quote if order.is_buy else spec.base, -order.lock)
            order.lock = 0
            self._touched[order.account.key] = order.account

    def fill(
        self, listing: Listing, order: RestingOrder, price: int, lots: int, is_maker: bool, trade_id: int, now_ns: int
    ) -> None:
        """One side of one trade: exchange the money, charge the fee, log the owner's event."""
        spec, account = listing.spec, order.account
        quote_atoms = price * lots * spec.notional_num // spec.notional_den
        order.remaining = remaining = order.remaining - lots
        order.filled_quote += quote_atoms
        order.updated_ns = now_ns
        order.status = _PARTIALLY_FILLED if remaining else _FILLED
        self._exchange(listing, order, lots * spec.lot_atoms, quote_atoms)
        fee_asset, fee = self._charge(account, spec, order.is_buy, lots, quote_atoms, is_maker)
        trade = AccountTrade(
            account.key,
            spec.name,
            trade_id,
            order.order_id,
            order.client_order_id,
            order.side,
            price,
            lots,
            quote_atoms,
            fee,
            fee_asset,
            is_maker,
            now_ns,
        )
        owned = account.orders[spec.name]
        owned.trades.append(trade)
        record = self.log_order(_TRADE, order, now_ns, trade)
        if not remaining:
            owned.close(record)

    def _exchange(self, listing: Listing, order: RestingOrder, base_atoms: int, quote_atoms: int) -> None:
        """Base against quote, out of the order's lock if it has one; what it locked for a worse price becomes free."""
        spec, account = listing.spec, order.account
        base, quote = spec.base, spec.quote
        free = account.free
        if order.is_buy:
            if order.lock:
                lock = spec.notional_up(order.price, order.remaining)
                released, order.lock = order.lock - lock, lock
                account.locked[quote] -= released
                free[quote] += released - quote_atoms
            else:
                free[quote] -= quote_atoms
            free[base] = free.get(base, 0) + base_atoms
            listing.house_quote += quote_atoms
            listing.house_base -= base_atoms
        else:
            if order.lock:
                order.lock -= base_atoms
                account.locked[base] -= base_atoms
            else:
                free[base] -= base_atoms
            free[quote] = free.get(quote, 0) + quote_atoms
            listing.house_quote -= quote_atoms
            listing.house_base += base_atoms
        account.touched[base] = account.touched[quote] = None
        self._touched[account.key] = account

    def log_order(
        self,
        change: OrderChange,
        order: RestingOrder,
        now_ns: int,
        trade: AccountTrade | None = None,
        request_id: str | None = None,
        detail: PreventedMatch | Amendment | None = None,
    ) -> OrderRecord:
        """Log the order's present state; the record that was logged."""
        log = self._log
        log.sequence = sequence = log.sequence + 1
        record = order.picture()
        log.pending.append(OrderChanged(sequence, now_ns, change, record, trade, request_id, detail))
        return record

    def log_list(self, group: OrderGroup, status: ListStatus, now_ns: int) -> ListRecord:
        """Log where an order list stands."""
        group.record = record = list_record(group, status, now_ns)
        self._log.pending.append(ListChanged(self._log.next(), now_ns, record))
        return record

    def next_sequence(self) -> int:
        """The number that the next event will have."""
        return self._log.sequence + 1

    def log_balances(self, now_ns: int) -> None:
        """Log the balances touched since the last time, one event an account."""
        if not self._touched:
            return
        log = self._log
        for account in self._touched.values():
            free, locked = account.free, account.locked
            balances = tuple([(asset, free.get(asset, 0), locked.get(asset, 0)) for asset in account.touched])
            account.touched.clear()
            log.sequence = sequence = log.sequence + 1
            log.pending.append(BalancesChanged(sequence, now_ns, account.key, balances))
        self._touched.clear()

    def _charge(
        self, account: Account, spec: SymbolSpec, is_buy: bool, lots: int, quote_atoms: int, is_maker: bool
    ) -> tuple[str, int]:
        """Take the fee; (asset, atoms) of it."""
        millionths = self._maker if is_maker else self._taker
        if is_buy:
            asset, fee = spec.base, lots * spec.lot_atoms * millionths // MILLION
        else:
            asset, fee = spec.quote, quote_atoms * millionths // MILLION
        if account.fee_asset is not None and account.fee_asset not in (spec.base, spec.quote):
            discounted = self._in_fee_asset(account.fee_asset, spec.quote, quote_atoms * millionths // MILLION)
            if discounted is not None and account.free.get(account.fee_asset, 0) >= discounted:
                asset, fee = account.fee_asset, discounted
        account.free[asset] -= fee
        account.touched[asset] = None
        self.fees_collected[asset] = self.fees_collected.get(asset, 0) + fee
        return asset, fee

    def _in_fee_asset(self, fee_asset: str, quote: str, fee_in_quote: int) -> int | None:
        """The discounted fee in atoms of the fee asset; `None`: no symbol gives its price in this quote."""
        reduced = fee_in_quote * self._discount_kept // MILLION
        listing = self._listings.get(fee_asset + quote)
        if listing is None or not listing.last_price:
            return None
        return reduced * ATOMS // (listing.last_price * listing.spec.tick_atoms)


def need(order: RestingOrder, spec: SymbolSpec) -> int:
    """What an open order must have locked: quote of a buyer, base of a seller, in atoms; 0 for a buyer without any
    price, who pays from the free balance."""
    if not order.is_buy:
        return order.remaining * spec.lot_atoms
    price = order.price or order.stop_price or (order.special.reserve_price if order.special is not None else 0)
    return spec.notional_up(price, order.remaining)


def shares(orders: Sequence[RestingOrder], spec: SymbolSpec) -> list[int]:
    """What each of some orders must have locked of which only one can ever trade: together as much as the dearest.

    One that is on the book has all it needs, so that it can trade before the others are gone.
    """
    needs = [need(order, spec) for order in orders]
    first = next((index for index, order in enumerate(orders) if order.order_type not in STOP_TYPES), 0)
    return [needs[index] if index == first else max(0, needs[index] - needs[first]) for index in range(len(orders))]
