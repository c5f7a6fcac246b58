"""Numbers as a person reads them."""

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

NOTHING = "–"


def age(seconds: float | None) -> str:
    """`0.4s`, `12s`, `5m`, `3h`, `2d`; a dash for `None`."""
    if seconds is None:
        return NOTHING
    for limit, unit, name in ((10, 1, "s"), (120, 1, "s"), (7_200, 60, "m"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds:.1f}{name}" if limit == 10 else f"{seconds / unit:.0f}{name}"
    return f"{seconds / 86_400:.0f}d"


def duration(seconds: float) -> str:
    """`0:04:07`, `3d 2:00:00`."""
    days, rest = divmod(int(seconds), 86_400)
    clock = f"{rest // 3_600}:{rest % 3_600 // 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock


def price(value: float | None) -> str:
    """Seven significant digits and ten decimals at most, no exponent."""
    if value is None or not math.isfinite(value):
        return NOTHING
    digits = 6 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{min(max(digits, 0), 10)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact_price(text: str | None) -> str:
    """A decimal as `price` words it: averages have no end of digits."""
    value = _decimal(text)
    return price(None if value is None else float(value))


def quantity(text: str | None) -> str:
    """A decimal without trailing zeros; a dash for `None`."""
    value = _decimal(text)
    return NOTHING if value is None else f"{value.normalize():f}"


def money(text: str | None, *, signed: bool = False) -> str:
    """Two decimals and thousands; a dash for `None`."""
    value = _decimal(text)
    if value is None:
        return NOTHING
    value = round(value, 2) + 0  # no -0.00
    return f"{value:+,.2f}" if signed and value else f"{value:,.2f}"


def sign(text: str | None) -> int:
    """-1, 0 or 1; 0 for `None`."""
    value = _decimal(text)
    return 0 if value is None or value == 0 else (1 if value > 0 else -1)


def clock(time_ms: int) -> str:
    """`12:34:56`, UTC."""
    return f"{_utc(time_ms):%H:%M:%S}"


def date_and_clock(time_ms: int) -> str:
    """`2026-11-03 12:34:56`, UTC."""
    return f"{_utc(time_ms):%Y-%m-%d %H:%M:%S}"


def milliseconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def one_line(text: str) -> str:
    """Text from outside with a space for each line break and control character: it may carry escape sequences."""
    return "".join(each if each.isprintable() else " " for each in text)


def _utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1_000, UTC)


def _decimal(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
