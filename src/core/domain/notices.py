"""What a person may want to be told."""

from dataclasses import dataclass
from enum import IntEnum


class NoticeLevel(IntEnum):
    DEBUG = 10
    INFO = 20
    WARNING = 30
    CRITICAL = 40
    """A person should look now, whatever the hour."""

    @staticmethod
    def of(name: str) -> "NoticeLevel":
        """As the settings spell it."""
        return NoticeLevel[name.upper()]


@dataclass(frozen=True, slots=True)
class Notice:
    level: NoticeLevel
    title: str
    """One line: `bought 0.1 BTC/USDT at 67,000`."""
    body: str = ""
    """More of it; may be empty."""
