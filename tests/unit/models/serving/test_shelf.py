from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.errors import ArtifactBad, ModelError
from core.models import artifacts
from core.models.serving import shelf
from core.models.serving.in_use import Standing
from core.models.serving.shelf import WarmUp, take, warm
from tests.unit.models.trained import SCHEMA, manifest, trained

BOUNDS = WarmUp(symbols=50, window=SCHEMA.warmup, limit_ms=10_000.0)


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_shelf", {})


def published(folder: Path, version: str) -> Standing:
    sums = artifacts.publish(folder, manifest(version=version), trained().fitted.trees.text)
    return Standing(version, sums, None)


def test_what_is_warm_is_not_read_again(tmp_path: Path):
    model = published(tmp_path, "v1")
    assert warm(tmp_path, model, BOUNDS, ()) > 0
    artifacts.withdraw(tmp_path, "v1")
    assert take(tmp_path, model).manifest.version == "v1"


def test_a_new_worker_reads_what_it_is_asked_about(tmp_path: Path):
    assert take(tmp_path, published(tmp_path, "v1")).manifest.version == "v1"


def test_what_nobody_needs_any_more_is_let_go(tmp_path: Path):
    for version, keep in (("v1", ()), ("v2", ("v1",)), ("v3", ("v2",))):
        warm(tmp_path, published(tmp_path, version), BOUNDS, keep)
    assert set(shelf._shelf) == {"v2", "v3"}


def test_what_is_too_slow_is_refused_and_is_no_bad_artifact(tmp_path: Path):
    with pytest.raises(ModelError, match=r"v1: takes .* for 50 symbols, allowed are 0") as refused:
        warm(tmp_path, published(tmp_path, "v1"), replace(BOUNDS, limit_ms=1e-9), ())
    assert not isinstance(refused.value, ArtifactBad)
    assert not shelf._shelf


def test_what_needs_more_candles_than_there_are_is_refused(tmp_path: Path):
    with pytest.raises(ArtifactBad, match=f"need {SCHEMA.warmup} candles, and a question has {SCHEMA.warmup - 1}"):
        warm(tmp_path, published(tmp_path, "v1"), replace(BOUNDS, window=SCHEMA.warmup - 1), ())
    assert not shelf._shelf


def test_what_is_damaged_does_not_get_here(tmp_path: Path):
    model = published(tmp_path, "v1")
    with (tmp_path / "v1" / artifacts.TREES).open("a") as file:
        file.write("x")
    for door in (lambda: warm(tmp_path, model, BOUNDS, ()), lambda: take(tmp_path, model)):
        with pytest.raises(ArtifactBad, match=r"model\.txt has .* bytes"):
            door()
    assert not shelf._shelf
