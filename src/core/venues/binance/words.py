"""Binance's words for sides, states and amounts, the same on all its markets. Each raises ValueError for a word or an
amount that Binance does not use."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from core.domain.errors import VenueUnavailable
from core.domain.orders import OrderStatus, OrderType, Side

T = TypeVar("T")

STATUS = {
    "NEW": OrderStatus.NEW,
    "PENDING_NEW": OrderStatus.NEW,
    "PENDING_CANCEL": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
ENDS_UNFILLED = ("REJECTED", "EXPIRED", "EXPIRED_IN_MATCH")
"""Statuses that come with a reason."""


def word(words: Mapping[str, T], text: str, what: str) -> T:
    try:
        return words[text]
    except KeyError:
        raise ValueError(f"unknown {what} {text!r}") from None


def side_of(text: str) -> Side:
    return word({"BUY": Side.BUY, "SELL": Side.SELL}, text, "side")


def price_of(value: Decimal | None) -> Decimal | None:
    """0 stands for none."""
    return amount_of(value) if value else None


def amount_of(value: Decimal) -> Decimal:
    if finite(value) < 0:
        raise ValueError(f"negative amount {value}")
    return value


def finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError(f"not an amount: {value}")
    return value


def required(value: Decimal | None, name: str, order_type: OrderType) -> str:
    """The value as the venue wants it written; an order of that type needs it."""
    if value is None:
        raise ValueError(f"a {order_type} order needs a {name}")
    return f"{value:f}"


def readable(convert: Callable[[], T]) -> T:
    """Of reads: an answer in words we do not know is no answer. Raises `VenueUnavailable`."""
    try:
        return convert()
    except ValueError as error:
        raise VenueUnavailable(f"unreadable answer: {error}") from error
