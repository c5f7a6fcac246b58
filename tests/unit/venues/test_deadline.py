"""Deadlines over real sockets: whatever a thread waits for ends."""

import socket
import threading
from collections.abc import Iterator

import pytest

from core.venues.deadline import DeadlineWatch, Wire


@pytest.fixture
def watch() -> Iterator[DeadlineWatch]:
    made = DeadlineWatch()
    yield made
    made.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


Pair = tuple[socket.socket, socket.socket]


def test_a_blocked_read_ends_at_the_deadline(watch: DeadlineWatch, wire: Wire, pair: Pair) -> None:
    with watch.call(wire, 0.05):
        wire.opened(pair[0])
        assert pair[0].recv(1) == b""
    assert wire.expired


def test_a_call_that_ends_in_time_leaves_its_socket_alone(watch: DeadlineWatch, wire: Wire, pair: Pair) -> None:
    other, signal = Wire(), socket.socketpair()
    with watch.call(wire, 0.01):
        wire.opened(pair[0])
    with watch.call(other, 0.05):  # ends after the first call's deadline has passed
        other.opened(signal[0])
        assert signal[0].recv(1) == b""
    pair[1].send(b"x")
    assert pair[0].recv(1) == b"x"
    assert not wire.expired
    other.close()
    for end in signal:
        end.close()


def test_a_socket_opened_after_the_deadline_is_shut_at_once(watch: DeadlineWatch, wire: Wire, pair: Pair) -> None:
    first = socket.socketpair()
    with watch.call(wire, 0.0):
        wire.opened(first[0])
        assert first[0].recv(1) == b""
        wire.opened(pair[0])
        assert pair[0].recv(1) == b""
    for end in first:
        end.close()


def test_a_socket_closed_by_its_owner_stays_in_reach_until_the_call_ends(
    watch: DeadlineWatch, wire: Wire, pair: Pair
) -> None:
    """`Connection: close`: the connection object lets go of its socket while the body is still being read."""
    reader = pair[0].makefile("rb")
    with watch.call(wire, 0.05):
        key = wire.opened(pair[0])
        pair[0].close()
        wire.closed(key)
        assert reader.read(1) == b""
    reader.close()
    assert pair[1].recv(1) == b""


def test_calls_of_many_threads_expire_each_on_its_own(watch: DeadlineWatch) -> None:
    ended: list[float] = []

    def blocked(timeout_s: float) -> None:
        wire, (ours, theirs) = Wire(), socket.socketpair()
        with watch.call(wire, timeout_s):
            wire.opened(ours)
            ours.recv(1)
        ended.append(timeout_s)
        wire.close()
        ours.close()
        theirs.close()

    timeouts_s = [0.15, 0.1, 0.05]
    threads = [threading.Thread(target=blocked, args=(timeout_s,)) for timeout_s in timeouts_s]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == sorted(timeouts_s)


def test_closing_a_wire_ends_what_is_under_way(wire: Wire, pair: Pair) -> None:
    key = wire.opened(pair[0])
    wire.close()
    assert pair[0].recv(1) == b""
    wire.closed(key)
    wire.close()
