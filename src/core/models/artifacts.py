"""Models as folders: the trees as LightGBM writes them, the manifest, and `SHA256SUMS` over both.

A folder appears whole, under its version's name, and is never changed: what can't be written completely leaves nothing
behind. Reading proves everything before anything is computed. All of it blocks: call it in a lane or a worker.
"""

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.domain.errors import ArtifactBad, ModelError
from core.models.booster import Trees
from core.models.manifest import (
    Manifest,
    StoredFile,
    decode_manifest,
    encode_manifest,
    require_same_features,
    sha256,
)
from core.runtime.durable_files import make_folder, sync_folder, write_durably

TREES, MANIFEST, SUMS = "model.txt", "manifest.json", "SHA256SUMS"
_CHECK_TOLERANCE = 1e-9
_VERSION = re.compile(r"[0-9A-Za-z-]+")


class Artifact(NamedTuple):
    """Read, proved, and ready to be asked."""

    manifest: Manifest
    trees: Trees

    def probabilities(self, features: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> "Probabilities":
        """Of a rise, for rows in the order of `manifest.columns`."""
        return self.manifest.calibration.apply(self.trees.scores(features))


Probabilities = np.ndarray[tuple[int], np.dtype[np.float64]]


def stored(text: str) -> StoredFile:
    """How a manifest names the trees."""
    content = text.encode()
    return StoredFile(TREES, len(content), sha256(content))


def publish(models: Path, manifest: Manifest, text: str) -> str:
    """Write the folder of one version below `models`; the SHA-256 of its `SHA256SUMS`. Raises `ModelError`, and leaves
    nothing, where the disk is full or the version exists."""
    folder, draft = models / manifest.version, models / f".{manifest.version}.{os.getpid()}"
    files = {TREES: text.encode(), MANIFEST: encode_manifest(manifest)}
    sums = "".join(f"{sha256(content)}  {name}\n" for name, content in files.items()).encode()
    try:
        make_folder(models)
        if folder.exists():
            raise ModelError(f"{folder}: exists already, and a published model is never changed")
        draft.mkdir()
        for name, content in {**files, SUMS: sums}.items():
            write_durably(draft / name, content)
        draft.rename(folder)
        sync_folder(models)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror or error}; nothing was published") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sha256(sums)


def withdraw(models: Path, version: str) -> None:
    """Remove a folder that nobody was told of yet."""
    shutil.rmtree(models / version, ignore_errors=True)


def clear_drafts(models: Path) -> list[str]:
    """Remove what killed trainers left; names of what there was."""
    drafts = [each for each in models.glob(".*.*") if each.is_dir() and not _is_running(each.suffix[1:])]
    for each in drafts:
        shutil.rmtree(each, ignore_errors=True)
    return [each.name for each in drafts]


def read(models: Path, version: str, sums_sha256: str | None = None) -> Artifact:
    """Prove checksums, format, features and sample predictions. `sums_sha256` is what the registry has; `None`: it is
    not asked. Raises `ArtifactBad` that says what is wrong, `SettingsError` without the extra `ml`."""
    manifest = read_manifest(models, version, sums_sha256)
    text = _content(models / version / TREES)
    _require(text, manifest.files, TREES, version)
    require_same_features(manifest)
    trees = Trees(text.decode("utf-8", errors="replace"))
    trees.read(len(manifest.columns))
    artifact = Artifact(manifest, trees)
    _require_same_answers(artifact)
    return artifact


def read_manifest(models: Path, version: str, sums_sha256: str | None = None) -> Manifest:
    """Of a version, proved against `SHA256SUMS`. Raises `ArtifactBad`."""
    if not _VERSION.fullmatch(version):
        raise ArtifactBad(f"{version!r} is no version of a model")
    folder = models / version
    sums, text = _content(folder / SUMS), _content(folder / MANIFEST)
    if sums_sha256 is not None and sha256(sums) != sums_sha256:
        raise ArtifactBad(f"{folder / SUMS}: not the one that was registered")
    if f"{sha256(text)}  {MANIFEST}" not in sums.decode("utf-8", errors="replace").splitlines():
        raise ArtifactBad(f"{folder / MANIFEST}: its checksum is not the one in {SUMS}")
    manifest = decode_manifest(text, str(folder / MANIFEST))
    if manifest.version != version:
        raise ArtifactBad(f"{folder / MANIFEST}: is that of {manifest.version}")
    return manifest


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ArtifactBad(f"{file}: cannot be read: {error.strerror or error}") from error


def _require(content: bytes, files: tuple[StoredFile, ...], name: str, version: str) -> None:
    said = next((each for each in files if each.name == name), None)
    if said is None:
        raise ArtifactBad(f"{version}: its manifest names no {name}")
    if len(content) != said.bytes:
        raise ArtifactBad(f"{version}: {name} has {len(content)} bytes, and {said.bytes} were written")
    if sha256(content) != said.sha256:
        raise ArtifactBad(f"{version}: {name} is damaged: its checksum is not the one that was written")


def _require_same_answers(artifact: Artifact) -> None:
    checks = artifact.manifest.checks
    if not checks:
        return
    now = artifact.probabilities(np.array([each.features for each in checks]))
    if not np.allclose(now, [each.probability for each in checks], rtol=_CHECK_TOLERANCE, atol=_CHECK_TOLERANCE):
        raise ArtifactBad(f"{artifact.manifest.version}: answers otherwise than when it was trained")


def _is_running(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
