"""Perpetual accounts as plain data and back: what a venue must not forget when its process ends."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from core.simulation.engine.perpetual.accounts import PerpetualAccount, SymbolSettings
from core.simulation.engine.perpetual.algo_desk import AlgoDesk
from core.simulation.engine.perpetual.checks import closes
from core.simulation.engine.perpetual.conditional import AlgoOrder
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    MarginType,
    PerpetualOrderRecord,
    PerpetualTrade,
    PositionSide,
)
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.positions import Position
from core.simulation.engine.perpetual.resting import PerpetualOrder
from core.simulation.engine.perpetual.settlement import Settlement
from core.simulation.engine.perpetual.views import FundingRate, Income

FORMAT = 1
_NUMBERS = ("trade_id", "aggregate_id", "update_id", "house_base", "house_quote")
_POSITION = ("lots", "cost", "entry_fees", "isolated", "realised", "updated_ns")


class LastIds(NamedTuple):
    """The last numbers given."""

    order: int
    algo: int
    income: int
    sequence: int


def snapshot(
    accounts: Mapping[str, PerpetualAccount],
    perpetuals: Mapping[str, Perpetual],
    settlement: Settlement,
    last_ids: LastIds,
) -> dict[str, Any]:
    """JSON-ready: amounts in atoms, prices in ticks, quantities in lots, as in the records themselves."""
    return {
        "format": FORMAT,
        "last_ids": list(last_ids),
        **funds_data(settlement),
        "symbols": {name: _symbol_data(perpetual) for name, perpetual in perpetuals.items()},
        "accounts": {key: _account_data(account) for key, account in accounts.items()},
    }


def restore(
    data: Mapping[str, Any],
    accounts: dict[str, PerpetualAccount],
    perpetuals: Mapping[str, Perpetual],
    settlement: Settlement,
    algo_desk: AlgoDesk,
) -> LastIds:
    """Fill `accounts` and the books. Raises ValueError when data doesn't fit, and then has changed nothing."""
    if data.get("format") != FORMAT:
        raise ValueError(f"account data has format {data.get('format')!r}, this engine reads {FORMAT}")
    try:
        restored = {key: _account(key, each, perpetuals) for key, each in data["accounts"].items()}
        algos = [
            _algo(restored[key], record, perpetuals)
            for key, each in data["accounts"].items()
            for record in msgspec.convert(each["algos"], list[AlgoOrderRecord])
        ]
        last_ids = LastIds(*(int(each) for each in data["last_ids"]))
        fees = {asset: int(atoms) for asset, atoms in data["fees_collected"].items()}
        insurance = {asset: int(atoms) for asset, atoms in data["insurance"].items()}
        symbols = {
            name: ({key: int(each[key]) for key in _NUMBERS}, msgspec.convert(each["rates"], list[FundingRate]))
            for name, each in data["symbols"].items()
        }
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise ValueError(f"account data is damaged: {type(error).__name__}: {error}") from error
    accounts.update(restored)
    settlement.fees_collected.update(fees)
    settlement.insurance.update(insurance)
    for name, (numbers, rates) in symbols.items():
        if name in perpetuals:
            _set_symbol(perpetuals[name], numbers, rates)
    _return_to_book(restored, perpetuals)
    for algo in algos:
        algo_desk.wait(perpetuals[algo.symbol], algo)
    return last_ids


def funds_data(settlement: Settlement) -> dict[str, Any]:
    """The part of a snapshot that is the exchange's own money."""
    return {"fees_collected": dict(settlement.fees_collected), "insurance": dict(settlement.insurance)}


def symbol_numbers(perpetual: Perpetual) -> dict[str, int]:
    """The part of a snapshot that is a symbol's last ids, and what the house holds in it."""
    return {key: getattr(perpetual.listing, key) for key in _NUMBERS}


def _symbol_data(perpetual: Perpetual) -> dict[str, Any]:
    return {**symbol_numbers(perpetual), "rates": [msgspec.to_builtins(rate) for rate in perpetual.marks.rates]}


def _set_symbol(perpetual: Perpetual, numbers: Mapping[str, int], rates: list[FundingRate]) -> None:
    for key, number in numbers.items():
        setattr(perpetual.listing, key, number)
    perpetual.marks.rates.extend(rates)
    if rates:
        perpetual.marks.last_funding_rate = rates[-1].rate


def standing(account: PerpetualAccount) -> dict[str, Any]:
    """The part of an account's snapshot that is always small: wallets, positions, settings."""
    return {
        "is_hedged": account.is_hedged,
        "wallets": dict(account.free),
        "updated_ns": dict(account.updated_ns),
        "settings": {
            name: [settings.leverage, settings.margin_type.value] for name, settings in account.settings.items()
        },
        "positions": [
            {"symbol": each.symbol, "side": each.side.value, **{key: getattr(each, key) for key in _POSITION}}
            for each in account.positions.values()
        ],
    }


