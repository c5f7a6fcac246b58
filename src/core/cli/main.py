"""Assembles the commands, and is the one place where an error becomes a message and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated

import typer

from core import __version__
from core.cli.bundle import bundle
from core.cli.check import check
from core.cli.flatten import flatten
from core.cli.halt import halt, resume
from core.cli.history import history
from core.cli.journal import journal
from core.cli.models import models
from core.cli.notify import notify
from core.cli.orders import orders
from core.cli.perf import perf
from core.cli.plans import plans
from core.cli.positions import positions
from core.cli.run import run
from core.cli.simulate import simulate
from core.cli.status import status
from core.cli.token import token
from core.cli.train import train
from core.cli.why import why
from core.domain.errors import MetronomeError
from core.runtime.redaction import PROCESS

app = typer.Typer(
    name="live_bot.py",
    help="A live trading daemon: never freezes, never loses or doubles an order, always says why.",
    epilog="Exit codes: 0 clean stop, 1 failure, 2 usage or settings, 3 venue unreachable, 4 recovery failed, "
    "5 unsafe state, 6 history of which not all that was asked for is there.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (run, check, status, positions, why, halt, resume, flatten, simulate, train, perf, bundle):
    app.command()(command)
app.add_typer(orders, name="orders")
app.add_typer(plans, name="plans")
app.add_typer(journal, name="journal")
app.add_typer(history, name="history")
app.add_typer(notify, name="notify")
app.add_typer(models, name="models")
app.add_typer(token, name="token")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"metronome {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command; what they do happens in `main`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.excepthook = _show_fault
    try:
        app(args=given, prog_name="live_bot.py", obj=tuple(given))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except MetronomeError as error:
        return _fail(error, with_traceback=_verbose(given))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _show_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody caught, as Python shows it, but for our secrets."""
    typer.echo(PROCESS.mask_text("".join(traceback.format_exception(kind, error, trace))), err=True, nl=False)


def _verbose(arguments: Sequence[str]) -> bool:
    before_command = list(arguments[: next((i for i, each in enumerate(arguments) if not each.startswith("-")), None)])
    return bool({"-v", "--verbose"} & set(before_command))


def _fail(error: MetronomeError, *, with_traceback: bool) -> int:
    if with_traceback:
        typer.echo(PROCESS.mask_text("".join(traceback.format_exception(error))), err=True, nl=False)
    lines = PROCESS.mask_text(str(error)).splitlines() or [type(error).__name__]
    for line in lines:
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(line, err=True)
    return error.exit_code
