"""One worker process as the daemon sees it: a socket to it, and a thread that spawns it, hears what it prints, reaps
it."""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import cast

import structlog

from core.compute.worker_frames import FrameKind, FrameReader, frame

BOOT = """
import json, sys
told = json.loads(sys.argv[1])
sys.path[:] = told.pop("path")
from core.compute.worker_main import main
main(**told)
"""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
NOT_FOR_WORKERS = ("METRONOME__", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")
"""Beginnings of the names of variables that user code must not see: secrets and systemd's."""
LINES_PER_S = 20
"""Of what a worker prints is logged; the rest is dropped, so that a flood costs the daemon nothing."""
TAIL_BYTES = 2_000
LAST_WORDS_S = 0.5
"""How long the socket of a process that is gone may stay open."""
STOP_LOOK_MS = 1_000
"""A process that is stopped (SIGSTOP) at two looks in a row is killed."""
STOOD_STILL = b"a signal had stopped it, and it did not go on"


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What each worker of a pool is told."""

    preload: Sequence[str]
    niceness: int
    result_limit_bytes: int
    memory_mb: int
    """Private memory that it may hold; with half of it between two jobs it is replaced."""


class WorkerState(Enum):
    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    LEAVING = auto()
    """Its answer is awaited, and no other job will be given to it."""
    KILLED = auto()


class WorkerProcess(asyncio.Protocol):
    """`on_frame` and `on_exit` are called on the loop; `on_exit` once, last, with the exit code (negative: the
    signal) and the end of what the process printed."""

    def __init__(
        self,
        number: int,
        plan: WorkerPlan,
        *,
        on_frame: Callable[["WorkerProcess", FrameKind, int, bytes], None],
        on_exit: Callable[["WorkerProcess", int, str], None],
    ) -> None:
        self.number = number
        self.state = WorkerState.STARTING
        self._plan = plan
        self._on_frame = on_frame
        self._on_exit = on_exit
        self._reader = FrameReader(plan.result_limit_bytes + 65_536)
        self._loop: asyncio.AbstractEventLoop
        self._transport: asyncio.WriteTransport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._kill_wanted = False
        self._exit: tuple[int, str] | None = None
        self._log = structlog.get_logger(__name__).bind(worker=number)

    @property
    def pid(self) -> int | None:
        """`None`: not spawned yet."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Returns when the process is being spawned; a READY frame follows, or `on_exit`."""
        self._loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            await self._loop.create_unix_connection(lambda: self, sock=ours)
        except BaseException:  # whatever it was, cancelling included: both ends are ours to close
            ours.close()
            theirs.close()
            raise
        threading.Thread(target=self._keep, args=(theirs,), name=f"worker-{self.number}-keeper", daemon=True).start()

    def send(self, number: int, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame(FrameKind.JOB, number, body))

    def kill(self) -> None:
        """SIGKILL to it and to whatever it has started in its session. `on_exit` follows."""
        with self._guard:
            self._kill_wanted = True
            if self._process is not None:
                self._process.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are not declared as such

    def data_received(self, data: bytes) -> None:
        try:
            for kind, number, body in self._reader.feed(data):
                self._on_frame(self, kind, number, body)
        except ValueError as error:
            self._log.error("worker_talks_nonsense", error=str(error))
            self.kill()

    def eof_received(self) -> bool:
        self.kill()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._report_exit()

    def _keep(self, theirs: socket.socket) -> None:
        """The keeper's life. It lasts as long as the process, because the kernel's parent-death signal means the
        thread that spawned it."""
        code, tail = -signal.SIGKILL, b""
        try:
            with theirs:
                process = self._spawn(theirs.fileno())
            with self._guard:
                self._process = process
                if self._kill_wanted:
                    process.kill()
            code, tail = self._listen(process)
        except OSError as error:
            tail = f"a worker can't be spawned: {error}".encode()
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._exited, code, tail.decode(errors="replace").strip())

    def _spawn(self, descriptor: int) -> subprocess.Popen[bytes]:
        told = {
            "path": sys.path,
            "descriptor": descriptor,
            "preload": list(self._plan.preload),
            "niceness": self._plan.niceness,
            "result_limit_bytes": self._plan.result_limit_bytes,
            "memory_mb": self._plan.memory_mb,
        }
        environment = {key: value for key, value in os.environ.items() if not key.startswith(NOT_FOR_WORKERS)}
        return subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-c", BOOT, json.dumps(told)],
            env={**environment, **ONE_THREAD},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(descriptor,),
            start_new_session=True,
        )

    def _listen(self, process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
        """Read what it prints until it ends, end what it left in its session, and reap it. One that a signal has
        stopped would hold up its job until the deadline, or the next one: it is killed, and so replaced."""
        assert process.stdout is not None  # noqa: S101 - PIPE above
        output = process.stdout.fileno()
        os.set_blocking(output, False)
        ended = os.pidfd_open(process.pid)
        said = _Said(self._log)
        try:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            poll.register(output, select.POLLIN)
            stopped = 0
            while ended not in (ready := {descriptor for descriptor, _ in poll.poll(STOP_LOOK_MS)}):
                if output in ready and not said.take(_read_some(output)):
                    poll.unregister(output)
                if not ready:
                    stopped = stopped + 1 if _is_stopped(process.pid) else 0
                    if stopped == 2:
                        process.kill()
            said.take(_read_some(output) or b"")
            if stopped >= 2:
                said.tail = STOOD_STILL
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its number can't have been given away: it is not reaped yet
            return process.wait(), said.tail
        finally:
            os.close(ended)
            process.stdout.close()

    def _exited(self, code: int, tail: str) -> None:
        self._exit = (code, tail)
        self._report_exit()
        if self._transport is not None:  # a process that it forked may hold the socket open
            self._loop.call_later(LAST_WORDS_S, self._transport.abort)

    def _report_exit(self) -> None:
        """Once the process is gone and its last words are read."""
        if self._exit is not None and self._transport is None:
            self._on_exit(self, *self._exit)


class _Said:
    """What a worker prints: logged line by line as far as the budget allows, its end kept."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self.tail = b""
        self._log = log
        self._second = 0
        self._lines = 0

    def take(self, chunk: bytes | None) -> bool:
        """False at the end of the output."""
        if not chunk:
            return chunk is None
        self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        if (second := int(time.monotonic())) != self._second:
            self._second, self._lines = second, 0
        if self._lines < LINES_PER_S:
            for line in chunk.splitlines()[: LINES_PER_S - self._lines]:
                self._lines += 1
                self._log.info("worker_said", line=line.decode(errors="replace")[:1_000])
        return True


def _is_stopped(pid: int) -> bool:
    """A child of this process, and by a signal: one that is being debugged is not."""
    return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None


def _read_some(descriptor: int) -> bytes | None:
    """`b""` at the end, `None` where there is nothing now."""
    try:
        return os.read(descriptor, 65_536)
    except BlockingIOError:
        return None
