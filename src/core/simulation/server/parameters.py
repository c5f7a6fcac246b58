"""Request parameters: decoded once, and read by name with the venue's own complaints."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar
from urllib.parse import unquote_plus

import msgspec

from core.simulation.server import errors

AMOUNT = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
CLIENT_ORDER_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"
SYMBOL = r"^[A-Z0-9-_.]{1,50}$"
SYMBOL_LIST = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'
_MAX_INTEGER = 2**63 - 1
_T = TypeVar("_T")


def decode_form(*parts: str) -> dict[str, str]:
    """`a=1&b=2` parts to a dictionary; the first part wins where the query and the body name the same parameter.
    Raises `ApiError` for a parameter named twice within one part."""
    merged: dict[str, str] = {}
    for part in parts:
        found: dict[str, str] = {}
        for pair in part.split("&"):
            if not pair:
                continue
            name, _, value = pair.partition("=")
            name = unquote_plus(name)
            if name in found:
                raise errors.duplicate_parameter()
            found[name] = unquote_plus(value)
        for name, value in found.items():
            merged.setdefault(name, value)
    return merged


def from_json(params: Mapping[str, object]) -> dict[str, str]:
    """Parameters of a WebSocket request as text, as they also enter its signature."""
    return {name: _as_text(value) for name, value in params.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    return msgspec.json.encode(value).decode()


class Parameters:
    """The parameters of one request."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def require_known(self, names: frozenset[str]) -> None:
        """Raises `ApiError` -1101 or -1104 when others than `names` were sent."""
        read = sum(name in names for name in self._values)
        if read != len(self._values):
            raise errors.unread(read, len(self._values))

    def text(self, name: str, legal: str | None = None) -> str | None:
        """The value, or `None` if it was not sent. Raises `ApiError` if it is empty or outside `legal`."""
        value = self._values.get(name)
        if value is None:
            return None
        if value == "":
            raise errors.empty(name)
        if legal is not None and not re.match(legal, value):
            raise errors.illegal_characters(name, legal)
        return value

    def required(self, name: str, legal: str | None = None) -> str:
        value = self.text(name, legal) if self._values.get(name) else None
        if value is None:
            raise errors.mandatory(name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name, INTEGER)
        if value is None:
            return None
        number = int(value)
        if number > _MAX_INTEGER:
            raise errors.ApiError(-1108, f"Parameter '{name}' overflowed.")
        return number

    def id_or_name(self, id_name: str, client_name: str) -> tuple[int | None, str | None]:
        """What names an order or a list: the venue's id, the client's own, or both. Raises `ApiError` for neither."""
        number, name = self.integer(id_name), self.text(client_name, CLIENT_ORDER_ID)
        if number is None and name is None:
            raise errors.either(client_name, id_name)
        return number, name

    def limit(self, default: int, maximum: int) -> int:
        """`limit`, brought down to `maximum` as the venue does. Raises `ApiError` when it is zero."""
        value = self.integer("limit")
        if value is None:
            return default
        if value == 0:
            raise errors.invalid_value("limit")
        return min(value, maximum)

    def amount(self, name: str, decimals: int = 8) -> Decimal | None:
        """A positive decimal of at most `decimals` places (trailing zeros do not count)."""
        value = self.text(name, AMOUNT)
        if value is None:
            return None
        _, _, fraction = value.partition(".")
        if len(fraction.rstrip("0")) > decimals:
            raise errors.bad_precision(name)
        return Decimal(value)

    def boolean(self, name: str) -> bool | None:
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise errors.invalid_value(name)
        return value.lower() == "true"

    def choice(self, name: str, parse: Callable[[str], _T], complaint: Callable[[], errors.ApiError]) -> _T | None:
        """A value that `parse` (an enum, say) understands; anything else raises `complaint()`."""
        return None if self.text(name) is None else self.required_choice(name, parse, complaint)

    def required_choice(self, name: str, parse: Callable[[str], _T], complaint: Callable[[], errors.ApiError]) -> _T:
        """As `choice`; raises `ApiError` where it was not sent or is empty."""
        try:
            return parse(self.required(name))
        except (KeyError, ValueError):
            raise complaint() from None

    def symbol_list(self, name: str = "symbols") -> list[str] | None:
        """A JSON array of symbols, in the order sent. Raises `ApiError` for malformed or repeated ones."""
        value = self.text(name)
        if value is None:
            return None
        if not re.match(SYMBOL_LIST, value):
            raise errors.illegal_characters(name, SYMBOL_LIST)
        symbols = msgspec.json.decode(value, type=list[str])
        if len(set(symbols)) != len(symbols):
            raise errors.ApiError(-1151, "Symbol is present multiple times in the list.")
        if not symbols:
            raise errors.mandatory(name)
        return symbols
