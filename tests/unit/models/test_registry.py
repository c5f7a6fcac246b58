import sqlite3
import threading
from pathlib import Path

import pytest

from core.domain.errors import ArtifactBad, ModelError
from core.domain.instruments import InstrumentId
from core.models.coverage import Coverage, Queued
from core.models.registry.coverage_store import CoverageStore
from core.models.registry.registry import Registry
from core.models.roster import Change, Roster
from core.models.schedule import TrainingPolicy
from core.models.stages import Stage, StageEvent
from tests.unit.models.trained import CREATED_MS, HOUR_MS, manifest, trained

SCOPE = "sim 1m BTC/USDT"
OLD, NEW = "old", "new"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path / "models")
    for number, version in enumerate((OLD, NEW)):
        made.publish(manifest(number, version=version), trained().fitted.trees.text, "trained")
    return made


def stages(registry: Registry) -> dict[str, Stage]:
    return {each.version: each.stage for each in registry.models()}


def test_one_is_live_in_a_scope_and_the_way_back_is_open(registry: Registry):
    registry.promote(OLD, "by hand", CREATED_MS)
    registry.promote(NEW, "by hand", CREATED_MS + 1)
    assert stages(registry) == {OLD: Stage.RETIRED, NEW: Stage.LIVE}
    assert registry.rollback(SCOPE, "by hand", CREATED_MS + 2) == (NEW, OLD)
    assert stages(registry) == {OLD: Stage.LIVE, NEW: Stage.RETIRED}
    assert {scope: each.version for scope, each in registry.live().items()} == {SCOPE: OLD}
    assert [each.event for each in registry.life(OLD)] == ["published", "promoted", "replaced", "restored"]
    assert registry.life(OLD)[2].reason == f"by {NEW}"


def test_what_is_pinned_stays(registry: Registry):
    registry.promote(OLD, "by hand", CREATED_MS)
    registry.pin(OLD, is_pinned=True, now_ms=CREATED_MS)
    with pytest.raises(ModelError, match=f"{OLD} is pinned"):
        registry.promote(NEW, "by hand", CREATED_MS)
    assert registry.expire(CREATED_MS + 1_000 * HOUR_MS) == [NEW]
    assert stages(registry) == {OLD: Stage.LIVE, NEW: Stage.RETIRED}
    registry.pin(OLD, is_pinned=False, now_ms=CREATED_MS)
    assert registry.expire(CREATED_MS + 1_000 * HOUR_MS) == [OLD]
    with pytest.raises(ModelError, match="only what is live can be pinned"):
        registry.pin(NEW, is_pinned=True, now_ms=CREATED_MS)


def test_nothing_expires_before_its_time(registry: Registry):
    assert registry.expire(manifest(0).expires_ms - 1) == []
    assert registry.expire(manifest(0).expires_ms) == [OLD]


def test_a_bad_artifact_is_not_promoted_and_the_live_one_stays(registry: Registry):
    registry.promote(OLD, "by hand", CREATED_MS)
    with (registry.folder / NEW / "model.txt").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ArtifactBad):
        registry.promote(NEW, "by hand", CREATED_MS)
    assert stages(registry)[OLD] is Stage.LIVE


def test_a_rollback_to_a_bad_artifact_leaves_the_live_one(registry: Registry):
    registry.promote(OLD, "by hand", CREATED_MS)
    registry.promote(NEW, "by hand", CREATED_MS)
    (registry.folder / OLD / "model.txt").unlink()
    with pytest.raises(ArtifactBad):
        registry.rollback(SCOPE, "by hand", CREATED_MS)
    assert stages(registry)[NEW] is Stage.LIVE


def test_rollbacks_that_lead_nowhere_say_so(registry: Registry):
    with pytest.raises(ModelError, match="no model is live for sim 1m BTC/USDT"):
        registry.rollback(SCOPE, "", 0)
    registry.promote(OLD, "by hand", CREATED_MS)
    with pytest.raises(ModelError, match="no other model was ever live"):
        registry.rollback(SCOPE, "", 0)


def test_gates_move_a_model_and_what_the_table_lacks_is_refused(registry: Registry):
    assert registry.move(NEW, StageEvent.PASSED, "gate", CREATED_MS) is Stage.SHADOW
    assert registry.move(NEW, StageEvent.FAILED, "no better", CREATED_MS) is Stage.REJECTED
    with pytest.raises(ModelError, match="rejected can't be promoted"):
        registry.promote(NEW, "by hand", CREATED_MS)


