"""`orders`: what this bot has asked of the venue."""

from core.cli.options import AsJson, ConfigFiles, settings_of


def orders(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Show the running daemon's orders, newest first."""
    from core.cli.client import DaemonClient
    from core.cli.columns import orders_table
    from core.cli.output import print_json, print_table
    from core.domain.status import OrderStatusLine

    lines = DaemonClient(settings_of(config).settings).get("/api/v1/orders", list[OrderStatusLine])
    if as_json:
        print_json(lines)
    else:
        print_table(lambda width: orders_table(lines, width) if lines else "no orders yet")
