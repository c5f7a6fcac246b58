"""The exchange: symbols, accounts and orders behind one synchronous face.

Every call that changes something takes the time of the change and returns the events it caused, in order. Times may
not go back; an earlier one is taken as the latest seen.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.domain.orders import OrderStatus
from core.simulation.engine.accounts import Account, AccountOrders
from core.simulation.engine.amounts import to_atoms, to_decimal
from core.simulation.engine.event_log import EventLog
from core.simulation.engine.events import Deposited, Event, ListRecord
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.history import History
from core.simulation.engine.house import House
from core.simulation.engine.listing import Listing
from core.simulation.engine.market_data import MarketData
from core.simulation.engine.matching import Matcher
from core.simulation.engine.order_desk import OrderDesk, find_open
from core.simulation.engine.order_lists import NewOrderList
from core.simulation.engine.orders import AccountTrade, NewOrder, OrderRecord
from core.simulation.engine.persistence import LastNumbers, restore, snapshot
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.requests import Amend, Amended, Cancel, PlacedList, Replaced
from core.simulation.engine.settlement import Settlement
from core.simulation.engine.special import Amendment, PreventedMatch
from core.simulation.engine.stops import STOP_TYPES
from core.simulation.engine.symbols import SymbolSpec


class Exchange(MarketData):
    """`history` holds the candles before `start_ns`; `None`: there are none.

    Symbols are named as the venue spells them (`BTCUSDT`), accounts by any key the caller chooses. Queries of market
    data raise `Refusal` (UNKNOWN_SYMBOL), those of an account `Refusal` (UNKNOWN_ACCOUNT) as well.
    """

    def __init__(
        self, symbols: Sequence[SymbolSpec], *, fees: FeeSchedule, start_ns: int, history: History | None = None
    ) -> None:
        self._log = EventLog()
        super().__init__(
            {
                spec.name: Listing(spec, self._log, start_ns, history.rows(spec.name) if history is not None else {})
                for spec in symbols
            },
            start_ns,
        )
        self._accounts: dict[str, Account] = {}
        self._settlement = Settlement(fees, self._listings, self._log)
        self._matcher = Matcher(self._settlement)
        self._desk = OrderDesk(self._settlement, self._matcher)

    # Accounts

    def open_account(
        self, account: str, deposits: Mapping[str, Decimal], now_ns: int, *, fee_asset: str | None = None
    ) -> list[Event]:
        """Open an account with deposits in units of each asset; an account that exists is left alone (no events).

        `fee_asset`: where fees are paid if there is enough of it; `None`: in the received asset. Raises ValueError for
        an amount that is not finite, negative, or finer than 1e-8.
        """
        if account in self._accounts:
            return []
        amounts = {asset: to_atoms(amount) for asset, amount in deposits.items()}
        if any(atoms < 0 for atoms in amounts.values()):
            raise ValueError(f"account {account}: a deposit can't be negative")
        self._accounts[account] = Account(account, fee_asset)
        for asset, atoms in amounts.items():
            self._deposit(self._accounts[account], asset, atoms, now_ns)
        return self._finish(None)

    def deposit(self, account: str, asset: str, amount: Decimal, now_ns: int) -> list[Event]:
        """Add to (or, negative, take from) the free balance. Raises `Refusal` (INSUFFICIENT_BALANCE) below zero."""
        owner, atoms = self._account(account), to_atoms(amount)
        if owner.free.get(asset, 0) + atoms < 0:
            raise Refusal(RefusalKind.INSUFFICIENT_BALANCE, f"{asset} would be below zero")
        self._deposit(owner, asset, atoms, now_ns)
        return self._finish(None)

    def pay_fees_in(self, account: str, asset: str | None) -> None:
        """From now on; see `open_account`. Raises `Refusal` (UNKNOWN_ACCOUNT)."""
        self._account(account).fee_asset = asset

    def has_account(self, account: str) -> bool:
        return account in self._accounts

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]:
        """(free, locked) of every asset the account ever held, sorted by asset."""
        owner = self._account(account)
        assets = sorted({*owner.free, *owner.locked})
        return {
            asset: (to_decimal(free), to_decimal(locked)) for asset in assets for free, locked in [owner.balance(asset)]
        }

    def fees_collected(self) -> dict[str, Decimal]:
        """All fees ever taken, by asset."""
        return {asset: to_decimal(atoms) for asset, atoms in sorted(self._settlement.fees_collected.items())}

    def house_balances(self) -> dict[str, Decimal]:
        """What the house has won from, or lost (negative) to accounts in trades, by asset: with it, fees and accounts
        add up to all deposits.
        """
        totals: dict[str, int] = {}
        for listing in self._listings.values():
            for asset, atoms in ((listing.spec.base, listing.house_base), (listing.spec.quote, listing.house_quote)):
                totals[asset] = totals.get(asset, 0) + atoms
        return {asset: to_decimal(atoms) for asset, atoms in sorted(totals.items())}

    # Orders

    def submit(self, account: str, order: NewOrder, now_ns: int) -> tuple[OrderRecord, list[Event]]:
        """Take an order: the record after all that happened at once (fills included). Raises `Refusal`."""
        owner, listing = self._account(account), self._listing(order.symbol)
        record = self._desk.submit(owner, listing, order, self._move_clock(now_ns))
        return record, self._finish(listing)

    def check(self, account: str, order: NewOrder) -> None:
        """All that `submit` checks, changing nothing (the protocol's `order/test`). Raises `Refusal`."""
        self._desk.check(self._account(account), self._listing(order.symbol), order)

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        request_id: str | None = None,
        only_in: OrderStatus | None = None,
        now_ns: int,
    ) -> tuple[OrderRecord, list[Event]]:
        """Cancel one open order, and what depends on it; when both ids are given both must fit. `only_in`: only while
        it has this status. Raises `Refusal` (UNKNOWN_ORDER, CANCEL_RESTRICTED)."""
        owner, listing = self._account(account), self._listing(symbol)
        order = find_open(owner, symbol, order_id, client_order_id)
        record = self._desk.cancel(listing, order, self._move_clock(now_ns), request_id, only_in)
        return record, self._finish(listing)

    def fill(self, account: str, symbol: str, order_id: int, lots: int, now_ns: int) -> list[Event]:
        """Let the house trade up to `lots` with one working order, at its price and whoever stands before it. Raises
        `Refusal` (UNKNOWN_ORDER) for one that is not on the book."""
        listing, owned = self._listing(symbol), self._account(account).orders.get(symbol)
        order = owned.find_open(order_id, None) if owned is not None else None
        if order is None or not order.is_working:
            raise Refusal(RefusalKind.UNKNOWN_ORDER)
        now_ns = self._move_clock(now_ns)
        side = listing.bids if order.is_buy else listing.asks
        self._matcher.fill_resting(listing, side, order, min(lots, order.remaining), now_ns)
        self._matcher.run_stops(listing, now_ns)
        return self._finish(listing)

    def trigger(self, account: str, symbol: str, order_id: int, now_ns: int) -> list[Event]:
        """Let one stop work now, as if a trade had reached it. Raises `Refusal` (UNKNOWN_ORDER) for what waits for no
        price."""
        listing, owned = self._listing(symbol), self._account(account).orders.get(symbol)
        order = owned.find_open(order_id, None) if owned is not None else None
        if order is None or order.is_working or order.is_pending or order.order_type not in STOP_TYPES:
            raise Refusal(RefusalKind.UNKNOWN_ORDER)
        self._matcher.trigger(listing, order, self._move_clock(now_ns))
        return self._finish(listing)

    def cancel_all(
        self, account: str, symbol: str, now_ns: int, request_id: str | None = None
    ) -> tuple[list[OrderRecord], list[Event]]:
        """Cancel the account's open orders of a symbol. Raises `Refusal` (UNKNOWN_ORDER) when there is none."""
        owner, listing = self._account(account), self._listing(symbol)
        records = self._desk.cancel_all(owner, listing, self._move_clock(now_ns), request_id)
        return records, self._finish(listing)

    def replace(
        self, account: str, cancel: Cancel, order: NewOrder, now_ns: int, *, stop_on_failure: bool
    ) -> tuple[Replaced, list[Event]]:
        """Cancel one order and submit another in the same symbol; what became of each.

        `stop_on_failure`: the new one is not tried when the old one can't be cancelled. Raises `Refusal`, and does
        neither, when the filters or the order counts forbid the new one.
        """
        owner, listing, now_ns = self._account(account), self._listing(cancel.symbol), self._move_clock(now_ns)
        replaced = self._desk.replace(owner, listing, cancel, order, now_ns, stop_on_failure=stop_on_failure)
        return replaced, self._finish(listing)

    def amend(self, account: str, amend: Amend, now_ns: int) -> tuple[Amended, list[Event]]:
        """Make an open order smaller; it keeps its place. Raises `Refusal`."""
        owner, listing = self._account(account), self._listing(amend.symbol)
        amended = self._desk.amend(owner, listing, amend, self._move_clock(now_ns))
        return amended, self._finish(listing)

    def submit_list(self, account: str, wanted: NewOrderList, now_ns: int) -> tuple[PlacedList, list[Event]]:
        """Take an order list; its orders as they were before any pending one had its turn. Raises `Refusal`."""
        owner, listing = self._account(account), self._listing(wanted.symbol)
        placed = self._desk.submit_list(owner, listing, wanted, self._move_clock(now_ns))
        return placed, self._finish(listing)

    def cancel_list(
        self,
        account: str,
        symbol: str,
        *,
        list_id: int | None = None,
        client_list_id: str | None = None,
        request_id: str | None = None,
        now_ns: int,
    ) -> tuple[PlacedList, list[Event]]:
        """Cancel what is open of a list; its id takes precedence. Raises `Refusal` (UNKNOWN_LIST)."""
        owner, listing, now_ns = self._account(account), self._listing(symbol), self._move_clock(now_ns)
        cancelled = self._desk.cancel_list(owner, listing, list_id, client_list_id, now_ns, request_id)
        return cancelled, self._finish(listing)

    def order_list(
        self, account: str, *, list_id: int | None = None, client_list_id: str | None = None
    ) -> ListRecord | None:
        """By list id, or the newest that bore the client's; `None`: the exchange doesn't (or no longer) know it."""
        return self._account(account).lists.find(list_id, client_list_id)

    def order_lists(self, account: str) -> list[ListRecord]:
        """Open ones and the last `LISTS_KEPT` that are done, oldest first."""
        return self._account(account).lists.all()

    def amendments(self, account: str, symbol: str) -> list[Amendment]:
        """The last ones kept, oldest first."""
        return [amendment for owned in self._owned(account, symbol) for amendment in owned.amendments]

    def prevented_matches(self, account: str, symbol: str) -> list[PreventedMatch]:
        """The last ones kept, oldest first."""
        return [match for owned in self._owned(account, symbol) for match in owned.prevented]

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderRecord | None:
        """By order id, or the newest that bore the client id; `None`: the exchange doesn't (or no longer) know it."""
        self._listing(symbol)
        owned = self._account(account).orders.get(symbol)
        return owned.find(order_id, client_order_id) if owned is not None else None

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        """Oldest first, of one symbol or of all."""
        records = [order.latest for owned in self._owned(account, symbol) for order in owned.open.values()]
        return sorted(records, key=lambda record: record.order_id)

    def orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        """Open and closed ones (the last `CLOSED_ORDERS_KEPT` of a symbol), oldest first."""
        records = [record for owned in self._owned(account, symbol) for record in owned.all()]
        return sorted(records, key=lambda record: record.order_id)

    def trades(self, account: str, symbol: str | None = None) -> list[AccountTrade]:
        """The account's trades (the last `TRADES_KEPT` of a symbol), oldest first."""
        trades = [trade for owned in self._owned(account, symbol) for trade in owned.trades]
        return trades if symbol is not None else sorted(trades, key=lambda trade: trade.time_ns)

    # The other side

    def house(self, symbol: str) -> House:
        """The hands with which a market moves one symbol."""
        return House(self._listing(symbol), self._matcher, self._settlement)

    def take_events(self, now_ns: int) -> list[Event]:
        """What the house's hands have caused since the last call of anything that returns events."""
        self._move_clock(now_ns)
        return self._log.take()

    # Persistence

    def snapshot_accounts(self) -> dict[str, Any]:
        """Accounts, open and kept closed orders and lists, trades and the last ids as JSON-ready data."""
        numbers = LastNumbers(self._desk.last_order_id, self._desk.last_list_id, self._log.sequence)
        return snapshot(self._accounts, self._listings, self._settlement, numbers)

    def restore_accounts(self, data: Mapping[str, Any]) -> None:
        """Take a snapshot's accounts into an exchange that has none; open orders go back to the book in their order.

        Call it before the market's first `advance`. Raises ValueError when the snapshot does not fit (an account
        exists, an order's symbol is unknown, a key is missing).
        """
        if self._accounts:
            raise ValueError("accounts can only be restored into an exchange that has none")
        numbers = restore(data, self._accounts, self._listings, self._settlement)
        self._desk.last_order_id, self._desk.last_list_id = numbers.order_id, numbers.list_id
        self._log.sequence = numbers.sequence

    # Inside

    def _account(self, key: str) -> Account:
        account = self._accounts.get(key)
        if account is None:
            raise Refusal(RefusalKind.UNKNOWN_ACCOUNT, key)
        return account

    def _owned(self, account: str, symbol: str | None) -> list[AccountOrders]:
        orders = self._account(account).orders
        if symbol is None:
            return list(orders.values())
        self._listing(symbol)
        return [orders[symbol]] if symbol in orders else []

    def _deposit(self, account: Account, asset: str, atoms: int, now_ns: int) -> None:
        now_ns = self._move_clock(now_ns)
        self._settlement.credit(account, asset, atoms)
        self._log.pending.append(Deposited(self._log.next(), now_ns, account.key, asset, atoms))

    def _finish(self, listing: Listing | None) -> list[Event]:
        if listing is not None:
            listing.log_book(self._now_ns)
        self._settlement.log_balances(self._now_ns)
        return self._log.take()
