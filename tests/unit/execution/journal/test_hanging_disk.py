"""A disk that does not answer counts as failing after a while, and works again once it answers."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, cast

from core.execution.journal.records import Record
from core.execution.journal.storage import Storage
from core.execution.journal.writer import GroupCommitWriter
from tests.waiting import eventually


class HandClock:
    def __init__(self) -> None:
        self.s = 0.0

    def now_ns(self) -> int:
        return int(self.s * 1e9)


class SlowStorage:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answer = threading.Event()

    def write(self, _: Sequence[Record]) -> None:
        self.asked.set()
        assert self.answer.wait(30)

    def close(self) -> None:
        pass

    is_behind = False


async def test_a_commit_that_takes_too_long_is_a_failure_until_it_is_done() -> None:
    clock, storage = HandClock(), SlowStorage()
    writer = GroupCommitWriter(cast(Storage, storage), queue_size=10, clock=clock, patience_s=5.0)
    writer.start()
    task = asyncio.create_task(writer.append(cast(Any, ["a record"])))
    await eventually(storage.asked.is_set)
    clock.s = 4.9
    assert writer.failure == ""
    clock.s = 7.0
    assert writer.failure == writer.statistics().failure == "the disk has not answered for 7 s"
    storage.answer.set()
    await task
    assert writer.failure == ""
    assert await writer.close(10)
