"""A daemon that trades on models which are trained beside it: none, one, a damaged one, another."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.models.artifacts import TREES
from core.models.registry.registry import Registry
from core.models.stages import Stage, StageEvent
from integration.daemon.bot import Bot, bot
from tests.unit.models.training.markets import planted

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300)]

BTC, SCOPE = "BTC/USDT", "sim 1m BTC/USDT"
EAGER = {
    "TRADING__SYMBOLS": json.dumps([BTC]),
    "TRADING__STRATEGIES": '[{"use": "model"}]',
    "MODELS__FEE_BPS": "0",
    "MODELS__SLIPPAGE_BPS": "0",
    "MODELS__CALIBRATION": "none",
    "MODELS__MIN_SAMPLES": "300",
    "MODELS__EMBARGO_CANDLES": "10",
    "MODELS__HORIZON_CANDLES": "3",
    "MODELS__LOOK_EVERY_S": "0.3",
}
"""Trades that cost nothing are worth it at any probability but one half."""


class Models:
    """Of one daemon, and the candles that they learn from."""

    def __init__(self, daemon: Bot, folder: Path) -> None:
        self._daemon, self._candles = daemon, folder / "BTC-USDT-1m.parquet"
        window = planted(1, 4_000, strength=0.3)
        columns = {each: getattr(window, each) for each in ("open", "high", "low", "close", "volume")}
        times = pd.to_datetime(window.open_ms[0] + 60_000 * np.arange(len(window)), unit="ms")
        pd.DataFrame({"timestamp": times, **columns}).to_parquet(self._candles)
        self.folder = daemon.data_dir / "models"

    def train(self) -> str:
        """Its version."""
        made = self._daemon.command("train", "-d", str(self._candles), "--quick", "--force", "--json")
        assert made.returncode == 0, made.stderr
        with self.registry() as registry:
            return registry.models()[0].version

    def promote(self, version: str) -> None:
        said = self._daemon.command("models", "promote", version, "--reason", "a test")
        assert said.returncode == 0, said.stderr

    def registry(self) -> "_Open":
        return _Open(self.folder)

    def stages(self) -> dict[str, Stage]:
        with self.registry() as registry:
            return {each.version: each.stage for each in registry.models()}

    def deciding(self) -> list[str]:
        """Versions that the daemon's decisions name, oldest first; empty where none was asked."""
        lines = self._daemon.api(f"/api/v1/decisions?symbol={BTC}&limit=200")
        return [each["models"].get("model", "") for each in reversed(lines)]


class _Open:
    def __init__(self, folder: Path) -> None:
        self._registry = Registry(folder)

    def __enter__(self) -> Registry:
        return self._registry

    def __exit__(self, *_: object) -> None:
        self._registry.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Bot]:
    with bot(tmp_path, **EAGER) as running:
        yield running


def test_each_decision_names_the_model_that_was_live_when_its_candle_closed(daemon: Bot, tmp_path: Path) -> None:
    models = Models(daemon, tmp_path)
    daemon.wait_for(lambda line: line["event"] == "cycle" and line["reason"].startswith("MODEL_MISSING"))
    first = models.train()
    models.promote(first)
    assert daemon.next("model_in_use")["model"] == first
    daemon.until(lambda: daemon.all("fill"))
    assert all(line["reason"].endswith(f"model {first}") for line in daemon.all("order", purpose="entry"))

    damaged = models.train()
    with (models.folder / damaged / TREES).open("a") as file:
        file.write("x")
    with models.registry() as registry:
        registry.move(damaged, StageEvent.PROMOTED, "past its proof", 0)
    assert daemon.next("model_refused")["stays"] == first
    assert daemon.next("model_rejected", model=damaged)["restored"] == first
    assert models.stages() == {first: Stage.LIVE, damaged: Stage.REJECTED}

    third = models.train()
    models.promote(third)
    assert daemon.next("model_in_use")["model"] == third
    daemon.until(lambda: models.deciding()[-1] == third)
    assert daemon.api("/api/v1/models")["in_use"] == {SCOPE: third}
    told = [version for version in models.deciding() if version]
    assert sorted(told, key=[first, third].index) == told, "no version decides before or after its time"
    daemon.signal(signal.SIGTERM)
    assert daemon.end() == 0
    assert [line["event"] for line in daemon.complaints()] == ["model_refused", "model_rejected"]
