"""Tables of `history load` and `history ls`."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.table import Table

from core.history.cache.layout import Shelf
from core.history.cache.manifest import Manifest
from core.history.loading.request import LoadReport, SymbolState

_STYLES = {SymbolState.READY: "green", SymbolState.PARTIAL: "yellow", SymbolState.REFUSED: "yellow"}
_MB = 1_000_000


def load_table(report: LoadReport) -> Table:
    table = Table(title=_summary(report), title_justify="left")
    for column in ("symbol", "state"):
        table.add_column(column)
    for column in ("series", "rows", "quality", "seconds", "requests", "cache"):
        table.add_column(column, justify="right")
    table.add_column("remarks", overflow="fold")
    for each in report.symbols:
        table.add_row(
            each.symbol,
            f"[{_STYLES.get(each.state, 'red')}]{each.state.value}[/]",
            f"{each.series:,}",
            f"{each.rows:,}",
            "-" if each.quality is None else f"{each.quality:.2f}",
            f"{each.seconds:.1f}",
            f"{each.requests:,}",
            f"{100 * each.cached:.0f} %",
            "; ".join(each.problems),
        )
    return table


def _summary(report: LoadReport) -> str:
    ready = sum(each.state is SymbolState.READY for each in report.symbols)
    return (
        f"{ready} of {len(report.symbols)} symbols ready: {sum(each.rows for each in report.symbols):,} rows, of which"
        f" {report.rows_fetched:,} fetched by {report.requests:,} requests in {report.seconds:.1f} s"
    )


def shelf_table(shelves: Sequence[tuple[Shelf, Manifest]]) -> Table:
    table = Table()
    for column in ("source", "kind", "symbol", "timeframe"):
        table.add_column(column)
    for column in ("series", "rows", "MB"):
        table.add_column(column, justify="right")
    for column in ("from", "to"):
        table.add_column(column)
    for shelf, manifest in shelves:
        first, last = covered_range(manifest)
        table.add_row(
            shelf.source,
            shelf.kind.value,
            shelf.symbol,
            shelf.timeframe.value if shelf.timeframe else "",
            f"{len(manifest.covered):,}",
            f"{sum(part.rows for part in manifest.parts.values()):,}",
            f"{sum(part.bytes for part in manifest.parts.values()) / _MB:.1f}",
            first,
            last,
        )
    return table


def covered_range(manifest: Manifest) -> tuple[str, str]:
    """Days of the first and the last moment that was asked for; empty where nothing was."""
    spans = [span for spans in manifest.covered.values() for span in spans]
    return _day(start for start, _ in spans)[0], _day(end - 1 for _, end in spans)[1]


def _day(times_ms: Iterable[int]) -> tuple[str, str]:
    found = sorted(times_ms)
    if not found:
        return "", ""
    first, last = (datetime.fromtimestamp(each / 1_000, UTC).strftime("%Y-%m-%d") for each in (found[0], found[-1]))
    return first, last
