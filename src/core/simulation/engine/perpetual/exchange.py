"""The exchange of perpetuals: accounts with margin and positions, orders and conditional orders, behind one synchronous
face like the spot exchange's.

Every call that changes something takes the time of the change and returns the events it caused, in order. Times may
not go back; an earlier one is taken as the latest seen.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.history import History
from core.simulation.engine.house import House
from core.simulation.engine.listing import Listing
from core.simulation.engine.market_data import MarketData
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import PerpetualEvent
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    MarginType,
    NewAlgoOrder,
    NewPerpetualOrder,
    PerpetualOrderRecord,
    PerpetualTrade,
    PositionSide,
)
from core.simulation.engine.perpetual.views import AccountView, FundingRate, Income, MarkPrice, PositionView


class PerpetualExchange(MarketData):
    """`history` holds the candles before `start_ns`; `None`: there are none. `fees.discount_pct` plays no part.

    Accounts are named by any key the caller chooses. Queries raise `Refusal` (UNKNOWN_SYMBOL, UNKNOWN_ACCOUNT).
    """

    def __init__(
        self, contracts: Sequence[Contract], *, fees: FeeSchedule, start_ns: int, history: History | None = None
    ) -> None:
        self._log = PerpetualLog()
        self._contracts = {contract.spec.name: contract for contract in contracts}
        super().__init__(
            {
                name: Listing(each.spec, self._log, start_ns, history.rows(name) if history is not None else {})
                for name, each in self._contracts.items()
            }
        )
        self._now_ns = start_ns

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """What a perpetual has beyond its `symbols` entry: brackets, funding terms, liquidation fee."""
        return self._contracts

    @property
    def now_ns(self) -> int:
        """The latest time seen."""
        return self._now_ns

    # Accounts

    def open_account(self, account: str, deposits: Mapping[str, Decimal], now_ns: int) -> list[PerpetualEvent]:
        """Open an account with deposits in units of each asset; an account that exists is left alone (no events).

        It begins in one-way mode, crossed, at each contract's default leverage. Raises ValueError for an amount that is
        not finite, negative, or finer than 1e-8.
        """
        raise NotImplementedError

    def deposit(self, account: str, asset: str, amount: Decimal, now_ns: int) -> list[PerpetualEvent]:
        """Add to (or, negative, take from) the wallet. Raises `Refusal` (CROSS_BALANCE) beyond `max_withdraw`."""
        raise NotImplementedError

    def has_account(self, account: str) -> bool:
        raise NotImplementedError

    def wallets(self, account: str) -> dict[str, Decimal]:
        """Wallet balance of every asset the account ever held, sorted by asset."""
        raise NotImplementedError

    def account(self, account: str) -> AccountView:
        """Balances, margins and positions at the present mark prices."""
        raise NotImplementedError

    def positions(self, account: str, symbol: str | None = None) -> list[PositionView]:
        """Both sides in hedge mode, one in one-way mode: of one symbol, or of all in which there is a position."""
        raise NotImplementedError

    def income(self, account: str) -> list[Income]:
        """What changed the wallets (the last `INCOME_KEPT` changes), oldest first."""
        raise NotImplementedError

    def fees_collected(self) -> dict[str, Decimal]:
        """All fees ever taken, by asset."""
        raise NotImplementedError

    def insurance_fund(self) -> dict[str, Decimal]:
        """What liquidations paid in, less what they cost, by asset. It begins at 0 and may be negative."""
        raise NotImplementedError

    def house_balances(self) -> dict[str, Decimal]:
        """What the house has won from, or lost (negative) to accounts, its open positions taken at their entry: with
        it, fees, insurance fund and wallets add up to all deposits."""
        raise NotImplementedError

    def house_position(self, symbol: str) -> int:
        """Lots (signed) the house holds against the accounts: all positions of a symbol add up to 0."""
        raise NotImplementedError

    # Settings of an account

    def is_hedged(self, account: str) -> bool:
        """Position mode: True for LONG and SHORT positions side by side."""
        raise NotImplementedError

    def set_hedged(self, account: str, now_ns: int, *, is_hedged: bool) -> None:
        """Raises `Refusal` (SAME_POSITION_MODE, POSITION_MODE_OPEN_ORDERS, POSITION_MODE_POSITION)."""
        raise NotImplementedError

    def leverage(self, account: str, symbol: str) -> int:
        raise NotImplementedError

    def set_leverage(self, account: str, symbol: str, leverage: int, now_ns: int) -> tuple[int, list[PerpetualEvent]]:
        """The largest position now allowed (quote atoms). Raises `Refusal` (LEVERAGE, MAX_POSITION where a position or
        its orders are larger than that, LEVERAGE_TOO_LOW, MARGIN_INSUFFICIENT)."""
        raise NotImplementedError

    def margin_type(self, account: str, symbol: str) -> MarginType:
        raise NotImplementedError

    def set_margin_type(self, account: str, symbol: str, margin_type: MarginType, now_ns: int) -> list[PerpetualEvent]:
        """Raises `Refusal` (SAME_MARGIN_TYPE, MARGIN_TYPE_OPEN_ORDERS, MARGIN_TYPE_POSITION)."""
        raise NotImplementedError

    def change_margin(
        self, account: str, symbol: str, side: PositionSide, amount: Decimal, now_ns: int
    ) -> list[PerpetualEvent]:
        """Add to (or, negative, take from) the margin of an isolated position. Raises `Refusal` (NOT_ISOLATED,
        NO_POSITION, POSITION_SIDE, CROSS_BALANCE, ISOLATED_BALANCE)."""
        raise NotImplementedError

    # Orders

    def submit(
        self, account: str, order: NewPerpetualOrder, now_ns: int
    ) -> tuple[PerpetualOrderRecord, list[PerpetualEvent]]:
        """Take an order: the record after all that happened at once (fills included). Raises `Refusal`."""
        raise NotImplementedError

    def check(self, account: str, order: NewPerpetualOrder) -> None:
        """All that `submit` checks, changing nothing (the protocol's `order/test`). Raises `Refusal`."""
        raise NotImplementedError

    def amend(
        self,
        account: str,
        symbol: str,
        *,
        quantity: Decimal,
        price: Decimal,
        order_id: int | None = None,
        client_order_id: str | None = None,
        now_ns: int,
    ) -> tuple[PerpetualOrderRecord, list[PerpetualEvent]]:
        """Change price and quantity of an open LIMIT order (`PUT order`). It keeps its place in the queue only where
        the quantity alone gets smaller. As on Binance it is cancelled when the new quantity is filled already, or when
        a GTX order would take. Raises `Refusal` (UNKNOWN_ORDER, NOT_A_LIMIT_ORDER, SAME_ORDER, and those of `submit`),
        which leaves the order as it is.
        """
        raise NotImplementedError

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        request_id: str | None = None,
        now_ns: int,
    ) -> tuple[PerpetualOrderRecord, list[PerpetualEvent]]:
        """Cancel one open order; when both ids are given both must fit. Raises `Refusal` (UNKNOWN_ORDER)."""
        raise NotImplementedError

    def cancel_all(
        self, account: str, symbol: str, now_ns: int
    ) -> tuple[list[PerpetualOrderRecord], list[PerpetualEvent]]:
        """Cancel the account's open orders of a symbol; none is no error."""
        raise NotImplementedError

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> PerpetualOrderRecord | None:
        """By order id, or the newest that bore the client id; `None`: the exchange doesn't (or no longer) know it."""
        raise NotImplementedError

    def open_orders(self, account: str, symbol: str | None = None) -> list[PerpetualOrderRecord]:
        """Oldest first, of one symbol or of all."""
        raise NotImplementedError

    def orders(self, account: str, symbol: str | None = None) -> list[PerpetualOrderRecord]:
        """Open and closed ones (the last `CLOSED_ORDERS_KEPT` of a symbol), oldest first."""
        raise NotImplementedError

    def trades(self, account: str, symbol: str | None = None) -> list[PerpetualTrade]:
        """The account's trades (the last `TRADES_KEPT` of a symbol), oldest first."""
        raise NotImplementedError

    # Conditional orders

    def submit_algo(
        self, account: str, order: NewAlgoOrder, now_ns: int
    ) -> tuple[AlgoOrderRecord, list[PerpetualEvent]]:
        """Take a conditional order; margin is looked at when it triggers. Raises `Refusal`."""
        raise NotImplementedError

    def cancel_algo(
        self,
        account: str,
        *,
        algo_id: int | None = None,
        client_algo_id: str | None = None,
        now_ns: int,
    ) -> tuple[AlgoOrderRecord, list[PerpetualEvent]]:
        """Cancel one that waits; when both ids are given both must fit. Raises `Refusal` (UNKNOWN_ORDER)."""
        raise NotImplementedError

    def cancel_all_algo(
        self, account: str, symbol: str, now_ns: int
    ) -> tuple[list[AlgoOrderRecord], list[PerpetualEvent]]:
        """Cancel the account's waiting conditional orders of a symbol; none is no error."""
        raise NotImplementedError

    def algo_order(
        self, account: str, *, algo_id: int | None = None, client_algo_id: str | None = None
    ) -> AlgoOrderRecord | None:
        """By id, or the newest that bore the client id; `None`: the exchange doesn't (or no longer) know it."""
        raise NotImplementedError

    def open_algo_orders(self, account: str, symbol: str | None = None) -> list[AlgoOrderRecord]:
        """Those that wait, oldest first."""
        raise NotImplementedError

    def algo_orders(self, account: str, symbol: str | None = None) -> list[AlgoOrderRecord]:
        """All that are known (the last `CLOSED_ORDERS_KEPT` that no longer wait), oldest first."""
        raise NotImplementedError

    # Prices and funding

    def mark_price(self, symbol: str) -> MarkPrice:
        raise NotImplementedError

    def funding_rates(self, symbol: str) -> list[FundingRate]:
        """Rates that were paid (the last `FUNDING_RATES_KEPT`), oldest first."""
        raise NotImplementedError

    def open_interest(self, symbol: str) -> int:
        """Lots that accounts hold long or short, whichever is more."""
        raise NotImplementedError

    # The other side

    def house(self, symbol: str) -> House:
        """The hands with which a market moves one symbol."""
        raise NotImplementedError

    def mark(self, index_prices: Mapping[str, int], now_ns: int) -> None:
        """One second has passed: take the index prices (quote atoms per unit of base, by symbol), count mark prices,
        trigger, pay funding, liquidate, expire what was good till now. `take_events` has the events. A market does this
        as part of `advance`."""
        raise NotImplementedError

    def close_due(self, now_ns: int) -> None:
        """As the spot exchange's."""
        raise NotImplementedError

    def take_events(self, now_ns: int) -> list[PerpetualEvent]:
        """What the house's hands and `mark` have caused since the last call of anything that returns events."""
        raise NotImplementedError

    # Persistence

    def snapshot_accounts(self) -> dict[str, Any]:
        """Accounts, settings, positions, orders, trades, funds and the last ids as JSON-ready data."""
        raise NotImplementedError

    def restore_accounts(self, data: Mapping[str, Any]) -> None:
        """Take a snapshot into an exchange that has no accounts; before the market's first `advance`. Raises ValueError
        when the snapshot does not fit."""
        raise NotImplementedError
