"""A coroutine in a thread with an event loop of its own, for an SDK whose manners the main loop must not depend on."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import structlog
import uvloop

log = structlog.get_logger()

T = TypeVar("T")
_STOP_S = 2.0
_TURN = 128
"""Items handed over before others get a turn of the loop."""


class OwnLoop:
    """`run` once. Whatever blocks, leaks tasks or burns time in there costs the caller's loop no turn."""

    def __init__(self, name: str, *, stop_s: float = _STOP_S) -> None:
        self._name = name
        self._stop_s = stop_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `main()` in the thread; raises what it raises. Cancelling cancels it there and waits for its end, for
        `stop_s` at most: a thread that does not end is left behind and named."""
        here = asyncio.get_running_loop()
        ended: asyncio.Future[None] = here.create_future()

        def tell(error: BaseException | None) -> None:
            if ended.done():
                return
            if error is None or isinstance(error, asyncio.CancelledError):
                ended.set_result(None)
            else:
                ended.set_exception(error)

        def body() -> None:
            error: BaseException | None = None
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(self._guard(main))
            except BaseException as raised:  # the thread's boundary: whoever runs us gets it
                error = raised
            with contextlib.suppress(RuntimeError):  # their loop is closed: nobody waits any more
                here.call_soon_threadsafe(tell, error)

        threading.Thread(target=body, name=self._name, daemon=True).start()
        try:
            await asyncio.shield(ended)
        finally:
            if not ended.done():
                self.soon(self._cancel)
                done, _ = await asyncio.wait((ended,), timeout=self._stop_s)
                if not done:
                    log.error("thread_left_behind", thread=self._name)

    def soon(self, fn: Callable[[], object]) -> None:
        """Call `fn` in the thread's loop; nothing where it does not run."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(fn)

    async def _guard(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._complain)
        self._task = asyncio.current_task()
        try:
            await main()
        finally:
            self._loop = None

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the SDK let fall: of no consequence to us, since every stream is watched."""
        log.debug("sdk_loop_exception", thread=self._name, note=context.get("message", ""))


class Handover(Generic[T]):
    """Items of another thread, in their order, to a callback on this loop. At most `most` wait: beyond them the oldest
    are dropped and counted, and `on_lost(n)` is called before what comes after them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[T], None],
        *,
        on_lost: Callable[[int], None],
        most: int = 20_000,
    ) -> None:
        self.lost = 0
        self._loop = loop
        self._take = take
        self._on_lost = on_lost
        self._most = most
        self._waiting: deque[T] = deque()
        self._told_lost = 0
        self._is_due = False

    def put(self, item: T) -> None:
        """From the other thread."""
        if len(self._waiting) >= self._most:
            with contextlib.suppress(IndexError):  # taken meanwhile
                self._waiting.popleft()
                self.lost += 1
        self._waiting.append(item)
        if not self._is_due:
            self._is_due = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._is_due = False
        if self.lost != self._told_lost:
            lost, self._told_lost = self.lost - self._told_lost, self.lost
            self._on_lost(lost)
        for _ in range(_TURN):
            try:
                item = self._waiting.popleft()
            except IndexError:
                return
            self._take(item)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._drain)
