"""REST shapes of USD-M accounts: wallets, margins, positions, settings, income. Money is text with eight decimals."""

from collections.abc import Iterable

from core.simulation.engine.amounts import ATOMS, text
from core.simulation.engine.fees import MILLION
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.orders import MarginType
from core.simulation.engine.perpetual.views import AccountView, AssetView, Income, IncomeKind, PositionView
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.payloads import Json
from core.simulation.server.usdm.digits import quantity

DONE: Json = {"code": 200, "msg": "success"}
_TOTALS = {
    "totalInitialMargin": "initial_margin",
    "totalMaintMargin": "maintenance_margin",
    "totalWalletBalance": "wallet",
    "totalUnrealizedProfit": "unrealised",
    "totalMarginBalance": "margin_balance",
    "totalPositionInitialMargin": "position_initial_margin",
    "totalOpenOrderInitialMargin": "open_order_initial_margin",
    "totalCrossWalletBalance": "cross_wallet",
    "totalCrossUnPnl": "cross_unrealised",
    "availableBalance": "available",
    "maxWithdrawAmount": "max_withdraw",
}


def totals(assets: Iterable[AssetView]) -> Json:
    """Over all assets, which are dollars of one kind or another here as there."""
    assets = list(assets)
    return {name: text(sum(getattr(asset, attribute) for asset in assets)) for name, attribute in _TOTALS.items()}


def account_asset(asset: AssetView) -> Json:
    return {
        "asset": asset.asset,
        "walletBalance": text(asset.wallet),
        "unrealizedProfit": text(asset.unrealised),
        "marginBalance": text(asset.margin_balance),
        "maintMargin": text(asset.maintenance_margin),
        "initialMargin": text(asset.initial_margin),
        "positionInitialMargin": text(asset.position_initial_margin),
        "openOrderInitialMargin": text(asset.open_order_initial_margin),
        "crossWalletBalance": text(asset.cross_wallet),
        "crossUnPnl": text(asset.cross_unrealised),
        "availableBalance": text(asset.available),
        "maxWithdrawAmount": text(asset.max_withdraw),
        "marginAvailable": True,
        "updateTime": asset.updated_ns // NS_PER_MS,
    }


def account_v3(view: AccountView, positions: Iterable[Json]) -> Json:
    return totals(view.assets) | {
        "assets": [account_asset(asset) for asset in view.assets],
        "positions": list(positions),
    }


def account_v2(view: AccountView, positions: Iterable[Json]) -> Json:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    } | account_v3(view, positions)


def account_position_v3(spec: SymbolSpec, position: PositionView) -> Json:
    return {
        "symbol": position.symbol,
        "positionSide": position.side.value,
        "positionAmt": signed_quantity(spec, position.lots),
        "unrealizedProfit": text(position.unrealised),
        "isolatedMargin": text(position.isolated_margin),
        "notional": text(position.notional),
        "isolatedWallet": text(position.isolated_wallet),
        "initialMargin": text(position.initial_margin),
        "maintMargin": text(position.maintenance_margin),
        "updateTime": position.updated_ns // NS_PER_MS,
    }


def account_position_v2(spec: SymbolSpec, position: PositionView) -> Json:
    return {
        "symbol": position.symbol,
        "initialMargin": text(position.initial_margin),
        "maintMargin": text(position.maintenance_margin),
        "unrealizedProfit": text(position.unrealised),
        "positionInitialMargin": text(position.position_initial_margin),
        "openOrderInitialMargin": text(position.open_order_initial_margin),
        "leverage": str(position.leverage),
        "isolated": position.margin_type is MarginType.ISOLATED,
        "entryPrice": text(position.entry_price),
        "breakEvenPrice": text(position.break_even_price),
        "maxNotional": _whole(position.max_notional),
        "positionSide": position.side.value,
        "positionAmt": signed_quantity(spec, position.lots),
        "notional": text(position.notional),
        "isolatedWallet": text(position.isolated_wallet),
        "updateTime": position.updated_ns // NS_PER_MS,
        "bidNotional": text(position.bid_notional),
        "askNotional": text(position.ask_notional),
    }


