"""Which model decides about which symbol: frozen, replaced whole, and handed over with every question."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.models.manifest import scope_of


class Standing(NamedTuple):
    """What the registry says of a version, without its manifest."""

    version: str
    sums_sha256: str
    expires_ms: int | None
    """From then on it is not asked, UTC ms of trading time; `None`: it is pinned."""


@dataclass(frozen=True, slots=True)
class ModelsInUse:
    """All of them, by scope. Picklable."""

    folder: Path
    venue: str
    models: Mapping[str, Standing] = field(default_factory=dict)
    expired: Mapping[str, str] = field(default_factory=dict)
    """Versions that were live last, in scopes where none is, and went out of use by their age."""

    def of(self, symbol: InstrumentId, timeframe: Timeframe, at_ms: int) -> Standing | Reason:
        """The symbol's own model, else that of many symbols; the reason why neither may be asked about a candle that
        closed at `at_ms`."""
        old: str | None = None
        for scope in (scope_of(self.venue, timeframe, (symbol,)), scope_of(self.venue, timeframe, ())):
            model = self.models.get(scope)
            if model is not None and (model.expires_ms is None or at_ms < model.expires_ms):
                return model
            old = old or (self.expired.get(scope) if model is None else model.version)
        if old is not None:
            return because(ReasonCode.MODEL_EXPIRED, model=old)
        return because(ReasonCode.MODEL_MISSING, venue=self.venue, timeframe=timeframe.value)
