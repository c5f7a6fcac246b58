"""Each command at each level by each face: over the API, by the command line, by signal. All of them lead to the same
place, and what is refused is refused with the reason."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from core.api.controls import Controls
from core.cli.main import main
from core.domain.commands import Command, Flatten, Halt, Resume
from tests.unit.kill_switches import LEADS, L, switch
from unit.api.daemon import FixedView, serving

Face = Callable[[Command], Awaitable[tuple[bool, str]]]
"""Whether it was done, and what was said."""


def over_http(client: httpx.AsyncClient) -> Face:
    async def command(wanted: Command) -> tuple[bool, str]:
        body: dict[str, object] = {"reason": wanted.reason, "by": wanted.by}
        if isinstance(wanted, Halt):
            body["reduce_only"] = wanted.reduce_only
        answer = await client.post(f"/api/v1/{type(wanted).__name__.lower()}", json=body)
        return answer.status_code == 200, answer.text

    return command


def by_command_line(capsys: pytest.CaptureFixture[str]) -> Face:
    async def command(wanted: Command) -> tuple[bool, str]:
        words = [type(wanted).__name__.lower(), "--reason", wanted.reason]
        words += ["--reduce-only"] if isinstance(wanted, Halt) and wanted.reduce_only else []
        words += ["--yes", "--no-wait"] if isinstance(wanted, Flatten) else []
        code = await asyncio.to_thread(main, (*words, "--json"))
        said = capsys.readouterr()
        return code == 0, said.out[said.out.find("{") :] if code == 0 else said.err

    return command


@pytest.mark.parametrize("name", ["http", "command line"])
async def test_a_command_leads_where_it_should(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("METRONOME__API__PORT", "0")
    controls = Controls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        face = over_http(client) if name == "http" else by_command_line(capsys)
        for (level, wanted), leads in LEADS.items():
            made, gate, disk = switch(level)
            controls.attach(made)
            was_done, said = await face(wanted)
            assert was_done is (leads is not None), (level, wanted, said)
            assert gate.level is (leads or level), (level, wanted)
            assert bool(disk.kept) is (leads not in (None, level))
            assert ("under way" in said) if leads is None else json.loads(said)["level"] == leads.value


@pytest.mark.parametrize("level", list(L))
async def test_a_signal_is_a_halt_and_is_kept_as_soon_as_the_disk_takes_it(level: L) -> None:
    made, gate, disk = switch(level)
    asked: list[bool] = []
    made.save_soon(lambda: asked.append(True))
    controls = Controls()
    controls.attach(made)
    controls.halt("SIGUSR1")
    tightened = level is L.NORMAL
    assert gate.level is (L.NO_ENTRY if tightened else level)
    assert gate.state().reason == ("SIGUSR1" if tightened else "before")
    assert bool(asked) is tightened
    await made.save()
    assert [each.level for each in disk.kept] == ([L.NO_ENTRY] if tightened else [])


async def test_before_there_is_anything_to_halt_a_halt_is_remembered_and_everything_else_refused(
    tmp_path: Path,
) -> None:
    controls = Controls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        face = over_http(client)
        for wanted in (Resume("back", "me"), Flatten("enough", "me"), Halt("lunch", "me", reduce_only=True)):
            was_done, said = await face(wanted)
            assert not was_done and "still starting" in said
        was_done, said = await face(Halt("lunch", "me"))
        assert was_done and json.loads(said)["level"] == "NO_ENTRY" and not json.loads(said)["is_durable"]
    made, gate, _ = switch()
    controls.attach(made)
    assert (gate.level, gate.state().reason) == (L.NO_ENTRY, "OPERATOR_REQUEST by=me reason=lunch")
