"""`check`: would it run here, with these settings, against this venue?"""

import time
from collections.abc import Iterator

import typer

from core.cli.findings import Finding
from core.cli.options import AsJson, ConfigFiles, settings_of
from core.settings.simulation import SimulationSettings
from core.settings.tree import Settings


def check(config: ConfigFiles = None, as_json: AsJson = False) -> None:
    """Check settings, keys, venue, clock, symbols, disk and database; each line says what to do."""
    from core.cli.findings import draw, exit_code, ok
    from core.cli.output import print_json, print_table

    loaded = settings_of(config)
    trading, venue = loaded.settings.trading, loaded.settings.venue
    findings = [
        ok("settings", f"{trading.mode} on {venue.name}, {len(trading.symbols)} symbols"),
        ok("orders", _where_orders_go(loaded.settings)),
        *_findings(loaded.settings),
    ]
    if as_json:
        print_json(findings)
    else:
        print_table(lambda _: draw(findings))
    raise typer.Exit(exit_code(findings))


def _where_orders_go(settings: Settings) -> str:
    from core.paper_venue import orders_venue, takes_anothers_market

    market, orders = settings.venue.name, orders_venue(settings)
    if orders is None:
        return "go nowhere; decisions are recorded"
    if takes_anothers_market(settings):
        return f"go to {orders}, the simulated venue that `run` starts; it fills them as {market}'s market would"
    return f"go to {orders}"


def _findings(settings: Settings) -> Iterator[Finding]:
    from core.cli.findings import fail
    from core.cli.machine_checks import machine_findings
    from core.cli.venue_checks import VENUE_EXIT_CODE, venue_findings
    from core.domain.errors import SettingsError, VenueError
    from core.embedded_venue import starts_its_venue
    from core.settings.consent import require_live_consent
    from core.venue_opening import checking_venue

    try:
        require_live_consent(settings.trading, settings.venue)
    except SettingsError as error:
        yield fail("consent", str(error))
    try:
        _ = settings.trading.kind
    except SettingsError as error:
        yield fail("symbols", str(error))
        return
    yield from machine_findings(settings)
    name = f"venue {settings.venue.name}"
    if starts_its_venue(settings.venue) and (alone := _before_its_start(name, settings.simulation)) is not None:
        yield alone
        return
    try:
        with checking_venue(settings) as rest:
            yield from venue_findings(rest, settings, now_ms=lambda: time.time() * 1_000)
    except VenueError as error:
        yield fail(name, f"cannot be reached: {error}", VENUE_EXIT_CODE)


def _before_its_start(name: str, simulation: SimulationSettings) -> Finding | None:
    """What there is to say of an embedded venue that cannot be asked; `None`: it listens."""
    from core.cli.findings import fail, ok
    from core.simulation.server.doors import VenueStartError
    from core.simulation.server.probe import find_venue

    if simulation.port == 0:
        return ok(name, "`run` starts it on any free port (simulation.port = 0), where `check` cannot find it")
    try:
        found = find_venue(simulation.host, simulation.port)
    except VenueStartError as error:
        return fail(name, str(error))
    if found is None:
        return ok(name, f"nobody listens on {simulation.host}:{simulation.port}; `run` starts it there")
    return None
