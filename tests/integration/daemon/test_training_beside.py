"""A daemon whose strategy asks models, and that has none: it trains one beside its trading and trades with it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.models.registry.registry import Registry
from core.models.stages import Stage
from integration.cli.daemon_process import LIVE_BOT, environment
from integration.daemon.bot import Bot, bot
from tests.unit.models.training.markets import planted

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300)]

BTC, ETH, SCOPE = "BTC/USDT", "ETH/USDT", "sim 1m BTC/USDT"
EAGER = {
    "TRADING__SYMBOLS": json.dumps([BTC, ETH]),
    "TRADING__STRATEGIES": '[{"use": "model"}]',
    "MODELS__TRAIN_BESIDE": "true",
    "MODELS__FEE_BPS": "0",
    "MODELS__SLIPPAGE_BPS": "0",
    "MODELS__CALIBRATION": "none",
    "MODELS__MIN_SAMPLES": "300",
    "MODELS__EMBARGO_CANDLES": "10",
    "MODELS__HORIZON_CANDLES": "3",
    "MODELS__FOLDS": "2",
    "MODELS__LOOK_EVERY_S": "0.3",
}


def record_candles(data_dir: Path, folder: Path) -> None:
    """Into the history cache, of BTC only."""
    window = planted(1, 4_000, strength=0.3)
    columns = {each: getattr(window, each) for each in ("open", "high", "low", "close", "volume")}
    times = pd.to_datetime(window.open_ms[0] + 60_000 * np.arange(len(window)), unit="ms")
    folder.mkdir()
    pd.DataFrame({"timestamp": times, **columns}).to_parquet(folder / "BTC-USDT-1m.parquet")
    what = ("--source", "files", "--symbols", BTC, "--kinds", "candles", "--timeframe", "1m")
    since, until = (f"{times[0]:%Y-%m-%d}", f"{times[-1] + pd.Timedelta(days=1):%Y-%m-%d}")
    variables = environment(data_dir, HISTORY__FILES_DIR=str(folder))
    command = [sys.executable, str(LIVE_BOT), "history", "load", *what, "--since", since, "--until", until]
    made = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Bot]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    record_candles(data_dir, tmp_path / "candles")
    with bot(data_dir, **EAGER) as running:
        yield running


def test_it_trains_what_its_strategy_needs_and_says_once_what_is_blocked(daemon: Bot) -> None:
    daemon.next("training_began", timeframe="1m")
    blocked = daemon.next("model_not_trained")
    assert (blocked["symbol"], blocked["state"]) == (ETH, "BLOCKED_TEMPORARY")
    assert "history load" in blocked["reason"]
    daemon.wait_for(lambda line: line["event"] == "training_ended" and line["exit_code"] == 0)
    registry = Registry(daemon.data_dir / "models")
    try:
        [model] = registry.models()
    finally:
        registry.close()
    assert model.stage is Stage.SHADOW

    said = daemon.command("models", "promote", model.version, "--reason", "a test")
    assert said.returncode == 0, said.stderr
    assert daemon.next("model_in_use")["model"] == model.version
    daemon.until(lambda: daemon.all("fill", symbol=BTC))

    shown = daemon.api("/api/v1/models")
    assert shown["in_use"] == {SCOPE: model.version}
    assert {each["symbol"]: each["state"] for each in shown["coverage"]} == {BTC: "TRAINED", ETH: "BLOCKED_TEMPORARY"}
    assert (shown["trainings"], shown["training_failures"], shown["training"]) == (1, 0, "")
    assert daemon.status()["models"] == {"TRAINED": 1, "BLOCKED_TEMPORARY": 1}
    daemon.signal(signal.SIGTERM)
    assert daemon.end() == 0
    assert [line["event"] for line in daemon.complaints()] == ["model_not_trained"]
    assert len(daemon.all("training_began")) == 1, "what is blocked is not looked at before its time"
