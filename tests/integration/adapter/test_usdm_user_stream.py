"""USD-M's user data stream on a socket: named by a key that is kept, lost and asked for anew."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import RequestRefused, VenueUnavailable
from core.domain.orders import (
    BalancesChanged,
    FundingAnnounced,
    OrderReport,
    PositionsChanged,
    UserEvent,
    UserStreamInterrupted,
    UserStreamRestored,
)
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.binance.instruments import Symbols
from core.venues.binance.usdm import user_stream
from core.venues.binance.usdm.user_stream import UsdmUserStream
from integration.adapter.stream_server import StreamServer, stream_server
from tests.waiting import eventually

PAYLOADS = "nautilus/payloads/binance/test_data/futures/user_data_json"


@dataclass
class Keys:
    """Stands for the REST face: hands out keys and counts what is asked."""

    asked: int = 0
    kept: int = 0
    refusals: list[Exception] = field(default_factory=list)
    keep_refusals: list[Exception] = field(default_factory=list)

    def new_listen_key(self) -> str:
        self.asked += 1
        if self.refusals:
            raise self.refusals.pop(0)
        return f"key-{self.asked}"

    def keep_listen_key(self) -> None:
        self.kept += 1
        if self.keep_refusals:
            raise self.keep_refusals.pop(0)


@dataclass
class Running:
    keys: Keys
    stream: UsdmUserStream
    events: list[UserEvent] = field(default_factory=list)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with stream_server() as started:
        yield started


@pytest.fixture
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kept every few hundredths of a second instead of every 20 to 30 minutes."""
    monkeypatch.setattr(user_stream, "_KEEP_ALIVE_S", (0.02, 0.03))
    monkeypatch.setattr(user_stream, "_KEEP_ALIVE_RETRY_S", 0.02)
    yield


@asynccontextmanager
async def running(url: str, keys: Keys | None = None) -> AsyncIterator[Running]:
    keys = keys or Keys()
    settings = VenueSettings(name="binance", ws_base_url=url, stale_stream_s=5.0)
    stream = UsdmUserStream(
        settings,
        keys,
        WallClock(),
        SystemMonotonicClock(),
        symbols=Symbols(),
        chance=random.Random(1),
    )
    run = Running(keys, stream)
    task = asyncio.create_task(stream.run(run.events.append))
    try:
        yield run
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_key_names_the_stream_and_events_become_facts(server: StreamServer, recorded_data: Path) -> None:
    async with running(server.url) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        (client,) = server.clients
        assert client.path == "/fut/private/ws?listenKey=key-1"
        for name in ("order_update_trade", "algo_update_new", "trade_lite", "account_update"):
            await client.send((recorded_data / PAYLOADS / f"{name}.json").read_text())
        await eventually(lambda: run.of(PositionsChanged))
        trade, stop = run.of(OrderReport)
        assert (trade.client_order_id, len(trade.fills)) == ("TEST", 1)
        assert stop.client_order_id == "Q5xaq5EGKgXXa0fD7fs0Ip"
        assert len(run.of(BalancesChanged)) == 1 and not run.of(FundingAnnounced)
        assert run.stream.news.malformed == 0


async def test_funding_is_announced_and_nonsense_is_counted(server: StreamServer) -> None:
    async with running(server.url) as run:
        await eventually(lambda: server.clients)
        (client,) = server.clients
        change = {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "99.5", "cw": "99.5", "bc": "-0.5"}]}
        await client.send("what?")
        await client.send({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": {"s": "BTCUSDT"}})
        await client.send({"e": "ACCOUNT_UPDATE", "E": 5, "T": 5, "a": change})
        await eventually(lambda: run.of(FundingAnnounced))
        assert run.of(FundingAnnounced) == [FundingAnnounced(5_000_000)]
        assert run.stream.news.malformed == 2


@pytest.mark.usefixtures("quick_keys")
async def test_a_key_is_kept_again_and_again_and_one_that_is_gone_is_replaced(server: StreamServer) -> None:
    keys = Keys(keep_refusals=[VenueUnavailable("busy"), RequestRefused("This listenKey does not exist.", code=-1125)])
    async with running(server.url, keys) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 2)
        await eventually(lambda: keys.kept > 4)
        assert [each.reason for each in run.of(UserStreamInterrupted)] == ["LISTEN_KEY_EXPIRED"]
        assert [client.path.partition("=")[2] for client in server.clients] == ["key-1", "key-2"]


@pytest.mark.parametrize("ending", ["listenKeyExpired", "serverShutdown"])
async def test_a_stream_that_the_venue_ends_is_dialled_with_a_new_key(server: StreamServer, ending: str) -> None:
    async with running(server.url) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        await server.clients[0].send({"e": ending, "E": 1, "listenKey": "key-1"})
        await eventually(lambda: len(run.of(UserStreamRestored)) == 2)
        assert [each.reason for each in run.of(UserStreamInterrupted)] == [f"STREAM_ENDED event={ending}"]
        assert server.clients[1].path.endswith("key-2")


async def test_a_key_that_is_refused_is_asked_for_again(server: StreamServer) -> None:
    async with running(server.url, Keys(refusals=[VenueUnavailable("maintenance", code=-1001)])) as run:
        await eventually(lambda: len(run.of(UserStreamRestored)) == 1)
        assert [each.reason for each in run.of(UserStreamInterrupted)] == ["NO_LISTEN_KEY code=-1001"]
        assert run.keys.asked == 2
