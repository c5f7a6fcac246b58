"""Private events of USD-M as Binance spells them, one dictionary an event."""

from collections.abc import Iterable, Mapping

from core.domain.orders import OrderStatus
from core.simulation.engine.amounts import text
from core.simulation.engine.events import OrderChange
from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AlgoOrderChanged,
    LeverageChanged,
    MarginCalled,
    PerpetualOrderChanged,
    PositionState,
)
from core.simulation.engine.perpetual.orders import ConditionalType
from core.simulation.engine.perpetual.views import PositionView
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.order_payloads import STATUS
from core.simulation.server.payloads import Json
from core.simulation.server.usdm.account_payloads import margin_word, signed_quantity
from core.simulation.server.usdm.digits import price, quantity
from core.simulation.server.usdm.order_payloads import average_price, callback_rate, order_kind, original_kind

Symbols = Mapping[str, SymbolSpec]

_EXECUTION_TYPE = {
    OrderChange.NEW: "NEW",
    OrderChange.TRIGGERED: "NEW",
    OrderChange.TRADE: "TRADE",
    OrderChange.AMENDED: "AMENDMENT",
    OrderChange.CANCELED: "CANCELED",
    OrderChange.EXPIRED: "EXPIRED",
}


def order_update(spec: SymbolSpec, event: PerpetualOrderChanged, event_ms: int) -> Json:
    """`ORDER_TRADE_UPDATE`. A liquidation's fills are CALCULATED."""
    order, trade = event.order, event.trade
    execution = "CALCULATED" if order.is_liquidation and trade else _EXECUTION_TYPE[event.change]
    time_ms = event.time_ns // NS_PER_MS
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": time_ms,
        "E": event_ms,
        "o": {
            "s": order.symbol,
            "c": order.client_order_id,
            "S": order.side.name,
            "o": order_kind(order),
            "f": order.time_in_force.value,
            "q": quantity(spec, order.quantity),
            "p": price(spec, order.price),
            "ap": average_price(spec, order),
            "sp": "0",
            "x": execution,
            "X": STATUS[order.status],
            "i": order.order_id,
            "l": quantity(spec, trade.quantity if trade else 0),
            "z": quantity(spec, order.filled),
            "L": price(spec, trade.price if trade else 0),
            "N": trade.fee_asset if trade else spec.quote,
            "n": text(trade.fee) if trade else "0",
            "T": time_ms,
            "t": trade.trade_id if trade else 0,
            "b": "0",
            "a": "0",
            "m": trade.is_maker if trade else False,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": original_kind(order),
            "ps": order.position_side.value,
            "cp": order.close_position,
            "AP": "0",
            "cr": "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "rp": text(trade.realised) if trade else "0",
            "V": "NONE",
            "pm": "NONE",
            "gtd": order.good_till_ns // NS_PER_MS,
        },
    }


def trade_lite(spec: SymbolSpec, event: PerpetualOrderChanged, event_ms: int) -> Json:
    """`TRADE_LITE`, which comes ahead of a fill's ORDER_TRADE_UPDATE. Of a TRADE alone."""
    order, trade = event.order, event.trade
    assert trade is not None  # noqa: S101 - as documented
    return {
        "e": "TRADE_LITE",
        "E": event_ms,
        "T": event.time_ns // NS_PER_MS,
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side.name,
        "q": quantity(spec, order.quantity),
        "p": price(spec, order.price),
        "i": order.order_id,
        "l": quantity(spec, trade.quantity),
        "L": price(spec, trade.price),
        "t": trade.trade_id,
        "m": trade.is_maker,
    }


