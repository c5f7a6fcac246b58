"""All lives of one person, one after the other: each a process of its own, forked from this one, which has imported
everything and runs nothing, so that a life begins in milliseconds.

    python -m tests.chaos.lives '{"url": …, "ws_url": …, "admin_url": …, "key": …, "folder": …, "kills": 20, "seed": 7,
    "power": null}'

Prints a JSON line for each life, and one for the end.
"""

import asyncio
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos import weather
from tests.chaos.points import Doom, dooms
from tests.chaos.power import PowerCuts, PowerPlan
from tests.chaos.trader import Marks, Person, Trader

_LONGEST_LIFE_S = 90.0
_MOST_BURSTS = 12
_SETTLEMENTS = 3
"""A settlement that did not come to rest is begun anew so often."""


class Lives:
    def __init__(self, person: Person, admin_url: str, seed: int, power: PowerCuts | None = None) -> None:
        """`power`: every kill is a power cut, too."""
        self._person = person
        self._admin_url = admin_url
        self._power = power
        self._rng = Random(f"chaos/{seed}")
        self._life = 0

    def run(self, kills: int) -> None:
        for doom in islice(dooms(Random(self._rng.getrandbits(64))), kills):
            self._arm()
            rng = Random(self._rng.getrandbits(64))
            code = self._in_a_process(lambda trader, rng=rng: trader.live(rng, _MOST_BURSTS), doom)
            self._say(kind="life", step=doom.step or "instant", died=code == -signal.SIGKILL, code=code)
        weather.clear(self._admin_url)
        for _ in range(_SETTLEMENTS):
            if self._in_a_process(self._settle, None) == 0:
                break
        if self._power is not None:
            self._power.last(Marks(self._person, self._life).say)
        self._say(kind="end", lives=self._life)

    async def _settle(self, trader: Trader) -> None:
        left = await trader.settle()
        if left["left"] or left["findings"] or not left["at_rest"]:
            raise RuntimeError(f"{self._person.key} does not come to rest: {left}")

    def _arm(self) -> None:
        for fault in weather.draw(self._rng, self._person.key):
            state = weather.arm(self._admin_url, fault)
            if state is not None:
                Marks(self._person, self._life + 1).say("fault", kind=fault["kind"], **state)

    def _in_a_process(self, life: Callable[[Trader], Coroutine[Any, Any, None]], doom: Doom | None) -> int:
        """Its exit code, negative for a signal."""
        self._life += 1
        pid = os.fork()
        if pid == 0:
            self._be(life, doom)
        descriptor = os.pidfd_open(pid)
        try:
            if not select.select([descriptor], [], [], _LONGEST_LIFE_S)[0]:
                Marks(self._person, self._life).say("hung")
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if self._power is not None and code == -signal.SIGKILL:
            self._power.cut(Marks(self._person, self._life).say)
        return code

    def _be(self, life: Callable[[Trader], Coroutine[Any, Any, None]], doom: Doom | None) -> None:
        """In the child: never returns."""
        log = os.open(self._person.folder / "lives.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        try:
            if self._power is not None:
                self._power.begin()
            asyncio.run(life(Trader(self._person, self._life, doom)))
        except BaseException:  # the child's last boundary: it must not go on as its parent
            os.write(log, traceback.format_exc().encode())
            Marks(self._person, self._life).say("crashed", why=traceback.format_exc(limit=1).splitlines()[-1])
            os._exit(1)
        os._exit(0)

    def _say(self, **what: Any) -> None:
        sys.stdout.write(json.dumps({"key": self._person.key, **what}) + "\n")
        sys.stdout.flush()


def main() -> None:
    given = json.loads(sys.argv[1])
    person = Person(given["url"], given["ws_url"], given["key"], Path(given["folder"]))
    power = PowerCuts(person, given["seed"], PowerPlan(**given["power"])) if given["power"] else None
    Lives(person, given["admin_url"], given["seed"], power).run(given["kills"])


if __name__ == "__main__":
    main()
