"""Rings against a plain list, and the promise that a torn window is never taken for a whole one."""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle
from core.domain.errors import ComputeError
from core.market.candle_memory import RingHandle, Segment, SegmentHandle, map_read_only
from core.market.candle_ring import RingReader, RingWindow, RingWriter, attach, rows_for

STEP_MS = 60_000


def candle(number: int, value: float | None = None) -> Candle:
    base = float(number) if value is None else value
    return Candle(number * STEP_MS, base, base + 2, base - 2, base + 1, base * 10)


def writer(capacity: int) -> tuple[Segment, RingWriter]:
    segment = Segment(1, capacity, rows_for(capacity))
    return segment, RingWriter(*segment.allocate())


def held(window: RingWindow) -> list[Candle]:
    return [Candle(*row) for row in zip(*(column.tolist() for column in window.columns), strict=True)]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 12)),
        st.tuples(st.just("revise"), st.integers(0, 30)),
        st.tuples(st.just("rewrite"), st.integers(0, 30)),
    ),
    max_size=80,
)


@given(st.integers(1, 12), actions, st.integers(1, 15))
def test_a_ring_holds_the_newest_candles_as_a_list_would(capacity: int, script: list[tuple[str, int]], n: int) -> None:
    segment, ring = writer(capacity)
    reader = attach(ring.handle)
    model: list[Candle] = []
    number = 0
    for what, amount in script:
        if what == "append":
            for _ in range(amount):
                number += 1
                ring.append(candle(number))
                model = [*model, candle(number)][-capacity:]
        elif what == "revise" and model:
            place = amount % len(model)
            model[place] = candle(model[place].open_ms // STEP_MS, value=-5.0)
            ring.revise(model[place])
        elif what == "rewrite":
            model = [candle(number + later) for later in range(amount)][-capacity:]
            number += amount
            ring.rewrite(model)
        assert held(ring.window(n)) == model[-n:]
        assert held(reader.window(n)) == model[-n:]
        assert ring.candles() == model
        assert ring.last_open_ms == (model[-1].open_ms if model else None)
        assert len(ring) == len(model)
    segment.close()


@given(st.integers(1, 12), actions)
def test_a_window_that_says_it_is_intact_has_not_changed(capacity: int, script: list[tuple[str, int]]) -> None:
    segment, ring = writer(capacity)
    reader = attach(ring.handle)
    taken: list[tuple[RingWindow, list[Candle]]] = []
    number = 0
    for what, amount in script:
        window = reader.window(capacity)
        taken.append((window, held(window)))
        if what == "append":
            for _ in range(amount):
                number += 1
                ring.append(candle(number))
        elif what == "revise" and number:
            ring.revise(candle(held(reader.window(1))[0].open_ms // STEP_MS, value=float(amount)))
        elif what == "rewrite" and amount:
            ring.rewrite([candle(number + later) for later in range(amount)])
            number += amount
        for earlier, content in taken:
            if reader.is_intact(earlier):
                assert held(earlier) == content
    segment.close()


def test_appends_leave_earlier_windows_intact_until_rows_move_back() -> None:
    segment, ring = writer(100)
    reader = attach(ring.handle)
    for number in range(100):
        ring.append(candle(number))
    window = reader.window(100)
    for number in range(100, 125):
        ring.append(candle(number))
    assert reader.is_intact(window)
    ring.append(candle(125))
    assert not reader.is_intact(window)
    segment.close()


def test_revisions_are_told_from_candles_that_are_not_there() -> None:
    segment, ring = writer(3)
    for number in range(1, 6):
        ring.append(candle(number))
    assert ring.at(2 * STEP_MS) is None and ring.at(9 * STEP_MS) is None
    assert ring.at(4 * STEP_MS) == candle(4)
    with pytest.raises(KeyError):
        ring.revise(candle(2))
    segment.close()


def test_the_writers_windows_are_copies() -> None:
    segment, ring = writer(4)
    ring.append(candle(1))
    window = ring.window(1)
    ring.revise(candle(1, value=99.0))
    assert held(window) == [candle(1)]
    segment.close()


def test_a_readers_window_cannot_be_written() -> None:
    segment, ring = writer(4)
    ring.append(candle(1))
    window = attach(ring.handle).window(1)
    with pytest.raises(ValueError, match="read-only"):
        window.close[0] = 1.0
    segment.close()


def test_a_ring_in_the_middle_of_a_rewrite_is_never_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.market.candle_ring._TRY_EVERY_S", 0.0)
    segment = Segment(1, 4, rows_for(4))
    handle, memory = segment.allocate()
    RingWriter(handle, memory).append(candle(1))
    memory.header[0] += 1
    with pytest.raises(ComputeError, match="rewrite"):
        attach(handle).window(1)
    segment.close()


def test_a_segment_gives_out_each_ring_once() -> None:
    segment = Segment(2, 4, rows_for(4))
    first, second = segment.allocate()[0], segment.allocate()[0]
    assert first.offset != second.offset and segment.is_full
    with pytest.raises(IndexError):
        segment.allocate()
    segment.close()


def test_a_handle_whose_descriptor_holds_something_else_is_refused() -> None:
    segment, ring = writer(4)
    handle = ring.handle.segment
    with pytest.raises(ValueError, match="no longer holds"):
        map_read_only(SegmentHandle(handle.path, handle.token + 1, handle.size))
    with pytest.raises(ValueError, match="no longer holds"):
        map_read_only(SegmentHandle(handle.path, handle.token, handle.size + 1))
    segment.close()
    with pytest.raises(FileNotFoundError):
        map_read_only(handle)


def _read_in_a_child(conn: Connection, handle: RingHandle) -> None:
    """Counts torn windows among those that claim to be intact: each candle's values follow from its number."""
    reader = attach(handle)
    torn = intact = 0
    conn.send("attached")
    while not conn.poll():
        window = reader.window(50)
        copied = [column.copy() for column in window.columns]
        if not reader.is_intact(window) or not len(copied[0]):
            continue
        intact += 1
        numbers = copied[0] // STEP_MS
        whole = np.array_equal(copied[1], numbers) and np.array_equal(copied[5], copied[1] * 10)
        torn += not (whole and np.array_equal(np.diff(numbers), np.ones(len(numbers) - 1)))
    conn.send((intact, torn))


@pytest.fixture
def child() -> Iterator[tuple[RingWriter, Connection]]:
    segment, ring = writer(60)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_read_in_a_child, args=(theirs, pickle.loads(pickle.dumps(ring.handle))))
    process.start()
    try:
        yield ring, ours
    finally:
        process.join(timeout=30)
        assert process.exitcode == 0
        segment.close()


@pytest.mark.processes
def test_another_process_never_takes_a_torn_window_for_a_whole_one(child: tuple[RingWriter, Connection]) -> None:
    ring, conn = child
    assert conn.recv() == "attached"
    for number in range(15_000):
        ring.append(candle(number))
        if number % 7 == 0:
            ring.revise(candle(number))
    conn.send("stop")
    intact, torn = conn.recv()
    assert intact > 0
    assert torn == 0


@pytest.mark.processes
def test_memory_of_a_killed_owner_is_freed_with_its_last_reader() -> None:
    """No name, no file: what a SIGKILL leaves behind is nothing."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        kept = writer(4)
        _, ring = kept
        ring.append(candle(3))
        os.write(theirs, pickle.dumps(ring.handle))
        signal.pause()
    handle: RingHandle = pickle.loads(os.read(ours, 65_536))
    reader: RingReader = attach(handle)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert held(reader.window(1)) == [candle(3)]
    with pytest.raises(FileNotFoundError):
        map_read_only(handle.segment)
    os.close(ours)
    os.close(theirs)
