"""The event loop of a process: uvloop, an interpreter tuned for latency, and an end that nothing can hold up."""

import asyncio
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import structlog
import uvloop


def tune_interpreter(switch_interval_s: float) -> None:
    """Let other threads hold the GIL for `switch_interval_s` at most before they are asked for it."""
    sys.setswitchinterval(switch_interval_s)


def freeze_long_lived() -> None:
    """Takes what lives by now out of the garbage collector's passes. Call once, after start-up and before the loop
    has work that hurries: the collection that comes first takes 100 to 200 ms."""
    gc.collect()
    gc.freeze()


def run_loop(
    main: Coroutine[Any, Any, int],
    *,
    end_timeout_s: float = 5.0,
    before_hard_exit: Callable[[], None] | None = None,
) -> int:
    """Run `main` on uvloop; its result is the exit code.

    Tasks left over are cancelled and awaited for `end_timeout_s`; where some do not end, they are named and the
    process leaves by `os._exit` with that code, after `before_hard_exit` (close the log there).
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_log_exception)
    try:
        code = loop.run_until_complete(main)
    finally:
        left = loop.run_until_complete(_end_tasks(end_timeout_s))
        if not left:
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()
    if left:
        structlog.get_logger(__name__).error("tasks_left_behind", tasks=left)
        if before_hard_exit is not None:
            before_hard_exit()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def leave(code: int) -> NoReturn:
    """Ends the process, with all that was printed. Where threads are left (a lane's, a call's that a venue never
    answered) the interpreter is not taken apart under them: one that wakes up meanwhile can crash CPython 3.11 (its
    documentation of `Py_FinalizeEx` and of daemon threads), and one that does not end would be waited for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    if threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)


async def _end_tasks(timeout_s: float) -> list[str]:
    """Names of the tasks that would not end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)
    return sorted(task.get_name() for task in tasks if not task.done())


def _log_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    structlog.get_logger(__name__).error(
        "loop_exception", note=context.get("message", ""), exc_info=context.get("exception")
    )
