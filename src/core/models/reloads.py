"""Which model is to be loaded next, and what may be swapped in: each new live version is loaded once.

The watcher says what the registry calls live, as often as it likes: only what is new leads to a load. A version that
could not be loaded is not tried again; the model in use stays in use. Swapping happens between two cycles, for all
scopes that are ready, at once. Pure: loading itself is somebody else's work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    SETTLED = "settled"
    """What is in use is what is wanted."""
    WANTED = "wanted"
    LOADING = "loading"
    READY = "ready"
    """Loaded, warmed and checked: the next swap takes it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One scope: a place where one model at a time is in use."""

    phase: Phase = Phase.SETTLED
    in_use: str | None = None
    """Version that decides; `None`: none does."""
    coming: str | None = None
    """Version that is wanted, loading or ready; `None` where the phase is SETTLED."""
    refused: str | None = None
    """The last version that could not be loaded."""


class Load(NamedTuple):
    scope: str
    version: str


class Reloads:
    """Not thread-safe; belongs to one process, and forgets with it."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._under_way: Load | None = None

    def notice(self, live: Mapping[str, str]) -> None:
        """`live`: the live version of every scope that has one. A scope that is missing has none any more: its model
        is out of use with the next swap."""
        for scope, version in live.items():
            self._slots[scope] = _wanting(self._slots.get(scope, Slot()), version)
        for scope in self._slots.keys() - live.keys():
            slot = self._slots.pop(scope)
            if slot.in_use is not None:
                self._slots[scope] = replace(slot, phase=Phase.READY, coming=None)

    def next(self) -> Load | None:
        """What is to be loaded now; `None`: nothing, or a load is under way. One at a time."""
        if self._under_way is not None:
            return None
        for scope, slot in self._slots.items():
            if slot.phase is Phase.WANTED and slot.coming is not None:
                self._slots[scope] = replace(slot, phase=Phase.LOADING)
                self._under_way = Load(scope, slot.coming)
                break
        return self._under_way

    def loaded(self, load: Load) -> None:
        """It is warm and checked. What was overtaken meanwhile by another version is let go."""
        slot = self._end(load)
        if slot is not None:
            self._slots[load.scope] = replace(slot, phase=Phase.READY)

    def refused(self, load: Load) -> None:
        """It could not be loaded, or failed its check: the model in use stays."""
        slot = self._end(load)
        if slot is not None:
            self._slots[load.scope] = replace(slot, phase=Phase.SETTLED, coming=None, refused=load.version)

    def postponed(self, load: Load) -> None:
        """It could not be tried: it is wanted as before."""
        slot = self._end(load)
        if slot is not None:
            self._slots[load.scope] = replace(slot, phase=Phase.WANTED)

    def ready(self) -> list[str]:
        """Versions that the next swap takes."""
        return [slot.coming for slot in self._slots.values() if slot.phase is Phase.READY and slot.coming is not None]

    def swap(self) -> dict[str, str | None]:
        """Between two cycles: every scope that is ready, with the version that decides from now on (`None`: none)."""
        ready = {scope: slot.coming for scope, slot in self._slots.items() if slot.phase is Phase.READY}
        for scope, version in ready.items():
            if version is None:
                del self._slots[scope]
            else:
                self._slots[scope] = Slot(in_use=version, refused=self._slots[scope].refused)
        return ready

    def slot(self, scope: str) -> Slot:
        return self._slots.get(scope, Slot())

    def _end(self, load: Load) -> Slot | None:
        """The slot that still waits for it, if any does."""
        if load == self._under_way:
            self._under_way = None
        slot = self._slots.get(load.scope)
        is_awaited = slot is not None and slot.phase is Phase.LOADING and slot.coming == load.version
        return slot if is_awaited else None


def _wanting(slot: Slot, version: str) -> Slot:
    """The slot once `version` is known to be the live one."""
    if version == slot.coming:
        return slot
    if version in (slot.in_use, slot.refused):
        return replace(slot, phase=Phase.SETTLED, coming=None)
    return replace(slot, phase=Phase.WANTED, coming=version)
