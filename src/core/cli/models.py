"""`models`: what has been trained, and what is traded on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of

if TYPE_CHECKING:
    from core.models.registry.registry import Registry

models = typer.Typer(help="Show models, and say which is traded on; no daemon is needed.", no_args_is_help=True)

Version = Annotated[str, typer.Argument(metavar="MODEL", help="Its version, or enough of its beginning or end.")]
Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; it is kept with the model.")]


@models.command("ls")
def list_models(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """List all models, newest first."""
    from core.cli.model_tables import document, models_table
    from core.cli.output import print_json, print_table

    with _registry(config) as (registry, _):
        found = registry.models()
    if as_json:
        print_json([document(each) for each in found])
    else:
        print_table(lambda _: models_table(found))


@models.command()
def show(model: Version, config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Show one model: what validation found, what it was made from, what became of it."""
    from core.cli.model_tables import document, model_table
    from core.cli.output import print_json, print_table

    with _registry(config) as (registry, _):
        found = registry.find(model)
        life = registry.life(found.version)
    if as_json:
        print_json(document(found, life))
    else:
        print_table(lambda _: model_table(found, life))


@models.command()
def compare(
    version: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Two or more.")],
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Show models side by side; what differs from the first is bold."""
    from core.cli.model_tables import comparison_table, document
    from core.cli.output import print_json, print_table

    with _registry(config) as (registry, _):
        found = [registry.find(each) for each in version]
    if as_json:
        print_json([document(each) for each in found])
    else:
        print_table(lambda _: comparison_table(found))


@models.command()
def promote(model: Version, reason: Reason = "by hand", config: ConfigFiles = None) -> None:
    """Make a model live in its scope, past all gates, once its files are proved; the one that was live retires."""
    with _registry(config) as (registry, now_ms):
        found = registry.find(model)
        registry.promote(found.version, reason, now_ms)
    typer.echo(f"{found.version} is live for {found.manifest.scope}")


@models.command()
def pin(
    model: Version,
    off: Annotated[bool, typer.Option("--off", help="Let others take its place again.")] = False,
    config: ConfigFiles = None,
) -> None:
    """Keep a live model: no other takes its place, and it does not expire."""
    with _registry(config) as (registry, now_ms):
        found = registry.find(model)
        registry.pin(found.version, is_pinned=not off, now_ms=now_ms)
    typer.echo(f"{found.version} is {'no longer pinned' if off else 'pinned'}")


@models.command()
def rollback(
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="As `models ls` shows it, or one of its models.")],
    reason: Reason = "by hand",
    config: ConfigFiles = None,
) -> None:
    """Bring back the model that was live before the one that is."""
    with _registry(config) as (registry, now_ms):
        if scope not in registry.live():
            scope = registry.find(scope).manifest.scope
        out, back = registry.rollback(scope, reason, now_ms)
    typer.echo(f"{back} is live again for {scope}; {out} is retired")


@contextmanager
def _registry(config: ConfigFiles) -> "Iterator[tuple[Registry, int]]":
    """And the time, UTC ms."""
    from core.models.registry.registry import Registry
    from core.runtime.clocks import NS_PER_MS, WallClock

    registry = Registry(settings_of(config).settings.storage.data_dir / "models")
    try:
        yield registry, WallClock().now_ns() // NS_PER_MS
    finally:
        registry.close()
