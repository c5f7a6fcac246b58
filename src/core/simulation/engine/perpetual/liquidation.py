"""Liquidation: positions that lack margin are closed by the exchange.

Once a second, at the mark price: when what backs a position (for crossed ones the cross wallet with all their
unrealised profit, for an isolated one its own margin) is no more than the maintenance margin, open orders there are
expired and the whole position is closed by an order that takes the book up to the bankruptcy price, where its backing
is used up. The insurance fund takes the rest at that price, gets the liquidation fee as far as anything is left, and
pays what is missing, so that no liquidation leaves a wallet below zero. Unlike on Binance positions are not closed in
steps, and there is no auto-deleveraging: the fund may go below zero.
"""

from collections.abc import Mapping

from core.domain.orders import Side, TimeInForce
from core.simulation.engine.fees import MILLION
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.checks import Ticket
from core.simulation.engine.perpetual.desk import OrderDesk
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import AccountReason, MarginCalled
from core.simulation.engine.perpetual.margin import MarginBook
from core.simulation.engine.perpetual.matching import PerpetualMatcher
from core.simulation.engine.perpetual.orders import MarginType
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.positions import Position
from core.simulation.engine.perpetual.settlement import Settlement

_CALL_AT_PCT = 80
_ISOLATED = MarginType.ISOLATED


class Liquidator:
    __slots__ = ("_desk", "_log", "_margins", "_matcher", "_perpetuals", "_settlement")

    def __init__(
        self,
        perpetuals: Mapping[str, Perpetual],
        matcher: PerpetualMatcher,
        settlement: Settlement,
        margins: MarginBook,
        desk: OrderDesk,
        log: PerpetualLog,
    ) -> None:
        self._perpetuals = perpetuals
        self._matcher = matcher
        self._settlement = settlement
        self._margins = margins
        self._desk = desk
        self._log = log

    def check(self, account: PerpetualAccount, now_ns: int) -> None:
        """Liquidate or warn one account where it is due."""
        crossed: dict[str, list[Position]] = {}
        for position in account.open_positions():
            perpetual = self._perpetuals[position.symbol]
            if account.settings_of(perpetual.contract).margin_type is _ISOLATED:
                self._check_isolated(account, perpetual, position, now_ns)
            else:
                crossed.setdefault(perpetual.asset, []).append(position)
        for asset, positions in crossed.items():
            self._check_crossed(account, asset, positions, now_ns)
        for asset in list(account.free):
            left = self._settlement.cross_wallet(account, asset)
            if left < 0 and asset not in crossed:
                # Closed at a loss larger than its margin before the second struck.
                self._clear(account, asset, "", left, 0, now_ns)

    def _check_isolated(self, account: PerpetualAccount, perpetual: Perpetual, position: Position, now_ns: int) -> None:
        backing = position.isolated + position.unrealised(perpetual.contract, perpetual.price())
        keep = self._margins.maintenance(position)
        if not self._is_due(account, f"{position.symbol} {position.side}", backing, keep, [position], now_ns):
            return
        self._expire_orders(account, perpetual, now_ns)
        before = account.wallet(perpetual.asset) - position.isolated
        fee = self._close_out(account, perpetual, position, backing, now_ns)
        left = account.wallet(perpetual.asset) - before
        self._clear(account, perpetual.asset, perpetual.name, left, fee, now_ns)

    def _check_crossed(self, account: PerpetualAccount, asset: str, positions: list[Position], now_ns: int) -> None:
        totals = self._margins.totals(account, asset)
        backing, keep = totals.cross_balance, totals.cross_maintenance
        if not self._is_due(account, asset, backing, keep, positions, now_ns):
            return
        for symbol in dict.fromkeys(position.symbol for position in positions):
            self._expire_orders(account, self._perpetuals[symbol], now_ns)
        shares = [backing * self._margins.maintenance(position) // max(1, keep) for position in positions]
        fee = 0
        for position, share in zip(positions, shares, strict=True):
            fee += self._close_out(account, self._perpetuals[position.symbol], position, share, now_ns)
        left = self._settlement.cross_wallet(account, asset)
        self._clear(account, asset, positions[0].symbol, left, fee, now_ns)

    def _is_due(
        self, account: PerpetualAccount, what: str, backing: int, keep: int, positions: list[Position], now_ns: int
    ) -> bool:
        if backing * _CALL_AT_PCT > keep * 100:
            account.warned.discard(what)
            return False
        if backing <= keep:
            account.warned.discard(what)
            return True
        if what not in account.warned:
            account.warned.add(what)
            asset = self._perpetuals[positions[0].symbol].asset
            states = tuple(self._settlement.position_state(account, each.symbol, each.side) for each in positions)
            wallet = self._settlement.cross_wallet(account, asset)
            self._log.add(MarginCalled(self._log.next(), now_ns, account.key, wallet, states))
        return False

    def _expire_orders(self, account: PerpetualAccount, perpetual: Perpetual, now_ns: int) -> None:
        for order in account.in_symbol(perpetual.name).working():
            self._desk.expire(order, now_ns)

    def _close_out(
        self, account: PerpetualAccount, perpetual: Perpetual, position: Position, backing: int, now_ns: int
    ) -> int:
        """Close a whole position that `backing` atoms stand behind; the liquidation fee that would be due."""
        spec, is_buy, lots = perpetual.contract.spec, position.lots < 0, abs(position.lots)
        value = perpetual.contract.value(lots, perpetual.price())
        bankrupt = value + backing if is_buy else value - backing
        per_tick = lots * spec.notional_num
        price = max(1, bankrupt // per_tick if is_buy else -(-bankrupt // per_tick))
        side = Side.BUY if is_buy else Side.SELL
        ticket = Ticket(side, position.side, price, lots, TimeInForce.IOC, False, True, 0, None)
        order = self._desk.new_order(account, perpetual, ticket, now_ns, is_liquidation=True)
        opposite = perpetual.listing.asks if is_buy else perpetual.listing.bids
        self._matcher.take(perpetual.listing, opposite, lots, price * opposite.sign, now_ns, order)
        if order.remaining:
            self._settlement.take_over(perpetual, order, price, now_ns)
            self._matcher.trim(perpetual.listing, account, position.side, now_ns)
        return value * perpetual.contract.liquidation_fee_millionths // MILLION

    def _clear(self, account: PerpetualAccount, asset: str, symbol: str, left: int, fee: int, now_ns: int) -> None:
        """Of the margin that is `left` the fund gets its fee; it pays what is missing."""
        self._settlement.log_balances(now_ns)
        self._settlement.insure(account, symbol, asset, -min(left, fee), now_ns)
        self._settlement.log_balances(now_ns, AccountReason.INSURANCE_CLEAR)
