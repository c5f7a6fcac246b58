"""The exchange: symbols, accounts and orders behind one synchronous face.

Every call that changes something takes the time of the change and returns the events it caused, in order. Times may
not go back; an earlier one is taken as the latest seen.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.simulation.engine.events import Candle, Event, Trade
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.history import History
from core.simulation.engine.intervals import Interval
from core.simulation.engine.orders import AccountTrade, NewOrder, OrderRecord
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker


class Exchange:
    """`history` holds the candles before `start_ns`; `None`: there are none.

    Symbols are named as the venue spells them (`BTCUSDT`), accounts by any key the caller chooses.
    """

    def __init__(
        self, symbols: Sequence[SymbolSpec], *, fees: FeeSchedule, start_ns: int, history: History | None = None
    ) -> None:
        raise NotImplementedError

    @property
    def symbols(self) -> Mapping[str, SymbolSpec]:
        raise NotImplementedError

    # Accounts

    def open_account(
        self, account: str, deposits: Mapping[str, Decimal], now_ns: int, *, fee_asset: str | None = None
    ) -> list[Event]:
        """Open an account with deposits in units of each asset; an account that exists is left alone (no events).

        `fee_asset`: where fees are paid if there is enough of it; `None`: in the received asset.
        """
        raise NotImplementedError

    def deposit(self, account: str, asset: str, amount: Decimal, now_ns: int) -> list[Event]:
        """Add to (or, negative, take from) the free balance. Refuses to go below zero."""
        raise NotImplementedError

    def has_account(self, account: str) -> bool:
        raise NotImplementedError

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]:
        """(free, locked) of every asset the account ever held, sorted by asset."""
        raise NotImplementedError

    def fees_collected(self) -> dict[str, Decimal]:
        raise NotImplementedError

    # Orders

    def submit(self, account: str, order: NewOrder, now_ns: int) -> tuple[OrderRecord, list[Event]]:
        """Take an order: the record after all that happened at once (fills included). Raises `Refusal`."""
        raise NotImplementedError

    def check(self, account: str, order: NewOrder, now_ns: int) -> None:
        """All that `submit` checks, changing nothing (Binance's `order/test`). Raises `Refusal`."""
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
    ) -> tuple[OrderRecord, list[Event]]:
        """Cancel one open order; when both ids are given both must fit. Raises `Refusal` (UNKNOWN_ORDER)."""
        raise NotImplementedError

    def cancel_all(self, account: str, symbol: str, now_ns: int) -> tuple[list[OrderRecord], list[Event]]:
        """Cancel the account's open orders of a symbol. Raises `Refusal` (UNKNOWN_ORDER) when there is none."""
        raise NotImplementedError

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderRecord | None:
        """By order id, or the newest that bore the client id; `None`: the exchange doesn't (or no longer) know it."""
        raise NotImplementedError

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        """Oldest first, of one symbol or of all."""
        raise NotImplementedError

    def orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        """Open and closed, oldest first."""
        raise NotImplementedError

    def trades(self, account: str, symbol: str | None = None) -> list[AccountTrade]:
        """The account's trades, oldest first."""
        raise NotImplementedError

    # Market data

    def best(self, symbol: str) -> Best:
        raise NotImplementedError

    def depth(self, symbol: str, limit: int) -> Depth:
        """At most `limit` levels a side."""
        raise NotImplementedError

    def recent_trades(self, symbol: str, limit: int, *, from_id: int | None = None) -> list[Trade]:
        """The last `limit` public trades kept, or the first `limit` from `from_id` on; oldest first."""
        raise NotImplementedError

    def aggregate_trades(self, symbol: str, limit: int, *, from_id: int | None = None) -> list[AggregateTrade]:
        """As `recent_trades`, with trades of one taker at one price joined; `from_id` is an aggregate id."""
        raise NotImplementedError

    def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Candle]:
        """Candles that open within [start_ms, end_ms], oldest first, the forming one included.

        At most `limit`: the oldest from `start_ms` if that is given, else the newest.
        """
        raise NotImplementedError

    def close_candles(self, now_ns: int) -> list[Event]:
        """Close all candles that end by `now_ns`, traded in or not. A market does this as part of `advance`."""
        raise NotImplementedError

    def forming_candle(self, symbol: str, interval: Interval) -> Candle:
        """The candle that is being built."""
        raise NotImplementedError

    def average_price(self, symbol: str) -> int:
        """Volume-weighted price of the last five minutes in ticks; the last price when nothing traded."""
        raise NotImplementedError

    def last_price(self, symbol: str) -> int:
        raise NotImplementedError

    def ticker_24h(self, symbol: str) -> Ticker:
        raise NotImplementedError

    # Persistence

    def snapshot_accounts(self) -> dict[str, Any]:
        """Accounts, open and kept closed orders, trades and the next ids as JSON-ready data (str, int, list, dict)."""
        raise NotImplementedError

    def restore_accounts(self, snapshot: Mapping[str, Any]) -> None:
        """Take a snapshot's accounts into an exchange that has none; open orders go back to the book in their order.

        Raises ValueError when the snapshot does not fit (an account exists, a symbol is unknown, money is missing).
        """
        raise NotImplementedError
