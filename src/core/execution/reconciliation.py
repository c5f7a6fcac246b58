"""Reconciliation as a pure function: what we know, against what the venue says."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.orders import ClientOrderId, Fill, OrderReport


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """The venue's picture of an order of ours is newer than ours."""

    client_order_id: ClientOrderId
    report: OrderReport


@dataclass(frozen=True, slots=True)
class BookFill:
    """A fill that the user stream never told us of."""

    client_order_id: ClientOrderId
    fill: Fill


@dataclass(frozen=True, slots=True)
class AskAfter:
    """What the lists say is not enough to judge this order: ask by its id."""

    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True)
class MarkVanished:
    """We hold it for working, and the venue does not know it, neither in its lists nor by its id."""

    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True)
class NoticeForeignOrder:
    """Open in our account and not ours: left alone, counted, shown."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class NoticeForeignFill:
    fill: Fill


@dataclass(frozen=True, slots=True)
class BalanceUnexplained:
    """A total that our fills do not explain: a deposit, a withdrawal, a fee elsewhere, or a fault. Said once each."""

    asset: str
    expected: Decimal
    actual: Decimal


Correction = (
    ApplyReport | BookFill | AskAfter | MarkVanished | NoticeForeignOrder | NoticeForeignFill | BalanceUnexplained
)
