"""Accounts as plain data and back: what a venue must not forget when its process ends."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.simulation.engine.accounts import Account, AccountOrders
from core.simulation.engine.listing import Listing
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.settlement import Settlement

FORMAT = 1


def snapshot(
    accounts: Mapping[str, Account],
    listings: Mapping[str, Listing],
    settlement: Settlement,
    last_order_id: int,
    last_sequence: int,
) -> dict[str, Any]:
    """JSON-ready: amounts in atoms, prices in ticks, quantities in lots, as in the records themselves."""
    return {
        "format": FORMAT,
        "last_order_id": last_order_id,
        "last_sequence": last_sequence,
        "fees_collected": dict(settlement.fees_collected),
        "symbols": {name: _symbol_numbers(listing) for name, listing in listings.items()},
        "accounts": {key: _account_data(account) for key, account in accounts.items()},
    }


def restore(
    data: Mapping[str, Any],
    accounts: dict[str, Account],
    listings: Mapping[str, Listing],
    settlement: Settlement,
) -> tuple[int, int]:
    """Fill `accounts` and the books; the last order id and event sequence. Raises ValueError when data doesn't fit."""
    if data.get("format") != FORMAT:
        raise ValueError(f"account data has format {data.get('format')!r}, this engine reads {FORMAT}")
    try:
        restored = {key: _account(key, each, listings) for key, each in data["accounts"].items()}
        numbers = int(data["last_order_id"]), int(data["last_sequence"])
        for name, symbol in data["symbols"].items():
            if name in listings:
                _set_symbol_numbers(listings[name], symbol)
        fees = {asset: int(atoms) for asset, atoms in data["fees_collected"].items()}
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise ValueError(f"account data is damaged: {type(error).__name__}: {error}") from error
    accounts.update(restored)
    settlement.fees_collected.update(fees)
    _return_to_book(restored, listings)
    return numbers


def _symbol_numbers(listing: Listing) -> dict[str, int]:
    return {
        "trade_id": listing.trade_id,
        "aggregate_id": listing.aggregate_id,
        "update_id": listing.update_id,
        "house_base": listing.house_base,
        "house_quote": listing.house_quote,
    }


def _set_symbol_numbers(listing: Listing, numbers: Mapping[str, int]) -> None:
    listing.trade_id = numbers["trade_id"]
    listing.aggregate_id = numbers["aggregate_id"]
    listing.update_id = numbers["update_id"]
    listing.house_base = numbers["house_base"]
    listing.house_quote = numbers["house_quote"]


def _account_data(account: Account) -> dict[str, Any]:
    return {
        "fee_asset": account.fee_asset,
        "free": dict(account.free),
        "locked": dict(account.locked),
        "orders": [msgspec.to_builtins(record) for owned in account.orders.values() for record in owned.all()],
        "trades": [msgspec.to_builtins(trade) for owned in account.orders.values() for trade in owned.trades],
    }


def _account(key: str, data: Mapping[str, Any], listings: Mapping[str, Listing]) -> Account:
    account = Account(key, data["fee_asset"])
    account.free = {asset: int(atoms) for asset, atoms in data["free"].items()}
    account.locked = {asset: int(atoms) for asset, atoms in data["locked"].items()}
    for record in sorted(msgspec.convert(data["orders"], list[OrderRecord]), key=lambda record: record.order_id):
        owned = account.in_symbol(record.symbol)
        if not record.status.is_open:
            owned.close(record)
        elif record.symbol in listings:
            owned.add(_open_order(account, record, listings[record.symbol]))
        else:
            raise ValueError(f"account {key}: order {record.order_id} is open in {record.symbol}, not listed here")
    for trade in msgspec.convert(data["trades"], list[AccountTrade]):
        account.in_symbol(trade.symbol).trades.append(trade)
    return account


def _open_order(account: Account, record: OrderRecord, listing: Listing) -> RestingOrder:
    remaining = record.quantity - record.filled
    is_buy = record.side.sign > 0
    spec = listing.spec
    lock = spec.notional_up(record.price or record.stop_price, remaining) if is_buy else remaining * spec.lot_atoms
    return RestingOrder(
        account,
        record.symbol,
        record.order_id,
        record.client_order_id,
        record.side,
        is_buy,
        record.order_type,
        record.time_in_force,
        record.price,
        record.stop_price,
        record.quantity,
        record.quote_quantity,
        remaining,
        record.filled_quote,
        record.status,
        record.is_working,
        lock,
        record.created_ns,
        record.updated_ns,
        record.working_ns,
    )


def _return_to_book(accounts: Mapping[str, Account], listings: Mapping[str, Listing]) -> None:
    """In order of when they began to work, which is the time priority they had."""
    owned: list[AccountOrders] = [each for account in accounts.values() for each in account.orders.values()]
    orders = [order for each in owned for order in each.open.values()]
    for order in sorted(orders, key=lambda order: (order.working_ns, order.order_id)):
        listing = listings[order.symbol]
        if order.is_working:
            side = listing.bids if order.is_buy else listing.asks
            side.add_order(order.price * side.sign, order)
        else:
            listing.stops.add(order)
            order.account.orders[order.symbol].n_stops += 1
