"""The private stream over real sockets."""

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from core.domain.orders import BalancesChanged, OrderReport, UserEvent, UserStreamInterrupted, UserStreamRestored
from core.ports.venue import Credentials
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.binance.instruments import Symbols
from core.venues.binance.user_stream import BinanceUserStream
from tests.integration.adapter.stream_server import StreamServer, stream_server
from tests.unit.venues.binance.test_reports import report
from tests.waiting import eventually

CREDENTIALS = Credentials("the-key", "the-secret")


class Running:
    def __init__(self) -> None:
        self.events: list[UserEvent] = []
        self.clock_refusals = 0

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def refused(self) -> None:
        self.clock_refusals += 1


def subscribed(request: dict[str, Any]) -> dict[str, Any]:
    """As the venue does: refuses a signature that is not over the sorted parameters."""
    params = dict(request["params"])
    signature = params.pop("signature")
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    wanted = hmac.new(CREDENTIALS.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if signature != wanted or params["apiKey"] != CREDENTIALS.api_key:
        return refusal(request, -1022, "Signature for this request is not valid.")
    return {"id": request["id"], "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}


def refusal(request: dict[str, Any], code: int, message: str) -> dict[str, Any]:
    return {"id": request["id"], "status": 400, "error": {"code": code, "msg": message}}


def event(body: dict[str, Any]) -> dict[str, Any]:
    return {"subscriptionId": 0, "event": body}


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with stream_server() as started:
        started.answer = subscribed
        yield started


@asynccontextmanager
async def running(url: str, stale_s: float = 5.0) -> AsyncIterator[Running]:
    run = Running()
    stream = BinanceUserStream(
        VenueSettings(name="binance", ws_base_url=url, stale_stream_s=stale_s),
        CREDENTIALS,
        WallClock(),
        SystemMonotonicClock(),
        symbols=Symbols(),
        chance=random.Random(1),
        on_clock_refused=run.refused,
    )
    task = asyncio.create_task(stream.run(run.events.append))
    try:
        yield run
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_signed_subscription_brings_orders_and_balances(server: StreamServer) -> None:
    async with running(server.url) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        (client,) = server.clients
        assert client.path == "/ws-api/v3"
        await client.send(event(report()))
        position = {"e": "outboundAccountPosition", "E": 5, "u": 5, "B": [{"a": "BTC", "f": "1.5", "l": "0.5"}]}
        await client.send(event(position))
        await client.send(event({"e": "balanceUpdate", "E": 6, "a": "BTC", "d": "1", "T": 6}))
        await eventually(lambda: len(run.events) == 3)
        (order,), (balances,) = run.of(OrderReport), run.of(BalancesChanged)
        assert order.client_order_id == "me-1"
        assert balances.balances[0].total == Decimal(2)


@pytest.mark.parametrize("ending", ["eventStreamTerminated", "serverShutdown"])
async def test_a_stream_that_the_venue_ends_is_subscribed_again(server: StreamServer, ending: str) -> None:
    async with running(server.url) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        await server.clients[0].send(event({"e": ending, "E": 1}))
        await eventually(lambda: len(run.of(UserStreamRestored)) == 2)
        assert [each.reason for each in run.of(UserStreamInterrupted)] == [f"STREAM_ENDED event={ending}"]


async def test_each_loss_is_said_once_and_each_return_once(server: StreamServer) -> None:
    """Whoever hears `UserStreamRestored` must reconcile: what happened meanwhile will never be told."""
    async with running(server.url) as run:
        for n in (1, 2, 3):
            await eventually(lambda n=n: len(run.of(UserStreamRestored)) == n)
            server.clients[-1].socket.transport.abort()
        await eventually(lambda: len(run.of(UserStreamRestored)) == 4)
        kinds = [type(each) for each in run.events]
        assert kinds == [UserStreamRestored, *[UserStreamInterrupted, UserStreamRestored] * 3]


@pytest.mark.slow
async def test_refused_keys_are_said_and_tried_again_with_patience(server: StreamServer) -> None:
    server.answer = lambda request: refusal(request, -2015, "Invalid API-key, IP, or permissions for action.")
    async with running(server.url) as run:
        await eventually(lambda: len(server.clients) == 3)
        assert [each.reason for each in run.of(UserStreamInterrupted)] == ["SUBSCRIBE_REFUSED code=-2015"]
        assert run.clock_refusals == 0
        server.answer = subscribed
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)


async def test_a_refused_timestamp_asks_for_the_time(server: StreamServer) -> None:
    server.answer = lambda request: refusal(request, -1021, "Timestamp for this request is outside of the recvWindow.")
    async with running(server.url) as run:
        await eventually(lambda: run.clock_refusals == 1)


async def test_a_subscription_that_is_never_answered_is_given_up(server: StreamServer) -> None:
    server.answer = lambda request: None
    async with running(server.url, stale_s=0.2) as run:
        await eventually(lambda: bool(run.of(UserStreamInterrupted)))
        assert run.of(UserStreamInterrupted)[0].reason == "SUBSCRIBE_UNANSWERED"


async def test_a_half_open_connection_is_found_by_its_silence(server: StreamServer) -> None:
    async with running(server.url, stale_s=0.3) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        server.clients[0].socket.transport.pause_reading()
        await eventually(lambda: len(run.of(UserStreamRestored)) == 2)
        assert run.of(UserStreamInterrupted)[0].reason == "CONNECTION_SILENT"


@pytest.mark.parametrize(
    "frame",
    [
        "junk",
        '{"event":5}',
        '{"event":{"e":"executionReport"}}',
        '{"event":{}}',
        json.dumps(event(report(X="SOMEDAY"))),
        json.dumps(event(report(q="NaN"))),
        '{"id":"77","status":500}',
    ],
)
async def test_a_message_that_cannot_be_read_costs_only_itself(server: StreamServer, frame: str) -> None:
    async with running(server.url) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        await server.clients[0].send(frame)
        await server.clients[0].send(event(report()))
        await eventually(lambda: len(run.of(OrderReport)) == 1)
        assert len(run.events) == 2 and len(server.clients) == 1
