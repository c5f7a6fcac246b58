"""The daemon's side of the API: pictures out, commands in, and the child process that everybody else talks to."""

import asyncio
import inspect
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from core.api.address import Address, bind, new_token
from core.api.command_desk import CommandDesk
from core.api.controls import DaemonControls
from core.api.happenings import Happenings
from core.api.link import Ask, Denied, Happened, Link, Order, Ready, Refresh, Standing, ToDaemon, Told, Watch, Welcome
from core.api.orders import Orders
from core.api.tokens import LOCAL, SETTINGS, Scope, Token, hash_of
from core.api.view import DaemonView
from core.ports.clock import MonotonicClock
from core.runtime.children import PACKAGES, ChildProcess
from core.runtime.clocks import SystemMonotonicClock
from core.settings.api import ApiSettings

_WATCHED_EVERY_S = 0.25
_GATHER_S = 0.05
"""What happens within it goes out together."""
_MOST_BACKLOG = 4 << 20
"""Bytes that the serving process has not taken: beyond, it is told nothing more until it has."""
_NOT_FOR_CHILD = ("METRONOME__", "CREDENTIALS_DIRECTORY")

_log = structlog.get_logger(__name__)

Question = Callable[..., Any]
"""Called on the loop with the question's arguments; what it gives, or gives when awaited, is the answer."""
Launch = Callable[[socket.socket, socket.socket], Awaitable[None]]
"""Serves on the first socket, with the second as its end of the link, until cancelled; closes neither."""


@dataclass(frozen=True, slots=True)
class ApiStatistics:
    port: int | None
    """`None`: not listening."""
    starts: int
    """Of the serving process."""


