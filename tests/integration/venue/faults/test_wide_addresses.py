"""No address is too wide: whatever a fault is let loose on, the venue lives and answers when it is over."""

import contextlib

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from core.simulation.server.faults.kinds import KINDS
from tests.integration.venue.faults.client import Client

pytestmark = pytest.mark.slow


STREAMS = "/".join(
    ["!ticker@arr", "!bookTicker"]
    + [f"btcusdt@{name}" for name in ("trade", "depth@100ms", "depth5@100ms", "kline_1m", "ticker")]
)
READS = (
    "/api/v3/klines?symbol=BTCUSDT&interval=1m",
    "/api/v3/depth?symbol=BTCUSDT",
    "/api/v3/exchangeInfo",
    "/api/v3/ticker/24hr",
    "/nothing",
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_everything_at_once(client: Client, kind: str) -> None:
    wide = {key: "*" for key in ("account", "route", "stream", "symbol") if key in KINDS[kind].addressed_by}
    with (
        client.fault(kind, **wide),
        contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, TimeoutError),
        connect(f"{client.venue.ws_url}/stream?streams={STREAMS}") as connection,
    ):
        for path in READS:
            with contextlib.suppress(httpx.HTTPError):
                assert client.http.get(path, timeout=0.3).status_code != 500
        for act in (client.order, client.market_order):
            with contextlib.suppress(httpx.HTTPError):
                act()
        for _ in range(3):
            connection.recv(timeout=0.2)
    assert httpx.get(f"{client.venue.admin_url}/health", timeout=5).json()["status"] == "ok"
