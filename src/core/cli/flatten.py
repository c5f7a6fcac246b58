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
    from core.domain.commands import Flatten, FlattenProgress, KillSwitchStatus
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
    direct: Annotated[
        bool, typer.Option("--direct", help="Without a running daemon: do it from here, by the daemon's journal.")
    ] = False,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Cancel all orders and close all positions, then lock; over when the venue itself shows that nothing is left.

    Ctrl-C ends the watching, not the flattening; with --direct it ends both, and the next start goes on with it.
    """
    from core.domain.commands import Flatten

    settings = settings_of(config).settings
    command = Flatten(reason, operator(), scope)
    if not yes:
        _confirm(settings, scope)
    if direct:
        _flatten_directly(settings, command, as_json)
        return
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

    told = _Teller(quiet=quiet)
    while True:
        status = client.get("/api/v1/kill-switch", KillSwitchStatus)
        told.say(in_words(status.flattening) if status.flattening is not None else "beginning")
        if status.level != "FLATTEN":
            return
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


def _flatten_directly(settings: "Settings", command: "Flatten", as_json: bool) -> None:
    from core.cli.data_dir import require_data_dir
    from core.flatten_direct import DirectFlattening
    from core.runtime.loop import run_loop

    require_data_dir(settings.storage.data_dir)
    told = _Teller(quiet=as_json)
    flattening = DirectFlattening(
        settings, command, on_progress=lambda each: told.say(in_words(each)), on_wait=told.say
    )
    found: list[KillSwitchStatus | None] = []

    async def run() -> int:
        found.append(await flattening.run())
        return 0

    run_loop(run())
    status = found[0]
    if status is None or status.level != "LOCKED":
        what = "nothing was begun" if status is None else "what is left was said; the next start of the daemon goes on"
        raise NotFlattened(f"it is not over: {what}.")
    say(status, as_json)


class _Teller:
    """Says what is new."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._told = ""

    def say(self, words: str) -> None:
        if words and words != self._told and not self._quiet:
            typer.echo(words)
        self._told = words
