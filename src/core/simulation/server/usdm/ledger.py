"""The venue's own truth of a USD-M account, from its books: what is durable and nothing else."""

from collections.abc import Mapping
from typing import Any

from core.simulation.engine.amounts import text
from core.simulation.engine.perpetual.orders import AlgoOrderRecord, PerpetualOrderRecord, PerpetualTrade
from core.simulation.engine.perpetual.views import Income
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.payloads import Json
from core.simulation.server.records import RecordTable
from core.simulation.server.usdm import account_payloads, order_payloads
from core.simulation.server.usdm.records import ACCOUNT, ALGO_ORDER, INCOME, ORDER, TRADE


def ledger(records: RecordTable, symbols: Mapping[str, SymbolSpec], account: str) -> Json:
    """Wallets, positions, orders, conditional orders, fills, and `income`: deposits, profits, fees and funding."""
    standing: dict[str, Any] = next(iter(records.of(account, ACCOUNT, dict[str, Any])), {})
    positions = [position for position in standing.get("positions", []) if position["lots"]]
    orders = {order.order_id: order for order in records.of(account, ORDER, PerpetualOrderRecord)}
    return {
        "wallets": {asset: text(atoms) for asset, atoms in sorted(standing.get("wallets", {}).items())},
        "positions": [_position(symbols[position["symbol"]], position) for position in positions],
        "dualSidePosition": standing.get("is_hedged", False),
        "orders": [order_payloads.order_state(symbols[order.symbol], order) for order in orders.values()],
        "algoOrders": [
            order_payloads.algo_state(symbols[order.symbol], order, orders.get(order.order_id))
            for order in records.of(account, ALGO_ORDER, AlgoOrderRecord)
        ],
        "fills": [
            order_payloads.account_trade(symbols[fill.symbol], fill) | {"clientOrderId": fill.client_order_id}
            for fill in records.of(account, TRADE, PerpetualTrade)
        ],
        "income": [account_payloads.income(change) for change in records.of(account, INCOME, Income)],
    }


def _position(spec: SymbolSpec, position: Mapping[str, Any]) -> Json:
    return {
        "symbol": position["symbol"],
        "positionSide": position["side"],
        "positionAmt": account_payloads.signed_quantity(spec, position["lots"]),
        "cost": text(position["cost"]),
        "realizedPnl": text(position["realised"]),
    }
