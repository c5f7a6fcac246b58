"""`plans`: parent orders, which are carried out in slices."""

from typing import Annotated

import typer

from core.cli.halt import operator
from core.cli.options import AsJson, ConfigFiles, settings_of

plans = typer.Typer(help="Show parent orders (TWAP, icebergs) and how far they are.", invoke_without_command=True)


@plans.callback()
def show(context: typer.Context, config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Show parent orders (TWAP, icebergs) and how far they are."""
    if context.invoked_subcommand is not None:
        return
    from core.cli.client import DaemonClient
    from core.cli.columns import plans_table
    from core.cli.output import print_json, print_table
    from core.domain.status import PlanStatusLine

    lines = DaemonClient(settings_of(config).settings).get("/api/v1/plans", list[PlanStatusLine])
    if as_json:
        print_json(lines)
    else:
        print_table(lambda _: plans_table(lines) if lines else "no plans")


@plans.command()
def end(
    plan_id: Annotated[str, typer.Argument(metavar="PLAN_ID", help="As `plans` shows it.")],
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; it is journalled.")],
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """End a parent order: no further slice, what works of it is cancelled. What has filled stays."""
    from core.cli.client import DaemonClient
    from core.cli.output import print_json
    from core.domain.commands import EndPlan
    from core.domain.status import PlanStatusLine

    client = DaemonClient(settings_of(config).settings, timeout_s=30.0)
    line = client.post("/api/v1/plans/end", EndPlan(plan_id, reason, operator()), PlanStatusLine)
    if as_json:
        print_json(line)
    else:
        how = "is over" if line.state == "over" else "ends as soon as its last slice is proven over"
        typer.echo(f"{line.plan_id} {how}: {line.filled_quantity} of {line.quantity} filled")
