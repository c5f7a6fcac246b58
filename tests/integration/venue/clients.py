"""Unmodified clients, pointed at a simulated venue."""

from typing import Any

from core.ports.venue import Credentials
from tests.venues import VenueProcess


def ccxt_options(venue: VenueProcess, credentials: Credentials) -> dict[str, Any]:
    """Constructor options for `ccxt.binance` and `ccxt.pro.binance`: URLs and keys, nothing else."""
    http, ws = venue.url, venue.ws_url
    return {
        "apiKey": credentials.api_key,
        "secret": credentials.secret,
        "enableRateLimit": False,
        "urls": {
            "api": {
                "public": f"{http}/api/v3",
                "private": f"{http}/api/v3",
                "sapi": f"{http}/sapi/v1",
                "ws": {"spot": f"{ws}/stream/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}},
            }
        },
        "options": {"fetchMarkets": {"types": ["spot"]}},
    }
