"""Settings read again: what is taken over, what waits for a restart."""

import pytest

from core.domain.errors import SettingsError
from core.reloading import Reloading
from core.settings.tree import Settings


def changed(**sections: dict[str, object]) -> Settings:
    settings = Settings()
    updated = {name: getattr(settings, name).model_copy(update=keys) for name, keys in sections.items()}
    return settings.model_copy(update=updated)


async def test_what_can_be_applied_is_and_the_rest_is_named():
    now, levels = changed(logging={"level": "debug"}, api={"port": 1}), []

    async def read() -> Settings:
        return now

    reloading = Reloading(Settings(), read, {"logging.level": levels.append})
    answer = await reloading.reload()
    assert (answer.applied, answer.need_restart, levels) == (("logging.level",), ("api.port",), ["debug"])
    again = await reloading.reload()
    assert (again.applied, again.need_restart, levels) == ((), ("api.port",), ["debug"])


async def test_settings_that_are_none_change_nothing():
    async def read() -> Settings:
        raise SettingsError("api.port: no number")

    levels: list[str] = []
    with pytest.raises(SettingsError):
        await Reloading(Settings(), read, {"logging.level": levels.append}).reload()
    assert levels == []
