"""What rows hold. Decimals are their exact strings."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Table

Values = dict[str, Any]
AnyRow = Row[*tuple[Any, ...]]
Encoded = tuple[Table, Values]
"""Where a record goes, and what of it, its book left out."""


def to_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def to_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
