"""When positions stood without their stop, told from the venue's ledger alone. Standard library only."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import Any

ZERO = Decimal(0)


@dataclass(frozen=True)
class Rules:
    """Of one symbol: what is too little for the venue to protect."""

    step: Decimal
    least_notional: Decimal


@dataclass(frozen=True)
class Spell:
    symbol: str
    from_ms: int
    """Venue time."""
    until_ms: int | None
    """`None`: it has not ended."""
    quantity: Decimal
    """Without a stop when it began."""

    def stands_at(self, moment_ms: int, for_ms: int = 0) -> bool:
        """Whether it began before that moment and lasts for at least so long after it."""
        return self.from_ms < moment_ms and (self.until_ms is None or self.until_ms > moment_ms + for_ms)


@dataclass(frozen=True, order=True)
class _Happening:
    at_ms: int
    rank: int
    """Within a millisecond a new stop comes before a fill, and a fill before a stop's end."""
    held: Decimal = ZERO
    """Change."""
    covered: Decimal = ZERO
    """Change."""
    price: Decimal | None = None
    buyer: int = 0
    """The order that has bought; 0: none has."""


def spells(ledger: Mapping[str, Any], rules: Mapping[str, Rules], prefix: str) -> list[Spell]:
    """Of positions that orders with this prefix have opened. Every one of them owes a stop for all that it holds.

    A stop protects from the moment the venue has it to the moment it is over. What the venue would not take as a stop
    is no position: for each order that has bought since the symbol was last sold out twice its least notional (stops
    stand below the price) and a step.
    """
    told: defaultdict[str, list[_Happening]] = defaultdict(list)
    for symbol, happening in _happenings(ledger, prefix):
        told[symbol].append(happening)
    return [each for symbol in sorted(told) for each in _of_symbol(symbol, sorted(told[symbol]), rules[symbol])]


def _happenings(ledger: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, _Happening]]:
    for fill in ledger["fills"]:
        if not str(fill["clientOrderId"]).startswith(prefix):
            continue
        quantity = Decimal(fill["qty"]) if fill["isBuyer"] else -Decimal(fill["qty"])
        if fill["symbol"].startswith(fill["commissionAsset"]):
            quantity -= Decimal(fill["commission"])
        buyer = fill["orderId"] if fill["isBuyer"] else 0
        yield fill["symbol"], _Happening(fill["time"], 1, held=quantity, price=Decimal(fill["price"]), buyer=buyer)
    for order in ledger["orders"]:
        if order["type"] != "STOP_LOSS" or not order["clientOrderId"].startswith(prefix):
            continue
        quantity = Decimal(order["origQty"])
        yield order["symbol"], _Happening(order["time"], 0, covered=quantity)
        if order["status"] not in ("NEW", "PARTIALLY_FILLED"):
            yield order["symbol"], _Happening(order["updateTime"], 2, covered=-quantity)


def _of_symbol(symbol: str, told: list[_Happening], rules: Rules) -> Iterator[Spell]:
    held = covered = price = ZERO
    buyers: set[int] = set()
    bare: Spell | None = None
    for at_ms, together in groupby(told, key=lambda each: each.at_ms):
        for happening in together:
            held, covered = held + happening.held, covered + happening.covered
            price = happening.price or price
            buyers |= {happening.buyer} - {0}
        if held * price < rules.least_notional:
            buyers.clear()
        tolerated = len(buyers) * (2 * rules.least_notional + rules.step * price)
        is_bare = (held - covered) * price > max(tolerated, rules.least_notional)
        if is_bare and bare is None:
            bare = Spell(symbol, at_ms, None, held - covered)
        elif bare is not None and not is_bare:
            yield replace(bare, until_ms=at_ms)
            bare = None
    if bare is not None:
        yield bare
