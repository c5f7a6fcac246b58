"""What a venue finds of itself at start: epoch, seed, time, prices, ids, accounts."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import msgspec

from core.domain.instruments import InstrumentId
from core.simulation.engine.accounts import CLOSED_ORDERS_KEPT, TRADES_KEPT
from core.simulation.engine.persistence import FORMAT
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.books import Books
from core.simulation.server.order_records import LIST, PREVENTED, stored_order_records
from core.simulation.server.store import AccountStore

ID_MARGIN = 1_000_000
"""Added to the ids that were kept last: more than a killed process can have handed out since."""


@dataclass(frozen=True, slots=True)
class SymbolNumbers:
    """The last ids of a symbol that were handed out."""

    trade_id: int = 0
    aggregate_id: int = 0
    update_id: int = 0


FIRST_NUMBERS = SymbolNumbers(10**9, 10**9, 10**9)
"""Where a symbol begins: ids keep their length, since clients (ccxt) sort those of one millisecond as text."""


@dataclass(frozen=True, slots=True)
class Resumed:
    epoch: str
    """Identity of the books: new with a new store."""
    seed: int
    horizon_ns: int
    """Venue time (UTC ns) before which this process must not begin: no earlier one showed a later time. 0: new."""
    prices: dict[InstrumentId, Decimal]
    """Last prices of an earlier run; empty for a new store."""
    numbers: dict[str, SymbolNumbers]
    """Ids from which each symbol goes on, by the venue's symbol: a margin above what an earlier run kept."""
    sequence: int
    symbols: tuple[InstrumentId, ...]
    """The symbols asked for, and those in which an earlier run traded."""


def resume(books: Books, seed: int | None, symbols: Iterable[InstrumentId]) -> Resumed:
    """`seed` `None`: the stored one, or a random one."""
    stored_seed = books.fact("seed")
    if seed is None:
        seed = int(stored_seed) if stored_seed is not None else secrets.randbelow(2**31)
    known = json_fact(books, "symbols")
    traded = [name for name in books.traded_symbols() if name in known]
    return Resumed(
        epoch=books.fact("epoch") or secrets.token_hex(8),
        seed=seed,
        horizon_ns=int(books.fact("horizon_ns") or 0),
        prices={InstrumentId(name): Decimal(price) for name, price in json_fact(books, "prices").items()},
        numbers={name: beyond(SymbolNumbers(**kept)) for name, kept in json_fact(books, "numbers").items()},
        sequence=int(books.fact("sequence") or -ID_MARGIN) + ID_MARGIN,
        symbols=tuple(dict.fromkeys([*symbols, *(InstrumentId(known[name]) for name in traded)])),
    )


def remember(store: AccountStore, resumed: Resumed, specs: Iterable[SymbolSpec]) -> None:
    """Keep what the next start needs of this one."""
    store.put_fact("epoch", resumed.epoch)
    store.put_fact("seed", str(resumed.seed))
    known = json_fact(store.books, "symbols") | {spec.name: spec.instrument.id for spec in specs}
    store.put_fact("symbols", json.dumps(known))


def remember_market(
    store: AccountStore, prices: Mapping[InstrumentId, Decimal], numbers: Mapping[str, SymbolNumbers], sequence: int
) -> None:
    """Keep where the market is: prices by unified symbol, ids by the venue's, the last event's number."""
    store.put_fact("prices", json.dumps({name: str(price) for name, price in prices.items()}))
    store.put_fact("numbers", json.dumps({name: asdict(each) for name, each in numbers.items()}))
    store.put_fact("sequence", str(sequence))


def account_snapshot(books: Books, resumed: Resumed, specs: Mapping[str, SymbolSpec]) -> dict[str, Any]:
    """The stored accounts and each symbol's ids as `Exchange.restore_accounts` takes them."""
    accounts = books.accounts()
    sums = books.sums()
    return {
        "format": FORMAT,
        "last_order_id": books.last_order_id(),
        "last_list_id": books.records.last_number(LIST),
        "last_sequence": resumed.sequence,
        "fees_collected": {
            name.removeprefix("fee:"): amount for name, amount in sums.items() if name.startswith("fee:")
        },
        "symbols": {
            name: asdict(resumed.numbers.get(name, FIRST_NUMBERS))
            | {
                "prevented_match_id": books.records.last_number(PREVENTED),
                "house_base": -sums.get(f"base:{name}", 0) * spec.lot_atoms,
                "house_quote": -sums.get(f"quote:{name}", 0),
            }
            for name, spec in specs.items()
        },
        "accounts": {
            each.account: {
                "fee_asset": None,
                "free": {asset: free for asset, (free, _) in each.balances.items()},
                "locked": {asset: locked for asset, (_, locked) in each.balances.items()},
                "orders": msgspec.to_builtins(books.orders(each.account, newest=CLOSED_ORDERS_KEPT)),
                "trades": msgspec.to_builtins(books.trades(each.account, newest=TRADES_KEPT)),
                **stored_order_records(books.records, each.account),
            }
            for each in accounts
        },
    }


def beyond(kept: SymbolNumbers) -> SymbolNumbers:
    """More than a killed process can have handed out since these were kept."""
    return SymbolNumbers(kept.trade_id + ID_MARGIN, kept.aggregate_id + ID_MARGIN, kept.update_id + ID_MARGIN)


def json_fact(books: Books, name: str) -> dict[str, Any]:
    """Empty where it was never kept."""
    found = json.loads(books.fact(name) or "{}")
    return found if isinstance(found, dict) else {}
