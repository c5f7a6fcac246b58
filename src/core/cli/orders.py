"""`orders`: what this bot has asked of the venue, and what to do about orders in doubt."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from core.cli.amend import amend
from core.cli.halt import operator
from core.cli.options import AsJson, ConfigFiles, settings_of
from core.cli.tickets import cancel, place

orders = typer.Typer(help="Show the running daemon's orders, newest first.", invoke_without_command=True)
for by_hand in (place, amend, cancel):
    orders.command()(by_hand)


@orders.callback()
def show(context: typer.Context, config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Show the running daemon's orders, newest first."""
    if context.invoked_subcommand is None:
        _list(config, as_json)


@orders.command()
def ls(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """The same as `orders` alone."""
    _list(config, as_json)


def _list(config: list[Path] | None, as_json: bool) -> None:
    from core.cli.client import DaemonClient
    from core.cli.columns import orders_table
    from core.cli.output import print_json, print_table
    from core.domain.status import OrderStatusLine, PlanStatusLine

    client = DaemonClient(settings_of(config).settings)
    lines = client.get("/api/v1/orders", list[OrderStatusLine])
    if as_json:
        print_json(lines)
    else:
        print_table(lambda width: orders_table(lines, width) if lines else "no orders yet")
        at_work = sum(plan.state == "working" for plan in client.get("/api/v1/plans", list[PlanStatusLine]))
        if at_work:
            typer.echo(f"and {at_work} plan{'s' if at_work > 1 else ''} at work: `live_bot.py plans` shows how far")


@orders.command()
def resolve(
    client_order_id: Annotated[str, typer.Argument(metavar="CLIENT_ORDER_ID", help="As `orders` shows it.")],
    verdict: Annotated[
        Literal["absent", "cancelled", "filled"],
        typer.Option(
            "--as",
            help="As seen at the venue. absent: it never arrived. cancelled: over, no fill to come. filled: over and "
            "filled; its trades are still asked for.",
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why you know; it is journalled.")],
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Say how an order of unknown outcome has ended. What the venue says of it later counts all the same."""
    from core.cli.client import DaemonClient
    from core.cli.output import print_json
    from core.domain.commands import ResolveOrder, Verdict
    from core.domain.status import OrderStatusLine

    command = ResolveOrder(client_order_id, Verdict(verdict), reason, operator())
    client = DaemonClient(settings_of(config).settings, timeout_s=30.0)
    line = client.post("/api/v1/orders/resolve", command, OrderStatusLine)
    if as_json:
        print_json(line)
    else:
        typer.echo(f"{line.client_order_id} is {line.state}: {line.reason}")
