"""The parameters of one call: text from a query string, typed from JSON."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.simulation.engine.coins.instruments import Instrument, parse
from core.simulation.server.deribit import errors

_MOST_MS = 32_503_680_000_000


@dataclass(frozen=True, slots=True)
class Params:
    """Readers raise `RpcError`."""

    values: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """`None`: not sent."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise errors.invalid(name)
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise errors.missing(name)
        return value

    def choice(self, name: str, known: Collection[str], default: str) -> str:
        value = self.text(name)
        if value is None:
            return default
        if value not in known:
            raise errors.invalid(name, "must be one of: " + ", ".join(sorted(known)))
        return value

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        value = self.values.get(name)
        if value is None:
            return default
        number = _integer(value)
        if number is None or not least <= number <= most:
            raise errors.invalid(name, f"must be an integer from {least} to {most}")
        return number

    def time_ms(self, name: str) -> int | None:
        return None if self.values.get(name) is None else self.integer(name, 0, 0, _MOST_MS)

    def required_time_ms(self, name: str) -> int:
        found = self.time_ms(name)
        if found is None:
            raise errors.missing(name)
        return found

    def boolean(self, name: str, default: bool) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if value in (True, "true"):
            return True
        if value in (False, "false"):
            return False
        raise errors.invalid(name, "must be a boolean")

    def instrument(self, name: str = "instrument_name") -> Instrument:
        """A well-formed one, which may not exist."""
        found = parse(self.required(name))
        if found is None:
            raise errors.invalid(name)
        return found


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    is_number = isinstance(value, str) and value.lstrip("-").isdecimal() and value.isascii() and len(value) < 16
    return int(str(value)) if is_number and str(value).count("-") <= 1 else None
