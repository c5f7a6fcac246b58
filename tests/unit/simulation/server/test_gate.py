import asyncio
from dataclasses import dataclass, field

import pytest

from core.simulation.server.gate import Allowance, Gate
from core.simulation.server.limits import RequestLimits
from tests.unit.simulation.server.floors import HandClock


@dataclass(eq=False)
class Connection:
    """Stands for a `Socket`: remembers what it was told."""

    address: str = "ip"
    closed: list[int] = field(default_factory=list)
    goodbyes: list[int] = field(default_factory=list)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed.append(code)

    def say_goodbye(self, now_ms: int) -> None:
        self.goodbyes.append(now_ms)


class Door:
    def __init__(self, allowance: Allowance | None = None, speed: float = 1.0) -> None:
        self.clock = HandClock(speed=speed)
        self.limits = RequestLimits(self.clock.now_ms, speed=speed, limit=6_000)
        self.time_s = 0.0
        self.gate = Gate(
            [self.limits],
            self.clock,
            allowance or Allowance(),
            lambda: self.time_s,
        )

    def status(self, address: str = "ip") -> int | None:
        refused = self.gate.refusal(address, "/ws")
        return None if refused is None else refused.status


def test_three_hundred_connects_in_five_minutes_and_no_more() -> None:
    door = Door()
    assert [door.status() for _ in range(300)] == [None] * 300
    assert door.status() == 429
    assert door.status("other") is None
    door.time_s = 301.0
    assert door.status() is None


def test_a_ban_shuts_the_door_until_it_ends() -> None:
    door = Door()
    door.limits.ban("ip", 5_000)
    assert (door.status(), door.status("other")) == (418, None)
    door.clock.time_ns += 5_000_000_000
    assert door.status() is None


def test_who_floods_again_and_again_is_banned() -> None:
    door = Door()
    connections = [Connection() for _ in range(4)]
    for connection in connections:
        assert door.status() is None
        door.gate.flooded(connection)  # the part of a socket that is asked
    assert [connection.closed for connection in connections] == [[1008]] * 4
    assert door.status() == 418


def test_floods_far_apart_are_forgiven() -> None:
    door = Door()
    for _ in range(10):
        door.gate.flooded(Connection())
        door.time_s += 200
    assert door.status() is None


@pytest.mark.parametrize("speed", [1.0, 10.0])
async def test_a_life_ends_after_a_warning(speed: float) -> None:
    door = Door(Allowance(life_s=0.05 * speed, warning_s=0.02 * speed), speed)
    connection = Connection()
    door.gate.entered(connection)
    assert list(door.gate) == [connection]
    while not connection.goodbyes:
        await asyncio.sleep(0.001)
    assert connection.closed == []
    while not connection.closed:
        await asyncio.sleep(0.001)
    door.gate.left(connection)
    assert list(door.gate) == []


async def test_who_left_is_not_warned() -> None:
    door = Door(Allowance(life_s=0.02, warning_s=0.02))
    gone, present = Connection(), Connection()
    for connection in (gone, present):
        door.gate.entered(connection)
    door.gate.left(gone)
    while not present.goodbyes:
        await asyncio.sleep(0.001)
    assert gone.goodbyes == []
