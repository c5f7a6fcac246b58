"""How long bars are."""

import re
from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    MINUTE = "Min"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


_NAMES = {
    "Min": Unit.MINUTE,
    "T": Unit.MINUTE,
    "Hour": Unit.HOUR,
    "H": Unit.HOUR,
    "Day": Unit.DAY,
    "D": Unit.DAY,
    "Week": Unit.WEEK,
    "W": Unit.WEEK,
    "Month": Unit.MONTH,
    "M": Unit.MONTH,
}
_COUNTS = {
    Unit.MINUTE: range(1, 60),
    Unit.HOUR: range(1, 24),
    Unit.DAY: (1,),
    Unit.WEEK: (1,),
    Unit.MONTH: (1, 2, 3, 4, 6, 12),
}


@dataclass(frozen=True, slots=True)
class Timeframe:
    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Timeframe | None":
        """`5Min`, `1H`, `1Day` ...; `None`: there is no such one."""
        match = re.fullmatch(r"([1-9][0-9]?)([A-Za-z]+)", text)
        unit = _NAMES.get(match[2]) if match else None
        if match is None or unit is None or int(match[1]) not in _COUNTS[unit]:
            return None
        return cls(int(match[1]), unit)

    @property
    def minutes(self) -> int:
        """0: of days or longer."""
        return {Unit.MINUTE: 1, Unit.HOUR: 60}.get(self.unit, 0) * self.count

    def __str__(self) -> str:
        return f"{self.count}{self.unit.value}"
