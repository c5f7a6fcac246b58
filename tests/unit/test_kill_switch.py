"""The kill switch's own part: which command leads where from each level, what is kept on the disk, and what it says."""

import asyncio

import pytest

from core.domain.commands import CommandRefused, Flatten
from core.kill_switch import KillSwitch
from core.risk.gate import RiskGate
from core.risk.levels import FlattenScope, RiskLevel
from core.settings.risk import RiskSettings
from tests.unit.kill_switches import FLATTEN, HALT, LEADS, REDUCE, RESUME, Disk, L, switch
from tests.unit.risk.orders import NOW
from tests.waiting import eventually


def test_every_command_has_its_row_at_every_level():
    assert {level for level, _ in LEADS} == set(RiskLevel)
    assert len(LEADS) == len(RiskLevel) * 4


@pytest.mark.parametrize(("level", "command"), LEADS)
async def test_a_command_leads_where_it_should_and_is_kept_before_it_is_answered(level, command):
    made, gate, disk = switch(level)
    wanted = LEADS[level, command]
    if wanted is None:
        with pytest.raises(CommandRefused, match="under way"):
            await made.command(command)
        assert (gate.level, disk.kept) == (level, [])
        return
    status = await made.command(command)
    assert (gate.level, status.level) == (wanted, wanted.value)
    assert status.is_durable
    if wanted is not level:
        assert disk.kept[-1] == gate.state()
        assert status.since_ms == NOW.trading_ns // 1_000_000
        assert status.reason == ("" if wanted is L.NORMAL else f"OPERATOR_REQUEST by=me reason={command.reason}")
    else:
        assert disk.kept == []


async def test_a_disk_that_is_full_is_said_and_tried_again():
    made, gate, disk = switch()
    disk.is_full = True
    status = await made.command(HALT)
    assert (gate.level, status.is_durable) == (L.NO_ENTRY, False)
    disk.is_full = False
    await made.save()
    assert made.status().is_durable and disk.kept == [gate.state()]


async def test_flattening_is_carried_out_and_ends_locked():
    made, gate, disk = switch()
    running = asyncio.create_task(made.run())
    flattener = made._flattener
    await made.command(FLATTEN)
    await eventually(lambda: flattener.scopes)
    await made.command(Flatten("all of it", "me", "account"))
    flattener.ended.set()
    await eventually(lambda: gate.level is L.LOCKED)
    assert flattener.scopes == [FlattenScope.BOT, FlattenScope.ACCOUNT], "it was widened on the way"
    assert gate.state().reason.startswith("FLATTEN_PROVEN scope=bot dust=1 after=OPERATOR_REQUEST")
    await eventually(lambda: disk.kept[-1].level is L.LOCKED)
    running.cancel()


async def test_a_start_goes_on_with_a_flattening_that_an_end_has_cut_off():
    made, gate, _ = switch(L.FLATTEN)
    made._flattener.ended.set()
    running = asyncio.create_task(made.run())
    await eventually(lambda: gate.level is L.LOCKED)
    running.cancel()


async def test_reduce_only_cancels_working_entries_until_none_works():
    calls: list[str] = []

    class Executor:
        async def cancel_working(self, purpose, reason):
            calls.append(f"{purpose} {reason}")
            return ()

    made, _, _ = switch(executor=Executor())
    running = asyncio.create_task(made.run())
    await made.command(REDUCE)
    await eventually(lambda: calls == ["entry REDUCE_ONLY"])
    running.cancel()


async def test_resuming_accepts_the_differences_that_are_known_and_forgets_what_led_there():
    resumed: list[bool] = []
    made, _, disk = switch(L.NO_ENTRY, breaks=lambda: ("BTC/USDT:USDT -3",), resumed=lambda: resumed.append(True))
    await made.command(RESUME)
    assert disk.kept[-1].accepted == ("BTC/USDT:USDT -3",)
    assert resumed == [True]


async def test_without_orders_there_is_nothing_to_flatten():
    gate = RiskGate(RiskSettings())
    made = KillSwitch(gate, save=Disk().save, now=lambda: NOW)
    with pytest.raises(CommandRefused, match="observe"):
        await made.command(FLATTEN)
    assert gate.level is L.NORMAL
