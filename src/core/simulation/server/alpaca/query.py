"""What clients ask: parameters of a query string, and tokens that lead from page to page."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.simulation.engine.underlyings.sessions import NEW_YORK
from core.simulation.engine.underlyings.timeframe import Timeframe
from core.simulation.server.alpaca import errors

STOCK = re.compile(r"[A-Z]{1,6}(\.[A-Z]{1,2})?")
OPTION = re.compile(r"[A-Z]{1,6}[0-9]{6}[CP][0-9]{8}")
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_COUNT = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one request; readers raise `AlpacaError` for what is not understood."""

    values: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """`None`: not sent, or empty, which is the same here."""
        return self.values.get(name) or None

    def symbols(self, pattern: re.Pattern[str], *, at_most: int | None = None) -> list[str]:
        """Sorted, each once."""
        text = self.text("symbols")
        if text is None:
            raise errors.missing("symbols")
        found = sorted({each.strip().upper() for each in text.split(",")} - {""})
        if not found:
            raise errors.missing("symbols")
        for each in found:
            checked_symbol(each, pattern)
        if at_most is not None and len(found) > at_most:
            raise errors.AlpacaError(400, f"too many symbols: the limit is {at_most}")
        return found

    def timeframe(self) -> Timeframe:
        text = self.text("timeframe")
        if text is None:
            raise errors.missing("timeframe")
        found = Timeframe.parse(text)
        if found is None:
            raise errors.invalid("timeframe", text)
        return found

    def limit(self, default: int, most: int) -> int:
        text = self.text("limit")
        if text is None:
            return default
        if not _COUNT.fullmatch(text) or not 1 <= int(text) <= most:
            raise errors.AlpacaError(400, f"invalid limit: {text}: must be from 1 to {most}")
        return int(text)

    def is_descending(self) -> bool:
        return self.choice("sort", ("asc", "desc"), "asc") == "desc"

    def choice(self, name: str, known: tuple[str, ...], default: str) -> str:
        text = self.text(name)
        if text is None:
            return default
        if text.lower() not in known:
            raise errors.invalid(name, text)
        return text.lower()

    def number(self, name: str) -> float | None:
        text = self.text(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            raise errors.invalid(name, text)
        return float(text)

    def day(self, name: str) -> date | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return date.fromisoformat(text if _DATE.fullmatch(text) else "")
        except ValueError:
            raise errors.invalid(name, text) from None

    def moment(self, name: str, *, at_end: bool = False) -> float | None:
        """UTC s. A day is its beginning in New York, or its end for `at_end`."""
        text = self.text(name)
        return None if text is None else _moment(name, text, at_end=at_end)


def checked_symbol(symbol: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(symbol):
        raise errors.invalid("symbol", symbol)
    return symbol


def _moment(name: str, text: str, *, at_end: bool) -> float:
    try:
        if _DATE.fullmatch(text):
            begins = datetime.combine(date.fromisoformat(text), time(), NEW_YORK)
            return (begins + timedelta(days=1)).timestamp() - 1 if at_end else begins.timestamp()
        match = _TIME.fullmatch(text)
        if match is None:
            raise errors.invalid(name, text)
        year, month, day, hour, minute = (int(each) for each in match.groups()[:5])
        moment = datetime(year, month, day, hour, minute, int(match[6] or 0), tzinfo=UTC)
        return moment.timestamp() - _offset_s(match[8]) + float(f"0.{match[7] or 0}")
    except (ValueError, OverflowError):
        raise errors.invalid(name, text) from None


def _offset_s(text: str | None) -> int:
    if text is None or text in "Zz":
        return 0
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return sign * (int(digits[:2]) * 3_600 + int(digits[2:]) * 60)


def encode_token(*parts: str) -> str:
    return base64.b64encode("|".join(parts).encode()).decode()


def decode_token(token: str | None, n_parts: int) -> list[str] | None:
    """`None`: there is none. Raises `AlpacaError` for one that this venue did not make."""
    if token is None:
        return None
    try:
        parts = base64.b64decode(token, validate=True).decode().split("|")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        parts = []
    if len(parts) != n_parts:
        raise errors.invalid("page_token", token)
    return parts
