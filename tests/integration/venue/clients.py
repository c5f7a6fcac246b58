"""Unmodified clients, pointed at a simulated venue."""

import asyncio
from typing import Any

import ccxt.pro

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
    """As `ccxt_options`, for spot and perpetuals together. The base of the perpetuals' streams has no `/stream` in it:
    by that ccxt knows spot."""
    options = ccxt_options(venue, credentials)
    http, ws, api = venue.url, venue.ws_url, options["urls"]["api"]
    for version in ("", "V2", "V3"):
        for kind in ("Public", "Private"):
            api[f"fapi{kind}{version}"] = f"{http}/fapi/{version.lower() or 'v1'}"
    api["ws"]["linear"] = f"{ws}/fut/ws"
    options["options"] = {"fetchMarkets": {"types": ["spot", "linear"]}, "listenKeyRefreshRate": 3_000_000}
    return options


async def until_subscribed(exchange: ccxt.pro.binance) -> None:
    """The venue answers a connection's requests in their order: once this one is back, the subscription stands."""
    while not any("ws-api" in url and client.subscriptions for url, client in exchange.clients.items()):
        await asyncio.sleep(0)
    await exchange.fetch_balance_ws()
