"""`run`: the daemon in the foreground, with a live table on a terminal and JSON lines elsewhere."""

import faulthandler
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.data_dir import open_log, require_data_dir, stderr_into
from core.cli.options import ConfigFiles, settings_of
from core.domain.errors import SettingsError
from core.settings.consent import require_live_consent
from core.settings.show import show_settings
from core.settings.tree import Settings


def run(
    config: ConfigFiles = None,
    mode: Annotated[str | None, typer.Option(help="paper, observe or live.")] = None,
    symbols: Annotated[str | None, typer.Option(metavar="A/B,C/D", help="Symbols, separated by commas.")] = None,
    venue: Annotated[str | None, typer.Option(help="Where the market comes from: sim, binance.")] = None,
    max_runtime_s: Annotated[float | None, typer.Option(min=0.1, metavar="N", help="Stop by itself.")] = None,
    summary_json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary there at the end.")] = None,
    accept_live: Annotated[
        bool, typer.Option("--i-accept-live-trading", help="Live mode sends real orders with real money.")
    ] = False,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print the resolved settings and exit.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Log lines instead of the live table.")] = False,
) -> None:
    """Run the daemon until SIGTERM, SIGINT or --max-runtime-s."""
    given: dict[str, dict[str, Any]] = {
        "trading": {
            "mode": mode,
            "symbols": _split(symbols),
            "accept_live_trading": accept_live or None,
        },
        "venue": {"name": venue},
    }
    loaded = settings_of(config, given)
    if show_config:
        typer.echo(show_settings(loaded), nl=False)
        return
    settings = loaded.settings
    require_live_consent(settings.trading, settings.venue)
    if summary_json is not None:
        _require_writable_folder(summary_json)

    def again() -> Settings:
        return settings_of(config, given).settings

    table = not plain and sys.stdout.isatty()
    raise typer.Exit(_run(settings, again, tuple(config or ()), max_runtime_s, summary_json, table=table))


def _run(
    settings: Settings,
    again: Callable[[], Settings],
    config: tuple[Path, ...],
    max_runtime_s: float | None,
    summary_json: Path | None,
    *,
    table: bool,
) -> int:
    """`again` reads the settings again; `config` are the files that they are in."""
    from core.app import RunOptions, run_daemon
    from core.runtime import core_dumps
    from core.runtime.allocator import keep_memory_level
    from core.runtime.loop import run_loop
    from core.single_writer import require_free_account

    core_dumps.forbid()
    keep_memory_level()
    faulthandler.enable(file=2)
    require_data_dir(settings.storage.data_dir)
    require_free_account(settings)
    if settings.trading.mode == "live" and sys.stderr.isatty():
        typer.secho(_BANNER, fg="white", bg="red", bold=True, err=True)
    options = RunOptions(max_runtime_s, summary_json, reload=again, config=config, log_stream=sys.stdout)
    if not table:
        return run_loop(run_daemon(settings, options))
    from core.cli.live_table import LiveTable

    with open_log(settings.storage.data_dir) as log, stderr_into(log), LiveTable() as on_status:
        return run_loop(run_daemon(settings, replace(options, on_status=on_status, log_stream=log)))


def _split(symbols: str | None) -> list[str] | None:
    return None if symbols is None else [each.strip() for each in symbols.split(",") if each.strip()]


def _require_writable_folder(file: Path) -> None:
    """A summary that cannot be written is said now, not after hours of running."""
    if file.is_dir():
        raise SettingsError(f"--summary-json {file}: this is a folder; give a file in it.")
    if not file.absolute().parent.is_dir():
        raise SettingsError(f"--summary-json {file}: the folder {file.absolute().parent} does not exist.")
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise SettingsError(f"--summary-json {file}: no permission to write there.")


_BANNER = """
  ######################################################################
  #  LIVE TRADING: this process sends real orders with real money.     #
  #  Stop it with Ctrl-C or SIGTERM; `live_bot.py status` watches it.  #
  ######################################################################
"""