def test_models_are_found_by_the_ends_of_their_version(registry: Registry):
    registry.publish(manifest(2, version="older"), trained().fitted.trees.text, "trained")
    assert [registry.find(each).version for each in ("old", "n", "olde", "ew")] == [OLD, NEW, "older", NEW]
    with pytest.raises(ModelError, match="is 2 models: older, old"):
        registry.find("ol")
    with pytest.raises(ModelError, match="no model 'nothing'"):
        registry.find("nothing")


def test_what_can_not_be_registered_leaves_no_files(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    database = sqlite3.connect(registry.folder / "registry.sqlite")
    database.execute("CREATE TRIGGER no_more BEFORE INSERT ON models BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    database.commit()
    database.close()
    with pytest.raises(ModelError, match="disk full"):
        registry.publish(manifest(2), trained().fitted.trees.text, "trained")
    assert not (registry.folder / manifest(2).version).exists()
    assert len(registry.models()) == 2


def test_trainers_that_publish_at_once_both_succeed(tmp_path: Path):
    manifest()  # trained before the threads begin
    failures: list[BaseException] = []

    def publish(number: int) -> None:
        try:
            Registry(tmp_path).publish(manifest(number), trained().fitted.trees.text, "trained")
        except BaseException as error:  # whatever it was: a thread's would go unseen, so it is told below
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert len(Registry(tmp_path).models()) == 4


def test_a_file_of_a_newer_version_and_a_file_that_is_none_are_refused(tmp_path: Path):
    file = tmp_path / "registry.sqlite"
    Registry(tmp_path).models()
    database = sqlite3.connect(file)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(ModelError, match="written by a newer version"):
        Registry(tmp_path).models()
    file.write_bytes(b"no database" * 200)
    with pytest.raises(ModelError, match="file is not a database"):
        Registry(tmp_path).models()


def test_coverage_is_written_and_read_a_market_at_a_time(tmp_path: Path):
    store, other = CoverageStore(tmp_path, "sim 1m"), CoverageStore(tmp_path, "sim 5m")
    roster = Roster(TrainingPolicy())
    symbols = [InstrumentId("A/USDT"), InstrumentId("B/USDT")]
    store.write(roster.refresh(symbols, 5))
    store.write([change for change in [roster.take(6)] if change is not None])
    assert sorted(store.read(), key=lambda each: each.symbol) == sorted(roster.snapshot(), key=lambda each: each.symbol)
    assert other.read() == []
    store.write([Change(Coverage(symbols[0], Queued(5)), None, is_news=False)])
    assert [each.symbol for each in store.read()] == symbols[1:]


def test_damaged_coverage_is_named(tmp_path: Path):
    store = CoverageStore(tmp_path, "sim 1m")
    store.write(Roster(TrainingPolicy()).refresh([InstrumentId("A/USDT")], 5))
    database = sqlite3.connect(tmp_path / "registry.sqlite")
    database.execute("UPDATE coverage SET record = '{}'")
    database.commit()
    database.close()
    with pytest.raises(ModelError, match="coverage is damaged"):
        store.read()


def test_what_can_not_be_loaded_is_out_for_good_and_the_one_before_it_is_live_again(registry: Registry):
    registry.promote(OLD, "by hand", CREATED_MS)
    registry.promote(NEW, "by hand", CREATED_MS + 1)
    assert registry.reject(NEW, "cut off", CREATED_MS + 2) == OLD
    assert stages(registry) == {OLD: Stage.LIVE, NEW: Stage.REJECTED}
    assert registry.reject(OLD, "cut off, too", CREATED_MS + 3) is None
    with pytest.raises(ModelError, match="rejected"):
        registry.reject(OLD, "again", CREATED_MS + 4)


def test_how_things_stand_is_known_without_the_manifests(registry: Registry):
    assert registry.standings() == ({}, {})
    registry.promote(OLD, "by hand", CREATED_MS)
    live, _ = registry.standings()
    known = registry.find(OLD)
    assert live == {SCOPE: (OLD, known.sums_sha256, known.manifest.expires_ms)}
    registry.pin(OLD, is_pinned=True, now_ms=CREATED_MS)
    assert registry.standings()[0][SCOPE].expires_ms is None
    registry.pin(OLD, is_pinned=False, now_ms=CREATED_MS)
    registry.expire(CREATED_MS + 1_000 * HOUR_MS)
    assert registry.standings() == ({}, {SCOPE: OLD}), "and not the newer one, which never was live"
