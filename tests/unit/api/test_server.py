import asyncio
import socket
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from core.api.answers import Why
from core.api.server import ApiServer
from core.decision_ledger.explain import explained
from core.domain.errors import SettingsError
from core.domain.status import DaemonStatus, DecisionLine, OrderStatusLine, PositionStatus, SymbolStatus
from core.runtime.children import ChildExited
from core.settings.api import ApiSettings
from tests.waiting import eventually
from unit.api.daemon import FixedControls, FixedView, serving, written
from unit.cli.pictures import order
from unprivileged import as_nobody

PROTECTED = ["status", "symbols", "positions", "orders", "decisions", "why/BTC/USDT"]


async def test_answers_are_the_pictures_of_the_view(tmp_path: Path):
    view = FixedView()
    async with serving(view, tmp_path) as client:

        async def get(path: str, kind: type) -> object:
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code == 200, answer.text
            return msgspec.json.decode(answer.content, type=kind)

        assert await get("status", DaemonStatus) == view.picture
        assert await get("symbols", tuple[SymbolStatus, ...]) == view.picture.symbols
        assert await get("positions", tuple[PositionStatus, ...]) == view.picture.positions
        assert await get("orders", tuple[OrderStatusLine, ...]) == view.order_lines
        told = tuple(map(explained, view.decision_lines))
        assert await get("decisions", tuple[DecisionLine, ...]) == told
        assert await get("decisions?limit=1", tuple[DecisionLine, ...]) == told[:1]
        assert await get("decisions?symbol=eth-usdt", tuple[DecisionLine, ...]) == told[1:2]
        expected = Why(view.picture.symbols[0], told[:1])
        for spelling in ("BTC/USDT", "btc-usdt", "btcusdt", "BTC%2FUSDT"):
            assert await get(f"why/{spelling}", Why) == expected


