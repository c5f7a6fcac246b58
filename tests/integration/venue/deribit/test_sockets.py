"""JSON-RPC over WebSocket: subscriptions whose books join, heartbeats, and what is no request."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.venues import VenueProcess

BOOK = "book.BTC-PERPETUAL.100ms"


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.told: list[dict[str, Any]] = []

    async def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """What comes meanwhile is kept in `told`."""
        await self._socket.send(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}))
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            if message.get("id") == 7:
                return message
            self.told.append(message)

    async def frames(self, channel: str, count: int) -> list[dict[str, Any]]:
        """The next ones of a channel, those kept before included."""
        while len(found := [each for each in self.told if each.get("params", {}).get("channel") == channel]) < count:
            self.told.append(json.loads(await self._socket.recv()))
        return [each["params"]["data"] for each in found]

    async def raw(self, text: str) -> dict[str, Any]:
        await self._socket.send(text)
        return json.loads(await self._socket.recv())


@pytest.fixture
async def address(venue: VenueProcess) -> str:
    return f"{venue.ws_url}/ws/api/v2"


async def test_changes_join_the_snapshot_and_make_the_book(venue: VenueProcess, address: str) -> None:
    async with asyncio.timeout(60), connect(address) as first, connect(address) as second:
        early, late = Client(first), Client(second)
        assert (await early.call("public/subscribe", {"channels": [BOOK]}))["result"] == [BOOK]
        await early.frames(BOOK, 3)
        await late.call("public/subscribe", {"channels": [BOOK]})
        for client in (early, late):
            frames = await client.frames(BOOK, 6)
            assert [each["type"] for each in frames[:6]] == ["snapshot", *["change"] * 5]
            sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
            for before, now in zip([{}, *frames], frames, strict=False):
                assert now.get("prev_change_id") == before.get("change_id")
                assert now["change_id"] > before.get("change_id", 0)
                for name, levels in sides.items():
                    for action, price, amount in now[name]:
                        assert (action == "new") == (price not in levels)
                        levels[price] = amount
                        if action == "delete":
                            del levels[price]
                assert max(sides["bids"]) < min(sides["asks"])


async def test_subscribing_to_what_there_is_not(address: str) -> None:
    async with asyncio.timeout(60), connect(address) as socket:
        client = Client(socket)
        names = ["ticker.BTC-25DEC26-1-C.raw", "nonsense", "trades.BTC-PERPETUAL.raw", "deribit_price_index.btc_usd"]
        answer = await client.call("public/subscribe", {"channels": names})
        assert answer["result"] == ["trades.BTC-PERPETUAL.raw", "deribit_price_index.btc_usd"]
        index = await client.frames("deribit_price_index.btc_usd", 2)
        assert index[0]["index_name"] == "btc_usd"
        gone = await client.call("public/unsubscribe", {"channels": ["trades.BTC-PERPETUAL.raw"]})
        assert gone["result"] == ["trades.BTC-PERPETUAL.raw"]
        assert (await client.call("public/unsubscribe_all"))["result"] == "ok"
        many = [f"quote.BTC-PERPETUAL{each}" for each in range(501)]
        assert (await client.call("public/subscribe", {"channels": many}))["error"]["code"] == -32602


async def test_what_is_no_request(address: str) -> None:
    async with asyncio.timeout(60), connect(address) as socket:
        client = Client(socket)
        assert (await client.raw("{"))["error"]["code"] == -32700
        assert (await client.raw("[]"))["error"]["code"] == -32600
        assert (await client.raw('{"method": 5}'))["error"]["code"] == -32600
        assert (await client.call("public/nothing"))["error"]["code"] == -32601
        assert (await client.call("private/buy"))["error"]["code"] == 13009
        assert (await client.call("public/subscribe", {"channels": "all"}))["error"]["code"] == -32602
        assert (await client.call("public/set_heartbeat", {"interval": 1}))["error"]["code"] == -32602
        assert (await client.call("public/set_heartbeat", {"interval": 30}))["result"] == "ok"
        assert (await client.call("public/disable_heartbeat"))["result"] == "ok"
        assert (await client.call("public/test"))["result"]["version"]


def test_messages_may_be_posted(venue: VenueProcess) -> None:
    message = {"jsonrpc": "2.0", "id": 3, "method": "public/get_index_price", "params": {"index_name": "eth_usd"}}
    answer = httpx.post(f"{venue.url}/api/v2", json=message).json()
    assert answer["id"] == 3
    assert answer["result"]["index_price"] > 0
    assert answer["usDiff"] == answer["usOut"] - answer["usIn"]
    assert httpx.post(f"{venue.url}/api/v2", content=b"{").json()["error"]["code"] == -32700
    assert httpx.delete(f"{venue.url}/api/v2/public/ticker").status_code == 405
