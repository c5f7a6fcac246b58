"""Models by version: registered once, moved from stage to stage by the table, at most one live in each scope."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import Row

from core.domain.errors import ModelError
from core.models import artifacts
from core.models.manifest import Manifest, decode_manifest, encode_manifest
from core.models.registry.tables import EVENTS, MODELS, REGISTRY, RegistryFile
from core.models.serving.in_use import Standing
from core.models.stages import Stage, StageEvent, advance


@dataclass(frozen=True, slots=True)
class Registered:
    """A model and where it stands."""

    manifest: Manifest
    stage: Stage
    is_pinned: bool
    """Nothing but a person takes its place, and it does not expire."""
    sums_sha256: str

    @property
    def version(self) -> str:
        return self.manifest.version


@dataclass(frozen=True, slots=True)
class StageChange:
    """One line of a model's life."""

    at_ms: int
    event: str
    stage: Stage
    """After it."""
    reason: str


class Registry:
    """Below one folder: `registry.sqlite`, and a folder for each version. Raises `ModelError`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = RegistryFile(folder / REGISTRY)

    def close(self) -> None:
        self._file.close()

    # What there is

    def models(self) -> list[Registered]:
        """Newest first."""
        with self._file.transaction() as connection:
            found = connection.execute(select(MODELS).order_by(MODELS.c.created_ms.desc(), MODELS.c.version))
            return [_registered(row) for row in found]

    def find(self, beginning: str) -> Registered:
        """By version, or a beginning or end of it that is no other's. Raises `ModelError` where it is none's."""
        known = self.models()
        found = [each for each in known if each.version == beginning]
        found = found or [each for each in known if each.version.startswith(beginning)]
        found = found or [each for each in known if each.version.endswith(beginning)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise ModelError(f"no model {beginning!r}; `models ls` shows what there is")
        raise ModelError(f"{beginning!r} is {len(found)} models: {', '.join(each.version for each in found)}")

    def live(self) -> dict[str, Registered]:
        """By scope."""
        return {each.manifest.scope: each for each in self.models() if each.stage is Stage.LIVE}

    def standings(self) -> tuple[dict[str, Standing], dict[str, str]]:
        """By scope: what is live, and, where nothing is, the version that was until it became too old. Cheap: reads no
        manifest."""
        with self._file.transaction() as connection:
            live = {
                row.scope: Standing(row.version, row.sums_sha256, None if row.is_pinned else row.expires_ms)
                for row in connection.execute(select(MODELS).where(MODELS.c.stage == Stage.LIVE.value))
            }
            was_live = select(EVENTS.c.version).where(EVENTS.c.stage == Stage.LIVE.value)
            last = (
                select(func.max(EVENTS.c.seq))
                .join(MODELS, MODELS.c.version == EVENTS.c.version)
                .where(EVENTS.c.event == StageEvent.EXPIRED.value, EVENTS.c.version.in_(was_live))
                .group_by(MODELS.c.scope)
            )
            expired = connection.execute(
                select(MODELS.c.scope, MODELS.c.version)
                .join(EVENTS, MODELS.c.version == EVENTS.c.version)
                .where(EVENTS.c.seq.in_(last))
            )
            return live, {row.scope: row.version for row in expired if row.scope not in live}

    def life(self, version: str) -> list[StageChange]:
        """Oldest first."""
        with self._file.transaction() as connection:
            found = connection.execute(select(EVENTS).where(EVENTS.c.version == version).order_by(EVENTS.c.seq))
            return [StageChange(row.at_ms, row.event, Stage(row.stage), row.reason) for row in found]

    # What becomes of them

    def publish(self, manifest: Manifest, text: str, reason: str) -> Registered:
        """Write its files and register it as a candidate: both or neither."""
        sums = artifacts.publish(self.folder, manifest, text)
        try:
            with self._file.transaction() as connection:
                connection.execute(
                    insert(MODELS).values(
                        version=manifest.version,
                        scope=manifest.scope,
                        stage=Stage.CANDIDATE.value,
                        is_pinned=False,
                        created_ms=manifest.created_ms,
                        expires_ms=manifest.expires_ms,
                        sums_sha256=sums,
                        manifest=encode_manifest(manifest).decode(),
                    )
                )
                began = StageChange(manifest.created_ms, "published", Stage.CANDIDATE, reason)
                _note(connection, manifest.version, began)
        except BaseException:  # a folder that is not registered is nobody's
            artifacts.withdraw(self.folder, manifest.version)
            raise
        return Registered(manifest, Stage.CANDIDATE, is_pinned=False, sums_sha256=sums)

    def move(self, version: str, event: StageEvent, reason: str, now_ms: int) -> Stage:
        """Its stage after `event`. One that becomes live takes the place of the live one of its scope. Raises
        `ModelError` where the table has no such move, or a pinned model is in the way."""
        with self._file.transaction() as connection:
            return _move(connection, _one(connection, version), event, reason, now_ms)

    def promote(self, version: str, reason: str, now_ms: int) -> None:
        """Make it live by hand, once its files are proved. Raises `ArtifactBad` for files that are not what they
        were."""
        known = self.find(version)
        artifacts.read(self.folder, known.version, known.sums_sha256)
        self.move(known.version, StageEvent.PROMOTED, reason, now_ms)

    def rollback(self, scope: str, reason: str, now_ms: int) -> tuple[str, str]:
        """Bring back the model that was live before: (what is out, what is back). Raises `ModelError` where none
        was, or its files are not what they were."""
        present = self.live().get(scope)
        if present is None:
            raise ModelError(f"no model is live for {scope}")
        with self._file.transaction() as connection:
            before = _live_before(connection, scope)
        if before is None:
            raise ModelError(f"no other model was ever live for {scope}")
        artifacts.read(self.folder, before.version, before.sums_sha256)
        with self._file.transaction() as connection:
            _move(connection, _one(connection, before.version), StageEvent.RESTORED, reason, now_ms)
        return present.version, before.version

    def reject(self, version: str, reason: str, now_ms: int) -> str | None:
        """Take a live model that can't be loaded out for good, and bring back the one that was live before it: its
        version, `None` where there is none. Raises `ModelError` for a model that can't be rejected any more."""
        with self._file.transaction() as connection:
            bad = _one(connection, version)
            _move(connection, bad, StageEvent.FAILED, reason, now_ms)
            before = _live_before(connection, bad.manifest.scope)
            if before is not None:
                _move(connection, before, StageEvent.RESTORED, f"{version} could not be loaded", now_ms)
        return None if before is None else before.version

    def pin(self, version: str, *, is_pinned: bool, now_ms: int) -> None:
        """Raises `ModelError` for a model that is not live."""
        with self._file.transaction() as connection:
            known = _one(connection, version)
            if known.stage is not Stage.LIVE:
                raise ModelError(f"{version} is {known.stage}: only what is live can be pinned")
            connection.execute(update(MODELS).where(MODELS.c.version == version).values(is_pinned=is_pinned))
            word = "pinned" if is_pinned else "unpinned"
            _note(connection, version, StageChange(now_ms, word, known.stage, "by hand"))

    def expire(self, now_ms: int) -> list[str]:
        """Take out of use what is too old; versions. What is pinned stays."""
        gone = (Stage.RETIRED.value, Stage.REJECTED.value)
        is_old = (MODELS.c.expires_ms <= now_ms) & MODELS.c.stage.not_in(gone) & ~MODELS.c.is_pinned
        with self._file.transaction() as connection:
            old = [_registered(row) for row in connection.execute(select(MODELS).where(is_old))]
            for each in old:
                _move(connection, each, StageEvent.EXPIRED, "its time is over", now_ms)
        return [each.version for each in old]


