"""Unmodified clients, pointed at a simulated venue."""

import asyncio
from typing import Any

import ccxt.pro

from core.cli import simulate
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


def ccxt_usdm_options(venue: VenueProcess, credentials: Credentials) -> dict[str, Any]:
    """As `ccxt_options`, for spot and perpetuals together: what `simulate` tells its users to set."""
    keys = {"apiKey": credentials.api_key, "secret": credentials.secret, "enableRateLimit": False}
    return keys | simulate.ccxt_options(venue.url, venue.ws_url)


async def until_subscribed(exchange: ccxt.pro.binance) -> None:
    """The venue answers a connection's requests in their order: once this one is back, the subscription stands."""
    while not any("ws-api" in url and client.subscriptions for url, client in exchange.clients.items()):
        await asyncio.sleep(0)
    await exchange.fetch_balance_ws()
