"""Answers read into shapes by msgspec, in many threads at once."""

import threading
from typing import TypeVar

import msgspec

T = TypeVar("T")

_learning = threading.Lock()
_learnt: set[object] = set()


def read_as(shape: type[T], answer: object) -> T:
    """`answer` as `shape`, numbers taken from text. Raises `msgspec.ValidationError`. Thread-safe.

    msgspec (0.22) learns the fields of a struct when it is first used, and shows other threads what it has half
    learnt: they crash the process. So each shape is used for the first time by one thread alone.
    """
    if shape not in _learnt:
        with _learning:
            msgspec.json.Decoder(shape)
            _learnt.add(shape)
    return msgspec.convert(answer, shape, strict=False)
