"""`why SYMBOL`: the reasons of its last decisions."""

from typing import Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of


def why(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")],
    config: ConfigFiles = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many decisions.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show why a symbol was traded, and above all why it was not."""
    from core.api.answers import Why
    from core.cli.client import DaemonClient
    from core.cli.output import print_json, print_table
    from core.cli.reasons import reasons

    answer = DaemonClient(settings_of(config).settings).get(f"/api/v1/why/{symbol}", Why, limit=limit)
    if as_json:
        print_json(answer)
    else:
        print_table(lambda width: reasons(answer, width))
