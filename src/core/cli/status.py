"""`status`: the running daemon at a glance."""

from core.cli.options import AsJson, ConfigFiles, settings_of


def status(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Show what the running daemon is doing: state, money, symbols, ages, reasons."""
    from core.cli.client import DaemonClient
    from core.cli.output import print_json, print_table
    from core.cli.table import render
    from core.domain.status import DaemonStatus

    picture = DaemonClient(settings_of(config).settings).get("/api/v1/status", DaemonStatus)
    if as_json:
        print_json(picture)
    else:
        print_table(lambda width: render(picture, width))
