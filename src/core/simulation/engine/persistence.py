"""Accounts as plain data and back: what a venue must not forget when its process ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from core.simulation.engine.accounts import Account, AccountOrders
from core.simulation.engine.events import ListRecord, ListStatus
from core.simulation.engine.listing import Listing
from core.simulation.engine.order_lists import OrderGroup
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.settlement import Settlement, need, shares
from core.simulation.engine.special import Amendment, PreventedMatch
from core.simulation.engine.stops import STOP_TYPES

FORMAT = 2


@dataclass(frozen=True, slots=True)
class LastNumbers:
    """The last ids that were handed out; 0: none yet."""

    order_id: int
    list_id: int
    sequence: int


def snapshot(
    accounts: Mapping[str, Account], listings: Mapping[str, Listing], settlement: Settlement, numbers: LastNumbers
) -> dict[str, Any]:
    """JSON-ready: amounts in atoms, prices in ticks, quantities in lots, as in the records themselves."""
    return {
        "format": FORMAT,
        "last_order_id": numbers.order_id,
        "last_list_id": numbers.list_id,
        "last_sequence": numbers.sequence,
        "fees_collected": dict(settlement.fees_collected),
        "symbols": {name: _symbol_numbers(listing) for name, listing in listings.items()},
        "accounts": {key: _account_data(account) for key, account in accounts.items()},
    }


def restore(
    data: Mapping[str, Any],
    accounts: dict[str, Account],
    listings: Mapping[str, Listing],
    settlement: Settlement,
) -> LastNumbers:
    """Fill `accounts` and the books; the last numbers given. Raises ValueError when data doesn't fit."""
    if data.get("format") != FORMAT:
        raise ValueError(f"account data has format {data.get('format')!r}, this engine reads {FORMAT}")
    try:
        restored = {key: _account(key, each, listings) for key, each in data["accounts"].items()}
        numbers = LastNumbers(int(data["last_order_id"]), int(data["last_list_id"]), int(data["last_sequence"]))
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
        "prevented_match_id": listing.prevented_match_id,
        "house_base": listing.house_base,
        "house_quote": listing.house_quote,
    }


def _set_symbol_numbers(listing: Listing, numbers: Mapping[str, int]) -> None:
    listing.trade_id = numbers["trade_id"]
    listing.aggregate_id = numbers["aggregate_id"]
    listing.update_id = numbers["update_id"]
    listing.prevented_match_id = numbers["prevented_match_id"]
    listing.house_base = numbers["house_base"]
    listing.house_quote = numbers["house_quote"]


def _account_data(account: Account) -> dict[str, Any]:
    return {
        "fee_asset": account.fee_asset,
        "free": dict(account.free),
        "locked": dict(account.locked),
        "orders": [msgspec.to_builtins(record) for owned in account.orders.values() for record in owned.all()],
        "lists": [msgspec.to_builtins(record) for record in account.lists.all()],
        "trades": [msgspec.to_builtins(trade) for owned in account.orders.values() for trade in owned.trades],
        "amendments": [msgspec.to_builtins(each) for owned in account.orders.values() for each in owned.amendments],
        "prevented": [msgspec.to_builtins(each) for owned in account.orders.values() for each in owned.prevented],
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
    for amendment in msgspec.convert(data["amendments"], list[Amendment]):
        account.in_symbol(amendment.symbol).amendments.append(amendment)
    for match in msgspec.convert(data["prevented"], list[PreventedMatch]):
        account.in_symbol(match.symbol).prevented.append(match)
    for lists in sorted(msgspec.convert(data["lists"], list[ListRecord]), key=lambda record: record.list_id):
        _take_list(account, lists, listings)
    return account


def _take_list(account: Account, record: ListRecord, listings: Mapping[str, Listing]) -> None:
    """Tie the open orders of a list together again, and let them share what they lock."""
    owned = account.in_symbol(record.symbol)
    legs = [owned.open[order_id] for order_id, _ in record.orders if order_id in owned.open]
    if record.status is ListStatus.ALL_DONE or not legs:
        account.lists.finish(record)
        return
    is_waiting = any(leg.is_pending for leg in legs)
    working, others = (legs[0], legs[1:]) if is_waiting else (None, legs)
    group = OrderGroup(account, record.symbol, record.list_id, record.client_list_id, working, others, record)
    for leg in legs:
        leg.group = group
    if not is_waiting:
        for leg, lock in zip(legs, shares(legs, listings[record.symbol].spec), strict=True):
            leg.lock = lock
    account.lists.add(group)


def _open_order(account: Account, record: OrderRecord, listing: Listing) -> RestingOrder:
    special = record.special
    remaining = record.quantity - record.filled - (special.prevented if special is not None else 0)
    order = RestingOrder(
        account,
        record.symbol,
        record.order_id,
        record.client_order_id,
        record.side,
        record.side.sign > 0,
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
        0,
        record.created_ns,
        record.updated_ns,
        record.working_ns,
        special,
    )
    order.take_special()
    if special is not None and order.is_working:
        order.shown = special.shown or min(order.iceberg, remaining)
    if not order.is_pending:
        order.lock = need(order, listing.spec)
    return order


def _return_to_book(accounts: Mapping[str, Account], listings: Mapping[str, Listing]) -> None:
    """In order of when they joined their queue, which is the time priority they had."""
    owned: list[AccountOrders] = [each for account in accounts.values() for each in account.orders.values()]
    orders = [order for each in owned for order in each.open.values()]
    for order in sorted(orders, key=_priority):
        listing = listings[order.symbol]
        if order.is_working:
            side = listing.bids if order.is_buy else listing.asks
            side.add_order(order.price * side.sign, order)
        elif order.order_type in STOP_TYPES:
            order.account.orders[order.symbol].n_stops += 1
            if order.is_pending:
                continue
            if order.special is not None and order.special.trailing_delta_bips:
                listing.trailing.add(order)
            else:
                listing.stops.add(order)


def _priority(order: RestingOrder) -> tuple[int, int]:
    sliced_ns = order.special.sliced_ns if order.special is not None else 0
    return sliced_ns or order.working_ns, order.order_id
