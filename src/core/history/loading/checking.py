"""A look at what was loaded: everything read from the cache once, in a worker process, and its quality."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.domain.series import SeriesName
from core.history.cache.store import HistoryCache
from core.history.coverage import Span
from core.history.series import Series
from core.runtime.allocator import release_memory


@dataclass(frozen=True, slots=True)
class Verdict:
    score: float
    """0 to 1."""
    refusal: str | None
    """Why it must not be used; `None`: it may."""


Judge = Callable[[Series], Verdict]
"""A module's function or a partial of one: it is sent to worker processes."""


@dataclass(frozen=True, slots=True)
class Checked:
    name: SeriesName
    rows: int
    verdict: Verdict | None
    """`None`: there are no rows, or nobody judges."""


def check(root: Path, names: Sequence[SeriesName], span: Span, judge: Judge | None) -> list[Checked]:
    """Files that are not what was written are set aside by it. Raises `CacheError`."""
    try:
        return [_checked(series, judge) for series in HistoryCache(root).read_many(names, span)]
    finally:
        release_memory()


def _checked(series: Series, judge: Judge | None) -> Checked:
    return Checked(series.name, len(series), judge(series) if judge is not None and len(series) else None)
