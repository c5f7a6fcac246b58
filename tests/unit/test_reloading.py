"""Settings read again: what is taken over, what waits for a restart."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from core.domain.commands import ReloadAnswer, ReloadSettings
from core.domain.errors import SettingsError
from core.reloading import Reloading, ReloadSignal
from core.settings.tree import Settings
from tests.waiting import eventually


def changed(**sections: dict[str, object]) -> Settings:
    settings = Settings()
    updated = {name: getattr(settings, name).model_copy(update=keys) for name, keys in sections.items()}
    return settings.model_copy(update=updated)


def reading(*found: Settings | SettingsError) -> Reloading:
    """Finds these one after the other, the last one for ever."""
    left = list(found)

    async def read() -> Settings:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, SettingsError):
            raise now
        return now

    return Reloading(Settings(), read)


async def test_what_can_be_applied_is_and_the_rest_is_named():
    reloading = reading(changed(logging={"level": "debug"}, risk={"max_open_positions": 3}, api={"port": 1}))
    taken: list[Settings] = []
    reloading.heed(taken.append)
    answer = await reloading.reload()
    assert (answer.applied, answer.need_restart) == (("risk.max_open_positions", "logging.level"), ("api.port",))
    assert taken == [reloading.in_force]
    in_force = taken[0]
    assert (in_force.logging.level, in_force.risk.max_open_positions) == ("debug", 3)
    assert in_force.api == Settings().api
    again = await reloading.reload()
    assert (again.applied, again.need_restart, len(taken)) == ((), ("api.port",), 1)


async def test_who_is_told_waits_for_a_restart_and_how_does_not():
    wanted = changed(notify={"urls": "json://localhost", "queue_size": 20, "quiet_hours": "22:00-07:00"})
    answer = await reading(wanted).reload()
    assert (answer.applied, set(answer.need_restart)) == (
        ("notify.quiet_hours",),
        {"notify.urls", "notify.queue_size"},
    )


async def test_settings_that_are_none_change_nothing():
    reloading = reading(SettingsError("api.port: no number"))
    taken: list[Settings] = []
    reloading.heed(taken.append)
    with pytest.raises(SettingsError):
        await reloading.reload()
    assert (taken, reloading.in_force) == ([], Settings())


async def test_a_part_that_comes_later_gets_what_is_in_force():
    reloading = reading(changed(risk={"max_open_positions": 3}))
    taken: list[Settings] = []
    reloading.heed(taken.append)
    assert taken == []
    await reloading.reload()
    late: list[Settings] = []
    reloading.heed(late.append)
    assert late == taken


async def test_what_was_read_last_counts_last():
    first_may_end = asyncio.Event()
    found = [changed(risk={"max_open_positions": 3}), changed(risk={"max_open_positions": 4})]

    async def read() -> Settings:
        now = found.pop(0)
        if found:
            await first_may_end.wait()
        return now

    reloading = Reloading(Settings(), read)
    both = asyncio.gather(reloading.reload(), reloading.reload())
    await asyncio.sleep(0)
    first_may_end.set()
    await both
    assert reloading.in_force.risk.max_open_positions == 4


async def test_a_signal_reloads_and_one_that_is_refused_is_not_the_last():
    mistake, fault = SettingsError("api.port: no number"), RecursionError("of a reader")
    outcomes: list[Exception | ReloadAnswer] = [mistake, fault, ReloadAnswer((), ())]
    seen: list[object] = []

    async def reload(command: ReloadSettings) -> ReloadAnswer:
        seen.append(command.by)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def note(what: str) -> Callable[[], None]:
        return lambda: seen.append(what)

    signal = ReloadSignal(reload, note("begins"), note("ended"))
    task = asyncio.create_task(signal.run())
    try:
        with capture_logs() as logs:
            for rounds in (1, 2, 3):
                signal.ask()
                await eventually(lambda rounds=rounds: seen == ["begins", "signal", "ended"] * rounds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(line["event"], line.get("error")) for line in logs] == [
        ("settings_stay", "api.port: no number"),
        ("settings_stay", None),
    ]