class ApiServer:
    """`bind()` first, while a wrong address can still end the start with a message; then `run()` as a task, with a
    restart policy. Cancelling `run` is safe: the child ends, then the address files are removed."""

    def __init__(
        self,
        settings: ApiSettings,
        data_dir: Path,
        view: DaemonView,
        controls: DaemonControls,
        *,
        silent_after_s: float = 5.0,
        questions: Mapping[str, Question] | None = None,
        happenings: Happenings | None = None,
        monotonic: MonotonicClock | None = None,
        picture_every_s: float = 1.0,
        launch: Launch | None = None,
        ledger: Path | None = None,
    ) -> None:
        """`silent_after_s`: without a picture for so long the daemon counts as dead; `questions`: answers by name,
        beside those that `view` and `controls` give; `picture_every_s`: while nobody looks; `launch` `None`: a child
        process; `ledger`: the file of the recorded decisions, `None`: none are recorded."""
        self._settings = settings
        self._data_dir = data_dir
        self._address = Address(data_dir)
        self._view = view
        self._desk = CommandDesk(controls)
        self._silent_after_s = silent_after_s
        self._questions: dict[str, Question] = {
            "orders": view.orders,
            "decisions": view.decisions,
            "why": view.why,
            "kill_switch": controls.status,
            **(questions or {}),
        }
        self._happenings = happenings or Happenings()
        self._monotonic = monotonic or SystemMonotonicClock()
        self._picture_every_s = picture_every_s
        self._launch = launch or self._run_child
        self._ledger = ledger
        self._listener: socket.socket | None = None
        self._link: Link[ToDaemon] | None = None
        self._is_watched = False
        self._wanted = asyncio.Event()
        """A picture, before its time."""
        self._answering: set[asyncio.Task[None]] = set()
        self._starts = 0
        self._token = new_token() if settings.token is None else None
        """For the daemon's life, however often what serves begins anew; `None`: the settings have one."""

    def bind(self) -> None:
        """Takes the port. Raises `SettingsError` when it is not to be had."""
        if self._listener is None:
            self._listener = bind(self._settings, self._data_dir)

    async def run(self) -> None:
        """Serves until cancelled. Raises `ChildExited` when the child ends by itself."""
        self.bind()
        assert self._listener is not None  # noqa: S101 - bind has just made it
        self._starts += 1
        ours, theirs = socket.socketpair()
        link: Link[ToDaemon] = Link(ToDaemon, self._take)
        showing = serving = None
        try:
            ours.setblocking(False)
            theirs.setblocking(False)
            await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
            self._link = link
            # Whoever comes too early waits at the port.
            self._address.write(self._listener.getsockname()[1], self._token)
            link.send(Welcome(msgspec.msgpack.encode(self._orders())))
            showing = asyncio.create_task(self._show(link), name="api: pictures")
            serving = asyncio.ensure_future(self._launch(self._listener, theirs))
            await asyncio.wait((showing, serving), return_when=asyncio.FIRST_COMPLETED)
            for each in (showing, serving):
                if each.done():
                    each.result()
        finally:
            await _end(showing, serving)
            self._forget(link)
            ours.close()
            theirs.close()

    def show_soon(self) -> None:
        """Something has changed that nobody should hear of late."""
        self._wanted.set()

    def close(self) -> None:
        """Gives the port back: the daemon listens no more."""
        if self._listener is not None:
            self._address.remove(self._listener.getsockname()[1])
            self._listener.close()
            self._listener = None

    def statistics(self) -> ApiStatistics:
        return ApiStatistics(self._listener.getsockname()[1] if self._listener else None, self._starts)

    # What comes

    def _take(self, frame: ToDaemon) -> None:
        match frame:
            case Ready():
                _log.info("api_listening", host=self._settings.host, port=self.statistics().port)
            case Watch():
                self._set_watched(frame.wanted)
            case Refresh():
                self._wanted.set()
            case Ask():
                self._answer(self._tell(frame), f"ask {frame.what}")
            case Order():
                self._answer(self._obey(frame), f"order {frame.name}")

    def _answer(self, work: Any, name: str) -> None:
        """The serving process bounds how many it sends at once; so does `CommandDesk`."""
        task = asyncio.create_task(work, name=name)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _tell(self, ask: Ask) -> None:
        try:
            found = self._questions[ask.what](**ask.arguments)
            body = msgspec.json.encode(await found if inspect.isawaitable(found) else found)
            self._send(Told(ask.number, body))
        except Exception as error:  # the boundary of one question: it is denied, the others go on
            _log.exception("question_failed", question=ask.what)
            self._send(Denied(ask.number, type(error).__name__, f"the daemon can't tell: {error}"))

    async def _obey(self, order: Order) -> None:
        answer = await self._desk.answer(order)
        if self._link is not None:
            await self._picture(self._link)  # whoever looks after the answer sees what it did
        self._send(answer)

    # What goes

    async def _show(self, link: Link[ToDaemon]) -> None:
        """Pictures, as often as somebody looks. They are the proof that the loop turns, too."""
        while True:
            self._wanted.clear()
            await self._picture(link)
            every_s = min(_WATCHED_EVERY_S, self._picture_every_s) if self._is_watched else self._picture_every_s
            await _wait_for(self._wanted, every_s)

    async def _picture(self, link: Link[ToDaemon]) -> None:
        if link.backlog < _MOST_BACKLOG:
            began_ns = self._monotonic.now_ns()
            status = await self._view.status_in_turns()
            await asyncio.sleep(0)  # hundreds of symbols take a turn each to make, to write down and to send
            standing = Standing(msgspec.msgpack.encode(status), began_ns)
            await asyncio.sleep(0)
            link.send(standing)

    def _set_watched(self, wanted: bool) -> None:
        self._is_watched = wanted
        self._wanted.set()
        self._happenings.watch(self._gather if wanted else None)

    def _gather(self) -> None:
        asyncio.get_running_loop().call_later(_GATHER_S, self._let_go)

    def _let_go(self) -> None:
        if self._link is None or not self._is_watched:
            return
        if self._link.backlog < _MOST_BACKLOG:
            self._link.send(Happened(self._happenings.take()))
        else:
            self._gather()

    def _send(self, frame: Told | Denied) -> None:
        if self._link is not None:
            self._link.send(frame)

    # The serving process

    def _orders(self) -> Orders:
        given = self._settings.token
        fixed = [(LOCAL, self._token)] if given is None else [(SETTINGS, given.get_secret_value())]
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        return Orders(
            data_dir=str(self._data_dir.absolute()),
            tokens=tuple(Token(name, Scope.ADMIN, hash_of(each), 0) for name, each in fixed if each is not None),
            hosts=(self._settings.host, *self._settings.allowed_hosts),
            requests_per_s=self._settings.requests_per_s,
            commands_per_s=self._settings.commands_per_s,
            silent_after_s=self._silent_after_s,
            tls_certificate=None if certificate is None else str(certificate.absolute()),
            tls_key=None if key is None else str(key.absolute()),
            ledger=None if self._ledger is None else str(self._ledger.absolute()),
        )

    async def _run_child(self, listener: socket.socket, link_end: socket.socket) -> None:
        descriptors = (listener.fileno(), link_end.fileno())
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_FOR_CHILD)}
        child = ChildProcess(
            "api",
            [sys.executable, "-m", "core.api.web.serving", *map(str, descriptors)],
            environment={**environment, "PYTHONPATH": PACKAGES},
            on_line=lambda line: _log.warning("api_said", line=line),
            stop_timeout_s=1.5,
            keep_open=descriptors,
        )
        await child.run()

    def _forget(self, link: Link[ToDaemon]) -> None:
        link.close()
        self._link = None
        self._set_watched(False)
        for each in self._answering:
            each.cancel()


async def _end(*tasks: "asyncio.Future[Any] | None") -> None:
    for each in tasks:
        if each is not None:
            each.cancel()
    await asyncio.gather(*(each for each in tasks if each is not None), return_exceptions=True)


async def _wait_for(event: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