def balance(asset: AssetView) -> Json:
    return {
        "accountAlias": "SgsR",
        "asset": asset.asset,
        "balance": text(asset.wallet),
        "crossWalletBalance": text(asset.cross_wallet),
        "crossUnPnl": text(asset.cross_unrealised),
        "availableBalance": text(asset.available),
        "maxWithdrawAmount": text(asset.max_withdraw),
        "marginAvailable": True,
        "updateTime": asset.updated_ns // NS_PER_MS,
    }


def position_risk_v3(spec: SymbolSpec, position: PositionView) -> Json:
    return {
        "symbol": position.symbol,
        "positionSide": position.side.value,
        "positionAmt": signed_quantity(spec, position.lots),
        "entryPrice": text(position.entry_price),
        "breakEvenPrice": text(position.break_even_price),
        "markPrice": text(position.mark_price),
        "unRealizedProfit": text(position.unrealised),
        "liquidationPrice": text(position.liquidation_price) if position.liquidation_price else "0",
        "isolatedMargin": text(position.isolated_margin),
        "notional": text(position.notional),
        "marginAsset": spec.quote,
        "isolatedWallet": text(position.isolated_wallet),
        "initialMargin": text(position.initial_margin),
        "maintMargin": text(position.maintenance_margin),
        "positionInitialMargin": text(position.position_initial_margin),
        "openOrderInitialMargin": text(position.open_order_initial_margin),
        "adl": 0,
        "bidNotional": text(position.bid_notional),
        "askNotional": text(position.ask_notional),
        "updateTime": position.updated_ns // NS_PER_MS,
    }


def position_risk_v2(spec: SymbolSpec, position: PositionView) -> Json:
    return {
        "symbol": position.symbol,
        "positionAmt": signed_quantity(spec, position.lots),
        "entryPrice": text(position.entry_price),
        "markPrice": text(position.mark_price),
        "unRealizedProfit": text(position.unrealised),
        "liquidationPrice": text(position.liquidation_price) if position.liquidation_price else "0",
        "leverage": str(position.leverage),
        "maxNotionalValue": _whole(position.max_notional),
        "marginType": margin_word(position.margin_type),
        "isolatedMargin": text(position.isolated_margin),
        "isAutoAddMargin": "false",
        "positionSide": position.side.value,
        "notional": text(position.notional),
        "isolatedWallet": text(position.isolated_wallet),
        "updateTime": position.updated_ns // NS_PER_MS,
        "breakEvenPrice": text(position.break_even_price),
    }


def leverage_brackets(contract: Contract) -> Json:
    return {
        "symbol": contract.spec.name,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": row.number,
                "initialLeverage": row.max_leverage,
                "notionalCap": row.cap // ATOMS,
                "notionalFloor": row.floor // ATOMS,
                "maintMarginRatio": row.rate_millionths / MILLION,
                "cum": row.cumulative / ATOMS,
            }
            for row in contract.brackets
        ],
    }


def leverage_set(symbol: str, leverage: int, max_notional: int) -> Json:
    return {"leverage": leverage, "maxNotionalValue": _whole(max_notional), "symbol": symbol}


def symbol_config(symbol: str, leverage: int, margin_type: MarginType, max_notional: int) -> Json:
    return {
        "symbol": symbol,
        "marginType": margin_type.value,
        "isAutoAddMargin": False,
        "leverage": leverage,
        "maxNotionalValue": _whole(max_notional),
    }


def account_config(*, is_hedged: bool) -> Json:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": is_hedged,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def income(change: Income) -> Json:
    """`info` is the trade's id for what a trade caused."""
    trade_id = str(change.trade_id) if change.trade_id else ""
    return {
        "symbol": change.symbol,
        "incomeType": change.kind.value,
        "income": text(change.amount),
        "asset": change.asset,
        "time": change.time_ns // NS_PER_MS,
        "info": trade_id or (change.kind.value if change.kind is not IncomeKind.COMMISSION else ""),
        "tranId": change.income_id,
        "tradeId": trade_id,
    }


def margin_word(margin_type: MarginType) -> str:
    """`cross` or `isolated`, as positions and events spell it."""
    return "isolated" if margin_type is MarginType.ISOLATED else "cross"


def signed_quantity(spec: SymbolSpec, lots: int) -> str:
    return f"-{quantity(spec, -lots)}" if lots < 0 else quantity(spec, lots)


def _whole(atoms: int) -> str:
    return str(atoms // ATOMS)
