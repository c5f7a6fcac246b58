"""`positions`: what is held."""

from core.cli.options import AsJson, ConfigFiles, settings_of


def positions(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Show what the running daemon holds, at which price, with which profit and stop."""
    from core.cli.client import DaemonClient
    from core.cli.columns import positions_table
    from core.cli.output import print_json, print_table
    from core.domain.status import PositionStatus

    lines = DaemonClient(settings_of(config).settings).get("/api/v1/positions", list[PositionStatus])
    if as_json:
        print_json(lines)
    else:
        print_table(lambda width: positions_table(lines) if lines else "nothing is held")
