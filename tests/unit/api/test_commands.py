"""Commands by the API: only with the token, only whole ones, refused with a reason."""

from pathlib import Path

import pytest

from core.domain.commands import Flatten, Halt, KillSwitchStatus, Resume
from unit.api.daemon import FixedControls, FixedView, serving

GOOD = {"reason": "lunch", "by": "me"}
COMMANDS = {
    "halt": (GOOD | {"reduce_only": True}, Halt("lunch", "me", reduce_only=True)),
    "resume": (GOOD, Resume("lunch", "me")),
    "flatten": (GOOD | {"scope": "account"}, Flatten("lunch", "me", "account")),
}
RESOLVE = GOOD | {"client_order_id": "mtn-1", "verdict": "absent"}


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_is_handed_over_and_answered(tmp_path: Path, name: str):
    body, command = COMMANDS[name]
    controls = FixedControls()
    controls.standing = KillSwitchStatus("NO_ENTRY", "lunch", 5)
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post(f"/api/v1/{name}", json=body)
        assert (answer.status_code, controls.taken) == (200, [command])
        assert answer.json() == (await client.get("/api/v1/kill-switch")).json()
        assert answer.json()["level"] == "NO_ENTRY"


@pytest.mark.parametrize("name", [*COMMANDS, "orders/resolve"])
async def test_without_the_token_nothing_is_done(tmp_path: Path, name: str):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        del client.headers["Authorization"]
        assert (await client.post(f"/api/v1/{name}", json=GOOD)).status_code == 401
        assert (await client.get("/api/v1/kill-switch")).status_code == 401
        assert (await client.get(f"/api/v1/{name}", params=GOOD)).status_code in (404, 405)
        assert controls.taken == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"reason": "x"}',
        b'{"reason": "", "by": "me"}',
        b'{"reason": "  ", "by": "me"}',
        b'{"reason": "a\\nb", "by": "me"}',
        b'{"reason": 5, "by": "me"}',
        b'{"reason": "x", "by": "me", "scope": "world"}',
        b'{"reason": "' + b"x" * 201 + b'", "by": "me"}',
        b'{"reason": "' + b"x" * 20_000 + b'", "by": "me"}',
        b"\xff\xfe",
    ],
)
async def test_what_is_no_command_is_refused(tmp_path: Path, body: bytes):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post("/api/v1/flatten", content=body)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("not a command: ")
        assert controls.taken == []


async def test_a_refusal_is_a_conflict_and_an_unknown_order_is_not_found(tmp_path: Path):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post("/api/v1/orders/resolve", json=RESOLVE)
        assert (answer.status_code, answer.json()) == (404, {"detail": "no order mtn-1"})
        controls.refusal = "flattening is under way"
        for name, body in {**{name: body for name, (body, _) in COMMANDS.items()}, "orders/resolve": RESOLVE}.items():
            answer = await client.post(f"/api/v1/{name}", json=body)
            assert (answer.status_code, answer.json()) == (409, {"detail": "flattening is under way"})
