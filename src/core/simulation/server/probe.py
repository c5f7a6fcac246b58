"""Asking a venue who it is, and giving it accounts. Blocking: call it from a thread."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.domain.errors import VenueUnavailable
from core.simulation.server.doors import VenueStartError

_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class RunningVenue:
    url: str
    ws_url: str
    admin_url: str
    epoch: str
    """Identity of its books."""
    speed: float
    """Venue seconds per real second."""


def find_venue(host: str, port: int) -> RunningVenue | None:
    """Who listens there; `None`: nobody. Raises `VenueStartError` for something that is no simulated venue."""
    url = f"http://{host}:{port}"
    try:
        _, headers, _ = _request("GET", f"{url}/api/v3/time")
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException) as error:
        raise VenueStartError(
            f"simulation.port: something listens on {host}:{port}, but does not answer as a venue does ({error!r}). "
            "Stop it, or choose another port."
        ) from None
    epoch, speed = headers.get("x-venue-epoch"), headers.get("x-venue-clock-speed")
    admin_url = headers.get("x-venue-admin-url")
    # Whatever the status: a venue that is in maintenance is there.
    if epoch is None or speed is None or admin_url is None:
        raise VenueStartError(
            f"simulation.port: {host}:{port} is in use by something that is no simulated venue. "
            "Stop it, or choose another port."
        )
    return RunningVenue(url, f"ws://{host}:{port}", admin_url, epoch, float(speed))


def register_account(venue: RunningVenue, key: str, secret: str) -> None:
    """Make `key` known to the venue with the default deposit; one that is known keeps its balances. Raises
    `VenueStartError` when the venue refuses, `VenueUnavailable` when it does not answer."""
    body = {"key": key, "secret": secret}
    try:
        status, _, answer = _request("POST", f"{venue.admin_url}/accounts", json.dumps(body))
    except (OSError, http.client.HTTPException) as error:
        raise VenueUnavailable(f"the venue's admin port {venue.admin_url} does not answer: {error!r}") from None
    if status != 200:
        raise VenueStartError(f"the venue refuses the account: {answer}")


def _request(method: str, url: str, body: str | None = None) -> tuple[int, dict[str, str], str]:
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, target.path, body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read().decode("utf-8", "replace")
    finally:
        connection.close()
