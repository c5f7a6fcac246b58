"""`halt` and `resume`: the kill switch by hand, short of flattening."""

import getpass
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of

if TYPE_CHECKING:
    from core.domain.commands import KillSwitchStatus

Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; it is logged and shown.")]


def halt(
    reason: Reason = "by hand",
    reduce_only: Annotated[bool, typer.Option("--reduce-only", help="Cancel working entries, too.")] = False,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Let the running daemon open and add nothing, until `resume`. Stops and exits go on."""
    from core.cli.client import DaemonClient
    from core.domain.commands import Halt, KillSwitchStatus

    command = Halt(reason, operator(), reduce_only)
    client = DaemonClient(settings_of(config).settings)
    say(client.post("/api/v1/halt", command, KillSwitchStatus), as_json)


def resume(
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; it is logged.")],
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Let the running daemon trade again: after a halt, whoever called it, or after a flattening."""
    from core.cli.client import DaemonClient
    from core.domain.commands import KillSwitchStatus, Resume

    client = DaemonClient(settings_of(config).settings)
    say(client.post("/api/v1/resume", Resume(reason, operator()), KillSwitchStatus), as_json)


def operator() -> str:
    """Who this is, for the log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def say(status: "KillSwitchStatus", as_json: bool) -> None:
    """Where the kill switch stands now."""
    from core.cli import wording
    from core.cli.output import print_json

    if as_json:
        print_json(status)
        return
    since = "" if status.since_ms is None else f" since {wording.date_and_clock(status.since_ms)}"
    typer.echo(f"{status.level}{since}" + (f": {status.reason}" if status.reason else ""))
    if not status.is_durable:
        typer.echo("the disk did not take it: a restart would forget it (the daemon's log says why)", err=True)
