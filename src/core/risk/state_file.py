"""The gate's state on disk: a halt and the day's loss outlive a restart."""

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from core.risk.day_loss import DayStart
from core.risk.drawdown import Peak
from core.risk.gate import RiskState
from core.risk.levels import FlattenScope, RiskLevel
from core.runtime.durable_files import make_folder, write_durably


class RiskStateFile:
    """One small JSON file an account. Blocking: call it in a lane."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, epoch: str | None) -> RiskState:
        """A fresh state where there is no file, or where it belongs to other books (`epoch`). A file that can't be read
        allows no entries until a person has looked."""
        try:
            held = json.loads(self._path.read_text("utf-8"))
            return _state(held) if held["epoch"] == epoch else RiskState()
        except FileNotFoundError:
            return RiskState()
        except (OSError, ValueError, KeyError, TypeError, InvalidOperation) as error:
            return RiskState(RiskLevel.NO_ENTRY, f"{self._path.name} cannot be read ({error}): look, then delete it")

    def save(self, state: RiskState, epoch: str | None) -> None:
        """Whole or not at all, and durable. Raises `OSError`."""
        day, peak = state.day, state.peak
        held = {
            "epoch": epoch,
            "level": state.level.value,
            "reason": state.reason,
            "since_ns": state.since_ns,
            "scope": state.scope.value,
            "day": None if day is None else {"day": day.day, "equity": str(day.equity), "profit": str(day.profit)},
            "peak": None if peak is None else {"equity": str(peak.equity), "profit": str(peak.profit)},
            "accepted": list(state.accepted),
        }
        make_folder(self._path.parent)
        write_durably(self._path, json.dumps(held).encode())


def _state(held: dict[str, Any]) -> RiskState:
    day, peak, since_ns = held["day"], held.get("peak"), held.get("since_ns")
    for name, value in (("day", day), ("peak", peak)):
        if value is not None and not isinstance(value, dict):
            raise TypeError(f"{name} is no object")
    return RiskState(
        level=RiskLevel(held["level"]),
        reason=str(held["reason"]),
        day=None if day is None else DayStart(int(day["day"]), Decimal(day["equity"]), Decimal(day["profit"])),
        since_ns=None if since_ns is None else int(since_ns),
        scope=FlattenScope(held.get("scope", FlattenScope.BOT)),
        peak=None if peak is None else Peak(Decimal(peak["equity"]), Decimal(peak["profit"])),
        accepted=tuple(str(each) for each in held.get("accepted", ())),
    )
