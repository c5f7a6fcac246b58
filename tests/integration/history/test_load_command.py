"""`history load` as its users run it, from the simulated Alpaca."""

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.venues import SOURCES, VenueProcess

pytestmark = [pytest.mark.slow, pytest.mark.processes]

LIVE_BOT = SOURCES.parent / "live_bot.py"
PARTIAL, INTERRUPTED = 6, 130
TIMEOUT_S = 120


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(LIVE_BOT), "history", "load", *arguments]


def environment(folder: Path, venue: VenueProcess) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("METRONOME")},
        "METRONOME__HISTORY__DIR": str(folder),
        "METRONOME__HISTORY__BASE_URL": venue.url,
        "METRONOME__HISTORY__ALPACA_API_KEY": "paper",
        "METRONOME__HISTORY__ALPACA_SECRET": "paper",
        "TERM": "xterm-256color",
    }


def load(
    tmp_path: Path, venue: VenueProcess, *arguments: str, prefix: Sequence[str] = (), folder: str = "cache"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, *command(*arguments)],
        env=environment(tmp_path / folder, venue),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_an_unknown_symbol_is_named_the_others_go_on_and_the_exit_code_says_partial(
    tmp_path: Path, venue: VenueProcess
) -> None:
    done = load(tmp_path, venue, "--symbols", "SPY,NOPE,QQQ", "--days", "60", "--timeframe", "1d")
    assert done.returncode == PARTIAL, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if re.match(r"\[\d/3\] NOPE: .*0 rows.*is the symbol right\?", line)]
    for symbol in ("SPY", "QQQ"):
        assert [line for line in lines if re.match(rf"\[\d/3\] {symbol}: \d+ rows, quality ", line)]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_disk_that_fills_ends_the_load_with_the_cure_and_keeps_what_is_whole(
    tmp_path: Path, venue: VenueProcess
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is absent")
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=160k tmpfs "{small}" || exit 77; "$@"; code=$?; cp -r "{small}" kept; exit $code'
    prefix = ("unshare", "-rm", "sh", "-c", mount, "sh")
    if subprocess.run([*prefix, "true"], check=False, capture_output=True, cwd=tmp_path).returncode:
        pytest.skip("mount namespaces are not allowed here")
    shutil.rmtree(tmp_path / "kept")
    asked = ("--symbols", "SPY,QQQ,IWM", "--days", "8", "--timeframe", "1m")
    done = load(tmp_path, venue, *asked, prefix=prefix, folder="small")
    assert done.returncode not in (0, INTERRUPTED)
    assert "No space left on device" in done.stderr
    assert "Free some space, or choose another folder with history.dir." in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "kept").glob("**/.*.parquet*")), "no half of a file"
    again = load(tmp_path, venue, *asked, folder="kept")
    assert again.returncode == 0, again.stdout + again.stderr
    assert not list((tmp_path / "kept").glob("**/*.torn"))


def test_bars_on_a_terminal_and_ctrl_c_keeps_what_is_done(tmp_path: Path, venue: VenueProcess) -> None:
    terminal, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    asked = ("--symbols", "SPY,QQQ,IWM,DIA,AAPL", "--days", "700", "--timeframe", "1m")
    bot = subprocess.Popen(
        command(*asked), stdin=screen, stdout=screen, stderr=screen, cwd=tmp_path, env=environment(tmp_path, venue)
    )
    os.close(screen)
    try:
        shown = read_until(terminal, r"5 symbols.*SPY.*[1-9][\d,]* rows")
        assert re.search(r"\d+%", shown), "how far it is"
        deadline_s = time.monotonic() + TIMEOUT_S
        while not list(tmp_path.glob("alpaca/**/*.parquet")):
            assert time.monotonic() < deadline_s, "nothing is written down"
            read_until(terminal, r".")
        bot.send_signal(signal.SIGINT)
        after = read_until(terminal, None)
        assert bot.wait(TIMEOUT_S) == INTERRUPTED
        assert "interrupted; what is done is kept" in after
        assert "Traceback" not in after
        assert list(tmp_path.glob("alpaca/**/*.parquet"))
    finally:
        bot.kill()
        bot.wait()
        os.close(terminal)


def read_until(terminal: int, pattern: str | None) -> str:
    """What is shown until `pattern` is in it; `None`: until nobody writes any more."""
    shown, deadline_s = "", time.monotonic() + TIMEOUT_S
    while pattern is None or not re.search(pattern, shown, re.DOTALL):
        assert time.monotonic() < deadline_s, shown[-2_000:]
        try:
            shown += os.read(terminal, 65_536).decode(errors="replace")
        except OSError:  # the last writer is gone
            assert pattern is None, shown[-2_000:]
            break
    return shown