def algo_update(spec: SymbolSpec, event: AlgoOrderChanged, event_ms: int) -> Json:
    """`ALGO_UPDATE`. `ai`, `ap` and `aq` are its order proper's id, average price and filled quantity."""
    order, child = event.order, event.child
    is_trailing = order.order_type is ConditionalType.TRAILING_STOP_MARKET
    trailing: Json = {"AP": price(spec, order.activation_price), "cr": callback_rate(order)} if is_trailing else {}
    return {
        "e": "ALGO_UPDATE",
        "T": event.time_ns // NS_PER_MS,
        "E": event_ms,
        "o": {
            "caid": order.client_algo_id,
            "aid": order.algo_id,
            "at": "CONDITIONAL",
            "o": order.order_type.value,
            "s": order.symbol,
            "S": order.side.name,
            "ps": order.position_side.value,
            "f": order.time_in_force.value,
            "q": quantity(spec, order.quantity),
            "X": order.status.value,
            "ai": str(order.order_id) if order.order_id else "",
            "ap": average_price(spec, child) if child else "0.00000",
            "aq": quantity(spec, child.filled) if child else "0.00000",
            "act": order_kind(child) if child else "0",
            "tp": price(spec, order.trigger_price),
            "p": price(spec, order.price),
            "V": "NONE",
            "wt": order.working_type.value,
            "pm": "NONE",
            "cp": order.close_position,
            "pP": False,
            "R": order.reduce_only,
            "tt": order.triggered_ns // NS_PER_MS,
            "gtd": order.good_till_ns // NS_PER_MS,
            "rm": order.reason,
            **trailing,
        },
    }


def account_update(symbols: Symbols, event: AccountChanged, event_ms: int) -> Json:
    return {
        "e": "ACCOUNT_UPDATE",
        "T": event.time_ns // NS_PER_MS,
        "E": event_ms,
        "a": {
            "m": event.reason.value,
            "B": [
                {
                    "a": wallet.asset,
                    "wb": text(wallet.wallet),
                    "cw": text(wallet.cross_wallet),
                    "bc": text(wallet.change),
                }
                for wallet in event.wallets
            ],
            "P": [_position(symbols[position.symbol], position) for position in event.positions],
        },
    }


def leverage_update(event: LeverageChanged, event_ms: int) -> Json:
    return {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": event_ms,
        "T": event.time_ns // NS_PER_MS,
        "ac": {"s": event.symbol, "l": event.leverage},
    }


def margin_call(symbols: Symbols, event: MarginCalled, positions: Iterable[PositionView], event_ms: int) -> Json:
    """`positions`: those called, as they are now."""
    return {
        "e": "MARGIN_CALL",
        "E": event_ms,
        "cw": text(event.cross_wallet),
        "p": [
            {
                "s": each.symbol,
                "ps": each.side.value,
                "pa": signed_quantity(symbols[each.symbol], each.lots),
                "mt": margin_word(each.margin_type).upper(),
                "iw": text(each.isolated_wallet),
                "mp": text(each.mark_price),
                "up": text(each.unrealised),
                "mm": text(each.maintenance_margin),
            }
            for each in positions
        ],
    }


def listen_key_expired(listen_key: str, event_ms: int) -> Json:
    return {"e": "listenKeyExpired", "E": event_ms, "listenKey": listen_key}


def forced_order(spec: SymbolSpec, event: PerpetualOrderChanged, event_ms: int) -> Json:
    """`forceOrder` of the market streams: everybody sees who is liquidated, without the name."""
    order, trade = event.order, event.trade
    return {
        "e": "forceOrder",
        "E": event_ms,
        "o": {
            "s": order.symbol,
            "S": order.side.name,
            "o": order_kind(order),
            "f": order.time_in_force.value,
            "q": quantity(spec, order.quantity),
            "p": price(spec, order.price),
            "ap": average_price(spec, order),
            "X": STATUS[order.status],
            "l": quantity(spec, trade.quantity if trade else 0),
            "z": quantity(spec, order.filled),
            "T": event.time_ns // NS_PER_MS,
        },
    }


def is_liquidation_report(event: PerpetualOrderChanged) -> bool:
    """A snapshot is published when a liquidation order is done with."""
    return event.order.is_liquidation and event.order.status in (OrderStatus.FILLED, OrderStatus.EXPIRED)


def _position(spec: SymbolSpec, position: PositionState) -> Json:
    return {
        "s": position.symbol,
        "pa": signed_quantity(spec, position.lots),
        "ep": text(position.entry_price),
        "bep": text(position.break_even_price),
        "cr": text(position.realised),
        "up": text(position.unrealised),
        "mt": margin_word(position.margin_type),
        "iw": text(position.isolated_wallet),
        "ps": position.side.value,
    }
