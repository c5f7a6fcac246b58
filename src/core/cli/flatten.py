"""`flatten`: cancel and close all, and watch until the venue shows it."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from core.cli.halt import operator, say
from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import MetronomeError, SettingsError

if TYPE_CHECKING:
    from core.cli.client import DaemonClient
    from core.domain.commands import FlattenProgress
    from core.settings.tree import Settings

_LOOK_EVERY_S = 0.5


class NotFlattened(MetronomeError):
    """It is not over; what is left was said."""

    exit_code = 5


def flatten(
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; logged and shown.")] = "by hand",
    scope: Annotated[
        Literal["bot", "account"],
        typer.Option(help="bot: what the bot has ordered and holds. account: everything on the account, whose ever."),
    ] = "bot",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option(help="Watch until it is over.")] = True,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Cancel all orders and close all positions, then lock; over when the venue itself shows that nothing is left.

    Ctrl-C ends the watching, not the flattening.
    """
    from core.domain.commands import Flatten

    settings = settings_of(config).settings
    command = Flatten(reason, operator(), scope)
    if not yes:
        _confirm(settings, scope)
    from core.cli.client import DaemonClient
    from core.domain.commands import KillSwitchStatus

    client = DaemonClient(settings)
    status = client.post("/api/v1/flatten", command, KillSwitchStatus)
    if wait:
        _watch(client, quiet=as_json)
        status = client.get("/api/v1/kill-switch", KillSwitchStatus)
    say(status, as_json)


def _confirm(settings: "Settings", scope: str) -> None:
    """Raises `SettingsError` where nobody can be asked."""
    what = "everything on the account" if scope == "account" else "all that the bot has ordered and holds"
    where = f"{settings.trading.mode} on {settings.venue.name}"
    if not sys.stdin.isatty():
        raise SettingsError(f"flatten closes {what} ({where}): say --yes where nobody can be asked.")
    typer.confirm(f"Close {what} ({where}), at market, now?", abort=True)


def _watch(client: "DaemonClient", *, quiet: bool) -> None:
    from core.domain.commands import KillSwitchStatus

    told = ""
    while True:
        status = client.get("/api/v1/kill-switch", KillSwitchStatus)
        if status.level != "FLATTEN":
            if status.flattening is not None and not quiet:
                typer.echo(in_words(status.flattening))
            return
        words = in_words(status.flattening) if status.flattening is not None else "beginning"
        if words != told and not quiet:
            typer.echo(words)
        told = words
        time.sleep(_LOOK_EVERY_S)


def in_words(progress: "FlattenProgress") -> str:
    """One line: what is left, or that nothing is."""
    dust = f"; too little to be traded, stays: {', '.join(progress.dust)}" if progress.dust else ""
    if progress.is_proven:
        return f"flat, by the venue's own word{dust}"
    parts = [f"{progress.working_orders} orders at work"] if progress.working_orders else []
    parts += [f"left: {', '.join(progress.left)}"] if progress.left else []
    parts += [f"in doubt: {', '.join(progress.in_doubt)}"] if progress.in_doubt else []
    parts += [progress.note] if progress.note else []
    return "; ".join(parts or ["looking"]) + dust