async def test_an_unknown_symbol_is_answered_with_the_nearest(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        answer = await client.get("/api/v1/why/BTC/USD")
        assert answer.status_code == 404
        assert answer.json() == {"detail": "BTC/USD is not traded by this daemon; did you mean BTC/USDT, ETH/USDT?"}


@pytest.mark.parametrize("limit", ["0", "501", "x"])
async def test_a_limit_out_of_bounds_is_refused(tmp_path: Path, limit: str):
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.get(f"/api/v1/decisions?limit={limit}")).status_code == 422


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
async def test_everything_but_health_and_docs_wants_the_token(tmp_path: Path, headers: dict[str, str]):
    async with serving(FixedView(), tmp_path) as client:
        del client.headers["Authorization"]
        for path in PROTECTED:
            answer = await client.get(f"/api/v1/{path}", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/health/live", "/health/ready", "/docs", "/openapi.json"):
            assert (await client.get(path, headers=headers)).status_code == 200


async def test_ready_is_only_said_while_it_trades_and_makes_progress(tmp_path: Path):
    view = FixedView()
    async with serving(view, tmp_path) as client:

        async def answers(status: int, reason: str | None) -> bool:
            answer = await client.get("/health/ready")
            assert answer.json()["ready"] is (answer.status_code == 200)
            return (answer.status_code, answer.json()["reason"]) == (status, reason)

        assert await answers(200, None)
        view.picture = replace(view.picture, overdue=("journal", "executor"))
        await eventually(lambda: answers(503, "no progress of journal, executor"))
        for state in ("starting", "waiting_for_venue", "recovering", "stopping", "stopped"):
            view.picture = replace(view.picture, state=state, note="because")
            await eventually(partial(answers, 503, f"state is {state}: because"))
        assert (await client.get("/health/live")).json()["alive"] is True


async def test_documents_every_route_without_a_foreign_host(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        page = (await client.get("/docs")).text
        openapi = (await client.get("/openapi.json")).json()
        for path in ("/health/live", "/health/ready", "/api/v1/status", "/api/v1/why/{symbol}"):
            assert path in openapi["paths"]
            assert path in page
        assert "http://" not in page
        assert "https://" not in page


async def test_numbers_that_are_none_in_json_do_not_break_an_answer(tmp_path: Path):
    view = FixedView()
    view.picture = replace(view.picture, rss_mb=float("nan"))
    view.order_lines = (order("BTC/USDT", reason='quotes " and ünïcode'),)
    async with serving(view, tmp_path) as client:
        assert (await client.get("/api/v1/status")).json()["rss_mb"] is None
        assert (await client.get("/api/v1/orders")).json()[0]["reason"] == 'quotes " and ünïcode'


async def test_address_files_are_private_while_it_runs_and_gone_afterwards(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        assert (await written(tmp_path / "api.port")) == str(client.base_url.port)
        for name in ("api.port", "api.token"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert len((tmp_path / "api.token").read_text().strip()) >= 32
    assert list(tmp_path.iterdir()) == []


async def test_a_serving_process_that_has_died_takes_nobody_s_token_along(tmp_path: Path):
    tokens: list[str] = []

    async def die(_: socket.socket, __: socket.socket) -> None:
        tokens.append((tmp_path / "api.token").read_text())
        raise ChildExited("api", -9)

    server = ApiServer(ApiSettings(port=0), tmp_path, FixedView(), FixedControls(), launch=die)
    for _ in range(2):
        with pytest.raises(ChildExited):
            await server.run()
    server.close()
    assert len(tokens) == 2
    assert tokens[0] == tokens[1]


async def test_a_token_of_the_settings_is_used_and_not_written(tmp_path: Path):
    settings = ApiSettings(port=0, token=SecretStr("a-token-of-our-own"))
    (tmp_path / "api.token").write_text("from an earlier run")
    async with serving(FixedView(), tmp_path, settings) as client:
        assert (await client.get("/api/v1/status")).status_code == 200
        assert not (tmp_path / "api.token").exists()


async def test_stopping_does_not_wait_for_an_idle_connection(tmp_path: Path):
    async with asyncio.timeout(10):
        async with serving(FixedView(), tmp_path) as client:
            await client.get("/health/live")
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_the_port_is_free_again_after_a_stop(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        port = client.base_url.port
    async with serving(FixedView(), tmp_path, ApiSettings(port=port)) as client:
        assert (await client.get("/health/live")).status_code == 200


def bind_error(tmp_path: Path, settings: ApiSettings) -> str:
    server = ApiServer(settings, tmp_path, FixedView(), FixedControls())
    with pytest.raises(SettingsError) as caught:
        server.bind()
    assert list(tmp_path.iterdir()) == []
    return str(caught.value)


def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = bind_error(tmp_path, ApiSettings(port=port))
    assert said.startswith(f"api.port: port {port} on 127.0.0.1 is in use")
    assert "METRONOME__API__PORT" in said


def test_other_machines_are_let_in_with_an_explicit_token_only(tmp_path: Path):
    said = bind_error(tmp_path, ApiSettings(host="0.0.0.0", port=0))
    assert said.startswith("api.host: 0.0.0.0 can be reached from other machines, so it needs a token")
    settings = ApiSettings(host="0.0.0.0", port=0, token=SecretStr("x" * 16))
    assert "tokens must not travel in the clear" in bind_error(tmp_path, settings)
    server = ApiServer(settings.model_copy(update={"plain_http": True}), tmp_path, FixedView(), FixedControls())
    server.bind()
    assert server.statistics().port
    server.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_ours_is_refused(tmp_path: Path, host: str):
    settings = ApiSettings(host=host, port=0, token=SecretStr("x" * 16), plain_http=True)
    assert bind_error(tmp_path, settings) == f'api.host: "{host}" is no address of this machine. Try 127.0.0.1.'


def test_a_port_that_only_root_may_take_is_told(walkable_path: Path):
    reserved = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if int(reserved.read_text()) <= 81:
        pytest.skip("this machine reserves no ports for root")
    said = as_nobody(lambda: bind_error(walkable_path, ApiSettings(port=81)))
    assert said == "api.port: this user may not listen on port 81. Choose one above 1023."


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
async def test_loopback_in_any_spelling_needs_no_token(tmp_path: Path, host: str):
    server = ApiServer(ApiSettings(host=host, port=0), tmp_path, FixedView(), FixedControls())
    try:
        server.bind()
    except SettingsError:
        pytest.skip("this machine has no IPv6 loopback") if host == "::1" else pytest.fail(host)
    server.close()
