"""Who may call which route: a table made from the API's own document."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from core.api.tokens import Scope, TokenFile
from core.settings.api import ApiSettings
from unit.api.daemon import FixedControls, FixedView, serving

ADMIN_ONLY = {
    ("post", "/api/v1/settings/reload"),
    ("post", "/api/performance/metrics/clear"),
    ("post", "/api/performance/benchmarks/clear"),
    ("post", "/api/performance/benchmarks/feature-computation"),
    ("post", "/api/performance/benchmarks/signal-generation"),
}
OPEN = {"/health/live", "/health/ready"}
UNLIMITED = ApiSettings(port=0, requests_per_s=10_000, commands_per_s=1_000)


def least(method: str, path: str) -> Scope | None:
    if path in OPEN:
        return None
    if (method, path) in ADMIN_ONLY:
        return Scope.ADMIN
    return Scope.READ if method == "get" else Scope.TRADE


async def table(client: httpx.AsyncClient) -> list[tuple[str, str, Scope | None]]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    routes = [(method, path) for path, methods in document["paths"].items() for method in methods]
    return [(method, path, least(method, path)) for method, path in routes]


async def test_every_route_wants_a_token_that_may(tmp_path: Path):
    file = TokenFile(tmp_path)
    tokens = {scope: file.add(scope.name.lower(), scope) for scope in Scope}
    async with serving(FixedView(), tmp_path, UNLIMITED) as client:
        del client.headers["Authorization"]
        routes = await table(client)
        assert len(routes) > 30
        for method, path, needed in routes:
            url = path.replace("{symbol}", "BTC-USDT").replace("{client_order_id}", "mtn-1")
            given = {None: None, "wrong": "wrong", **tokens}
            for scope, token in given.items():
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                answer = await client.request(method, url, headers=headers, params={"num_operations": 0})
                allowed = needed is None or (isinstance(scope, Scope) and scope >= needed)
                refusal = 403 if isinstance(scope, Scope) else 401
                assert (answer.status_code in (401, 403)) is not allowed, (method, path, scope, answer.text)
                assert allowed or answer.status_code == refusal, (method, path, scope, answer.text)


async def test_a_revoked_token_and_a_damaged_file_let_nobody_in(tmp_path: Path):
    file = TokenFile(tmp_path)
    token = file.add("mine", Scope.READ)
    file.add("other", Scope.READ)
    headers = {"Authorization": f"Bearer {token}"}
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.get("/api/v1/status", headers=headers)).status_code == 200
    file.revoke("mine")
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.get("/api/v1/status", headers=headers)).status_code == 401
    file.path.write_text("{")
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.get("/api/v1/status", headers=headers)).status_code == 401
        assert (await client.get("/api/v1/status")).status_code == 200


async def test_commands_and_refused_attempts_are_on_the_record(tmp_path: Path):
    reader = TokenFile(tmp_path).add("page", Scope.READ)
    body = {"reason": "lunch", "by": "me"}
    async with serving(FixedView(), tmp_path, controls=FixedControls()) as client:
        await client.post("/api/v1/halt", json=body, headers={"Authorization": f"Bearer {reader}"})
        await client.post("/api/v1/halt", json=body)
        lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert ['"who": "page"' in lines[0], "REFUSED 403" in lines[0]] == [True, True]
    assert ['"who": "local"' in lines[1], '"outcome": "DONE"' in lines[1], "lunch" in lines[1]] == [True] * 3
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
async def test_what_comes_from_elsewhere_is_refused(tmp_path: Path, headers: dict[str, str], status: int):
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.get("/health/live", headers=headers)).status_code == status


async def test_a_page_of_our_own_may(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        origin = {"Origin": f"http://127.0.0.1:{client.base_url.port}", "Sec-Fetch-Site": "same-origin"}
        answer = await client.post("/api/v1/halt", json={"reason": "x", "by": "page"}, headers=origin)
        assert answer.status_code == 200


async def test_bodies_and_rates_have_limits(tmp_path: Path):
    settings = ApiSettings(port=0, requests_per_s=5, commands_per_s=2)
    async with serving(FixedView(), tmp_path, settings) as client:
        huge = b"x" * 70_000

        async def in_pieces():
            yield huge

        assert (await client.post("/api/v1/halt", content=huge)).status_code == 413
        assert (await client.post("/api/v1/halt", content=in_pieces())).status_code == 413
        answers = [(await client.get("/api/v1/symbols")).status_code for _ in range(30)]
        assert {200, 429} == set(answers)
        assert (await client.get("/health/live")).status_code == 200
        del client.headers["Authorization"]
        assert (await client.get("/api/v1/symbols")).status_code == 401  # somebody else's allowance is untouched
