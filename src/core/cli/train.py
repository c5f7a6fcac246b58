"""`train`: models from recorded candles, in this process, until the queue is worked off."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from core.models.recipe import Recipe
    from core.models.training.recorded import RecordedCandles
    from core.models.training.session import Assignment, Attended
    from core.models.training.validation import Tell
    from core.settings.models import ModelsSettings
    from core.settings.tree import Settings

_HOUR_MS = 3_600_000


def train(
    context: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", "-d", metavar="FILE", help="Candles, or a folder of them. None: the history cache."),
    ] = None,
    config: ConfigFiles = None,
    symbols: Annotated[
        list[str] | None, typer.Option("--symbols", "-s", metavar="SYMBOL", help="Only these; repeat it.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option(metavar="TF", help="Needed where there are several.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few folds and trees: whether all fits, in seconds.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Train now, whatever the schedule says.")] = False,
    due: Annotated[
        bool, typer.Option("--due", help="For timers: not a word where nothing is due; what is blocked is no failure.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was cut off, at once.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FOLDER", help="Write a report with plots for each model.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="In the background, whatever the terminal does.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="What the one in the background says, and its end.")] = False,
    as_json: AsJson = False,
    as_child: Annotated[bool, typer.Option("--as-child", hidden=True, help="Of a daemon that trades.")] = False,
) -> None:
    """Train what is due, validate it walk-forward with costs, compare it with luck, and publish it as a candidate, or
    as a shadow where it has skill and pays its costs. Nothing that is traded on is touched.

    Ends with 1 where nothing that was tried could be trained."""
    from core.cli.background import Background
    from core.cli.model_tables import session_document, session_table
    from core.cli.output import print_json, print_table
    from core.figures import require_plots
    from core.models.booster import require_lightgbm
    from core.models.training.session import TrainingSession
    from core.runtime.clocks import NS_PER_MS, WallClock

    settings, clock = settings_of(config).settings, WallClock()
    background = Background(settings.storage.data_dir / "models", "detached")
    if follow:
        raise typer.Exit(background.follow(lambda words: typer.echo(words, nl=False)))
    if detach:
        process = background.start([each for each in context.obj if each != "--detach"])
        typer.echo(f"process {process} trains; `train --follow` shows what it says and {background.log} keeps it")
        return
    if as_child:
        _give_way(settings.models)
    require_lightgbm()
    if html is not None:
        require_plots()
        _make_folder(html)
    source, work = _assignment(settings, data, symbols, timeframe, is_quick=quick, is_due=due)
    with _stopped_in_order(), _progress() as tell:
        session = TrainingSession(
            settings.storage.data_dir / "models", source, work, lambda: clock.now_ns() // NS_PER_MS, tell
        )
        with session.open(is_forced=force, is_resumed=resume):
            passed, attended = session.passed(), []
            for each in session.run():
                attended.append(each)
                if html is not None:
                    _write_report(html, each)
    shown = () if due else passed
    if as_json:
        print_json(session_document(attended, shown))
    elif attended or shown:
        print_table(lambda _: session_table(attended, shown))
    raise typer.Exit(exit_code(attended, is_due=due))


def exit_code(attended: "Sequence[Attended]", *, is_due: bool) -> int:
    """1 where a training broke, or, unless only what is due was asked for, where there is no model to show for it."""
    from core.models.coverage import Broke

    if is_due:
        return int(any(isinstance(each.outcome, Broke) for each in attended))
    return int(bool(attended) and all(each.manifest is None for each in attended))


def _assignment(
    settings: "Settings",
    data: list[Path] | None,
    symbols: list[str] | None,
    timeframe: str | None,
    *,
    is_quick: bool,
    is_due: bool,
) -> "tuple[RecordedCandles, Assignment]":
    """For what is due, symbols that are named need no candles yet: their coverage says that they wait for them."""
    from core.cli.candle_source import chosen, expected, readers, recordings
    from core.cli.history_options import timeframe_of
    from core.features.standard import STANDARD
    from core.models.recipe import quick
    from core.models.schedule import TrainingPolicy
    from core.models.training.recorded import RecordedCandles
    from core.models.training.session import Assignment

    wanted = None if timeframe is None else timeframe_of(timeframe)
    if is_due and symbols and wanted is not None:
        series = expected(settings, data or [], symbols, wanted)
    else:
        taken = chosen(recordings(settings, data or []), symbols or [], wanted)
        series, wanted = readers(taken), taken[0].timeframe
    recipe = recipe_of(settings.models)
    return RecordedCandles(series, settings.history.min_quality), Assignment(
        venue=settings.venue.name,
        timeframe=wanted,
        symbols=tuple(series),
        schema=STANDARD,
        recipe=quick(recipe) if is_quick else recipe,
        policy=TrainingPolicy(every_ms=round(settings.models.retrain_every_h * _HOUR_MS)),
        expire_after_ms=round(settings.models.expire_after_h * _HOUR_MS),
    )


def recipe_of(settings: "ModelsSettings") -> "Recipe":
    from core.models.costs import Costs
    from core.models.encoding import SymbolEncoding, TrainingMode
    from core.models.labels import LabelDefinition
    from core.models.recipe import Recipe

    return Recipe(
        mode=TrainingMode(settings.training_mode),
        encoding=SymbolEncoding(settings.symbol_encoding),
        label=LabelDefinition(
            kind=settings.label,
            horizon_candles=settings.horizon_candles,
            barrier_volatilities=settings.barrier_volatilities,
        ),
        calibration=settings.calibration,
        costs=Costs(fee_bps=settings.fee_bps, slippage_bps=settings.slippage_bps),
        may_short=settings.may_short,
        folds=settings.folds,
        embargo_candles=settings.embargo_candles,
        alpha=settings.alpha,
        min_samples=settings.min_samples,
        seed=settings.seed,
    )


def _give_way(settings: "ModelsSettings") -> None:
    """Goes with the daemon, and takes nothing that trading needs."""
    from core.runtime.lifeline import follow_parent
    from core.runtime.modesty import give_way, limit_memory

    follow_parent()
    give_way(settings.training_niceness)
    limit_memory(settings.training_memory_mb)


@contextmanager
def _stopped_in_order() -> "Iterator[None]":
    """SIGTERM does what Ctrl-C does: the training under way goes back into the queue."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress() -> "Iterator[Tell]":
    """Each step on standard error: a line that changes on a terminal, lines elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda words: typer.echo(f"training: {words}", err=True)
        return
    with console.status("training") as status:
        yield lambda words: status.update(f"training: {words}")


def _make_folder(folder: Path) -> None:
    """Before minutes of work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--html {folder}: cannot be made: {error.strerror}") from error


def _write_report(folder: Path, attended: "Attended") -> None:
    from core.models.training import report

    if attended.manifest is None or attended.trained is None:
        return
    file = folder / f"{attended.manifest.version}.html"
    try:
        file.write_text(report.html(attended.manifest, attended.trained, str(attended.stage)), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--html {file}: cannot be written: {error.strerror}") from error
    typer.echo(f"report: {file}", err=True)
