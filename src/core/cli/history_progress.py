"""A load as it goes: bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from core.history.loading.request import (
    ChunkDone,
    HeldUp,
    LoadEvent,
    PageFetched,
    Planned,
    SymbolDone,
    SymbolReport,
    SymbolState,
)

_EVERY_REQUESTS = 10
_QUIET_S = 0.7
_PATIENCE_S = 0.5
"""Shorter waits are not worth a line."""


class LoadProgress(Protocol):
    def __call__(self, event: LoadEvent) -> None: ...

    def tick(self) -> None:
        """Called a few times a second: nobody shall wonder whether it still runs."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def done_line(report: SymbolReport, done: int, total: int) -> str:
    """`[4/23] SPY: 12,450 rows, quality 0.95, 3.1 s (cache 80 %)`."""
    words = [f"{report.rows:,} rows"]
    if report.quality is not None:
        words.append(f"quality {report.quality:.2f}")
    words.append(f"{report.seconds:.1f} s (cache {100 * report.cached:.0f} %)")
    state = "" if report.state is SymbolState.READY else f"{report.state.value}: "
    reasons = f": {'; '.join(report.problems)}" if report.problems else ""
    return f"[{done}/{total}] {report.symbol}: {state}{', '.join(words)}{reasons}"


class PlainProgress:
    """A line for each symbol, each ten requests and each second without one."""

    def __init__(self, write: Callable[[str], None], monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """`write` prints a line and flushes it."""
        self._write = write
        self._monotonic_s = monotonic_s
        self._began_s = self._told_s = monotonic_s()
        self._requests = self._rows = 0
        self._last: tuple[str, ...] = ()

    def __call__(self, event: LoadEvent) -> None:
        match event:
            case SymbolDone(report=report, done=done, total=total):
                self._tell(done_line(report, done, total))
            case PageFetched():
                self._requests, self._rows, self._last = event.requests, event.rows_fetched, event.symbols
                if event.requests % _EVERY_REQUESTS == 0:
                    self._tell_where()
            case HeldUp(wait_s=wait_s, reason=reason) if wait_s >= _PATIENCE_S:
                self._tell(f"  … waiting {wait_s:.1f} s: {reason}")

    def tick(self) -> None:
        if self._monotonic_s() - self._told_s >= _QUIET_S:
            self._tell_where()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to clear away."""

    def _tell_where(self) -> None:
        took_s = self._monotonic_s() - self._began_s
        of = f", {', '.join(self._last[:3])}{' …' if len(self._last) > 3 else ''}" if self._last else ""
        self._tell(f"  … {self._requests:,} requests, {self._rows:,} rows, {took_s:.1f} s{of}")

    def _tell(self, line: str) -> None:
        self._told_s = self._monotonic_s()
        self._write(line)


class BarProgress:
    """One bar for all and one a symbol; those that are done move up as lines."""

    def __init__(self, console: Console, symbols: tuple[str, ...]) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:>11,} rows"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=8,
            transient=True,
        )
        self._began_s = time.monotonic()
        self._total = self._progress.add_task(f"{len(symbols)} symbols", total=len(symbols), rows=0, rate="")
        self._bars: dict[str, TaskID] = {
            symbol: self._progress.add_task(symbol, total=None, rows=0, rate="", visible=n < _SHOWN)
            for n, symbol in enumerate(symbols)
        }
        self._rows = dict.fromkeys(symbols, 0)
        self._waiting = list(symbols[_SHOWN:])

    def __call__(self, event: LoadEvent) -> None:
        match event:
            case Planned(symbol=symbol, chunks=chunks):
                self._progress.update(self._bars[symbol], total=max(chunks, 1))
            case ChunkDone(symbols=symbols):
                for symbol in symbols:
                    self._progress.advance(self._bars[symbol])
            case PageFetched():
                self._page(event)
            case HeldUp(wait_s=wait_s, reason=reason) if wait_s >= _PATIENCE_S:
                self._progress.console.print(f"waiting {wait_s:.1f} s: {reason}", style="yellow", highlight=False)
            case SymbolDone(report=report, done=done, total=total):
                self._done(report, done, total)

    def tick(self) -> None:
        """It draws by itself."""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def _page(self, event: PageFetched) -> None:
        rate = f"{event.rows_fetched / max(time.monotonic() - self._began_s, 0.001):,.0f}/s"
        self._progress.update(self._total, rows=event.rows_fetched, rate=rate)
        for symbol in event.symbols:
            self._rows[symbol] += event.rows // len(event.symbols)
            self._progress.update(self._bars[symbol], rows=self._rows[symbol])

    def _done(self, report: SymbolReport, done: int, total: int) -> None:
        style = "green" if report.state is SymbolState.READY else "yellow" if report.rows else "red"
        self._progress.console.print(done_line(report, done, total), style=style, highlight=False, markup=False)
        self._progress.update(self._total, completed=done)
        self._progress.update(self._bars[report.symbol], visible=False)
        if self._waiting:
            self._progress.update(self._bars[self._waiting.pop(0)], visible=True)


_SHOWN = 16
"""Symbols with a bar on the screen at once; the next follow as these get done."""
