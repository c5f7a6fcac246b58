"""Each command once, whoever sends it how often."""

import asyncio
from pathlib import Path

from core.api.command_desk import CommandDesk
from core.api.link import Denied, Order, Told
from core.domain.commands import Command, KillSwitchStatus
from unit.api.daemon import FixedControls, FixedView, serving

HALT = b'{"reason":"lunch","by":"me"}'


class SlowControls(FixedControls):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def command(self, command: Command) -> KillSwitchStatus:
        await self.may.wait()
        return await super().command(command)


async def test_two_at_once_and_one_later_get_the_answer_of_one():
    controls = SlowControls()
    desk = CommandDesk(controls)
    orders = [Order(number, "halt", HALT, "k", "ann") for number in (1, 2)]
    answers = [asyncio.create_task(desk.answer(each)) for each in orders]
    await asyncio.sleep(0)
    answers[0].cancel()  # its sender leaves, the command goes on
    controls.may.set()
    told = await answers[1]
    again = await desk.answer(Order(3, "halt", HALT, "k", "ann"))
    assert isinstance(told, Told) and isinstance(again, Told)
    assert (told.body, len(controls.taken)) == (again.body, 1)
    await desk.answer(Order(4, "halt", HALT, "k", "bob"))  # his key is another one
    assert len(controls.taken) == 2


async def test_a_refusal_is_repeated_too_and_a_key_stands_for_one_command():
    controls = FixedControls()
    controls.refusal = "not now"
    desk = CommandDesk(controls)
    first = await desk.answer(Order(1, "halt", HALT, "k", "ann"))
    controls.refusal = None
    assert await desk.answer(Order(1, "halt", HALT, "k", "ann")) == first == Denied(1, "CommandRefused", "not now")
    other = await desk.answer(Order(2, "resume", HALT, "k", "ann"))
    assert isinstance(other, Denied) and other.kind == "KeyReused"
    assert controls.taken == []


async def test_a_replayed_request_is_not_carried_out_again(tmp_path: Path):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        body, key = {"reason": "x", "by": "me"}, {"Idempotency-Key": "once"}
        path = "/api/v1/positions/BTCUSDT/close"
        first, second = [await client.post(path, json=body, headers=key) for _ in range(2)]
        assert (first.json(), first.status_code) == (second.json(), 200)
        assert len(controls.others) == 1
        clash = await client.post("/api/v1/halt", json=body, headers=key)
        assert (clash.status_code, controls.taken) == (409, [])
        bad = await client.post("/api/v1/halt", json=body, headers={"Idempotency-Key": "two words"})
        assert bad.status_code == 422
        paused = await client.post("/api/v1/symbols/eth-usdt/pause", json=body)
        assert paused.json() == {"paused": {"ETH/USDT": "x"}}
        assert (await client.post("/api/v1/symbols/DOGE/pause", json=body)).status_code == 404
