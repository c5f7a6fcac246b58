"""`train` as a process: stopped, killed, two at once."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.models.training.markets import planted

pytestmark = [pytest.mark.slow, pytest.mark.processes]
SETTINGS = '[storage]\ndata_dir = "{folder}/var"\n[models]\nmin_samples = 300\nfolds = 40\n'


class Trainer:
    def __init__(self, checkout: Path, folder: Path) -> None:
        window = planted(1, 20_000, strength=0.25)
        columns = {each: getattr(window, each) for each in ("open", "high", "low", "close", "volume")}
        times = pd.to_datetime(window.open_ms[0] + 60_000 * np.arange(len(window)), unit="ms")
        pd.DataFrame({"timestamp": times, **columns}).to_parquet(folder / "BTC-USDT-1m.parquet")
        (folder / "c.toml").write_text(SETTINGS.format(folder=folder))
        self._checkout, self._folder = checkout, folder

    def start(self, *options: str, terminal: int | None = None) -> subprocess.Popen[str]:
        """`terminal`: it is a shell's that runs it and stays; `None`: there is none."""
        command = [sys.executable, "live_bot.py", "train", "-c", str(self._folder / "c.toml"), *options]
        command += ["-d", str(self._folder / "BTC-USDT-1m.parquet"), "--json"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if terminal is not None:
            shell = ["sh", "-c", '"$@"; echo back at the prompt; read -r line', "sh", *command]
            own = partial(os.login_tty, terminal)
            return subprocess.Popen(shell, cwd=self._checkout, env=environment, text=True, preexec_fn=own)  # noqa: PLW1509 (the session needs its terminal before it runs; no other thread holds a lock)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self._checkout, env=environment, stdout=pipe, stderr=pipe, text=True)

    def reach(self, step: str) -> subprocess.Popen[str]:
        """A training that has come to `step`."""
        process = self.start()
        assert process.stderr is not None
        for line in process.stderr:
            if step in line:
                return process
        pytest.fail(f"it never came to {step!r}, and ended with {process.wait()}")

    def ask(self, *options: str) -> tuple[int, str, str]:
        process = self.start("--quick", *options)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture
def trainer(checkout: Path, tmp_path: Path) -> Trainer:
    return Trainer(checkout, tmp_path)


def ended(process: subprocess.Popen[str], signum: signal.Signals) -> int:
    process.send_signal(signum)
    process.communicate(timeout=60)
    return process.returncode


def test_what_is_stopped_in_order_is_trained_the_next_time(trainer: Trainer):
    assert ended(trainer.reach("fold 1 of"), signal.SIGTERM) == 130
    code, out, _ = trainer.ask()
    assert (code, [each["outcome"] for each in json.loads(out)["trained"]]) == (0, ["trained"])


def test_what_is_killed_has_failed_until_it_is_resumed(trainer: Trainer):
    assert ended(trainer.reach("fold 1 of"), signal.SIGKILL) == -signal.SIGKILL
    code, out, _ = trainer.ask()
    (passed,) = json.loads(out)["passed"]
    assert (code, passed["state"], passed["reason"]) == (0, "FAILED", "nothing was heard of the training")


def test_what_is_killed_is_trained_at_once_when_it_is_resumed(trainer: Trainer):
    ended(trainer.reach("fold 1 of"), signal.SIGKILL)
    code, out, _ = trainer.ask("--resume")
    assert (code, [each["outcome"] for each in json.loads(out)["trained"]]) == (0, ["trained"])


def test_a_second_trainer_leaves_the_first_alone(trainer: Trainer):
    first = trainer.reach("fold 1 of")
    code, _, err = trainer.ask()
    assert (code, "another training is under way" in err) == (1, True)
    assert first.poll() is None
    assert ended(first, signal.SIGTERM) == 130


def test_a_detached_training_outlives_its_terminal_and_is_followed(trainer: Trainer):
    code, _, err = trainer.ask("--follow")
    assert (code, "nothing was started with --detach" in err) == (2, True)
    leader, terminal = os.openpty()
    shell = trainer.start("--detach", terminal=terminal)
    os.close(terminal)
    with os.fdopen(leader, "rb", buffering=0) as screen:
        while b"back at the prompt" not in screen.read(1_000):
            pass
    assert shell.wait(60) == -signal.SIGHUP, "the terminal is gone, and with it whoever had it"
    code, _, err = trainer.ask("--detach")
    assert (code, "runs in the background already" in err) == (2, True)
    code, out, _ = trainer.ask("--follow")
    assert (code, "training: fold 1 of 40" in out, '"trained"' in out) == (0, True, True)
    assert trainer.ask("--follow")[:2] == (0, out), "it can be read again"


def test_a_detached_training_that_was_killed_is_said_to_be(trainer: Trainer):
    process = trainer.start("--detach")
    out, _ = process.communicate(timeout=60)
    os.kill(int(out.split()[1]), signal.SIGKILL)
    code, out, _ = trainer.ask("--follow")
    assert (code, out.splitlines()[-1]) == (1, "it was killed, or could not write how it ended")
