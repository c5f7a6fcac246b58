"""Where history comes from: a vendor's API, an exchange, a folder of files; blocking calls made in lanes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName


@dataclass(frozen=True, slots=True)
class KindTraits:
    """What a source can be asked of one kind of series."""

    timeframes: frozenset[Timeframe] = frozenset()
    """Empty for kinds whose rows have no length."""
    symbols_per_request: int = 1
    is_snapshot: bool = False
    """Only the present can be asked for: one page has the state of now, whatever the range of the query."""
    revised_rows: int = 0
    """How many of the newest rows the source may still correct after it has first told them."""


@dataclass(frozen=True, slots=True)
class HistoryAbilities:
    """What an adapter can do; nowhere else is a source's name compared."""

    name: str
    """As in `SeriesName.source`."""
    kinds: Mapping[SeriesKind, KindTraits]
    requests_per_min: float | None = None
    """`None`: as many as one likes."""
    burst: int = 1
    """So many may be made at once after a rest."""
    page_rows: int = 10_000
    """How many rows a page has at most, all symbols together."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Rows of `symbols` (at most `KindTraits.symbols_per_request`) in [start_ms, end_ms), UTC ms: of bars those that
    open in it."""

    kind: SeriesKind
    symbols: tuple[str, ...]
    timeframe: Timeframe | None
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class HistoryPage:
    rows: Mapping[str, pa.Table]
    """By symbol, in the schema of the kind (`core.history.series.SCHEMAS`), within the query's range, ordered by the
    first column and without a repeated one unless the source itself repeats it. Symbols without rows on this page are
    left out."""
    next_token: str | None
    """What leads to the next page; `None`: this was the last one. Of two pages neither need be the earlier."""

    @property
    def n_rows(self) -> int:
        return sum(table.num_rows for table in self.rows.values())


@dataclass(frozen=True, slots=True, eq=False)
class UnreadPage:
    """An answer as it came, too large to be read where threads wait. Whoever fetched it calls `read` in a worker
    process, so all of it is picklable, below a megabyte, and `decode` a module's function. Raises as a source does."""

    decode: Callable[[bytes, HistoryQuery], HistoryPage]
    body: bytes
    query: HistoryQuery

    def read(self) -> HistoryPage:
        return self.decode(self.body, self.query)


class HistorySource(Protocol):
    """Each call is one request at most (or one file), ends within the adapter's total deadline and may be made from
    several threads at once.

    Raises `HistoryError`s only: `UnknownSymbols` (the rest of the batch can be asked without them), `NotPermitted`,
    `KeysRefused` and `QueryRefused` (a person must act), `RateLimited`, `SourceUnavailable` and `GarbageAnswer` (come
    back later; the same page may be asked again). A call whose caller gave up is dropped, never repeated by itself.
    """

    @property
    def abilities(self) -> HistoryAbilities: ...

    def page(self, query: HistoryQuery, token: str | None) -> HistoryPage | UnreadPage:
        """`token` `None`: the first page, else the `next_token` of one before, for the same query. A symbol that the
        source knows and has nothing of is no error."""
        ...

    def listing(self) -> Sequence[SeriesName] | None:
        """All that it has; `None` where that is more than anybody would list. One request at most."""
        ...

    def close(self) -> None:
        """Ends calls under way; later ones raise `SourceUnavailable`. Idempotent."""
        ...
