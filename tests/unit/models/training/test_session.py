import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import ModelError
from core.domain.instruments import InstrumentId
from core.models import artifacts
from core.models.coverage import Broke, Refused, Short, Succeeded
from core.models.encoding import TrainingMode
from core.models.recipe import Recipe
from core.models.registry.coverage_store import CoverageStore
from core.models.registry.registry import Registry
from core.models.schedule import TrainingPolicy
from core.models.stages import Stage
from core.models.training.session import Assignment, Attended, TrainingSession
from tests.unit.models.trained import BTC, CREATED_MS, HOUR_MS, RECIPE, SCHEMA, manifest, market, trained
from tests.unit.random_walks import first, with_value

ETH, SOL = InstrumentId("ETH/USDT"), InstrumentId("SOL/USDT")
WHOLE = market().series[BTC]
CANDLES = {BTC: WHOLE, ETH: first(WHOLE, 300), SOL: with_value(WHOLE, "high", 700, 1.0)}
DAY_MS = 24 * HOUR_MS


class Memory:
    def __init__(self) -> None:
        self.asked: list[InstrumentId] = []

    def candles(self, symbol: InstrumentId, timeframe: Timeframe) -> CandleWindow:
        self.asked.append(symbol)
        return CANDLES[symbol]


class Sittings:
    """Sessions of one folder, at a time that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = Memory()
        self.now_ms = CREATED_MS

    def session(self, *symbols: InstrumentId, recipe: Recipe = RECIPE) -> TrainingSession:
        work = Assignment("sim", Timeframe.M1, symbols or (BTC,), SCHEMA, recipe, TrainingPolicy(), 72 * HOUR_MS)
        return TrainingSession(self.folder, self.source, work, lambda: self.now_ms, lambda _: None)

    @contextmanager
    def open(self, *symbols: InstrumentId, recipe: Recipe = RECIPE, **how: bool) -> Iterator[TrainingSession]:
        session = self.session(*symbols, recipe=recipe)
        with session.open(**how):
            yield session

    def train(self, *symbols: InstrumentId, recipe: Recipe = RECIPE, **how: bool) -> list[Attended]:
        with self.open(*symbols, recipe=recipe, **how) as session:
            return list(session.run())

    def words(self, market: str = "sim 1m single_symbol") -> dict[InstrumentId, str]:
        return {each.symbol: each.word for each in CoverageStore(self.folder, market).read()}


@pytest.fixture
def sittings(tmp_path: Path) -> Sittings:
    return Sittings(tmp_path / "models")


def test_each_symbol_ends_in_the_state_that_its_candles_allow(sittings: Sittings):
    attended = {each.symbols[0]: each for each in sittings.train(BTC, ETH, SOL)}
    assert isinstance(attended[BTC].outcome, Succeeded)
    assert isinstance(attended[ETH].outcome, Short)
    assert isinstance(attended[SOL].outcome, Refused)
    assert sittings.words() == {BTC: "TRAINED", ETH: "BLOCKED_TEMPORARY", SOL: "BLOCKED_PERMANENT"}
    (model,) = Registry(sittings.folder).models()
    assert attended[BTC].outcome.version == model.version
    assert artifacts.read(sittings.folder, model.version, model.sums_sha256).manifest == model.manifest


def test_nothing_is_trained_before_it_is_due_unless_it_is_forced(sittings: Sittings):
    sittings.train(BTC, ETH, SOL)
    assert sittings.train(BTC, ETH, SOL) == []
    with sittings.open(BTC, ETH, SOL) as session:
        assert [(each.symbol, each.word) for each in session.passed()] == [
            (BTC, "TRAINED"),
            (ETH, "BLOCKED_TEMPORARY"),
            (SOL, "BLOCKED_PERMANENT"),
        ]
    sittings.source.asked.clear()
    sittings.now_ms += DAY_MS
    sittings.train(BTC, ETH, SOL)
    assert sittings.source.asked == [ETH, BTC], "what has no model yet comes first, what is unfit not at all"
    assert [each.symbols for each in sittings.train(SOL, is_forced=True)] == [(SOL,)]


@pytest.mark.slow
def test_skill_that_pays_its_costs_goes_to_shadow_and_all_else_stays_a_candidate(sittings: Sittings):
    free = msgspec.structs.replace(RECIPE, costs=msgspec.structs.replace(RECIPE.costs, fee_bps=0.0, slippage_bps=0.0))
    (without_costs,) = sittings.train(recipe=free)
    assert without_costs.manifest.verdict.is_worth_it
    assert without_costs.stage is Stage.SHADOW
    sittings.now_ms += DAY_MS
    (with_costs,) = sittings.train()
    assert (with_costs.manifest.verdict.is_worth_it, with_costs.stage) == (False, Stage.CANDIDATE)


def test_the_live_model_is_the_parent_and_stays_live(sittings: Sittings):
    registry = Registry(sittings.folder)
    registry.publish(manifest(), trained().fitted.trees.text, "trained")
    registry.promote(manifest().version, "by hand", CREATED_MS)
    sittings.now_ms += HOUR_MS
    (made,) = sittings.train()
    assert made.manifest.parent == manifest().version
    assert made.manifest.verdict.gain_over_parent is None, "it has learned from all of these candles"
    assert registry.live()[manifest().scope].version == manifest().version


@pytest.mark.slow
def test_the_live_model_is_held_against_on_what_neither_has_learned_from(sittings: Sittings):
    registry = Registry(sittings.folder)
    half = (WHOLE.open_ms[0] + WHOLE.open_ms[-1]) // 2
    registry.publish(manifest(window_to_ms=int(half)), trained().fitted.trees.text, "trained")
    registry.promote(manifest().version, "by hand", CREATED_MS)
    sittings.now_ms += HOUR_MS
    (made,) = sittings.train()
    gain = made.manifest.verdict.gain_over_parent
    assert gain.low < gain.value < gain.high
    assert gain.value < 0, "it has seen what these models have not"


@pytest.mark.slow
def test_a_live_model_that_is_damaged_does_not_stop_the_training(sittings: Sittings):
    registry = Registry(sittings.folder)
    registry.publish(manifest(), trained().fitted.trees.text, "trained")
    registry.promote(manifest().version, "by hand", CREATED_MS)
    (sittings.folder / manifest().version / "model.txt").write_text("")
    sittings.now_ms += HOUR_MS
    (made,) = sittings.train()
    assert (made.manifest.parent, made.manifest.verdict.gain_over_parent) == (None, None)


@pytest.mark.slow
def test_an_expired_model_is_out_of_use_after_the_next_sitting(sittings: Sittings):
    sittings.train()
    registry = Registry(sittings.folder)
    (model,) = registry.models()
    registry.promote(model.version, "by hand", CREATED_MS)
    sittings.now_ms += 72 * HOUR_MS
    sittings.train()
    assert [each.stage for each in registry.models()] == [Stage.CANDIDATE, Stage.RETIRED]


@pytest.mark.slow
def test_one_model_for_all_symbols_reports_for_all_of_them(sittings: Sittings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CANDLES, ETH, WHOLE)
    recipe = msgspec.structs.replace(RECIPE, mode=TrainingMode.MULTI_SYMBOL)
    (made,) = sittings.train(BTC, ETH, recipe=recipe)
    assert made.symbols == made.manifest.symbols == (BTC, ETH)
    assert made.manifest.scope == "sim 1m *"
    assert sittings.words("sim 1m multi_symbol") == {BTC: "TRAINED", ETH: "TRAINED"}


@pytest.mark.slow
def test_symbols_that_will_not_do_cost_a_model_of_many_nothing(sittings: Sittings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CANDLES, ETH, first(WHOLE, 8))
    recipe = msgspec.structs.replace(RECIPE, mode=TrainingMode.MULTI_SYMBOL)
    attended = {each.symbols: type(each.outcome) for each in sittings.train(BTC, ETH, SOL, recipe=recipe)}
    assert attended == {(ETH,): Short, (SOL,): Refused, (BTC,): Succeeded}


@pytest.mark.slow
def test_who_joins_a_model_of_many_is_trained_with_all_of_them(sittings: Sittings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CANDLES, ETH, WHOLE)
    recipe = msgspec.structs.replace(RECIPE, mode=TrainingMode.MULTI_SYMBOL)
    sittings.train(BTC, recipe=recipe)
    sittings.now_ms += HOUR_MS
    (made,) = sittings.train(BTC, ETH, recipe=recipe)
    assert made.manifest.symbols == (BTC, ETH)
    assert sittings.train(BTC, ETH, recipe=recipe) == []


@pytest.mark.parametrize(("how", "trained_again"), [({}, 0), ({"is_resumed": True}, 1)])
def test_what_a_killed_trainer_was_at_fails_unless_it_is_resumed(sittings: Sittings, how: dict, trained_again: int):
    """As a kill leaves it: the training is written down as begun, and nothing more."""
    opened = sittings.session(BTC)
    manager = opened.open()
    manager.__enter__()
    opened._take()
    (sittings.folder / "training.lock").unlink()  # the kernel takes the lock from the dead
    assert sittings.words() == {BTC: "TRAINING"}
    assert len(sittings.train(**how)) == trained_again
    assert sittings.words() == {BTC: "TRAINED" if trained_again else "FAILED"}


def test_an_interrupt_puts_the_training_back(sittings: Sittings, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> CandleWindow:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sittings.source, "candles", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sittings.train()
    assert sittings.words() == {BTC: "QUEUED"}
    assert len(sittings.train()) == 1


def test_two_trainers_at_once_the_second_says_so(sittings: Sittings):
    with sittings.open(), pytest.raises(ModelError, match="another training is under way"):
        sittings.train()
    assert len(sittings.train()) == 1


def test_a_full_disk_while_publishing_is_a_failure_with_a_backoff(sittings: Sittings, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> str:
        raise ModelError(f"cannot be written: {os.strerror(errno.ENOSPC)}; nothing was published")

    monkeypatch.setattr(artifacts, "publish", full)
    (attended,) = sittings.train()
    assert isinstance(attended.outcome, Broke)
    assert "No space left" in attended.outcome.reason
    assert sittings.words() == {BTC: "FAILED"}
    assert Registry(sittings.folder).models() == []


def test_a_folder_that_can_not_be_made_says_so(tmp_path: Path):
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        Sittings(tmp_path / "models").train()
