"""`run` as a person or systemd runs it: a real process, the embedded venue, real signals."""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from integration.cli.daemon_process import LIVE_BOT, daemon, environment
from tests.processes import free_port
from tests.venues import VenueProcess

pytestmark = pytest.mark.processes


def is_event(name: str):
    return lambda line: line.get("event") == name


@pytest.mark.slow
def test_commands_find_the_daemon_and_its_venue(tmp_path: Path):
    with daemon(tmp_path, SIMULATION__PORT=str(free_port())) as bot:
        bot.wait_for(is_event("trading"))
        bot.wait_for(is_event("cycle"))
        status = json.loads(bot.command("status", "--json").stdout)
        assert status["state"] == "trading"
        assert status["clock_speed"] == 60
        why = bot.command("why", "BTC/USDT")
        assert (why.returncode, why.stderr) == (0, "")
        check = bot.command("check")
        assert check.returncode == 0, check.stdout
        assert "the venue's time runs 60 times as fast" in check.stdout


@pytest.mark.slow
def test_it_stops_by_itself(tmp_path: Path):
    with daemon(tmp_path, "--max-runtime-s", "8", "--symbols", "BTC/USDT") as bot:
        assert bot.end() == 0, bot.errors


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP])
def test_it_shows_a_live_table_on_a_terminal(tmp_path: Path, how: signal.Signals):
    terminal, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    variables = {**environment(tmp_path), "TERM": "xterm-256color"}
    bot = subprocess.Popen(
        [sys.executable, str(LIVE_BOT), "run"], stdin=screen, stdout=screen, stderr=screen, env=variables, cwd=tmp_path
    )
    os.close(screen)
    try:
        shown = read_until(terminal, "● trading")
        assert "PAPER" in shown
        read_until(terminal, "SIGNAL_")
        bot.send_signal(how)
        after = read_until(terminal, None).rpartition("\x1b[?1049l")[2]
        assert bot.wait(60) == 0
        assert "BTC/USDT" in after
        assert "Traceback" not in after
        assert is_json_lines(tmp_path / "metronome.log")
    finally:
        bot.kill()
        bot.wait()
        os.close(terminal)


def read_until(terminal: int, wanted: str | None, timeout_s: float = 60) -> str:
    """Everything shown until `wanted` is; `None`: until nobody writes any more."""
    shown = b""
    give_up_s = time.monotonic() + timeout_s
    while select.select([terminal], [], [], max(0, give_up_s - time.monotonic()))[0] and time.monotonic() < give_up_s:
        try:
            read = os.read(terminal, 65_536)
        except OSError:
            read = b""
        shown += read
        if not read or (wanted is not None and wanted.encode() in shown):
            break
    text = shown.decode(errors="replace")
    assert wanted is None or wanted in text, text[-4_000:]
    return text


def is_json_lines(file: Path) -> bool:
    return all(isinstance(json.loads(line), dict) for line in file.read_text().splitlines())


@pytest.mark.slow
def test_a_port_in_use_ends_the_start_with_2(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with daemon(tmp_path, API__PORT=port) as bot:
            assert bot.end() == 2
    assert f"error: api.port: port {port} on 127.0.0.1 is in use" in bot.errors
    assert "Traceback" not in bot.errors


@pytest.mark.slow
def test_a_venue_that_is_down_is_waited_for(tmp_path: Path):
    nobody = f"http://127.0.0.1:{free_port()}"
    with daemon(tmp_path, "--venue", "binance", "--mode", "observe", VENUE__BASE_URL=nobody) as bot:
        bot.wait_for(lambda line: "waiting" in json.dumps(line))
        status = json.loads(bot.command("status", "--json").stdout)
        assert status["state"] == "waiting_for_venue"
        assert status["note"]
        bot.signal(signal.SIGTERM)
        assert bot.end() == 0, bot.errors
    assert bot.errors == ""


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TRADING__STRATEGIES": '[{"use": "ema_crss"}]'}, "ema_cross"),
        ({"TRADING__STRATEGIES": '[{"use": "ema_cross", "parameters": {"fats": 3}}]'}, "fast"),
    ],
)
@pytest.mark.slow
def test_what_only_the_start_can_find_wrong_ends_it_with_2(tmp_path: Path, variables: dict[str, str], words: str):
    with daemon(tmp_path, **variables) as bot:
        assert bot.end() == 2, bot.lines
    assert words in bot.errors
    assert "Traceback" not in bot.errors


@pytest.mark.slow
def test_an_unknown_symbol_is_named_with_the_nearest(tmp_path: Path, venue: VenueProcess):
    """The embedded venue makes every symbol it is asked for, so one that runs already is needed."""
    with daemon(tmp_path, "--symbols", "BTC/USDC", VENUE__BASE_URL=venue.url) as bot:
        assert bot.end() == 2, bot.lines
    assert "BTC/USDC" in bot.errors
    assert "BTC/USDT" in bot.errors
