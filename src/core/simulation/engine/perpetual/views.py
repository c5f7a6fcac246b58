"""What the perpetual exchange answers when asked. Money in atoms; prices in quote atoms per unit of base."""

from enum import StrEnum

import msgspec

from core.simulation.engine.perpetual.orders import MarginType, PositionSide


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """Rates in 1e-8. Everything is 0 before the market's first second."""

    symbol: str
    mark_price: int
    index_price: int
    settle_price: int
    funding_rate: int
    """Of the next payment, as estimated now."""
    last_funding_rate: int
    interest: int
    next_funding_ns: int
    time_ns: int


class FundingRate(msgspec.Struct, frozen=True, gc=False):
    """A rate that was paid."""

    symbol: str
    rate: int
    mark_price: int
    time_ns: int


class PositionView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One position side of one account; `lots` is signed, 0: there is none."""

    symbol: str
    side: PositionSide
    lots: int
    entry_price: int
    break_even_price: int
    mark_price: int
    liquidation_price: int
    """0: no price would do it."""
    notional: int
    """Signed, at the mark price."""
    unrealised: int
    realised: int
    leverage: int
    margin_type: MarginType
    isolated_wallet: int
    """0 when crossed."""
    isolated_margin: int
    """`isolated_wallet` with the unrealised profit; 0 when crossed."""
    initial_margin: int
    """Of the position and its open orders."""
    position_initial_margin: int
    open_order_initial_margin: int
    maintenance_margin: int
    bid_notional: int
    """Of open orders to buy that may add to it."""
    ask_notional: int
    max_notional: int
    """What may be held at this leverage."""
    updated_ns: int
    """0: never."""


class AssetView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One margin asset of one account."""

    asset: str
    wallet: int
    cross_wallet: int
    unrealised: int
    cross_unrealised: int
    margin_balance: int
    """Wallet with unrealised profit."""
    initial_margin: int
    position_initial_margin: int
    open_order_initial_margin: int
    maintenance_margin: int
    available: int
    """What new positions may use; never below 0."""
    max_withdraw: int
    updated_ns: int


class AccountView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Assets sorted by name; positions of all symbols in which the account has a position, an order or a setting."""

    account: str
    is_hedged: bool
    assets: tuple[AssetView, ...]
    positions: tuple[PositionView, ...]


class IncomeKind(StrEnum):
    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


class Income(msgspec.Struct, frozen=True, gc=False):
    """One change of a wallet."""

    income_id: int
    """Grows by one within the exchange."""
    kind: IncomeKind
    symbol: str
    """Empty for a transfer."""
    asset: str
    amount: int
    trade_id: int
    """0: no trade."""
    time_ns: int
