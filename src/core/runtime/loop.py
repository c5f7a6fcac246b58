"""The event loop of a process: uvloop, an interpreter tuned for latency, and an end that nothing can hold up."""

from collections.abc import Coroutine
from typing import Any


def tune_interpreter(switch_interval_s: float) -> None:
    """Let other threads hold the GIL for `switch_interval_s` at most before they are asked for it."""
    raise NotImplementedError


def freeze_long_lived() -> None:
    """Call once after start-up: takes what lives by then out of the garbage collector's passes."""
    raise NotImplementedError


def run_loop(main: Coroutine[Any, Any, int], *, end_timeout_s: float = 5.0) -> int:
    """Run `main` on uvloop; its result is the exit code. Tasks left over are cancelled and awaited for
    `end_timeout_s`; where some do not end, they are named and the process leaves by `os._exit` with that code."""
    raise NotImplementedError
