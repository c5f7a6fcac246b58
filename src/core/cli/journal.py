"""`journal`: look into the journals without a daemon; nothing is written."""

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of

journal = typer.Typer(
    help="Look into the order journals without writing; a daemon may be running.", no_args_is_help=True
)


@journal.command()
def verify(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Check every journal: its file, and that what it says can be true. Ends with 4 where something is wrong."""
    from core.cli.journal_reports import audits_table, verify_all
    from core.cli.output import print_json, print_table

    reports = verify_all(settings_of(config).settings.storage)
    if as_json:
        print_json(reports)
    else:
        print_table(lambda width: audits_table(reports) if reports else "no journal yet")
    raise typer.Exit(4 if any(report.is_wrong for report in reports) else 0)


@journal.command()
def export(config: ConfigFiles = None, as_json: AsJson = True) -> None:
    """Print every record of every journal, in the order of writing, as a line of JSON each (there is no other form)."""
    from core.cli.journal_reports import exported_lines

    for line in exported_lines(settings_of(config).settings.storage):
        typer.echo(line)
