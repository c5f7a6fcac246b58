"""Settings, read again while the daemon runs: what can be taken over is, the rest is named."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core.domain.commands import ReloadAnswer, ReloadSettings
from core.domain.errors import MetronomeError
from core.settings.tree import Settings

Taker = Callable[[Settings], None]
"""Has a part go by these settings from its next step on; called on the loop, and must neither wait nor fail."""

_ALL_OF = frozenset({"risk", "sizing", "slicing", "universe"})
_NOT_OF = {"notify": frozenset({"urls", "urls_file", "queue_size"})}
"""Who is told, and what waits for them already."""
_KEYS = frozenset({"logging.level"})

_log = structlog.get_logger("core.app")


class Reloading:
    """`reload` may be called any number of times; each compares with what is in force."""

    def __init__(self, settings: Settings, read: Callable[[], Awaitable[Settings]]) -> None:
        self._in_force = self._at_start = settings
        self._read = read
        self._takers: list[Taker] = []
        self._one_at_a_time = asyncio.Lock()

    @property
    def in_force(self) -> Settings:
        return self._in_force

    def heed(self, taker: Taker) -> None:
        """Call `taker` after each reload, and at once where there has been one: it was made with the first settings."""
        self._takers.append(taker)
        if self._in_force is not self._at_start:
            taker(self._in_force)

    async def reload(self) -> ReloadAnswer:
        """Raises `SettingsError` for settings that are none: then nothing has changed. All that is taken over is so in
        one turn of the loop. Cancelling is safe."""
        async with self._one_at_a_time:  # what was read last counts last
            wanted = await self._read()
            changed = changes(self._in_force, wanted)
            applied = tuple(path for path in changed if can_be_taken_over(path))
            if applied:
                self._in_force = _with(self._in_force, wanted, applied)
                for taker in self._takers:
                    taker(self._in_force)
            return ReloadAnswer(applied, tuple(path for path in changed if path not in applied))


class ReloadSignal:
    """SIGHUP: `ask` is its handler, `run` a task that does what it asks for."""

    def __init__(
        self,
        reload: Callable[[ReloadSettings], Awaitable[ReloadAnswer]],
        begins: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """`begins` and `ended` are called around each, however it ends."""
        self._reload = reload
        self._begins = begins
        self._ended = ended
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """What is asked for while one is under way is one more."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._begins()
            try:
                await self._reload(ReloadSettings("SIGHUP", "signal"))
            except MetronomeError as error:  # nobody waits for an answer
                _log.error("settings_stay", error=str(error), hint="mend them, and send SIGHUP again")
            except Exception:  # the boundary of one reload: whatever a file can do to its reader, trading goes on
                _log.exception("settings_stay")
            finally:
                self._ended()


def can_be_taken_over(path: str) -> bool:
    """Whether `section.key` may change while the daemon runs."""
    section, _, key = path.partition(".")
    return path in _KEYS or section in _ALL_OF or (section in _NOT_OF and key not in _NOT_OF[section])


def changes(before: Settings, after: Settings) -> tuple[str, ...]:
    """`section.key` of what differs."""
    return tuple(
        f"{section}.{key}"
        for section in type(before).model_fields
        for key in type(getattr(before, section)).model_fields
        if getattr(getattr(before, section), key) != getattr(getattr(after, section), key)
    )


def _with(settings: Settings, wanted: Settings, paths: tuple[str, ...]) -> Settings:
    """`settings`, but what is at `paths` as in `wanted`."""
    for path in paths:
        section, _, key = path.partition(".")
        taken = getattr(settings, section).model_copy(update={key: getattr(getattr(wanted, section), key)})
        settings = settings.model_copy(update={section: taken})
    return settings
