"""`history load | ls | verify | prune | quality`: recorded series, loaded once and kept."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.history_options import Before, Kinds, Symbols, matching, require_history_dir
from core.cli.history_quality import quality
from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from core.history.loading.request import LoadReport

PARTIAL = 6
"""Exit code: not all that was asked for is there."""

history = typer.Typer(
    help="Recorded market data: load it, list it, check it, delete it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
history.command()(quality)


@history.command()
def load(
    symbols: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="The most urgent first. With --quick, none: SPY, QQQ and IWM."),
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="stock_bars, option_chain, option_bars, candles, mark_candles, funding, trades."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Until now, or --until.")] = 730,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Instead of --days.")] = None,
    until: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Not included; none: now.")] = None,
    timeframe: Annotated[str, typer.Option(help="Of bars: 1m, 5m, 1h, 1d …")] = "1d",
    source: Annotated[str | None, typer.Option(help="alpaca, deribit, files, or an exchange by ccxt's name.")] = None,
    contracts: Annotated[int | None, typer.Option(min=1, help="Option bars: of so many contracts a symbol.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first look: three symbols, 90 days.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last load, as it was asked for.")] = False,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Load history into the cache; only what is missing is fetched. Ctrl-C keeps what is done.

    Ends with 0 if all that was asked for is there, with 6 if some of it is not."""
    from core.cli.history_load import Asked, run_load

    loaded = settings_of(config, {"history": {"source": source, "contracts": contracts}})
    asked = Asked(symbols, kinds, days, since, until, timeframe, quick=quick, resume=resume)
    report = run_load(loaded.settings, asked, as_json=as_json)
    raise typer.Exit(_exit_code(report))


@history.command()
def ls(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    kinds: Kinds = None,
    symbols: Symbols = None,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """What is in the cache."""
    from core.cli.history_table import covered_range, shelf_table
    from core.cli.output import print_json, print_table

    cache = require_history_dir(config)
    found = [(shelf, cache.manifest(shelf)) for shelf in matching(cache, source, kinds, symbols)]
    if as_json:
        print_json(
            [
                {
                    "source": shelf.source,
                    "kind": shelf.kind,
                    "symbol": shelf.symbol,
                    "timeframe": shelf.timeframe.value if shelf.timeframe else None,
                    "series": len(manifest.covered),
                    "rows": sum(part.rows for part in manifest.parts.values()),
                    "bytes": sum(part.bytes for part in manifest.parts.values()),
                    "from": covered_range(manifest)[0],
                    "to": covered_range(manifest)[1],
                }
                for shelf, manifest in found
            ]
        )
    elif found:
        print_table(lambda _: shelf_table(found))
    else:
        typer.echo(f"nothing of that in {cache.root}")


@history.command()
def verify(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    kinds: Kinds = None,
    symbols: Symbols = None,
    config: ConfigFiles = None,
) -> None:
    """Read every file and compare it with its checksum; damaged ones are set aside and fetched anew by the next load.

    Ends with 6 if there were any."""
    cache = require_history_dir(config)
    n_files = n_torn = 0
    for shelf in matching(cache, source, kinds, symbols):
        n_files += len(cache.manifest(shelf).parts)
        for file in cache.verify(shelf):
            n_torn += 1
            typer.echo(f"{shelf}: {file} is damaged and was set aside")
    typer.echo(f"{n_files:,} files, {n_torn:,} of them damaged")
    raise typer.Exit(PARTIAL if n_torn else 0)


@history.command()
def prune(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    kinds: Kinds = None,
    symbols: Symbols = None,
    before: Before = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole cache.")] = False,
    config: ConfigFiles = None,
) -> None:
    """Delete series, or their months before a day; what is deleted can be loaded again."""
    from core.cli.history_options import day_ms

    if not everything and not any((source, kinds, symbols, before)):
        raise SettingsError("say what to delete: --source, --kinds, --symbols, --before, or --all")
    before_ms = None if before is None else day_ms("--before", before)
    cache = require_history_dir(config)
    freed = sum(cache.prune(shelf, before_ms) for shelf in list(matching(cache, source, kinds, symbols)))
    typer.echo(f"{freed / 1_000_000:,.1f} MB freed in {cache.root}")


def _exit_code(report: "LoadReport") -> int:
    if report.is_complete:
        return 0
    has_rows = any(each.rows for each in report.symbols)
    return report.stopped_by.exit_code if report.stopped_by is not None and not has_rows else PARTIAL
