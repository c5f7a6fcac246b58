"""`token`: who may use the API, and for what."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of

token = typer.Typer(
    name="token", help="Tokens of the API: made, listed, revoked. A running daemon heeds it within a second."
)


class ScopeName(StrEnum):
    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


@token.command("new")
def new(
    scope: Annotated[
        ScopeName, typer.Option(help="read: look; trade: halts and orders, too; admin: settings and benchmarks, too.")
    ] = ScopeName.READ,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Whose it is, for the audit log.")] = None,
    config: ConfigFiles = None,
) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    from core.api.tokens import Scope, TokenFile

    file = TokenFile(settings_of(config).settings.storage.data_dir)
    called = name or _free_name(scope.value, [each.name for each in file.read()])
    typer.echo(file.add(called, Scope[scope.name]))
    typer.echo(f"{called}: scope {scope.value}; kept as a hash in {file.path}", err=True)


@token.command("list")
def list_tokens(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Names, scopes and dates; the tokens themselves are not to be had again."""
    from core.api.tokens import TokenFile
    from core.cli.output import print_json

    known = TokenFile(settings_of(config).settings.storage.data_dir).read()
    if as_json:
        shown = [{"name": each.name, "scope": each.scope.name.lower(), "created_ms": each.created_ms} for each in known]
        print_json(shown)
        return
    for each in known:
        made = datetime.fromtimestamp(each.created_ms / 1_000, UTC)
        typer.echo(f"{each.name:<24} {each.scope.name.lower():<6} {made:%Y-%m-%d %H:%M} UTC")
    if not known:
        typer.echo("no tokens yet; the commands of this machine use the one in api.token")


@token.command("revoke")
def revoke(name: Annotated[str, typer.Argument(help="As `token list` shows it.")], config: ConfigFiles = None) -> None:
    """Let a token do nothing any more."""
    from core.api.tokens import TokenFile

    TokenFile(settings_of(config).settings.storage.data_dir).revoke(name)
    typer.echo(f"{name}: revoked")


def _free_name(scope: str, taken: list[str]) -> str:
    return next(name for number in range(1, len(taken) + 2) if (name := f"{scope}-{number}") not in taken)
