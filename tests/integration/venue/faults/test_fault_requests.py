"""The admin port's faults, and files of faults."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from core.simulation.server.faults.kinds import KINDS
from tests.integration.venue.faults.client import Client
from tests.venues import SOURCES, VenueProcess

pytestmark = pytest.mark.slow


def test_what_there_is(client: Client) -> None:
    kinds = client.venue.admin("/faults/kinds")["kinds"]
    assert [kind["kind"] for kind in kinds] == list(KINDS)
    assert all(kind["summary"] for kind in kinds)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"kind":"mutte"}', 400, "Did you mean mute?"),
        (b'{"kind":"mute","for_s":-1}', 400, "for_s"),
        (b'{"kind":"mute","at_s":1}', 400, "at_s: mute has no such key"),
        (b"[]", 400, "Expected `object`"),
        (b"{", 400, "truncated"),
        (b"\xff", 400, "malformed"),
        (b"[" * 50_000, 400, "POST /faults"),
    ],
)
def test_bad_requests_arm_nothing(client: Client, body: bytes, status: int, words: str) -> None:
    answer = httpx.post(f"{client.venue.admin_url}/faults", content=body)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


def test_only_one_of_a_group_at_a_time(client: Client) -> None:
    with client.fault("clock_error") as first:
        answer = httpx.post(f"{client.venue.admin_url}/faults", json={"kind": "clock_error"})
        assert answer.status_code == 409
        assert first["id"] in answer.json()["error"]
    with client.fault("clock_error"):
        pass


def test_a_fault_ends_by_itself_and_is_forgotten(client: Client) -> None:
    with client.fault("mute", for_s=0.05) as fault:
        while client.venue.admin("/faults")["faults"]:
            pass
        assert client.log(fault) == ["armed", "ended"]
        gone = httpx.delete(f"{client.venue.admin_url}/faults/{fault['id']}")
        assert gone.status_code == 404


def test_all_faults_are_ended_at_once(client: Client) -> None:
    with client.fault("mute", stream="nothing"), client.fault("halt", symbol="NOTHING"):
        assert httpx.delete(f"{client.venue.admin_url}/faults").json() == {"ended": 2}
        assert client.venue.admin("/faults") == {"faults": []}


def test_the_nth_hit_and_no_more_than_asked_for(client: Client) -> None:
    with client.fault("refuse", account=client.key, route="GET /api/v3/account", nth=2, hits=1) as fault:
        statuses = [client.signed("GET", "/api/v3/account").status_code for _ in range(3)]
        assert statuses == [200, 503, 200]
        state = client.venue.admin("/faults")["faults"][0]
        assert (state["id"], state["seen"], state["hits"]) == (fault["id"], 3, 1)


def test_the_log_is_read_on_from_where_it_was_left(client: Client) -> None:
    last = client.venue.admin("/faults/log")["entries"][-1]["number"]
    with client.fault("mute", stream="nothing"):
        entries = client.venue.admin(f"/faults/log?after={last}")["entries"]
        assert [(entry["number"], entry["event"]) for entry in entries] == [(last + 1, "armed")]
    assert httpx.get(f"{client.venue.admin_url}/faults/log?after=x").status_code == 400


def test_a_file_is_played(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "clock_error"\nat_s = 0.2\nfor_s = 0.3\n[[fault]]\nkind = "cut"\nat_s = 0.1\n')
    venue = VenueProcess(tmp_path, symbols=("BTC/USDT",), options=("--faults", str(file)))
    try:
        entries: list[dict[str, str]] = []
        while len(entries) < 5:
            entries = venue.admin("/faults/log")["entries"]
    finally:
        venue.stop()
    told = [(entry["fault"], entry["event"]) for entry in entries if entry["event"] != "hit"]
    assert told[0] == ("cut-1", "armed")
    for fault in ("cut-1", "clock_error-2"):
        assert [event for each, event in told if each == fault] == ["armed", "ended"]


def test_a_file_with_mistakes_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "mute"\n\n[[fault]]\nkind = "mutte"\n')
    command = [sys.executable, "-m", "core.cli.simulate", "--port", "0", "--admin-port", "0", "--faults", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    command += ["--data-dir", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"error: {file}:5: fault 2: kind: there is no fault 'mutte'. Did you mean mute?" in ended.stderr
