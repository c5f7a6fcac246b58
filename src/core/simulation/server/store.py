"""What the venue never forgets: its books, written by a thread of their own.

Everything that was acknowledged or told to a client survives a killed process: the event loop appends events, the
writer thread commits them in groups, and only after the commit are answers and private events let go.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import JournalError
from core.simulation.server.books import Books, Entries, NewAccount, PrivateEvent
from core.simulation.server.records import Record


@dataclass(slots=True)
class _Group:
    """What the next commit takes, and who waits for it."""

    entries: Entries = field(default_factory=Entries)
    callbacks: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Writer:
    thread: threading.Thread
    failure: asyncio.Future[None]
    """Never gets a result; gets a `JournalError` when the disk lets the store down."""


class AccountStore:
    """Constructing opens (or makes) the file and raises `JournalError` when it can't be used.

    `append`, `put_fact` and `durable` belong to the event loop; `books` may be read from any thread.
    What is appended and not yet written is bounded by what clients ask for: each of them waits for its commit.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self.books = Books(path)
        except (OSError, SQLAlchemyError) as error:
            raise JournalError(f"the venue's store {path} can't be opened: {_words(error)}") from error
        self._group = _Group()
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._writer: _Writer | None = None
        self.commits = 0

    def start(self) -> None:
        """Start the writer thread, bound to the running loop."""
        loop = asyncio.get_running_loop()
        failure: asyncio.Future[None] = loop.create_future()
        thread = threading.Thread(target=self._write_forever, args=(loop, failure), name="venue-store", daemon=True)
        self._writer = _Writer(thread, failure)
        thread.start()

    async def failed(self) -> None:
        """Returns never; raises `JournalError` when the disk lets the store down."""
        await asyncio.shield(self._started().failure)

    async def stop(self) -> None:
        """Commit what is pending and end the writer."""
        if self._writer is not None:
            self._work.put(False)
            await asyncio.to_thread(self._writer.thread.join)

    def close(self) -> None:
        """Close the file; idempotent."""
        self.books.close()

    def append(
        self,
        events: Sequence[PrivateEvent],
        then: Callable[[], None] | None = None,
        *,
        opened: NewAccount | None = None,
        records: Sequence[Record] = (),
    ) -> None:
        """Keep the events of accounts, the account they open, and records, in one commit. `then` runs on the loop after
        it, in order of appending."""
        with self._lock:
            self._group.entries.events += events
            self._group.entries.records += records
            if opened is not None:
                self._group.entries.accounts.append(opened)
            if then is not None:
                self._group.callbacks.append(then)
        self._work.put(True)

    def put_fact(self, name: str, value: str) -> None:
        with self._lock:
            self._group.entries.facts[name] = value
        self._work.put(True)

    async def durable(self) -> None:
        """Returns when all that was appended before this call is committed. Raises `JournalError` if it can't be;
        cancelling is safe and undoes nothing."""
        failure = self._started().failure
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not committed.done():
                committed.set_result(None)

        self.append((), done)
        await asyncio.wait((committed, failure), return_when=asyncio.FIRST_COMPLETED)
        if not committed.done():
            failure.result()

    def _started(self) -> _Writer:
        if self._writer is None:
            raise RuntimeError("the store has not been started")
        return self._writer

    def _write_forever(self, loop: asyncio.AbstractEventLoop, failure: asyncio.Future[None]) -> None:
        goes_on = True
        while goes_on:
            goes_on = self._work.get()
            with self._lock:
                group, self._group = self._group, _Group()
            try:
                if not group.entries.is_empty:
                    self.books.write(group.entries)
                    self.commits += 1
            except SQLAlchemyError as error:
                message = f"the venue's store {self._path} can't be written: {_words(error)}"
                _call(loop, _fail, failure, JournalError(message))
                return
            if group.callbacks:
                _call(loop, _release, group.callbacks)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    # A closed loop raises: nobody waits any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *args)


def _release(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()


def _fail(failure: asyncio.Future[None], error: JournalError) -> None:
    if not failure.done():
        failure.set_exception(error)


def _words(error: Exception) -> str:
    """The first line: SQLAlchemy appends statements and links."""
    return str(error).partition("\n")[0]
