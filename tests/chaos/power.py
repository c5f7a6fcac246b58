"""Power cuts: with the process goes what its disk had not synced."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.chaos.judge import Json
from tests.chaos.trader import Person
from tests.disks import shim
from tests.disks.image import STYLES, Style
from tests.disks.watched import WatchedFolder

POWER_COUNTS = ("power_cuts", "cuts_that_hurt", "unsynced", "forgotten")

Say = Callable[..., None]


@dataclass(frozen=True, slots=True)
class PowerPlan:
    style: Style | None = None
    """What is kept of what was not synced; `None`: drawn for each cut."""
    synchronous: str = "FULL"
    """SQLite's, of the traders' journals. Anything else than FULL must lose orders, or the shim is worth nothing."""


class FolderCuts:
    """Of processes that are watched from their start."""

    def __init__(self, root: Path, log: Path, seed: str, plan: PowerPlan) -> None:
        """`root` exists; `log` is outside of it."""
        self._folder = WatchedFolder(root, log)
        self._rng = Random(f"power/{seed}")
        self._plan = plan

    def variables(self) -> list[str]:
        """NAME=VALUE, each: of the process's environment."""
        given = shim.environment(root=self._folder.root, log=self._folder.log)
        return [f"{name}={value}" for name, value in given.items()]

    def cut(self, say: Say) -> None:
        """The process has been killed."""
        style = self._plan.style or self._rng.choice(STYLES)
        cut = self._folder.cut(style, self._rng)
        say("power_cut", style=style, unsynced=cut.pending, forgotten=cut.forgotten)

    def last(self, say: Say) -> None:
        """The process has ended in order: the recording is complete, and nothing of worth was left to be synced."""
        if missed := self._folder.missed():
            raise RuntimeError(f"the shim has not seen everything: {missed}")
        if self._plan.synchronous == "FULL":  # nothing would be left to judge
            cut = self._folder.cut("nothing", self._rng)
            say("power_off", unsynced=cut.pending)


class PowerCuts(FolderCuts):
    """Of a person's lives, each forked from a process that has loaded the shim and is not watched itself."""

    def __init__(self, person: Person, seed: int, plan: PowerPlan) -> None:
        super().__init__(person.disk, person.folder / "disk.log", f"{person.key}/{seed}", plan)

    def begin(self) -> None:
        """In the child."""
        shim.record(self._folder.root, self._folder.log)
        if self._plan.synchronous != "FULL":
            event.listen(Pool, "checkout", self._weaken)

    def _weaken(self, connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA synchronous={self._plan.synchronous}").close()


def power_counts(marks: Iterable[Json]) -> dict[str, int]:
    """Cuts; those of them with which something was forgotten; what had not been synced, and what of it was lost."""
    cuts = [mark for mark in marks if mark["what"] == "power_cut"]
    return {
        "power_cuts": len(cuts),
        "cuts_that_hurt": sum(mark["forgotten"] > 0 for mark in cuts),
        "unsynced": sum(mark["unsynced"] for mark in cuts),
        "forgotten": sum(mark["forgotten"] for mark in cuts),
    }
