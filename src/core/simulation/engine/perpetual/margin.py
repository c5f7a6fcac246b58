"""Margin arithmetic: what positions and open orders of an account need, and what is left for new ones.

Binance ("Leverage and Margin of USD-M Futures", "How to Calculate Cost Required to Open a Position in Perpetual Futures
Contracts", "How to Calculate Liquidation Price of USD-M Futures Contracts"). One-way mode counts the larger of what a
symbol would come to if all its bids, or all its asks, traded:

    initial margin     = max(|position + bids|, |position - asks|) / leverage        (values at mark and order prices)
    maintenance margin = |position| x rate - cumulative                              (by bracket)
    available          = cross wallet + unrealised profit of crossed positions
                         - initial margin of crossed positions - initial margin of open orders

In hedge mode LONG counts its opening bids and SHORT its opening asks alone. An isolated position's margin has left the
cross wallet already. Everything in atoms, what is needed rounded up.
"""

from collections.abc import Mapping

import msgspec

from core.simulation.engine.amounts import ATOMS
from core.simulation.engine.fees import MILLION
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.orders import MarginType, PositionSide
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.positions import Position

_ISOLATED = MarginType.ISOLATED
_LONG, _SHORT = PositionSide.LONG, PositionSide.SHORT
_NOTHING = (0,) * 8


class Need(msgspec.Struct, frozen=True, gc=False):
    """Initial margin of one position side."""

    position: int
    open_orders: int

    @property
    def total(self) -> int:
        return self.position + self.open_orders


class Totals(msgspec.Struct, frozen=True, gc=False):
    """One margin asset of one account, in atoms."""

    wallet: int
    cross_wallet: int
    unrealised: int
    cross_unrealised: int
    position_margin: int
    open_order_margin: int
    maintenance: int
    cross_position_margin: int
    cross_maintenance: int

    @property
    def available(self) -> int:
        """May be negative: what new positions may use is no less than 0."""
        return self.cross_wallet + self.cross_unrealised - self.cross_position_margin - self.open_order_margin

    @property
    def cross_balance(self) -> int:
        """What backs the crossed positions."""
        return self.cross_wallet + self.cross_unrealised


