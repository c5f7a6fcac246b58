"""A kill switch on a disk and a flattener that a test holds in its hands, and where each command leads."""

import asyncio

from core.domain.commands import Flatten, FlattenProgress, Halt, Resume
from core.kill_switch import KillSwitch
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import FlattenScope, RiskLevel
from core.settings.risk import RiskSettings
from tests.unit.risk.orders import NOW

L = RiskLevel
HALT = Halt("lunch", "me")
REDUCE = Halt("lunch", "me", reduce_only=True)
RESUME = Resume("back", "me")
FLATTEN = Flatten("enough", "me")
LEADS = {
    (L.NORMAL, HALT): L.NO_ENTRY,
    (L.NORMAL, REDUCE): L.REDUCE_ONLY,
    (L.NORMAL, RESUME): L.NORMAL,
    (L.NORMAL, FLATTEN): L.FLATTEN,
    (L.NO_ENTRY, HALT): L.NO_ENTRY,
    (L.NO_ENTRY, REDUCE): L.REDUCE_ONLY,
    (L.NO_ENTRY, RESUME): L.NORMAL,
    (L.NO_ENTRY, FLATTEN): L.FLATTEN,
    (L.REDUCE_ONLY, HALT): L.REDUCE_ONLY,
    (L.REDUCE_ONLY, REDUCE): L.REDUCE_ONLY,
    (L.REDUCE_ONLY, RESUME): L.NORMAL,
    (L.REDUCE_ONLY, FLATTEN): L.FLATTEN,
    (L.FLATTEN, HALT): L.FLATTEN,
    (L.FLATTEN, REDUCE): L.FLATTEN,
    (L.FLATTEN, RESUME): None,
    (L.FLATTEN, FLATTEN): L.FLATTEN,
    (L.LOCKED, HALT): L.LOCKED,
    (L.LOCKED, REDUCE): L.LOCKED,
    (L.LOCKED, RESUME): L.NORMAL,
    (L.LOCKED, FLATTEN): L.FLATTEN,
}
"""`None`: refused."""


class FakeFlattener:
    """Ends when it is told to."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.progress = None
        self.scopes: list[FlattenScope] = []

    async def run(self, scope, reason):
        self.scopes.append(scope())
        await self.ended.wait()
        self.scopes.append(scope())
        self.progress = FlattenProgress("bot", 3, 1.5, 0, (), (), ("BTC/USDT 0.00001",), True, "")
        return self.progress


class Disk:
    def __init__(self) -> None:
        self.kept: list[RiskState] = []
        self.is_full = False

    async def save(self, state: RiskState) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        self.kept.append(state)


def switch(level: RiskLevel = L.NORMAL, **more):
    disk = Disk()
    gate = RiskGate(RiskSettings(), RiskState(level, "before"))
    made = KillSwitch(gate, save=disk.save, now=lambda: NOW, flattener=FakeFlattener(), **more)
    return made, gate, disk