def _live_before(connection: Connection, scope: str) -> Registered | None:
    """The one that was live last and is retired now."""
    last = connection.execute(
        select(EVENTS.c.version)
        .join(MODELS, MODELS.c.version == EVENTS.c.version)
        .where(EVENTS.c.stage == Stage.LIVE.value, MODELS.c.scope == scope)
        .where(MODELS.c.stage == Stage.RETIRED.value)
        .order_by(EVENTS.c.seq.desc())
        .limit(1)
    ).first()
    return None if last is None else _one(connection, last.version)


def _move(connection: Connection, model: Registered, event: StageEvent, reason: str, now_ms: int) -> Stage:
    try:
        after = advance(model.stage, event)
    except ValueError as error:
        raise ModelError(f"{model.version}: {error}") from None
    if after is Stage.LIVE:
        _make_room(connection, model, now_ms)
    values = {"stage": after.value} | ({} if after is Stage.LIVE else {"is_pinned": False})
    connection.execute(update(MODELS).where(MODELS.c.version == model.version).values(**values))
    _note(connection, model.version, StageChange(now_ms, event.value, after, reason))
    return after


def _make_room(connection: Connection, coming: Registered, now_ms: int) -> None:
    at = (MODELS.c.scope == coming.manifest.scope) & (MODELS.c.stage == Stage.LIVE.value)
    row = connection.execute(select(MODELS).where(at)).first()
    if row is None:
        return
    present = _registered(row)
    if present.is_pinned:
        raise ModelError(f"{present.version} is pinned; `models pin --off` lets another take its place")
    _move(connection, present, StageEvent.REPLACED, f"by {coming.version}", now_ms)


def _one(connection: Connection, version: str) -> Registered:
    row = connection.execute(select(MODELS).where(MODELS.c.version == version)).first()
    if row is None:
        raise ModelError(f"no model {version!r}")
    return _registered(row)


def _registered(row: Row[tuple[object, ...]]) -> Registered:
    manifest = decode_manifest(row.manifest.encode(), f"the registry's {row.version}")
    return Registered(manifest, Stage(row.stage), bool(row.is_pinned), row.sums_sha256)


def _note(connection: Connection, version: str, change: StageChange) -> None:
    values = {"at_ms": change.at_ms, "event": change.event, "stage": change.stage.value, "reason": change.reason}
    connection.execute(insert(EVENTS).values(version=version, **values))