def initial_margin(value: int, bids: int, asks: int, side: PositionSide, leverage: int) -> Need:
    """Of a position worth signed `value` with open orders to buy and to sell worth `bids` and `asks`."""
    if side is _LONG:
        worst = abs(value) + bids
    elif side is _SHORT:
        worst = abs(value) + asks
    else:
        worst = max(abs(value + bids), abs(value - asks))
    position = -(-abs(value) // leverage)
    return Need(position, max(0, -(-worst // leverage) - position))


class MarginBook:
    """Looks at accounts with the present mark prices."""

    __slots__ = ("_perpetuals", "second")

    def __init__(self, perpetuals: Mapping[str, Perpetual]) -> None:
        self._perpetuals = perpetuals
        self.second = 0
        """Grows whenever mark prices have changed."""

    def need(self, account: PerpetualAccount, perpetual: Perpetual, side: PositionSide, leverage: int = 0) -> Need:
        """At the account's leverage, or at another one."""
        contract = perpetual.contract
        position = account.positions.get((perpetual.name, side))
        value = position.value(contract, perpetual.price()) if position is not None else 0
        orders = account.orders.get(perpetual.name)
        bids, asks = account.in_symbol(perpetual.name).open_notional(side) if orders is not None else (0, 0)
        return initial_margin(value, bids, asks, side, leverage or account.settings_of(contract).leverage)

    def totals(self, account: PerpetualAccount, asset: str) -> Totals:
        """Only what has changed is counted anew: an account may hold hundreds of symbols."""
        burdens = account.burdens
        if burdens.second != self.second:
            burdens.second = self.second
            account.dirty.update(dict.fromkeys(burdens.by_symbol))
        if account.dirty:
            for name in account.dirty:
                self._count(account, self._perpetuals[name])
            account.dirty.clear()
        wallet = account.wallet(asset)
        isolated, *sums = burdens.by_asset.get(asset, _NOTHING)
        return Totals(wallet, wallet - isolated, *sums)

    def _count(self, account: PerpetualAccount, perpetual: Perpetual) -> None:
        """Put the present burden of a symbol in the place of what was counted before."""
        burdens, name, asset = account.burdens, perpetual.name, perpetual.asset
        before, after = burdens.by_symbol.get(name, _NOTHING), self._burden(account, perpetual)
        sums = burdens.by_asset.get(asset, _NOTHING)
        burdens.by_symbol[name] = after
        burdens.by_asset[asset] = tuple([s + new - old for s, new, old in zip(sums, after, before, strict=True)])

    def _burden(self, account: PerpetualAccount, perpetual: Perpetual) -> tuple[int, ...]:
        """What a symbol adds to each field of `Totals` from `unrealised` on, after what isolated positions hold."""
        isolated = unrealised = cross_unrealised = position_margin = cross_position_margin = open_orders = 0
        maintenance = cross_maintenance = 0
        is_isolated = account.settings_of(perpetual.contract).margin_type is _ISOLATED
        for side in account.sides():
            need = self.need(account, perpetual, side)
            open_orders += need.open_orders
            position = account.positions.get((perpetual.name, side))
            if position is None or not position.lots:
                continue
            profit = position.unrealised(perpetual.contract, perpetual.price())
            keep = self.maintenance(position)
            unrealised += profit
            maintenance += keep
            position_margin += need.position
            if is_isolated:
                isolated += position.isolated
                continue
            cross_unrealised += profit
            cross_position_margin += need.position
            cross_maintenance += keep
        return (
            isolated,
            unrealised,
            cross_unrealised,
            position_margin,
            open_orders,
            maintenance,
            cross_position_margin,
            cross_maintenance,
        )

    def maintenance(self, position: Position) -> int:
        perpetual = self._perpetuals[position.symbol]
        return perpetual.contract.maintenance_margin(abs(position.value(perpetual.contract, perpetual.price())))

    def liquidation_price(self, account: PerpetualAccount, position: Position) -> int:
        """The mark price at which the margin that backs a position is its maintenance margin, all other prices as they
        are; 0: there is none above 0. In hedge mode both sides of a crossed symbol move together."""
        perpetual = self._perpetuals[position.symbol]
        contract, price = perpetual.contract, perpetual.price()
        if account.settings_of(contract).margin_type is _ISOLATED:
            return liquidation_price(contract, [(position.lots, position.cost)], position.isolated, price)
        totals = self.totals(account, perpetual.asset)
        sides = [account.positions.get((position.symbol, side)) for side in account.sides()]
        moving = [side for side in sides if side is not None and side.lots]
        others_profit = totals.cross_unrealised - sum(side.unrealised(contract, price) for side in moving)
        others_keep = totals.cross_maintenance - sum(self.maintenance(side) for side in moving)
        backing = totals.cross_wallet + others_profit - others_keep
        return liquidation_price(contract, [(side.lots, side.cost) for side in moving], backing, price)


def liquidation_price(contract: Contract, positions: list[tuple[int, int]], backing: int, mark_price: int) -> int:
    """Of positions (signed lots, signed cost) in one symbol backed by `backing` atoms: wallet, less the maintenance
    margin and plus the unrealised profit of all other positions.

        price = (backing + sum of cumulative - sum of cost) / (sum of |quantity| x rate - sum of quantity)

    with rate and cumulative of the bracket each position is in at `mark_price`.
    """
    numerator, denominator = backing, 0
    for lots, cost in positions:
        row = contract.bracket(abs(contract.value(lots, mark_price)))
        numerator += row.cumulative - cost
        denominator += (abs(lots) * row.rate_millionths - lots * MILLION) * contract.spec.lot_atoms
    if not denominator:
        return 0
    return max(0, numerator * MILLION * ATOMS // denominator)
