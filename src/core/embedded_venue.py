"""The venue that the daemon brings along: whether it is wanted, the settings that lead to it, and its first start."""

import asyncio

from pydantic import SecretStr

from core.domain.errors import MetronomeError, SettingsError
from core.runtime.supervisor import RestartPolicy, Supervisor
from core.settings.venue import VenueSettings
from core.simulation.server.accounts import DEFAULT_KEY, DEFAULT_SECRET
from core.simulation.server.child import EmbeddedVenue
from core.simulation.server.probe import RunningVenue
from core.venues.adapter import EMBEDDED

CHILD = "embedded venue"
"""Its name among the supervisor's children."""


def starts_its_venue(venue: VenueSettings) -> bool:
    """Whether `run` starts this venue itself, where it does not listen yet."""
    return venue.name == EMBEDDED and venue.base_url is None


def embedded_keys(venue: VenueSettings) -> tuple[str, str]:
    """(key, secret) of the daemon's account there: the configured ones, else the well-known pair."""
    key = venue.api_key.get_secret_value() if venue.api_key else DEFAULT_KEY
    secret = venue.secret.get_secret_value() if venue.secret else DEFAULT_SECRET
    return key, secret


def embedded_settings(venue: VenueSettings, url: str, ws_url: str | None) -> VenueSettings:
    """`venue` as the settings that lead to an embedded venue at these addresses."""
    key, secret = embedded_keys(venue)
    found: dict[str, object] = {
        "name": EMBEDDED,
        "adapter": "auto",
        "ccxt": {},
        "base_url": url,
        "ws_base_url": ws_url,
        "api_key": SecretStr(key),
        "secret": SecretStr(secret),
    }
    return venue.model_copy(update=found)


async def first_start(embedded: EmbeddedVenue, supervisor: Supervisor) -> RunningVenue:
    """Give it to the supervisor, which starts it anew when it dies, and wait until it listens.

    A venue that has never begun is no crash that another try would mend: raises `SettingsError` for it.
    """
    failed: asyncio.Future[RunningVenue] = asyncio.get_running_loop().create_future()
    ready = asyncio.create_task(embedded.ready(), name="embedded venue ready")

    async def run() -> None:
        try:
            await embedded.run()
        except MetronomeError as error:
            if ready.done():
                raise
            failed.set_exception(SettingsError(str(error)))
            await asyncio.Event().wait()

    supervisor.add(CHILD, run, restart=RestartPolicy())
    try:
        done, _ = await asyncio.wait({ready, failed}, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        ready.cancel()
        failed.cancel()
