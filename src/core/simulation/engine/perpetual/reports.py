"""What an account is told about its balances, margins and positions."""

from collections.abc import Mapping

from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.margin import MarginBook
from core.simulation.engine.perpetual.orders import MarginType, PositionSide
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.positions import Position
from core.simulation.engine.perpetual.views import AccountView, AssetView, PositionView


def account_view(account: PerpetualAccount, perpetuals: Mapping[str, Perpetual], margins: MarginBook) -> AccountView:
    assets = sorted({*account.free, *(perpetual.asset for perpetual in perpetuals.values())})
    known = dict.fromkeys([*account.settings, *account.orders, *(symbol for symbol, _ in account.positions)])
    positions = [position_view(account, perpetuals[name], side, margins) for name in known for side in account.sides()]
    return AccountView(
        account=account.key,
        is_hedged=account.is_hedged,
        assets=tuple(asset_view(account, asset, margins) for asset in assets),
        positions=tuple(sorted(positions, key=lambda view: (view.symbol, view.side))),
    )


def asset_view(account: PerpetualAccount, asset: str, margins: MarginBook) -> AssetView:
    totals = margins.totals(account, asset)
    available = max(0, totals.available)
    return AssetView(
        asset=asset,
        wallet=totals.wallet,
        cross_wallet=totals.cross_wallet,
        unrealised=totals.unrealised,
        cross_unrealised=totals.cross_unrealised,
        margin_balance=totals.wallet + totals.unrealised,
        initial_margin=totals.position_margin + totals.open_order_margin,
        position_initial_margin=totals.position_margin,
        open_order_initial_margin=totals.open_order_margin,
        maintenance_margin=totals.maintenance,
        available=available,
        max_withdraw=max(0, min(available, totals.available - totals.cross_unrealised, totals.cross_wallet)),
        updated_ns=account.updated_ns.get(asset, 0),
    )


def position_view(
    account: PerpetualAccount, perpetual: Perpetual, side: PositionSide, margins: MarginBook
) -> PositionView:
    contract, price = perpetual.contract, perpetual.price()
    settings, need = account.settings_of(contract), margins.need(account, perpetual, side)
    position = account.positions.get((perpetual.name, side)) or Position(perpetual.name, side)
    orders = account.orders.get(perpetual.name)
    bids, asks = account.in_symbol(perpetual.name).open_notional(side) if orders is not None else (0, 0)
    unrealised = position.unrealised(contract, price)
    is_isolated = settings.margin_type is MarginType.ISOLATED
    return PositionView(
        symbol=perpetual.name,
        side=side,
        lots=position.lots,
        entry_price=position.entry_price(contract),
        break_even_price=position.break_even_price(contract),
        mark_price=price,
        liquidation_price=margins.liquidation_price(account, position) if position.lots else 0,
        notional=position.value(contract, price),
        unrealised=unrealised,
        realised=position.realised,
        leverage=settings.leverage,
        margin_type=settings.margin_type,
        isolated_wallet=position.isolated,
        isolated_margin=position.isolated + unrealised if is_isolated else 0,
        initial_margin=need.total,
        position_initial_margin=need.position,
        open_order_initial_margin=need.open_orders,
        maintenance_margin=margins.maintenance(position) if position.lots else 0,
        bid_notional=bids,
        ask_notional=asks,
        max_notional=contract.max_notional(settings.leverage),
        updated_ns=position.updated_ns,
    )
