"""Events of the perpetual exchange. Trades, books and closed candles are the spot engine's own (`engine.events`)."""

from enum import StrEnum

import msgspec

from core.simulation.engine.events import BookChanged, CandleClosed, OrderChange, Trade
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    MarginType,
    PerpetualOrderRecord,
    PerpetualTrade,
    PositionSide,
)


class PerpetualOrderChanged(msgspec.Struct, frozen=True, gc=False):
    """`change` is NEW, TRADE, AMENDED, CANCELED or EXPIRED; a liquidation order's are those of any other."""

    sequence: int
    time_ns: int
    change: OrderChange
    order: PerpetualOrderRecord
    trade: PerpetualTrade | None = None
    """Set for TRADE alone."""
    request_id: str | None = None
    """The cancel request's own client id; `None`: none was given."""


class AlgoOrderChanged(msgspec.Struct, frozen=True, gc=False):
    """A conditional order reached a new status."""

    sequence: int
    time_ns: int
    order: AlgoOrderRecord
    child: PerpetualOrderRecord | None = None
    """Its order proper as it is now; `None`: not triggered, or refused."""


class AccountReason(StrEnum):
    """Why balances or positions changed: Binance's `m` of ACCOUNT_UPDATE."""

    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    ORDER = "ORDER"
    FUNDING_FEE = "FUNDING_FEE"
    MARGIN_TRANSFER = "MARGIN_TRANSFER"
    MARGIN_TYPE_CHANGE = "MARGIN_TYPE_CHANGE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


class WalletState(msgspec.Struct, frozen=True, gc=False):
    """Atoms of one asset: the whole wallet, the part no isolated position holds, and by how much this operation changed
    the wallet other than by profits and fees."""

    asset: str
    wallet: int
    cross_wallet: int
    change: int


class PositionState(msgspec.Struct, frozen=True, gc=False):
    """`lots` signed, 0: closed. Prices in quote atoms per unit of base; money in atoms."""

    symbol: str
    side: PositionSide
    lots: int
    entry_price: int
    """0: no position."""
    break_even_price: int
    realised: int
    """Everything this position side ever realised, before fees."""
    unrealised: int
    margin_type: MarginType
    isolated_wallet: int


class AccountChanged(msgspec.Struct, frozen=True, gc=False):
    """What one operation changed of one account, as it is afterwards."""

    sequence: int
    time_ns: int
    account: str
    reason: AccountReason
    wallets: tuple[WalletState, ...]
    positions: tuple[PositionState, ...]


class LeverageChanged(msgspec.Struct, frozen=True, gc=False):
    """Binance's ACCOUNT_CONFIG_UPDATE."""

    sequence: int
    time_ns: int
    account: str
    symbol: str
    leverage: int


class MarginCalled(msgspec.Struct, frozen=True, gc=False):
    """Positions are about to be liquidated: maintenance margin is 80 % of the margin balance or more. Said once until
    there is enough again."""

    sequence: int
    time_ns: int
    account: str
    cross_wallet: int
    positions: tuple[PositionState, ...]


class MarkPriceChanged(msgspec.Struct, frozen=True, gc=False):
    """Each second of venue time. Prices in quote atoms per unit of base, rates in 1e-8."""

    sequence: int
    time_ns: int
    symbol: str
    mark_price: int
    index_price: int
    settle_price: int
    """The estimate of a delivery price that the protocol shows: the mean of the last index prices."""
    funding_rate: int
    """Of the next payment, as estimated now."""
    next_funding_ns: int


class FundingSettled(msgspec.Struct, frozen=True, gc=False):
    """A funding rate was fixed and paid: longs pay `rate` of their notional at `mark_price` to shorts."""

    sequence: int
    time_ns: int
    symbol: str
    rate: int
    mark_price: int


PerpetualEvent = (
    PerpetualOrderChanged
    | AlgoOrderChanged
    | AccountChanged
    | LeverageChanged
    | MarginCalled
    | Trade
    | BookChanged
    | CandleClosed
    | MarkPriceChanged
    | FundingSettled
)
