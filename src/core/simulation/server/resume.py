"""What a venue finds of itself at start: epoch, seed, time, prices, ids, accounts."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import msgspec

from core.domain.instruments import InstrumentId
from core.simulation.engine.persistence import FORMAT
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.store import AccountStore

_ID_MARGIN = 1_000_000
"""Added to the ids that were kept last: more than a killed process can have handed out since."""


@dataclass(frozen=True, slots=True)
class SymbolNumbers:
    """The last ids of a symbol that were handed out."""

    trade_id: int = 0
    aggregate_id: int = 0
    update_id: int = 0


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


def resume(store: AccountStore, seed: int | None, symbols: Iterable[InstrumentId]) -> Resumed:
    """`seed` `None`: the stored one, or a random one."""
    stored_seed = store.fact("seed")
    if seed is None:
        seed = int(stored_seed) if stored_seed is not None else secrets.randbelow(2**31)
    known = _json_fact(store, "symbols")
    traded = sorted({order.symbol for order in store.orders()} & known.keys())
    return Resumed(
        epoch=store.fact("epoch") or secrets.token_hex(8),
        seed=seed,
        horizon_ns=int(store.fact("horizon_ns") or 0),
        prices={InstrumentId(name): Decimal(price) for name, price in _json_fact(store, "prices").items()},
        numbers={name: _beyond(SymbolNumbers(**kept)) for name, kept in _json_fact(store, "numbers").items()},
        sequence=int(store.fact("sequence") or -_ID_MARGIN) + _ID_MARGIN,
        symbols=tuple(dict.fromkeys([*symbols, *(InstrumentId(known[name]) for name in traded)])),
    )


def remember(store: AccountStore, resumed: Resumed, specs: Iterable[SymbolSpec]) -> None:
    """Keep what the next start needs of this one."""
    store.put_fact("epoch", resumed.epoch)
    store.put_fact("seed", str(resumed.seed))
    known = _json_fact(store, "symbols") | {spec.name: spec.instrument.id for spec in specs}
    store.put_fact("symbols", json.dumps(known))


def remember_market(
    store: AccountStore, prices: Mapping[InstrumentId, Decimal], numbers: Mapping[str, SymbolNumbers], sequence: int
) -> None:
    """Keep where the market is: prices by unified symbol, ids by the venue's, the last event's number."""
    store.put_fact("prices", json.dumps({name: str(price) for name, price in prices.items()}))
    store.put_fact("numbers", json.dumps({name: asdict(each) for name, each in numbers.items()}))
    store.put_fact("sequence", str(sequence))


def account_snapshot(store: AccountStore, resumed: Resumed, specs: Mapping[str, SymbolSpec]) -> dict[str, Any] | None:
    """The stored accounts as `Exchange.restore_accounts` takes them; `None`: there are none."""
    accounts = store.accounts()
    if not accounts:
        return None
    orders, trades = store.orders(), store.trades()
    by_account: dict[str, dict[str, Any]] = {
        each.account: {
            "fee_asset": None,
            "free": {asset: free for asset, (free, _) in each.balances.items()},
            "locked": {asset: locked for asset, (_, locked) in each.balances.items()},
            "orders": [],
            "trades": [],
        }
        for each in accounts
    }
    fees: dict[str, int] = {}
    symbols: dict[str, dict[str, int]] = {
        name: asdict(resumed.numbers.get(name, SymbolNumbers())) | {"house_base": 0, "house_quote": 0} for name in specs
    }
    for order in orders:
        by_account[order.account]["orders"].append(msgspec.to_builtins(order))
    for trade in trades:
        by_account[trade.account]["trades"].append(msgspec.to_builtins(trade))
        fees[trade.fee_asset] = fees.get(trade.fee_asset, 0) + trade.fee
        if trade.symbol in symbols:
            # What an account won the house lost; trades between two accounts cancel out.
            numbers = symbols[trade.symbol]
            numbers["house_base"] -= trade.side.sign * trade.quantity * specs[trade.symbol].lot_atoms
            numbers["house_quote"] += trade.side.sign * trade.quote
    return {
        "format": FORMAT,
        "last_order_id": max((order.order_id for order in orders), default=0),
        "last_sequence": resumed.sequence,
        "fees_collected": fees,
        "symbols": symbols,
        "accounts": by_account,
    }


def _beyond(kept: SymbolNumbers) -> SymbolNumbers:
    return SymbolNumbers(kept.trade_id + _ID_MARGIN, kept.aggregate_id + _ID_MARGIN, kept.update_id + _ID_MARGIN)


def _json_fact(store: AccountStore, name: str) -> dict[str, Any]:
    found = json.loads(store.fact(name) or "{}")
    return found if isinstance(found, dict) else {}
