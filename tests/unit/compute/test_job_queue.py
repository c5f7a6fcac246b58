import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.compute.job_queue import JobQueue
from core.compute.priority import AGEING_S, Priority
from core.domain.errors import QueueFull
from core.runtime.clocks import NS_PER_S


def test_cancels_go_first_then_orders_and_equals_in_their_order() -> None:
    queue: JobQueue[str] = JobQueue("q", 10)
    for name, priority in [
        ("n1", Priority.NORMAL),
        ("o", Priority.ORDER),
        ("n2", Priority.NORMAL),
        ("c", Priority.CANCEL),
    ]:
        queue.put(name, priority, now_ns=0)
    assert [queue.pop() for _ in range(5)] == ["c", "o", "n1", "n2", None]


def test_a_job_that_waits_overtakes_later_ones_of_a_higher_priority() -> None:
    queue: JobQueue[str] = JobQueue("q", 10)
    queue.put("background", Priority.BACKGROUND, now_ns=0)
    steps = Priority.BACKGROUND - Priority.CANCEL
    queue.put("soon", Priority.CANCEL, now_ns=int((steps * AGEING_S - 1) * NS_PER_S))
    queue.put("late", Priority.CANCEL, now_ns=int((steps * AGEING_S + 1) * NS_PER_S))
    assert [queue.pop() for _ in range(3)] == ["soon", "background", "late"]


def test_full_says_how_deep_and_how_old() -> None:
    queue: JobQueue[str] = JobQueue("lane order", 2)
    queue.put("a", Priority.NORMAL, now_ns=0)
    queue.put("b", Priority.NORMAL, now_ns=NS_PER_S)
    with pytest.raises(QueueFull, match=r"lane order: 2 jobs wait already, the oldest for 3\.00 s") as full:
        queue.put("c", Priority.CANCEL, now_ns=3 * NS_PER_S)
    assert (full.value.depth, full.value.oldest_age_s) == (2, 3.0)


@given(st.integers(1, 5))
def test_removing_frees_the_place_at_once(capacity: int) -> None:
    queue: JobQueue[int] = JobQueue("q", capacity)
    for turn in range(200):
        ticket = queue.put(turn, Priority.NORMAL, now_ns=turn)
        if turn >= capacity - 1:
            assert queue.remove(ticket)
            assert not queue.remove(ticket)
    assert queue.clear() == list(range(capacity - 1))
    assert (len(queue), queue.pop(), queue.oldest_age_s(5)) == (0, None, 0.0)


class QueueMachine(RuleBasedStateMachine):
    """Against a plain list: the same jobs come out, by rank, and nothing is lost or doubled."""

    @initialize()
    def start(self) -> None:
        self.queue: JobQueue[int] = JobQueue("q", 20)
        self.waiting: dict[int, tuple[float, int]] = {}
        self.tickets: dict[int, int] = {}
        self.now_ns = self.jobs = 0

    @rule(wait_s=st.integers(0, 60))
    def pass_time(self, wait_s: int) -> None:
        self.now_ns += wait_s * NS_PER_S

    @precondition(lambda self: len(self.waiting) < 20)
    @rule(priority=st.sampled_from(Priority))
    def put(self, priority: Priority) -> None:
        self.jobs += 1
        self.tickets[self.jobs] = self.queue.put(self.jobs, priority, self.now_ns)
        self.waiting[self.jobs] = (self.now_ns / NS_PER_S + priority * AGEING_S, self.jobs)

    @rule()
    def pop(self) -> None:
        expected = min(self.waiting, key=self.waiting.__getitem__, default=None)
        assert self.queue.pop() == expected
        self.waiting.pop(expected or 0, None)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.waiting)))
        assert self.queue.remove(self.tickets[job])
        del self.waiting[job]

    @invariant()
    def depth_is_right(self) -> None:
        assert len(self.queue) == len(self.waiting)


TestQueueMachine = QueueMachine.TestCase
