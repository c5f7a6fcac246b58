"""What rows hold. Decimals are their exact strings, enumerations their values."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Table

from core.domain.orders import Purpose, Side

Values = dict[str, Any]
AnyRow = Row[*tuple[Any, ...]]
Encoded = tuple[Table, Values]
"""Where a record goes, and what of it, its book left out."""


SIDES = {side.value: side for side in Side}
PURPOSES = {purpose.value: purpose for purpose in Purpose}
"""Looked up: a start reads hundred thousands of them, and calling an enumeration costs several times as much."""


def to_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def to_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
