"""What daemon and worker say to each other over a stream socket: frames of a kind, a job's number and a pickled
body."""

import functools
import io
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from core.domain.errors import ComputeError, JobRaised, MetronomeError

HEADER = struct.Struct("!BQI")


class FrameKind(IntEnum):
    JOB = 1
    """To the worker: (function, arguments, keyword arguments)."""
    READY = 2
    RESULT = 3
    RAISED = 4
    """The job raised: an error of this system as it is, any other as (type, message, traceback)."""
    UNSENDABLE = 5
    """The job's result can't be sent back: why, as text."""
    BROKEN = 6
    """The worker could not start: why, as text."""
    GROWN = 7
    """It holds too much memory to take another job; its last answer follows."""


def frame(kind: FrameKind, number: int, body: bytes = b"") -> bytes:
    return HEADER.pack(kind, number, len(body)) + body


class FrameReader:
    """Cuts a stream into frames, however its pieces arrive."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[FrameKind, int, bytes]]:
        """The frames that `data` completes. Raises `ValueError` on what is no frame or too long for one."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            kind, number, length = HEADER.unpack_from(self._buffer)
            if length > self._limit_bytes:
                raise ValueError(f"a frame of {length} bytes, above the limit of {self._limit_bytes}")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            yield FrameKind(kind), number, body


def pack_job(
    name: str, fn: Callable[..., Any], args: tuple[object, ...], kwargs: dict[str, object], limit: int
) -> bytes:
    """Raises `ComputeError` where the job can't be sent to a worker: not picklable, or above `limit` bytes."""
    target = fn
    while isinstance(target, functools.partial):
        target = target.func
    if getattr(target, "__module__", None) == "__main__":
        raise ComputeError(f"{name} lives in the main module, which a worker does not have: move it to a module")
    try:
        body = pickle.dumps((fn, args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling runs the arguments' own code, which may raise anything
        raise ComputeError(f"{name} can't be sent to a worker, it must be a module's function: {error}") from error
    if len(body) > limit:
        raise ComputeError(
            f"{name}: its arguments take {len(body)} bytes, above the limit of {limit}; hand over a name"
        )
    return body


def unpack_result(name: str, body: bytes) -> Any:
    """Raises `ComputeError` where the result is of a class that this process has not loaded: importing a module of
    user code here would run it on the loop."""
    try:
        return _KnownClasses(io.BytesIO(body)).load()
    except ComputeError as error:
        raise ComputeError(f"{name}: {error}") from None
    except Exception as error:  # unpickling runs the classes' own code, which may raise anything
        raise ComputeError(f"{name}: its result can't be read: {error!r}") from error


def pack_error(error: BaseException, traceback_text: str) -> bytes:
    """An error of this system as it is where it can be, else its type, message and traceback."""
    if isinstance(error, MetronomeError):
        try:
            body = pickle.dumps(error)
            pickle.loads(body)  # noqa: S301 - our own bytes; some errors pickle but do not come back
        except Exception:  # any error of its own constructor: the text will do
            return pickle.dumps((type(error).__qualname__, str(error), traceback_text))
        return body
    return pickle.dumps((type(error).__qualname__, _text(error), traceback_text))


def unpack_error(name: str, body: bytes) -> ComputeError | MetronomeError:
    try:
        error = unpack_result(name, body)
    except ComputeError as unreadable:
        return unreadable
    return error if isinstance(error, MetronomeError) else JobRaised(*error)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # user code's own __str__
        return "(its message can't be shown)"


class _KnownClasses(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name not in sys.modules:
            raise ComputeError(
                f"its result has a {module_name}.{global_name}; return plain values, arrays or known classes"
            )
        return super().find_class(module_name, global_name)
