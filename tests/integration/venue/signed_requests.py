"""Signed requests, as a client writes them that uses no library for the venue."""

import time
from typing import Any
from urllib.parse import urlencode

from core.ports.venue import Credentials
from core.simulation.server.signature import sign, sorted_payload


def signed_form(account: Credentials, params: dict[str, Any]) -> str:
    """A query or body for REST. Of now, unless `params` say otherwise."""
    form = urlencode(_timed(params))
    return f"{form}&signature={sign(account.secret, form)}"


def signed_params(account: Credentials, /, **params: Any) -> dict[str, Any]:
    """For the WebSocket API. Of now, unless `params` say otherwise."""
    known = _timed(params | {"apiKey": account.api_key})
    payload = sorted_payload({name: str(value) for name, value in known.items()})
    return known | {"signature": sign(account.secret, payload)}


def _timed(params: dict[str, Any]) -> dict[str, Any]:
    return params | {"timestamp": params.get("timestamp", int(time.time() * 1_000))}
