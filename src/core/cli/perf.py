"""`perf`: the same work inline, in threads and through AsyncFeatureComputer, side by side."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from core.performance.comparison import Comparison
    from core.performance.workload import Workload
    from core.settings.compute import ComputeSettings


def perf(
    config: ConfigFiles = None,
    rounds: Annotated[int, typer.Option(min=1, max=1_000, help="Medians are taken over so many.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, max=3_600, help="Of each way in each round, at least.")] = 3.0,
    operations: Annotated[int, typer.Option(min=1, max=1_000, help="Blocking operations at once.")] = 500,
    symbols: Annotated[int, typer.Option(min=1, max=1_000, help="Features and signals of so many.")] = 100,
    threads: Annotated[int, typer.Option(min=1, max=64, help="AsyncFeatureComputer's, for what blocks.")] = 64,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a report with plots.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what this machine does, and how late its loop is: work done in the loop, in threads of the default pool,
    and as the daemon does it. Takes a minute or two; needs no venue, touches no journal.

    Ends with 1 where the daemon's own way is outside its bounds; on a machine too busy to tell, with 0 and a word."""
    from core.cli.output import print_json, print_table
    from core.cli.perf_table import as_document, draw
    from core.figures import require_plots
    from core.performance.workload import Workload

    settings = settings_of(config, {"compute": {"data_lane_threads": threads}}).settings.compute
    if settings.backend != "processes":
        settings = settings.model_copy(update={"backend": "processes", "dask_scheduler": None})
    if html is not None:
        require_plots()
        _require_folder(html)
    workload = Workload(operations=operations, hung=min(4, operations), symbols=symbols, seconds=seconds)
    compared = _compared(workload, settings, rounds)
    if as_json:
        print_json(as_document(compared))
    else:
        print_table(lambda _: draw(compared))
    if html is not None:
        _write(html, compared)
    raise typer.Exit(1 if compared.verdict().holds is False else 0)


def _compared(workload: "Workload", settings: "ComputeSettings", rounds: int) -> "Comparison":
    """With a bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from core.performance.comparison import compare, steps_of
    from core.runtime.loop import tune_interpreter

    tune_interpreter(settings.switch_interval_s)
    console = Console(stderr=True)
    # Drawn only when told to: a thread that draws now and then would make the loop late that is measured.
    with Progress(console=console, auto_refresh=False, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=steps_of(rounds))

        def tell(words: str) -> None:
            progress.update(task, description=words, refresh=True)
            progress.advance(task)

        return compare(workload, settings, rounds, tell)


def _require_folder(file: Path) -> None:
    """Before minutes of measuring."""
    if file.is_dir():
        raise SettingsError(f"--html {file}: this is a folder")
    if not file.parent.is_dir():
        raise SettingsError(f"--html {file}: the folder {file.parent} does not exist")


def _write(file: Path, compared: "Comparison") -> None:
    import shlex
    import time

    from core.performance.report import html

    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    try:
        file.write_text(html(compared, command, when), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--html {file}: cannot be written: {error.strerror}") from error
    typer.echo(f"report: {file}", err=True)
