"""`notify`: whether messages arrive."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from core.notify.services import Service

notify = typer.Typer(help="Messages to people, by the services in notify.urls.", no_args_is_help=True)


@notify.callback()
def about() -> None:
    """So that `test` stays a command of its own."""


@notify.command()
def test(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Send a message to each service now, whatever the hour. Ends with 1 where one does not take it."""
    from core.cli.output import print_json
    from core.notify.services import AppriseService

    settings = settings_of(config).settings.notify
    services = [AppriseService(url, number) for number, url in enumerate(settings.each_url(), 1)]
    if not services:
        raise SettingsError(
            "notify.urls: there are none. Write them to a file (mode 0600) and set notify.urls_file, or set "
            "METRONOME__NOTIFY__URLS."
        )
    results = asyncio.run(_tried(services, settings.timeout_s))
    if as_json:
        print_json(results)
    else:
        for name, failure in results.items():
            typer.secho("failed  " if failure else "sent    ", fg="red" if failure else "green", nl=False)
            typer.echo(failure or name)
    raise typer.Exit(1 if any(results.values()) else 0)


async def _tried(services: "Sequence[Service]", timeout_s: float) -> dict[str, str]:
    """Why each failed; empty where it did not."""
    from core.compute.lanes import Lane
    from core.domain.errors import ComputeError, NotifyError
    from core.domain.notices import Notice, NoticeLevel
    from core.notify.delivery import Message
    from core.runtime.clocks import SystemMonotonicClock

    notice = Notice(NoticeLevel.INFO, "metronome: a test", "Messages of this daemon arrive here.")
    message = Message(notice.title, notice.body, notice.level, (notice,))
    lane = Lane("notify", len(services), queue_size=len(services), monotonic=SystemMonotonicClock())

    async def one(service: "Service") -> str:
        try:
            await lane.run(service.send, message, deadline_s=timeout_s)
        except (NotifyError, ComputeError) as error:
            return str(error)
        return ""

    return dict(zip((each.name for each in services), await asyncio.gather(*map(one, services)), strict=True))
