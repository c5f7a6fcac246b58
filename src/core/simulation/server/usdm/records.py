"""What the venue's books keep of USD-M, each thing as it is now: orders, conditional orders, fills and income of
accounts, what else an account is, and what the exchange itself holds."""

from collections.abc import Iterable, Iterator

from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AlgoOrderChanged,
    FundingSettled,
    LeverageChanged,
    PerpetualEvent,
    PerpetualOrderChanged,
)
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.views import FundingRate
from core.simulation.server.records import Record

ORDER, ALGO_ORDER, TRADE, INCOME = "usdm order", "usdm algo order", "usdm trade", "usdm income"
ACCOUNT = "usdm account"
"""Wallets, positions, settings."""
FUNDING, SYMBOL, FUNDS = "usdm funding", "usdm symbol", "usdm funds"
NOBODY = ""
"""The account of what is the exchange's own."""


KEPT = frozenset({PerpetualOrderChanged, AlgoOrderChanged, AccountChanged, LeverageChanged, FundingSettled})
"""Types of the events that leave a record."""


class UsdmRecords:
    """Turns what an exchange did into records."""

    def __init__(self, exchange: PerpetualExchange) -> None:
        self._exchange = exchange
        self._last_income: dict[str, int] = {}

    def recall(self, accounts: Iterable[str]) -> None:
        """The income of these accounts has been kept by an earlier run."""
        for account in accounts:
            for change in self._exchange.income(account):
                self._last_income[account] = change.income_id

    def of(self, events: Iterable[PerpetualEvent]) -> list[Record]:
        records: list[Record] = []
        accounts: dict[str, None] = {}
        traded: dict[str, None] = {}
        for event in events:
            if isinstance(event, PerpetualOrderChanged):
                records += _of_order(event)
                if event.trade is not None:
                    traded[event.order.symbol] = None
            elif isinstance(event, AlgoOrderChanged):
                order = event.order
                is_open = order.status.is_open
                records.append(Record(ALGO_ORDER, order.account, order.symbol, order.algo_id, order, is_open=is_open))
            elif isinstance(event, (AccountChanged, LeverageChanged)):
                accounts[event.account] = None
            elif isinstance(event, FundingSettled):
                records.append(_funding(event))
        for account in accounts:
            records += self._of_account(account)
        if accounts:
            records += [self._symbol(symbol) for symbol in traded]
            records.append(Record(FUNDS, NOBODY, "", 0, self._exchange.funds(), is_open=True))
        return records

    def account(self, account: str) -> Record:
        """All of an account that is neither an order, a fill nor income."""
        return Record(ACCOUNT, account, "", 0, self._exchange.account_standing(account), is_open=True)

    def _of_account(self, account: str) -> Iterator[Record]:
        yield self.account(account)
        for change in self._exchange.income(account, after_id=self._last_income.get(account, 0)):
            self._last_income[account] = change.income_id
            yield Record(INCOME, account, change.symbol, change.income_id, change)

    def _symbol(self, symbol: str) -> Record:
        return Record(SYMBOL, NOBODY, symbol, 0, self._exchange.symbol_numbers(symbol), is_open=True)


def _of_order(event: PerpetualOrderChanged) -> Iterator[Record]:
    order, trade = event.order, event.trade
    yield Record(ORDER, order.account, order.symbol, order.order_id, order, is_open=order.status.is_open)
    if trade is not None:  # both sides may be one account's
        yield Record(TRADE, trade.account, trade.symbol, trade.trade_id, trade, part=trade.order_id)


def _funding(event: FundingSettled) -> Record:
    paid = FundingRate(event.symbol, event.rate, event.mark_price, event.time_ns)
    return Record(FUNDING, NOBODY, event.symbol, event.time_ns, paid)
