"""`why SYMBOL`: the reasons of its decisions, with or without a running daemon."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from core.cli.reasons import Reasons
    from core.decision_ledger.reader import DecisionLedgerReader
    from core.settings.tree import Settings

_ASK_S = 2.0
"""A daemon that is stuck must not keep the record of why it is."""


def why(
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")] = None,
    config: ConfigFiles = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="T", help="Explain the decision at that moment: 2026-11-22T21:14, 21:14, 2h."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many decisions.")] = 20,
    summary: Annotated[
        bool, typer.Option("--summary", help="Count the reasons by symbol and hour; of all symbols without SYMBOL.")
    ] = False,
    since: Annotated[str, typer.Option("--since", metavar="T", help="Where --summary begins; as --at.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Show why a symbol was traded, and above all why it was not."""
    from core.account_ledger import ledger_reader
    from core.cli.output import print_json, print_table
    from core.cli.reasons import explanation, reasons
    from core.single_writer import account_name

    settings = settings_of(config).settings
    reader = ledger_reader(settings, account_name(settings))
    if summary:
        _summary(reader, symbol, since, as_json)
        return
    if symbol is None:
        raise SettingsError("why: which SYMBOL? `why --summary` counts the reasons of all.")
    at_ms = None if at is None else _moment_ms(at, "--at")
    answer = _answer(settings, reader, symbol, 1 if at_ms is not None else limit, at_ms)
    if as_json:
        print_json(answer)
    elif at_ms is not None:
        print_table(lambda width: explanation(answer.decisions[0]))
    else:
        print_table(lambda width: reasons(answer, width))


def _answer(
    settings: "Settings", reader: "DecisionLedgerReader", asked: str, limit: int, at_ms: int | None
) -> "Reasons":
    """What the record says, and what the daemon knows that is not on the disk yet. Raises `UnknownName` and, where
    nothing at all is known, `DaemonUnreachable`."""
    from core.api.answers import Why
    from core.cli.client import DaemonClient, DaemonUnreachable, UnknownName
    from core.cli.reasons import Reasons
    from core.decision_ledger.explain import explained
    from core.domain.symbol_names import find_symbol, nearest_symbols

    recorded = reader.symbols()
    symbol = find_symbol(asked, recorded)
    live: Why | None = None
    try:
        live = DaemonClient(settings, _ASK_S).get(f"/api/v1/why/{symbol or asked}", Why, limit=limit)
    except DaemonUnreachable as unreachable:
        if symbol is None:
            raise _unknown(asked, nearest_symbols(asked, recorded)) if recorded else unreachable from None
    except UnknownName:
        if symbol is None:
            raise
    symbol = symbol or (live.now.symbol if live else asked)
    by_cycle = {line.cycle: line for line in reader.decisions(symbol, limit, at_ms=at_ms)}
    for line in live.decisions if live else ():
        if at_ms is None or line.close_ms <= at_ms:
            by_cycle.setdefault(line.cycle, explained(line, line.orders))
    newest_first = sorted(by_cycle.values(), key=lambda line: -line.close_ms)[:limit]
    if at_ms is not None and not newest_first:
        raise SettingsError(f"--at: no decision on {symbol} is known from that moment or before.")
    return Reasons(symbol, live.now if live else None, tuple(newest_first))


def _summary(reader: "DecisionLedgerReader", asked: str | None, since: str, as_json: bool) -> None:
    from core.cli.output import print_json, print_table
    from core.cli.reason_counts import counts_table
    from core.domain.symbol_names import find_symbol, nearest_symbols

    since_ms = _moment_ms(since, "--since")
    symbol = None
    if asked is not None:
        symbol = find_symbol(asked, recorded := reader.symbols())
        if symbol is None:
            raise _unknown(asked, nearest_symbols(asked, recorded))
    counts = reader.summary(symbol, since_ms=since_ms)
    if as_json:
        print_json(counts)
    else:
        print_table(lambda width: counts_table(counts, width) if counts else f"no decisions in {_shown(reader.file)}")


def _unknown(asked: str, nearest: list[str]) -> SettingsError:
    hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
    return SettingsError(f"{asked}: no decision on it was ever recorded here{hint}")


def _moment_ms(text: str, option: str) -> int:
    from core.cli.moments import moment_ms

    return moment_ms(text, option, time.time_ns() // 1_000_000)


def _shown(file: Path) -> str:
    return f"{file} since then" if file.exists() else f"{file}: there is no such file yet"
