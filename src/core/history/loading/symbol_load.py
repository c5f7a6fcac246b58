"""What is known of a symbol while it loads, and the report that it ends with. Pure but for the tasks it holds."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.domain.series import SeriesKind, SeriesName
from core.history.loading.checking import Checked
from core.history.loading.chunks import ChunkOutcome
from core.history.loading.request import SymbolReport, SymbolState

_TOLD = 4


@dataclass(slots=True, eq=False)
class SymbolLoad:
    symbol: str
    urgency: int
    names: list[SeriesName] = field(default_factory=list)
    chunks: list[asyncio.Task[ChunkOutcome]] = field(default_factory=list)
    asked_ms: int = 0
    missing_ms: int = 0
    problems: list[str] = field(default_factory=list)

    def report(self, outcomes: Sequence[ChunkOutcome], checked: Sequence[Checked], seconds: float) -> SymbolReport:
        whole = [each for each in checked if each.name.kind is not SeriesKind.OPTION_BARS]
        failures = self._failures(outcomes)
        empty = [] if failures else [each.name.kind for each in whole if not each.rows]
        absent = [f"no rows of {kind}: is the symbol right?" for kind in empty]
        refused = [each for each in checked if each.verdict is not None and each.verdict.refusal is not None]
        refusals = [each.verdict.refusal or "" for each in refused if each.verdict is not None]
        rows = sum(each.rows for each in checked)
        scores = [each.verdict.score for each in whole if each.verdict is not None]
        return SymbolReport(
            symbol=self.symbol,
            state=self._state(rows, failures or self.problems, absent, any(each in whole for each in refused)),
            series=sum(1 for each in checked if each.rows),
            rows=rows,
            quality=min(scores, default=None),
            seconds=seconds,
            requests=sum(outcome.requests for outcome in outcomes),
            cached=1.0 - self.missing_ms / self.asked_ms if self.asked_ms else 1.0,
            problems=_shortened([*failures, *self.problems, *absent, *refusals]),
        )

    def undone(self, reason: str, seconds: float) -> SymbolReport:
        """Of a load that has ended before this symbol was done."""
        return SymbolReport(self.symbol, SymbolState.FAILED, 0, 0, None, seconds, 0, 0.0, (reason,))

    @staticmethod
    def _state(rows: int, failures: Sequence[str], absent: Sequence[str], is_refused: bool) -> SymbolState:
        if not rows:
            return SymbolState.FAILED if failures else SymbolState.EMPTY
        if failures or absent:
            return SymbolState.PARTIAL
        return SymbolState.REFUSED if is_refused else SymbolState.READY

    def _failures(self, outcomes: Sequence[ChunkOutcome]) -> list[str]:
        """Each reason once; how many contracts it is about, where it is about them."""
        reasons: Counter[str] = Counter()
        for outcome in outcomes:
            mine = {name.symbol for name in self.names}
            for symbol, error in outcome.failed.items():
                if symbol in mine:
                    reasons[str(error)] += 1
        return [reason if n == 1 else f"{reason} ({n} times)" for reason, n in reasons.items()]


def _shortened(problems: Sequence[str]) -> tuple[str, ...]:
    more = len(problems) - _TOLD
    return (*problems[:_TOLD], *([f"and {more} more"] if more > 0 else []))
