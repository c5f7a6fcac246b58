"""The worker's side: import, say ready, then take one job after the other until the daemon is gone."""

import faulthandler
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from core.compute.worker_frames import HEADER, FrameKind, frame, pack_error
from core.runtime.lifeline import send_on_parent_death
from core.runtime.modesty import MIB, give_way, limit_memory

LONGEST_TRACEBACK = 8_000


def main(descriptor: int, preload: Sequence[str], niceness: int, result_limit_bytes: int, memory_mb: int) -> None:
    """Runs in a process of its own, started by `worker_process`."""
    send_on_parent_death(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    os.set_inheritable(descriptor, False)
    give_way(niceness)
    with socket.socket(fileno=descriptor) as daemon:
        try:
            for module in preload:
                importlib.import_module(module)
        except Exception as error:  # the boundary of what is not ours: say it, do not just vanish
            text = f"a worker can't import {module}: {error!r}"
            daemon.sendall(frame(FrameKind.BROKEN, 0, text.encode()))
            return
        gc.collect()
        gc.freeze()
        limit_memory(memory_mb)
        daemon.sendall(frame(FrameKind.READY, 0))
        while (job := _receive(daemon)) is not None:
            number, body = job
            answer = _answer(number, body, result_limit_bytes)
            if _private_mb() > memory_mb / 2:
                answer = frame(FrameKind.GROWN, number) + answer
            daemon.sendall(answer)
            del job, body, answer


def _private_mb() -> float:
    """Resident, without what is shared: the candles belong to the daemon."""
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - shared) * resource.getpagesize() / MIB


def _answer(number: int, body: bytes, result_limit_bytes: int) -> bytes:
    try:
        fn, args, kwargs = pickle.loads(body)  # noqa: S301 - written by the daemon
        result = fn(*args, **kwargs)
    except BaseException as error:  # the boundary of one job: what it raises is its answer, SystemExit too
        text = "".join(traceback.format_exception(error))[-LONGEST_TRACEBACK:]
        return frame(FrameKind.RAISED, number, pack_error(error, text))
    finally:
        sys.stdout.flush()
    try:
        answer = pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling runs the result's own code
        return frame(FrameKind.UNSENDABLE, number, f"its result can't be sent back: {error}".encode())
    if len(answer) > result_limit_bytes:
        text = f"its result takes {len(answer)} bytes, above the limit of {result_limit_bytes}"
        return frame(FrameKind.UNSENDABLE, number, text.encode())
    return frame(FrameKind.RESULT, number, answer)


def _receive(daemon: socket.socket) -> tuple[int, bytes] | None:
    """The next job; `None`: the daemon is gone."""
    header = _read(daemon, HEADER.size)
    if header is None:
        return None
    _, number, length = HEADER.unpack(header)
    body = _read(daemon, length)
    return None if body is None else (number, body)


def _read(daemon: socket.socket, length: int) -> bytes | None:
    buffer = bytearray(length)
    view, filled = memoryview(buffer), 0
    while filled < length:
        received = daemon.recv_into(view[filled:])
        if not received:
            return None
        filled += received
    return bytes(buffer)
