import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import ArtifactBad, ModelError
from core.models import artifacts
from core.models.artifacts import MANIFEST, SUMS, TREES
from core.models.manifest import FORMAT, Check, FeatureDefinition, encode_manifest, sha256
from tests.unit.models.trained import manifest, trained


@pytest.fixture
def published(tmp_path: Path) -> Path:
    artifacts.publish(tmp_path, manifest(), trained().fitted.trees.text)
    return tmp_path


def resigned(folder: Path, **changes: object) -> None:
    """Another manifest in its place, with the sums that fit it."""
    text = encode_manifest(manifest(**changes))
    (folder / MANIFEST).write_bytes(text)
    sums = {TREES: (folder / TREES).read_bytes(), MANIFEST: text}
    (folder / SUMS).write_text("".join(f"{sha256(content)}  {name}\n" for name, content in sums.items()))


def test_what_is_read_is_what_was_trained_to_the_last_bit(published: Path):
    artifact = artifacts.read(published, manifest().version)
    assert artifact.manifest == manifest()
    features = trained().samples.features
    assert np.array_equal(artifact.probabilities(features), trained().fitted.probabilities(features))


def test_the_sums_are_as_the_shell_checks_them(published: Path):
    folder = published / manifest().version
    assert subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=folder, check=False).returncode == 0


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (TREES, lambda content: content[:-200], "bytes, and"),
        (TREES, lambda content: content.replace(b"1", b"2", 1), "model.txt is damaged"),
        (TREES, lambda content: b"", "has 0 bytes"),
        (MANIFEST, lambda content: content[:-50], "its checksum is not the one in SHA256SUMS"),
        (SUMS, lambda content: b"", "its checksum is not the one in SHA256SUMS"),
    ],
)
def test_damage_is_named(published: Path, file: str, change, words: str):
    damaged = published / manifest().version / file
    damaged.write_bytes(change(damaged.read_bytes()))
    with pytest.raises(ArtifactBad, match=words):
        artifacts.read(published, manifest().version)


@pytest.mark.parametrize("file", [TREES, MANIFEST, SUMS])
def test_a_missing_file_is_named(published: Path, file: str):
    (published / manifest().version / file).unlink()
    with pytest.raises(ArtifactBad, match=f"{file}: cannot be read"):
        artifacts.read(published, manifest().version)


def test_other_sums_than_the_registered_ones_are_refused(published: Path):
    with pytest.raises(ArtifactBad, match="not the one that was registered"):
        artifacts.read(published, manifest().version, "0" * 64)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": FORMAT + 1}, "written by a newer version"),
        ({"version": "another"}, "is that of another"),
        ({"schema_hash": "0" * 16}, "are not those of 0000000000000000"),
        ({"probe": (1.0, 2.0, 3.0, 4.0)}, "an indicator computes something else"),
        ({"features": (FeatureDefinition("no_such", ()),)}, "no indicator 'no_such'"),
        ({"files": ()}, "names no model.txt"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(published: Path, changes: dict[str, object], words: str):
    resigned(published / manifest().version, **changes)
    with pytest.raises(ArtifactBad, match=words):
        artifacts.read(published, manifest().version)


def test_trees_that_answer_otherwise_are_refused(published: Path):
    (first, *_) = manifest().checks
    resigned(published / manifest().version, checks=(Check(first.features, first.probability + 1e-6),))
    with pytest.raises(ArtifactBad, match="answers otherwise"):
        artifacts.read(published, manifest().version)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[]", "Expected `object`"),
        (b"\xff\xfe", "manifest.json: "),
        (b'{"format": 1, "surprise": 2}', "contains unknown field|missing required field"),
        (b'{"format": 7}', "newer version"),
    ],
)
def test_what_is_no_manifest_says_so(published: Path, text: bytes, words: str):
    folder = published / manifest().version
    (folder / MANIFEST).write_bytes(text)
    (folder / SUMS).write_text(f"{sha256(text)}  {MANIFEST}\n")
    with pytest.raises(ArtifactBad, match=words):
        artifacts.read_manifest(published, manifest().version)


def test_an_unknown_encoding_is_named(published: Path):
    folder = published / manifest().version
    text = encode_manifest(manifest()).replace(b'"encoding": "none"', b'"encoding": "embedding"')
    (folder / MANIFEST).write_bytes(text)
    (folder / SUMS).write_text(f"{sha256(text)}  {MANIFEST}\n")
    with pytest.raises(ArtifactBad, match=r"embedding.*encoding"):
        artifacts.read(published, manifest().version)


def test_text_that_no_model_is_grown_from_does_not_reach_the_library(published: Path):
    text = "tree\nversion=v4\nnonsense\nend of trees\n"
    made = manifest(files=(artifacts.stored(text),))
    folder = published / made.version
    (folder / TREES).write_text(text)
    resigned(folder, files=made.files)
    with pytest.raises(ArtifactBad, match="LightGBM can't read"):
        artifacts.read(published, made.version)


def test_a_published_model_is_never_changed(published: Path):
    with pytest.raises(ModelError, match="exists already"):
        artifacts.publish(published, manifest(), trained().fitted.trees.text)
    assert artifacts.read(published, manifest().version).manifest == manifest()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="No space left on device; nothing was published"):
        artifacts.publish(tmp_path / "models", manifest(), trained().fitted.trees.text)
    assert not list((tmp_path / "models").iterdir())


def test_drafts_of_killed_trainers_are_cleared_and_those_of_running_ones_stay(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for pid in (ended.pid, os.getpid()):
        (tmp_path / f".some-version.{pid}").mkdir()
    assert artifacts.clear_drafts(tmp_path) == [f".some-version.{ended.pid}"]
    assert [each.name for each in tmp_path.iterdir()] == [f".some-version.{os.getpid()}"]


@pytest.mark.parametrize("version", ["../elsewhere", "", "a/b"])
def test_a_version_is_no_path(tmp_path: Path, version: str):
    with pytest.raises(ArtifactBad, match="is no version"):
        artifacts.read(tmp_path, version)