def _account_data(account: PerpetualAccount) -> dict[str, Any]:
    owned = [account.in_symbol(symbol) for symbol in sorted(account.orders)]
    return {
        **standing(account),
        "orders": [msgspec.to_builtins(record) for each in owned for record in each.records()],
        "trades": [msgspec.to_builtins(trade) for each in owned for trade in each.own_trades()],
        "algos": [msgspec.to_builtins(algo.latest) for algo in account.algos.values()],
        "closed_algos": [msgspec.to_builtins(record) for record in account.closed_algos.values()],
        "income": [msgspec.to_builtins(income) for income in account.income],
    }


def _account(key: str, data: Mapping[str, Any], perpetuals: Mapping[str, Perpetual]) -> PerpetualAccount:
    account = PerpetualAccount(key)
    account.is_hedged = bool(data["is_hedged"])
    account.free = {asset: int(atoms) for asset, atoms in data["wallets"].items()}
    account.updated_ns = {asset: int(time_ns) for asset, time_ns in data["updated_ns"].items()}
    for name, (leverage, margin_type) in data["settings"].items():
        account.settings[name] = SymbolSettings(int(leverage), msgspec.convert(margin_type, MarginType))
    for each in data["positions"]:
        _listed(key, "a position", each["symbol"], perpetuals)
        position = Position(each["symbol"], msgspec.convert(each["side"], PositionSide))
        for field in _POSITION:
            setattr(position, field, int(each[field]))
        account.positions[position.symbol, position.side] = position
        account.dirty[position.symbol] = None
    records = msgspec.convert(data["orders"], list[PerpetualOrderRecord])
    for record in sorted(records, key=lambda record: record.order_id):
        owned = account.in_symbol(record.symbol)
        if record.status.is_open:
            owned.add(_open_order(account, record, _listed(key, "an open order", record.symbol, perpetuals)))
        else:
            owned.close(record)
    for trade in msgspec.convert(data["trades"], list[PerpetualTrade]):
        account.in_symbol(trade.symbol).trades.append(trade)
    for closed in msgspec.convert(data["closed_algos"], list[AlgoOrderRecord]):
        account.keep_algo(closed)
    account.income.extend(msgspec.convert(data["income"], list[Income]))
    return account


def _listed(key: str, what: str, symbol: str, perpetuals: Mapping[str, Perpetual]) -> Perpetual:
    if symbol not in perpetuals:
        raise ValueError(f"account {key} has {what} in {symbol}, not listed here")
    return perpetuals[symbol]


def _open_order(account: PerpetualAccount, record: PerpetualOrderRecord, perpetual: Perpetual) -> PerpetualOrder:
    remaining = record.quantity - record.filled
    order = PerpetualOrder(
        account=account,
        symbol=record.symbol,
        order_id=record.order_id,
        client_order_id=record.client_order_id,
        side=record.side,
        is_buy=record.side.sign > 0,
        order_type=record.order_type,
        time_in_force=record.time_in_force,
        price=record.price,
        stop_price=0,
        quantity=record.quantity,
        quote_quantity=0,
        remaining=remaining,
        filled_quote=record.filled_quote,
        status=record.status,
        is_working=True,
        lock=0,
        created_ns=record.created_ns,
        updated_ns=record.updated_ns,
        working_ns=record.working_ns,
        position_side=record.position_side,
        reduces=record.reduce_only or record.close_position or closes(record.side, record.position_side),
        reduce_only=record.reduce_only,
        close_position=record.close_position,
        good_till_ns=record.good_till_ns,
        algo_id=record.algo_id,
        conditional_type=record.conditional_type,
    )
    if not order.reduces:
        notional = order.price * remaining * perpetual.contract.spec.notional_num
        account.reserve(order, notional)
    return order


def _algo(account: PerpetualAccount, record: AlgoOrderRecord, perpetuals: Mapping[str, Perpetual]) -> AlgoOrder:
    perpetual = _listed(account.key, "a conditional order", record.symbol, perpetuals)
    fields = {name: getattr(record, name) for name in AlgoOrderRecord.__struct_fields__ if name != "account"}
    trigger = (record.trigger_price or record.activation_price) * perpetual.contract.spec.tick_atoms
    algo = AlgoOrder(account=account, trigger=trigger, **{**fields, "extreme": 0})
    if record.extreme:
        algo.follow(record.extreme)
    return algo


def _return_to_book(accounts: Mapping[str, PerpetualAccount], perpetuals: Mapping[str, Perpetual]) -> None:
    """In order of when they began to work, which is the time priority they had."""
    owned = chain.from_iterable(account.owned() for account in accounts.values())
    orders = [order for each in owned for order in each.working()]
    for order in sorted(orders, key=lambda order: (order.working_ns, order.order_id)):
        perpetual = perpetuals[order.symbol]
        side = perpetual.listing.bids if order.is_buy else perpetual.listing.asks
        side.add_order(order.price * side.sign, order)
        if order.reduces:
            order.account.in_symbol(order.symbol).reducing[order.order_id] = order
        if order.good_till_ns:
            perpetual.timed[order.order_id] = order
