"""What happens, to those who watch."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from core.api.happenings import Happenings
from core.api.web import feed
from tests.waiting import eventually
from unit.api.daemon import FixedView, serving
from unit.cli.pictures import decision


@asynccontextmanager
async def watching(client: httpx.AsyncClient, **more: Any) -> AsyncIterator[ClientConnection]:
    token = client.headers["Authorization"].removeprefix("Bearer ")
    url = f"ws://127.0.0.1:{client.base_url.port}/api/v1/events"
    async with connect(url, subprotocols=["metronome", f"bearer.{token}"], proxy=None, **more) as socket:
        yield socket


async def test_a_picture_then_what_changes_and_what_happens(tmp_path: Path):
    view, happenings = FixedView(), Happenings()
    async with serving(view, tmp_path, happenings=happenings) as client, watching(client) as socket:
        assert socket.subprotocol == "metronome"
        first = json.loads(await socket.recv())
        assert first["type"] == "status" and first["status"]["equity"] == view.picture.equity
        symbols = (replace(view.picture.symbols[0], cycles=99), *view.picture.symbols[1:])
        view.picture = replace(view.picture, cycles=1_000, symbols=symbols)
        happenings.decided(decision("BTC/USDT", reason="<script>alert(1)</script>"))
        seen: dict[str, Any] = {}
        while not {"changes", "events"} <= seen.keys():
            message = json.loads(await socket.recv())
            if message["type"] != "changes" or message["status"] or message["symbols"]:
                seen[message["type"]] = message
        assert seen["changes"]["status"] == {"cycles": 1_000}
        assert seen["changes"]["symbols"] == {view.picture.symbols[0].symbol: {"cycles": 99}}
        (event,) = seen["events"]["events"]
        assert (event["type"], event["decision"]["reason"]) == ("decision", "<script>alert(1)</script>")


async def test_nothing_is_kept_while_nobody_watches(tmp_path: Path):
    happenings = Happenings()
    happenings.decided(decision("BTC/USDT"))
    assert json.loads(happenings.take()) == []
    async with serving(FixedView(), tmp_path, happenings=happenings) as client:
        async with watching(client) as socket:
            await socket.recv()

        def is_unwatched() -> bool:
            happenings.decided(decision("BTC/USDT"))
            return json.loads(happenings.take()) == []

        await eventually(is_unwatched)


async def test_a_client_that_does_not_read_is_let_go_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feed, "MOST_WAITING", 4)
    view, happenings = FixedView(), Happenings()
    async with (
        serving(view, tmp_path, happenings=happenings) as client,
        watching(client, max_size=None) as reader,
        watching(client, max_queue=1, close_timeout=0) as deaf,
    ):
        async with asyncio.timeout(60):
            while "metronome_watching_clients_let_go_total 1.0" not in (await client.get("/metrics")).text:
                happenings.decided(decision("BTC/USDT", reason="x" * 200_000))
                await reader.recv()
            assert "metronome_watching_clients 1.0" in (await client.get("/metrics")).text
            happenings.decided(decision("BTC/USDT", reason="the last"))
            while "the last" not in str(await reader.recv()):
                pass
        deaf.transport.abort()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_without_a_token_there_is_nothing_to_see(tmp_path: Path, headers: dict[str, str]):
    async with serving(FixedView(), tmp_path) as client:
        url = f"ws://127.0.0.1:{client.base_url.port}/api/v1/events"
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(url, additional_headers=headers, proxy=None):
                pass


async def test_a_page_of_another_site_is_refused(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        with pytest.raises(InvalidStatus, match="403"):
            async with watching(client, origin="http://evil.example"):
                pass
