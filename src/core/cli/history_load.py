"""`history load`: from the options to the table at the end."""

import asyncio
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import typer
import uvloop

from core.cli.history_interrupted import with_unfinished
from core.cli.history_options import day_ms, history_dir, kinds_of, symbols_of, timeframe_of
from core.cli.history_progress import BarProgress, LoadProgress, PlainProgress
from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.errors import CacheError, SettingsError
from core.domain.series import SeriesKind
from core.history.cache.store import HistoryCache
from core.history.loading.loader import PRELOAD, HistoryLoader, lanes_for
from core.history.loading.memory import keep_memory_low
from core.history.loading.request import LoadReport, LoadRequest, require_able
from core.history.quality.judge import judge
from core.history_sources import open_source
from core.ports.history import HistoryAbilities, HistorySource
from core.runtime.durable_files import make_folder, write_durably
from core.runtime.loop import freeze_long_lived, tune_interpreter
from core.settings.tree import Settings

_DAY_MS = 86_400_000
_QUICK_SYMBOLS = ("SPY", "QQQ", "IWM")
_QUICK_DAYS = 90
_TICK_S = 0.25
_LAST_LOAD = "last_load.json"
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Asked:
    """The options, as they were given."""

    symbols: str | None
    kinds: str | None
    days: int
    since: str | None
    until: str | None
    timeframe: str
    quick: bool = False
    resume: bool = False


class LastLoad(msgspec.Struct, frozen=True):
    """What `--resume` goes on with."""

    source: str
    symbols: tuple[str, ...]
    kinds: tuple[SeriesKind, ...]
    timeframe: str
    start_ms: int
    end_ms: int
    contracts: int
    contract_days: int


