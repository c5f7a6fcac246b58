"""`status`: the running daemon at a glance."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from core.cli.client import DaemonClient
    from core.domain.status import DaemonStatus


def status(
    config: ConfigFiles = None,
    as_json: AsJson = False,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Save the picture as SVG instead.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="The live table, until Ctrl-C.")] = False,
) -> None:
    """Show what the running daemon is doing: state, money, symbols, ages, reasons."""
    from core.cli.client import DaemonClient
    from core.cli.output import print_json, print_table
    from core.cli.table import render
    from core.domain.status import DaemonStatus

    client = DaemonClient(settings_of(config).settings)
    if watch:
        _watch(client, is_alone=not as_json and svg is None)
        return
    picture = client.get("/api/v1/status", DaemonStatus)
    if svg is not None:
        _save(picture, svg)
    elif as_json:
        print_json(picture)
    else:
        print_table(lambda width: render(picture, width))


def _watch(client: "DaemonClient", *, is_alone: bool) -> None:
    from core.cli import watch
    from core.cli.live_table import LiveTable

    if not is_alone:
        raise SettingsError("status --watch draws on the terminal: it goes with neither --json nor --svg.")
    if not sys.stdout.isatty():
        raise SettingsError("status --watch needs a terminal; `status --json` is for machines.")
    watch.watch(client, LiveTable())


_SVG_WIDTH = 150


def _save(picture: "DaemonStatus", file: Path) -> None:
    """Self-contained: the fonts are the reader's own, nothing is loaded from anywhere."""
    import io
    import re

    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console

    from core.cli.table import render

    console = Console(record=True, width=_SVG_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(render(picture, _SVG_WIDTH))
    own_fonts = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="live_bot.py run", code_format=own_fonts)
    try:
        file.write_text(re.sub(r"<!--.*?-->", "", svg), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--svg {file}: cannot be written: {error.strerror}") from error
