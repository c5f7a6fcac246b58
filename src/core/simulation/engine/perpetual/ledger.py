"""What the perpetual exchange knows of everyone: accounts with their wallets, positions and settings, and the prices
they are valued at. The exchange itself adds the orders.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import takewhile

from core.simulation.engine.amounts import to_atoms, to_decimal
from core.simulation.engine.events import Candle
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.history import History
from core.simulation.engine.intervals import Interval
from core.simulation.engine.listing import Listing
from core.simulation.engine.market_data import MarketData
from core.simulation.engine.perpetual.account_settings import SettingsDesk
from core.simulation.engine.perpetual.accounts import PerpetualAccount, SymbolOrders
from core.simulation.engine.perpetual.algo_desk import AlgoDesk
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.desk import OrderDesk
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import AccountReason, PerpetualEvent
from core.simulation.engine.perpetual.liquidation import Liquidator
from core.simulation.engine.perpetual.margin import MarginBook
from core.simulation.engine.perpetual.matching import PerpetualMatcher
from core.simulation.engine.perpetual.orders import (
    MarginType,
    PositionSide,
)
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.reports import account_view, asset_view, position_view
from core.simulation.engine.perpetual.second_hand import SecondHand
from core.simulation.engine.perpetual.settlement import Settlement
from core.simulation.engine.perpetual.views import AccountView, FundingRate, Income, MarkPrice, PositionView
from core.simulation.engine.refusals import Refusal, RefusalKind


class PerpetualLedger(MarketData):
    """Wires the parts of the exchange, and answers for accounts and prices; see `PerpetualExchange`."""

    def __init__(
        self, contracts: Sequence[Contract], *, fees: FeeSchedule, start_ns: int, history: History | None = None
    ) -> None:
        self._log = PerpetualLog()
        self._contracts = {contract.spec.name: contract for contract in contracts}
        super().__init__(
            {
                name: Listing(each.spec, self._log, start_ns, history.rows(name) if history is not None else {})
                for name, each in self._contracts.items()
            },
            start_ns,
        )
        self._accounts: dict[str, PerpetualAccount] = {}
        self._perpetuals = {
            name: Perpetual(contract, self._listings[name], start_ns) for name, contract in self._contracts.items()
        }
        self._margins = MarginBook(self._perpetuals)
        self._settlement = Settlement(fees, self._perpetuals, self._log)
        self._matcher = PerpetualMatcher(self._perpetuals, self._settlement)
        self._settings = SettingsDesk(self._perpetuals, self._settlement, self._margins, self._log)
        self._desk = OrderDesk(self._perpetuals, self._matcher, self._settlement, self._margins)
        self._algo_desk = AlgoDesk(self._perpetuals, self._accounts, self._desk, self._log)
        self._matcher.on_traded = self._algo_desk.on_traded
        liquidator = Liquidator(self._perpetuals, self._matcher, self._settlement, self._margins, self._desk, self._log)
        self._second_hand = SecondHand(
            self._perpetuals,
            self._accounts,
            self._settlement,
            self._desk,
            self._algo_desk,
            liquidator,
            self._margins,
            self._log,
        )

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """What a perpetual has beyond its `symbols` entry: brackets, funding terms, liquidation fee."""
        return self._contracts

    # Accounts

    def open_account(self, account: str, deposits: Mapping[str, Decimal], now_ns: int) -> list[PerpetualEvent]:
        """Open an account with deposits in units of each asset; an account that exists is left alone (no events).

        It begins in one-way mode, crossed, at each contract's default leverage. Raises ValueError for an amount that is
        not finite, negative, or finer than 1e-8.
        """
        if account in self._accounts:
            return []
        amounts = {asset: to_atoms(amount) for asset, amount in deposits.items()}
        if any(atoms < 0 for atoms in amounts.values()):
            raise ValueError(f"account {account}: a deposit can't be negative")
        owner = self._accounts[account] = PerpetualAccount(account)
        now_ns = self._move_clock(now_ns)
        for asset, atoms in amounts.items():
            self._settlement.transfer(owner, asset, atoms, now_ns)
        return self._finish(None, AccountReason.DEPOSIT)

    def deposit(self, account: str, asset: str, amount: Decimal, now_ns: int) -> list[PerpetualEvent]:
        """Add to (or, negative, take from) the wallet. Raises `Refusal` (CROSS_BALANCE) beyond `max_withdraw`."""
        owner, atoms = self._account(account), to_atoms(amount)
        if atoms < 0 and -atoms > asset_view(owner, asset, self._margins).max_withdraw:
            raise Refusal(RefusalKind.CROSS_BALANCE, f"{asset} would be below what is needed")
        self._settlement.transfer(owner, asset, atoms, self._move_clock(now_ns))
        return self._finish(None, AccountReason.DEPOSIT if atoms >= 0 else AccountReason.WITHDRAW)

    def has_account(self, account: str) -> bool:
        return account in self._accounts

    def wallets(self, account: str) -> dict[str, Decimal]:
        """Wallet balance of every asset the account ever held, sorted by asset."""
        return {asset: to_decimal(atoms) for asset, atoms in sorted(self._account(account).free.items())}

    def account(self, account: str) -> AccountView:
        """Balances, margins and positions at the present mark prices."""
        return account_view(self._account(account), self._perpetuals, self._margins)

    def positions(self, account: str, symbol: str | None = None) -> list[PositionView]:
        """Both sides in hedge mode, one in one-way mode: of one symbol, or of all in which there is a position."""
        owner = self._account(account)
        if symbol is not None:
            perpetual = self._perpetual(symbol)
            return [position_view(owner, perpetual, side, self._margins) for side in owner.sides()]
        held = sorted((position.symbol, position.side) for position in owner.open_positions())
        return [position_view(owner, self._perpetuals[name], side, self._margins) for name, side in held]

    def income(self, account: str, *, after_id: int = 0) -> list[Income]:
        """What changed the wallets after that change (the last `INCOME_KEPT` changes), oldest first."""
        newest = takewhile(lambda change: change.income_id > after_id, reversed(self._account(account).income))
        return list(newest)[::-1]

    def fees_collected(self) -> dict[str, Decimal]:
        """All fees ever taken, by asset."""
        return _decimals(self._settlement.fees_collected)

    def insurance_fund(self) -> dict[str, Decimal]:
        """What liquidations paid in, less what they cost, by asset. It begins at 0 and may be negative."""
        return _decimals(self._settlement.insurance)

    def house_balances(self) -> dict[str, Decimal]:
        """What the house has won from, or lost (negative) to accounts, its open positions taken at their entry: with
        it, fees, insurance fund and wallets add up to all deposits."""
        totals: dict[str, int] = {}
        for perpetual in self._perpetuals.values():
            totals[perpetual.asset] = totals.get(perpetual.asset, 0) + perpetual.listing.house_quote
        for owner in self._accounts.values():
            for position in owner.positions.values():
                totals[self._perpetuals[position.symbol].asset] -= position.cost
        return _decimals(totals)

    def house_position(self, symbol: str) -> int:
        """Lots (signed) the house holds against the accounts: all positions of a symbol add up to 0."""
        listing = self._listing(symbol)
        return listing.house_base // listing.spec.lot_atoms

    # Settings of an account

    def is_hedged(self, account: str) -> bool:
        """Position mode: True for LONG and SHORT positions side by side."""
        return self._account(account).is_hedged

    def set_hedged(self, account: str, now_ns: int, *, is_hedged: bool) -> None:
        """Raises `Refusal` (SAME_POSITION_MODE, POSITION_MODE_OPEN_ORDERS, POSITION_MODE_POSITION)."""
        self._move_clock(now_ns)
        self._settings.set_hedged(self._account(account), is_hedged=is_hedged)

    def leverage(self, account: str, symbol: str) -> int:
        return self._account(account).settings_of(self._perpetual(symbol).contract).leverage

    def set_leverage(self, account: str, symbol: str, leverage: int, now_ns: int) -> tuple[int, list[PerpetualEvent]]:
        """The largest position now allowed (quote atoms). Raises `Refusal` (LEVERAGE, MAX_POSITION where a position or
        its orders are larger than that, LEVERAGE_TOO_LOW, MARGIN_INSUFFICIENT)."""
        owner, perpetual = self._account(account), self._perpetual(symbol)
        allowed = self._settings.set_leverage(owner, perpetual, leverage, self._move_clock(now_ns))
        return allowed, self._finish(None)

    def margin_type(self, account: str, symbol: str) -> MarginType:
        return self._account(account).settings_of(self._perpetual(symbol).contract).margin_type

    def set_margin_type(self, account: str, symbol: str, margin_type: MarginType, now_ns: int) -> list[PerpetualEvent]:
        """Raises `Refusal` (SAME_MARGIN_TYPE, MARGIN_TYPE_OPEN_ORDERS, MARGIN_TYPE_POSITION)."""
        owner, perpetual = self._account(account), self._perpetual(symbol)
        self._move_clock(now_ns)
        self._settings.set_margin_type(owner, perpetual, margin_type)
        return self._finish(None, AccountReason.MARGIN_TYPE_CHANGE)

    def change_margin(
        self, account: str, symbol: str, side: PositionSide, amount: Decimal, now_ns: int
    ) -> list[PerpetualEvent]:
        """Add to (or, negative, take from) the margin of an isolated position. Raises `Refusal` (NOT_ISOLATED,
        NO_POSITION, POSITION_SIDE, CROSS_BALANCE, ISOLATED_BALANCE)."""
        owner, perpetual = self._account(account), self._perpetual(symbol)
        self._move_clock(now_ns)
        self._settings.change_margin(owner, perpetual, side, to_atoms(amount))
        return self._finish(None, AccountReason.MARGIN_TRANSFER)

    # Prices and funding

    def mark_price(self, symbol: str) -> MarkPrice:
        return self._perpetual(symbol).marks.view()

    def mark_candles(
        self, symbol: str, interval: Interval, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]:
        """As `candles`, of the mark price in quote atoms; `n_trades` are its seconds."""
        return self._perpetual(symbol).marks.candles.select(interval, start_ms, end_ms, limit)

    def funding_rates(self, symbol: str) -> list[FundingRate]:
        """Rates that were paid (the last `FUNDING_RATES_KEPT`), oldest first."""
        return list(self._perpetual(symbol).marks.rates)

    def open_interest(self, symbol: str) -> int:
        """Lots that accounts hold long or short, whichever is more."""
        self._listing(symbol)
        held = [
            position.lots
            for owner in self._accounts.values()
            for (name, _), position in owner.positions.items()
            if name == symbol
        ]
        return max(sum(lots for lots in held if lots > 0), -sum(lots for lots in held if lots < 0))

    # Inside

    def _account(self, key: str) -> PerpetualAccount:
        account = self._accounts.get(key)
        if account is None:
            raise Refusal(RefusalKind.UNKNOWN_ACCOUNT, key)
        return account

    def _perpetual(self, symbol: str) -> Perpetual:
        self._listing(symbol)
        return self._perpetuals[symbol]

    def _owned(self, account: str, symbol: str | None) -> list[SymbolOrders]:
        owner = self._account(account)
        if symbol is not None:
            self._listing(symbol)
        return owner.owned(symbol)

    def _finish(self, perpetual: Perpetual | None, reason: AccountReason = AccountReason.ORDER) -> list[PerpetualEvent]:
        """Log what the operation has left behind, and hand out its events."""
        if perpetual is not None:
            if perpetual.listing.traded_high >= 0:
                self._matcher.run_stops(perpetual.listing, self._now_ns)
            self._algo_desk.finish_children(perpetual, self._now_ns)
            perpetual.listing.log_book(self._now_ns)
        self._settlement.log_balances(self._now_ns, reason)
        return self._log.take_all()


def _decimals(amounts: Mapping[str, int]) -> dict[str, Decimal]:
    return {asset: to_decimal(atoms) for asset, atoms in sorted(amounts.items())}
