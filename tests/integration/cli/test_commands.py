"""The commands against a real server on a real socket."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.cli.main import main
from core.settings.api import ApiSettings
from tests.processes import free_port
from unit.api.daemon import FixedView, serving
from unit.cli.pictures import symbol


@pytest.fixture(autouse=True)
def _data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("METRONOME__API__PORT", "0")


async def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    capsys.readouterr()
    code = await asyncio.to_thread(main, arguments)
    out, err = capsys.readouterr()
    return code, out, err


async def test_each_command_shows_what_the_daemon_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async with serving(FixedView(), tmp_path):
        for arguments, words in {
            ("status",): "100,234.51 USDT",
            ("orders",): "m-3f9a2c-1",
            ("positions",): "67,000.1",
            ("why", "btcusdt"): "HOLD fast=67100.1 slow=67000.2",
        }.items():
            code, out, err = await command(capsys, *arguments)
            assert (code, err) == (0, "")
            assert words in out


async def test_json_is_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    view = FixedView()
    async with serving(view, tmp_path):
        _, status, _ = await command(capsys, "status", "--json")
        assert json.loads(status)["equity"] == view.picture.equity
        _, orders, _ = await command(capsys, "orders", "--json")
        assert [each["symbol"] for each in json.loads(orders)] == ["BTC/USDT", "ETH/USDT"]
        _, positions, _ = await command(capsys, "positions", "--json")
        assert json.loads(positions)[0]["stop_price"] == "66000.00"
        _, why, _ = await command(capsys, "why", "ETH/USDT", "--json", "-n", "1")
        assert json.loads(why)["now"]["symbol"] == "ETH/USDT"


async def test_status_shows_every_symbol_however_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    view = FixedView()
    view.picture = replace(view.picture, symbols=tuple(symbol(f"S{number}/USDT") for number in range(200)))
    async with serving(view, tmp_path):
        _, out, _ = await command(capsys, "status")
    assert all(f"S{number}/USDT " in out for number in range(200))


async def test_nothing_to_show_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    view = FixedView()
    view.order_lines, view.decision_lines = (), ()
    view.picture = replace(view.picture, positions=())
    async with serving(view, tmp_path):
        assert (await command(capsys, "orders"))[1] == "no orders yet\n"
        assert (await command(capsys, "positions"))[1] == "nothing is held\n"
        assert "no decision yet" in (await command(capsys, "why", "BTC/USDT"))[1]


async def test_why_of_an_unknown_symbol_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async with serving(FixedView(), tmp_path):
        code, _, err = await command(capsys, "why", "BTC/USD")
    assert code == 2
    assert "BTC/USD is not traded by this daemon; did you mean BTC/USDT, ETH/USDT?" in err


async def test_a_wrong_token_says_whose_daemon_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    async with serving(FixedView(), tmp_path):
        monkeypatch.setenv("METRONOME__API__TOKEN", "not-the-right-token")
        code, _, err = await command(capsys, "status")
    assert code == 1
    assert "refuses our token" in err


async def test_files_of_a_daemon_that_was_killed_do_not_mislead(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    (tmp_path / "api.port").write_text(f"{port}\n")
    (tmp_path / "api.token").write_text("x\n")
    code, _, err = await command(capsys, "status")
    assert code == 1
    assert f"no daemon answers at 127.0.0.1:{port}" in err


def test_check_says_where_it_looked_for_a_venue_that_does_not_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    free = free_port()
    for port, words in ((0, "on any free port"), (free, f"nobody listens on 127.0.0.1:{free}")):
        monkeypatch.setenv("METRONOME__SIMULATION__PORT", str(port))
        assert main(["check", "--json"]) == 0
        (found,) = (each for each in json.loads(capsys.readouterr().out) if each["subject"] == "venue sim")
        assert found["level"] == "ok"
        assert words in found["words"]


def test_check_tells_another_server_on_the_venues_port(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_once, args=(listener, b"HTTP/1.1 404 No\r\n\r\n"), daemon=True).start()
        monkeypatch.setenv("METRONOME__SIMULATION__PORT", str(listener.getsockname()[1]))
        assert main(["check"]) == 2
    assert "no simulated venue" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"not http at all\r\n\r\n", "no daemon answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not as a Metronome daemon of this version"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "no daemon answers"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops", "answers with status 500: oops"),
    ],
)
async def test_another_server_on_the_port_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: bytes, words: str
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_once, args=(listener, answer), daemon=True).start()
        (tmp_path / "api.port").write_text(str(listener.getsockname()[1]))
        (tmp_path / "api.token").write_text("x")
        code, _, err = await command(capsys, "status")
    assert code == 1
    assert words in err
    assert "Traceback" not in err


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(answer)


@pytest.mark.processes
async def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, checkout: Path):
    async with serving(FixedView(), tmp_path, ApiSettings(port=0)):
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            f"{sys.executable} {checkout / 'live_bot.py'} orders --json | true",
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        _, err = await process.communicate()
    assert err == b""


@pytest.mark.processes
def test_without_its_packages_the_command_says_how_to_get_them(checkout: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", checkout / "live_bot.py", "status"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr
