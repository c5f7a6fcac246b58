"""Settings, read again while the daemon runs: what can be taken over is, the rest is named."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.domain.commands import ReloadAnswer
from core.settings.tree import Settings


class Reloading:
    """`reload` may be called any number of times; each compares with what is in force."""

    def __init__(
        self, settings: Settings, read: Callable[[], Awaitable[Settings]], apply: Mapping[str, Callable[[Any], None]]
    ) -> None:
        """`apply` takes over a key (`section.key`) given its new value, and must not fail."""
        self._in_force = settings
        self._read = read
        self._apply = apply

    async def reload(self) -> ReloadAnswer:
        """Raises `SettingsError` for settings that are none: then nothing has changed."""
        wanted = await self._read()
        changed = changes(self._in_force, wanted)
        applied = [path for path in changed if path in self._apply]
        for path in applied:
            section, _, key = path.partition(".")
            value = getattr(getattr(wanted, section), key)
            self._apply[path](value)
            taken = getattr(self._in_force, section).model_copy(update={key: value})
            self._in_force = self._in_force.model_copy(update={section: taken})
        return ReloadAnswer(tuple(applied), tuple(path for path in changed if path not in self._apply))


def changes(before: Settings, after: Settings) -> tuple[str, ...]:
    """`section.key` of what differs."""
    return tuple(
        f"{section}.{key}"
        for section in type(before).model_fields
        for key in type(getattr(before, section)).model_fields
        if getattr(getattr(before, section), key) != getattr(getattr(after, section), key)
    )
