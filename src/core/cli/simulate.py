"""`simulate`: the simulated venue by itself, for any client that speaks Binance's, Alpaca's or Deribit's protocol."""

import faulthandler
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.options import ConfigFiles, settings_of
from core.domain.errors import MetronomeError, SettingsError
from core.domain.instruments import InstrumentId
from core.runtime.loop import leave


def simulate(
    config: ConfigFiles = None,
    port: Annotated[int | None, typer.Option(help="REST and WebSocket; 0: any free port.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Ledger and health; 0: any free port.")] = None,
    proxy: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Also a CONNECT proxy that answers for the real hosts; 0: any free port."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    speed: Annotated[float | None, typer.Option(help="Venue seconds per real second.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same market.")] = None,
    symbols: Annotated[str | None, typer.Option(metavar="A/B,C/D", help="Symbols, separated by commas.")] = None,
    market: Annotated[str | None, typer.Option(help="generated or replay.")] = None,
    files: Annotated[
        str | None, typer.Option(metavar="FILE,FILE", help="Candle files to replay, one a symbol.")
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Play this recording: raw streams or candles; repeatable."),
    ] = None,
    messages_per_s: Annotated[float | None, typer.Option(help="Market messages a real second and symbol.")] = None,
    latency_ms: Annotated[float | None, typer.Option(help="Added to every REST answer, real time.")] = None,
    weight_limit: Annotated[int | None, typer.Option(help="Request weight an address may use a minute.")] = None,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file of faults to show, and when.")] = None,
    random_faults: Annotated[int | None, typer.Option(metavar="SEED", help="Faults at random.")] = None,
    fault_intensity: Annotated[float | None, typer.Option(help="Faults at random a venue minute.")] = None,
    limits: Annotated[str | None, typer.Option(help="real or relaxed (a thousand times as much).")] = None,
    deposit: Annotated[
        list[str] | None, typer.Option(metavar="ASSET=AMOUNT", help="What a new account starts with; repeatable.")
    ] = None,
    usdm_deposit: Annotated[
        list[str] | None,
        typer.Option(metavar="ASSET=AMOUNT", help="The same for its wallet of perpetuals; repeatable."),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(metavar="KEY:SECRET", help="An account that exists; default paper:paper.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Where accounts are kept.")] = None,
    as_child: Annotated[str | None, typer.Option(hidden=True, metavar="JSON", help="Settings from the daemon.")] = None,
) -> None:
    """Run the simulated venue until SIGTERM or Ctrl-C; prints one JSON line when it listens.

    Symbols like `BTC/USDT:USDT` are perpetuals."""
    from core.runtime.logging import LogPipeline
    from core.simulation.server.listing import read_listing
    from core.simulation.server.venue_process import run_venue

    faulthandler.enable(file=2)
    given: dict[str, dict[str, Any]] = {
        "simulation": {
            "host": host,
            "port": port,
            "admin_port": admin_port,
            "proxy_port": proxy,
            "speed": speed,
            "seed": seed,
            "market": "replay" if replay and market is None else market,
            "replay_files": [*(_split(files) or []), *map(str, replay or [])] or None,
            "messages_per_s": messages_per_s,
            "latency_ms": latency_ms,
            "weight_limit": weight_limit,
            "limits": limits,
            "faults_file": None if faults is None else str(faults),
            "random_faults": random_faults,
            "fault_intensity": fault_intensity,
            "deposit": _deposit("--deposit", deposit),
            "usdm_deposit": _deposit("--usdm-deposit", usdm_deposit),
        },
        "trading": {"symbols": _split(symbols)},
        "storage": {"data_dir": None if data_dir is None else str(data_dir)},
    }
    listing_file = None
    if as_child is not None:
        sections = json.loads(as_child)
        listing_file = sections.pop("listing_file", None)
        given = sections
    settings = settings_of(config, given).settings
    accounts = [_account(text) for text in account or ["paper:paper"]]
    log = LogPipeline(settings.logging, stream=sys.stderr, secrets=[secret for _, secret in accounts])
    log.start()
    try:
        code = run_venue(
            settings.simulation,
            [InstrumentId(symbol) for symbol in settings.trading.symbols],
            settings.storage.data_dir,
            accounts=accounts,
            announce=_announce if as_child is not None else _announce_to_people,
            listing=None if listing_file is None else read_listing(Path(listing_file)),
        )
    finally:
        log.close()
    raise typer.Exit(code)


def main() -> int:
    """The command by itself, as the daemon starts it: `python -m core.cli.simulate`."""
    try:
        typer.run(simulate)
    except MetronomeError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def _announce(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


def _announce_to_people(line: str) -> None:
    """Also says, when the venue listens, how to point ccxt at it."""
    _announce(line)
    if line.startswith("{"):
        ready = json.loads(line)
        _announce("# for ccxt.binance and ccxt.pro.binance, beside apiKey and secret:")
        _announce("# " + json.dumps(ccxt_options(ready["url"], ready["ws_url"])))
        _announce(f"# for ccxt.deribit: {json.dumps(deribit_options(ready['url'], ready['ws_url']))}")
        _announce(f"# for alpaca-py's data clients: url_override={ready['url']!r}")


def ccxt_options(url: str, ws_url: str) -> dict[str, Any]:
    """What leads an unmodified ccxt to a venue. That `/stream` stands in the base of spot's streams, and not in that of
    the perpetuals', is by what ccxt tells the two apart."""
    api: dict[str, Any] = {"public": f"{url}/api/v3", "private": f"{url}/api/v3", "sapi": f"{url}/sapi/v1"}
    for suffix, version in (("", "v1"), ("V2", "v2"), ("V3", "v3")):
        api |= {f"fapi{kind}{suffix}": f"{url}/fapi/{version}" for kind in ("Public", "Private")}
    api["ws"] = {
        "spot": f"{ws_url}/stream/ws",
        "linear": f"{ws_url}/fut/ws",
        "ws-api": {"spot": f"{ws_url}/ws-api/v3", "linear": f"{ws_url}/ws-fapi/v1"},
    }
    return {"urls": {"api": api}, "options": {"fetchMarkets": {"types": ["spot", "linear"]}}}


def deribit_options(url: str, ws_url: str) -> dict[str, Any]:
    """What leads an unmodified `ccxt.deribit` to a venue."""
    return {"urls": {"api": {"rest": url, "ws": f"{ws_url}/ws/api/v2"}}}


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _deposit(option: str, amounts: list[str] | None) -> dict[str, str] | None:
    if not amounts:
        return None
    found = {}
    for text in amounts:
        asset, separator, amount = text.partition("=")
        if not separator or not asset:
            raise SettingsError(f"{option} {text!r}: write ASSET=AMOUNT, for example USDT=10000")
        found[asset] = amount
    return found


def _account(text: str) -> tuple[str, str]:
    key, separator, secret = text.partition(":")
    if not separator or not key or not secret:
        raise SettingsError("--account: write KEY:SECRET")
    return key, secret


if __name__ == "__main__":
    leave(main())
