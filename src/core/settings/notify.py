"""`[notify]`: messages to people: a phone, a chat, a mailbox."""

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from core.settings.section import Section

NoticeLevel = Literal["debug", "info", "warning", "critical"]


class NotifySettings(Section):
    urls: SecretStr | None = None
    """Where to: apprise's URLs, separated by white space or commas (`tgram://TOKEN/CHAT`, `discord://ID/TOKEN`,
    `mailto://…`, `json://HOST/PATH`). All of it is a secret. `None`: nobody is told anything."""
    urls_file: Path | None = None
    level: NoticeLevel = "info"
    """What is less than that is not told."""
    max_messages: int = Field(default=10, ge=1, le=1_000)
    """Single messages within `period_s`; what comes on top of them waits for the digest."""
    period_s: float = Field(default=600.0, gt=0)
    digest_s: float = Field(default=900.0, gt=0)
    """What waits is told in one message, at most so often."""
    quiet_hours: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] | None = None
    """Such as `22:00-07:00`, in `time_zone`: then only what is critical is told at once, all else in a digest after."""
    time_zone: str = "UTC"
    """Such as `Europe/Berlin`."""
    profit_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = "00:00"
    """When the profit of the day is told, in `time_zone`; `None`: never."""
    fills: bool = True
    queue_size: int = Field(default=1_000, ge=10)
    """What waits for services that do not answer. When it is full the oldest that is least urgent goes, counted."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Of one attempt to send."""

    def each_url(self) -> tuple[str, ...]:
        """Secrets, all of them; empty where nobody is told anything."""
        given = "" if self.urls is None else self.urls.get_secret_value()
        return tuple(each for each in re.split(r"[\s,]+", given) if each)

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError(f'"{name}" is no time zone; say one such as Europe/Berlin or UTC') from None
        return name