def run_load(settings: Settings, asked: Asked, *, as_json: bool) -> LoadReport:
    """Load, tell how it goes, show the table. Raises `SettingsError`s for what can't be asked, and leaves with 130 on
    Ctrl-C."""
    tune_interpreter(settings.compute.switch_interval_s)
    keep_memory_low()
    folder = history_dir(settings)
    _require_folder(folder)
    last = _last(folder) if asked.resume else None
    if last is not None:
        history = settings.history.model_copy(update={"source": last.source})
        settings = settings.model_copy(update={"history": history})
    source = open_source(settings, settings.history.source)
    try:
        request = _resumed(last) if last is not None else _request(settings, asked, source.abilities)
        require_able(request, source.abilities)
        _keep(folder, settings.history.source, request)
        run = _Run(settings, source, HistoryCache(folder), request, as_json=as_json)
        report = run.report() if _is_done(run) else None
    finally:
        source.close()
    run.show()
    if report is None:
        typer.echo("interrupted; what is done is kept: `history load --resume` goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    return report


class _Run:
    def __init__(
        self, settings: Settings, source: HistorySource, cache: HistoryCache, request: LoadRequest, *, as_json: bool
    ) -> None:
        self._settings = settings
        self._source = source
        self._cache = cache
        self._request = request
        self._as_json = as_json
        self._progress = _progress(request, as_json=as_json)
        self._loader: HistoryLoader | None = None

    async def run(self) -> None:
        history = self._settings.history
        computer = AsyncFeatureComputer(self._settings.compute, lanes=lanes_for(history), preload=PRELOAD, spares=0)
        with self._progress as progress:
            async with computer:
                freeze_long_lived()
                self._loader = HistoryLoader(
                    self._source,
                    self._cache,
                    computer,
                    history,
                    judge=partial(judge, min_quality=history.min_quality),
                    on_event=progress,
                )
                ticking = asyncio.create_task(_tick(progress), name="progress")
                try:
                    async for _ in self._loader.ready(self._request):
                        pass
                finally:
                    ticking.cancel()
                    await asyncio.wait([ticking])

    def report(self) -> LoadReport:
        if self._loader is None:
            return LoadReport((), 0, 0, 0.0)
        return self._loader.report()

    def show(self) -> None:
        from core.cli.history_table import load_table
        from core.cli.output import print_json, print_table

        report = with_unfinished(self.report(), self._request, self._cache, self._source.abilities)
        if self._as_json:
            print_json({**msgspec.to_builtins(_plain(report)), "complete": report.is_complete})
            return
        print_table(lambda _: load_table(report))
        if report.stopped_by is not None:
            typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
            typer.echo(f"the load ended early: {report.stopped_by}", err=True)


def _is_done(run: _Run) -> bool:
    """`False`: interrupted."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run.run())
    except KeyboardInterrupt:
        return False
    return True


async def _tick(progress: LoadProgress) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        progress.tick()


def _progress(request: LoadRequest, *, as_json: bool) -> LoadProgress:
    """On standard output; on standard error where that is for JSON."""
    from rich.console import Console

    stream = sys.stderr if as_json else sys.stdout
    if stream.isatty():
        return BarProgress(Console(file=stream), request.symbols)

    def write(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    return PlainProgress(write)


def _request(settings: Settings, asked: Asked, abilities: HistoryAbilities) -> LoadRequest:
    symbols = symbols_of(asked.symbols) if asked.symbols is not None else ()
    if not symbols and not asked.quick:
        raise SettingsError("--symbols is missing; for example --symbols SPY,QQQ, or --quick for a first look")
    kinds = kinds_of(asked.kinds) if asked.kinds is not None else _usual_kinds(abilities)
    timeframe = timeframe_of(asked.timeframe)
    return LoadRequest(
        symbols=(symbols or _QUICK_SYMBOLS)[: len(_QUICK_SYMBOLS) if asked.quick else None],
        kinds=_chains_first(kinds),
        timeframe=timeframe,
        span=_span(asked, timeframe, int(time.time() * 1_000)),
        contracts=settings.history.contracts,
        contract_days=settings.history.contract_days,
    )


def _usual_kinds(abilities: HistoryAbilities) -> tuple[SeriesKind, ...]:
    """What a source is there for, where nobody has said."""
    return next(
        ((kind,) for kind in (SeriesKind.STOCK_BARS, SeriesKind.CANDLES) if kind in abilities.kinds),
        tuple(abilities.kinds)[:1],
    )


def _chains_first(kinds: tuple[SeriesKind, ...]) -> tuple[SeriesKind, ...]:
    """Option bars are of contracts, which a chain names."""
    if SeriesKind.OPTION_BARS in kinds and SeriesKind.OPTION_CHAIN not in kinds:
        return (SeriesKind.OPTION_CHAIN, *kinds)
    return kinds


def _span(asked: Asked, timeframe: Timeframe, now_ms: int) -> tuple[int, int]:
    """Whole bars only, of the past: one that is still forming would be kept as it is now."""
    end_ms = min(timeframe.open_ms(now_ms), now_ms if asked.until is None else day_ms("--until", asked.until))
    days = min(asked.days, _QUICK_DAYS) if asked.quick else asked.days
    start_ms = end_ms - days * _DAY_MS if asked.since is None else day_ms("--since", asked.since)
    if asked.since is None:
        start_ms -= start_ms % _DAY_MS
    if not 0 <= start_ms < end_ms:
        raise SettingsError("--since, --until: there is no time between the first and the last day")
    return start_ms, end_ms


def _require_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise SettingsError(f"history.dir: {folder} can't be made: {error.strerror or error}") from None


def _keep(folder: Path, source: str, request: LoadRequest) -> None:
    last = LastLoad(
        source,
        request.symbols,
        request.kinds,
        request.timeframe.value,
        *request.span,
        request.contracts,
        request.contract_days,
    )
    try:
        write_durably(folder / _LAST_LOAD, msgspec.json.encode(last))
    except OSError as error:
        raise CacheError(f"{folder}: the cache can't be written: {error.strerror or error}") from error


def _last(folder: Path) -> LastLoad:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((folder / _LAST_LOAD).read_bytes(), type=LastLoad)
    raise SettingsError(f"--resume: no load was begun in {folder}")


def _resumed(last: LastLoad) -> LoadRequest:
    return LoadRequest(
        last.symbols,
        last.kinds,
        Timeframe(last.timeframe),
        (last.start_ms, last.end_ms),
        last.contracts,
        last.contract_days,
    )


def _plain(report: LoadReport) -> dict[str, object]:
    return {
        "symbols": report.symbols,
        "requests": report.requests,
        "rows_fetched": report.rows_fetched,
        "seconds": report.seconds,
        "stopped_by": None if report.stopped_by is None else str(report.stopped_by),
    }
