"""What a venue finds of its perpetuals at start."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from core.domain.instruments import Instrument, InstrumentId
from core.simulation.engine.accounts import CLOSED_ORDERS_KEPT, TRADES_KEPT
from core.simulation.engine.perpetual.accounts import INCOME_KEPT
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.marks import FUNDING_RATES_KEPT
from core.simulation.engine.perpetual.orders import AlgoOrderRecord, PerpetualOrderRecord, PerpetualTrade
from core.simulation.engine.perpetual.persistence import FORMAT
from core.simulation.engine.perpetual.views import FundingRate, Income
from core.simulation.server.books import Books
from core.simulation.server.resume import FIRST_NUMBERS, ID_MARGIN, SymbolNumbers, beyond, json_fact
from core.simulation.server.store import AccountStore
from core.simulation.server.usdm.records import (
    ACCOUNT,
    ALGO_ORDER,
    FUNDING,
    FUNDS,
    INCOME,
    NOBODY,
    ORDER,
    SYMBOL,
    TRADE,
)

LISTEN_KEYS = "usdm_listen_keys"
_INSTRUMENTS, _NUMBERS, _SEQUENCE = "usdm_instruments", "usdm_numbers", "usdm_sequence"


@dataclass(frozen=True, slots=True)
class Listed:
    """What a venue lists."""

    spot: tuple[InstrumentId, ...]
    perpetuals: tuple[InstrumentId, ...]
    known: Mapping[InstrumentId, Instrument]
    """Perpetuals as an earlier run had them: what is stored counts in their steps."""


def listed(books: Books, symbols: Iterable[InstrumentId]) -> Listed:
    """Of `symbols` and of the perpetuals in which an earlier run traded; a perpetual brings its spot pair, whose price
    is its index."""
    symbols = tuple(symbols)
    known = _instruments(books)
    has_traded = frozenset(books.records.symbols(ORDER))
    traded = (symbol for symbol, instrument in known.items() if instrument.venue_symbol in has_traded)
    perpetuals = tuple(dict.fromkeys([*filter(is_perpetual, symbols), *traded]))
    spot = (symbol for symbol in symbols if not is_perpetual(symbol))
    return Listed(tuple(dict.fromkeys([*spot, *map(pair_of, perpetuals)])), perpetuals, known)


def is_perpetual(symbol: InstrumentId) -> bool:
    """`BTC/USDT:USDT` is one, `BTC/USDT` is not."""
    return ":" in symbol


def pair_of(symbol: InstrumentId) -> InstrumentId:
    return InstrumentId(symbol.partition(":")[0])


def _instruments(books: Books) -> dict[InstrumentId, Instrument]:
    return msgspec.json.decode(books.fact(_INSTRUMENTS) or "{}", type=dict[InstrumentId, Instrument])


def remember_listed(store: AccountStore, exchange: PerpetualExchange) -> None:
    now = {spec.instrument.id: spec.instrument for spec in exchange.symbols.values()}
    store.put_fact(_INSTRUMENTS, msgspec.json.encode(_instruments(store.books) | now).decode())


def remember_numbers(store: AccountStore, exchange: PerpetualExchange, sequence: int) -> None:
    """Keep the last ids that were handed out; those of symbols that are not listed stay as they are."""
    numbers = {name: exchange.symbol_numbers(name) for name in exchange.symbols}
    now = {name: {key: each[key] for key in asdict(SymbolNumbers())} for name, each in numbers.items()}
    store.put_fact(_NUMBERS, json.dumps(json_fact(store.books, _NUMBERS) | now))
    store.put_fact(_SEQUENCE, str(sequence))


def stored_sequence(books: Books) -> int:
    """Number of the last event, or more; 0: there was none."""
    kept = books.fact(_SEQUENCE)
    return 0 if kept is None else int(kept) + ID_MARGIN


def account_snapshot(books: Books, symbols: Iterable[str]) -> dict[str, Any]:
    """The stored accounts and each symbol's ids as `PerpetualExchange.restore_accounts` takes them."""
    records = books.records
    accounts = [each.account for each in books.accounts() if records.of(each.account, ACCOUNT, dict)]
    funds = records.of(NOBODY, FUNDS, dict[str, dict[str, int]]) or [{"fees_collected": {}, "insurance": {}}]
    last_ids = [records.last_number(kind) for kind in (ORDER, ALGO_ORDER, INCOME)]
    return {
        "format": FORMAT,
        "last_ids": [*last_ids, stored_sequence(books)],
        **funds[0],
        "symbols": _symbol_data(books, symbols),
        "accounts": {account: _account_data(books, account) for account in accounts},
    }


def _symbol_data(books: Books, symbols: Iterable[str]) -> dict[str, Any]:
    kept: Mapping[str, Mapping[str, int]] = json_fact(books, _NUMBERS)
    houses = books.records.by_symbol(NOBODY, SYMBOL, dict[str, int])
    rates = books.records.of(NOBODY, FUNDING, FundingRate, newest=FUNDING_RATES_KEPT)
    return {
        name: {
            "house_base": 0,
            "house_quote": 0,
            **houses.get(name, {}),
            **asdict(beyond(SymbolNumbers(**kept[name])) if name in kept else FIRST_NUMBERS),
            "rates": msgspec.to_builtins([rate for rate in rates if rate.symbol == name]),
        }
        for name in symbols
    }


def _account_data(books: Books, account: str) -> dict[str, Any]:
    records = books.records
    algos = records.of(account, ALGO_ORDER, AlgoOrderRecord, newest=CLOSED_ORDERS_KEPT)
    data = {
        "orders": records.of(account, ORDER, PerpetualOrderRecord, newest=CLOSED_ORDERS_KEPT),
        "trades": records.of(account, TRADE, PerpetualTrade, newest=TRADES_KEPT),
        "algos": [algo for algo in algos if algo.status.is_open],
        "closed_algos": [algo for algo in algos if not algo.status.is_open],
        "income": records.of(account, INCOME, Income, newest=INCOME_KEPT)[-INCOME_KEPT:],
    }
    standing: dict[str, Any] = records.of(account, ACCOUNT, dict[str, Any])[0]
    orders: dict[str, Any] = msgspec.to_builtins(data)
    return standing | orders
