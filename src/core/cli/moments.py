"""Moments as people type them."""

import re
from datetime import UTC, datetime, time

from core.domain.errors import SettingsError

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?")


def moment_ms(text: str, option: str, now_ms: int) -> int:
    """UTC ms. Raises `SettingsError` that names `option` and the forms there are."""
    text = text.strip()
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    try:
        if ago := _AGO.fullmatch(text):
            return now_ms - int(float(ago[1]) * _UNIT_S[ago[2]] * 1_000)
        if _CLOCK.fullmatch(text):
            clock = time.fromisoformat(text.zfill(8 if text.count(":") == 2 else 5))
            return int(datetime.combine(now.date(), clock, UTC).timestamp() * 1_000)
        moment = datetime.fromisoformat(text)
        at_ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
        if at_ms >= 0:
            return at_ms
    except (ValueError, OverflowError):
        pass
    raise SettingsError(
        f'{option} "{text[:40]}": say a moment as 2026-11-22T21:14 (UTC unless it says another zone, such as +01:00), '
        "21:14 of today in UTC, or 90s, 30m, 2h, 3d ago."
    )
