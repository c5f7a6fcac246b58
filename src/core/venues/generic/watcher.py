"""Watches an exchange through ccxt.pro, inside one event loop, until cancelled.

ccxt.pro hands out a future for what comes next and keeps all that came in caches. A wake-up can be missed (nobody waits
between two calls), what is in a cache cannot: so a future only says that it is time to look, and all caches are looked
at now and then anyhow. Its traps: a handler that raises ends the reading of its connection without a word; a connection
that dies silently is noticed after minutes; one refusal fails everybody's futures; closing cancels them.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, StreamInterrupted, StreamRestored
from core.ports.clock import MonotonicClock, TradingClock
from core.venues.backoff import Backoff
from core.venues.generic.channels import Followers, Group, next_best_quotes
from core.venues.generic.feeds import CrossedBook

log = structlog.get_logger()

_GATHER_S = 0.005
"""After a wake-up: what comes meanwhile is read at once."""
_SWEEP_S = 0.25
_SETTLED_S = 3.0
"""A call that has waited so long on a connection that is up counts as subscribed: ccxt does not say when it is."""
_CROSSED_S = 1.0
"""A book may be crossed between two messages, not for longer."""
_CLOSE_S = 1.5
_REFUSED_LONGEST_S = 600.0
_MAX_COMPLAINTS = 64
_FAILURES_OF_NOBODY = ("NetworkError", "OperationFailed")


@dataclass(slots=True)
class _Watch:
    """One group's state. Times are of the loop."""

    group: Group
    backoff: Backoff
    began_s: float = 0.0
    """When the call that waits now began."""
    is_up: bool = False
    has_data: bool = False
    """Since the connection was made."""
    is_over: bool = False


class Watcher:
    """Give `run` to the loop that shall carry it; `reconnect` may be called there, too."""

    def __init__(
        self,
        exchange: Any,
        groups: tuple[Group, ...],
        followers: Followers,
        emit: Callable[[MarketEvent], None],
        *,
        clock: TradingClock,
        monotonic: MonotonicClock,
        chance: random.Random,
        stale_s: float,
    ) -> None:
        self.malformed = self.reconnects = self.refused = 0
        self._exchange = exchange
        self._followers = followers
        self._emit = emit
        self._clock = clock
        self._monotonic = monotonic
        self._chance = chance
        self._stale_s = stale_s
        self._watches: list[_Watch] = []
        self._tasks = asyncio.TaskGroup()
        self._down: dict[InstrumentId, int] = {}
        """How many of an instrument's groups are not up."""
        self._said_down: set[InstrumentId] = set()
        self._heard: dict[Any, tuple[object, float]] = {}
        self._crossed_since: dict[InstrumentId, float] = {}
        self._complaints: set[str] = set()
        for group in groups:
            self._add(group)

    async def run(self) -> None:
        """Until cancelled, which closes the connections. Never raises for what an exchange does."""
        self._exchange.handle_message = self._guarded(self._exchange.handle_message)
        try:
            async with self._tasks as tasks:
                for watch in self._watches:
                    self._start(tasks, watch)
                await self._care()
        finally:
            await self._close()

    def reconnect(self, reason: str = "RECONNECT_REQUESTED") -> None:
        """Drop all connections; whoever watches dials again."""
        for client in list((self._exchange.clients or {}).values()):
            self._drop(client, reason)

    # One group

    async def _follow(self, watch: _Watch) -> None:
        group = watch.group
        loop = asyncio.get_running_loop()
        while not watch.is_over:
            watch.began_s = loop.time()
            try:
                await group.watch(self._exchange)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._went_down(watch, "CONNECTION_CLOSED")  # ccxt cancels the futures of what it closes
            except Exception as error:  # the boundary of one group: whatever ccxt or an exchange's message raises
                if self._failed(watch, error):
                    return
            else:
                self._came_up(watch, has_data=True)
                await asyncio.sleep(_GATHER_S)
                self._read(watch)
                continue
            await asyncio.sleep(watch.backoff.next_s())

    def _failed(self, watch: _Watch, error: Exception) -> bool:
        """Whether this watch is over: others have taken its instruments over."""
        kinds = [kind.__name__ for kind in type(error).__mro__]
        is_refusal = "BaseError" in kinds and not any(kind in _FAILURES_OF_NOBODY for kind in kinds)
        if is_refusal and watch.has_data:
            return False  # somebody else's: what is subscribed goes on
        reason = f"{'REFUSED' if is_refusal else 'LOST'} error={kinds[0]}"
        self._went_down(watch, reason, detail=str(error)[:200])
        if not is_refusal:
            return False
        self.refused += 1
        if watch.is_over:
            return True
        watch.backoff = Backoff(self._chance, first_s=30.0, longest_s=_REFUSED_LONGEST_S)
        if len(watch.group.instrument_ids) == 1:
            return False
        self._replace(watch, watch.group.halves())
        return True

    def _read(self, watch: _Watch) -> None:
        now_ns, received_ns = self._clock.now_ns(), self._monotonic.now_ns()
        for instrument_id in watch.group.instrument_ids:
            try:
                events = self._followers.read(watch.group, instrument_id, self._exchange, now_ns, received_ns)
            except CrossedBook as error:
                self._is_crossed(instrument_id, error)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                self._unreadable(watch, instrument_id, error)
            else:
                if events:
                    self._crossed_since.pop(instrument_id, None)
                for event in events:
                    self._emit(event)

    def _unreadable(self, watch: _Watch, instrument_id: InstrumentId, error: Exception) -> None:
        self.malformed += 1
        group = watch.group
        self._complain(f"{group.channel} {instrument_id}", error)
        if group.channel == "quotes" and not watch.is_over:
            method = next_best_quotes(group.method, self._exchange.has)
            if method is not None:
                log.info("quotes_by_other_stream", venue=self._exchange.id, was=group.method.one, now=method.one)
                size = len(group.instrument_ids) if method.many else 1
                ids = group.instrument_ids
                parts = [ids[first : first + size] for first in range(0, len(ids), size)]
                self._replace(watch, tuple(Group(group.channel, method, part) for part in parts))

    def _is_crossed(self, instrument_id: InstrumentId, error: CrossedBook) -> None:
        now_s = asyncio.get_running_loop().time()
        since_s = self._crossed_since.setdefault(instrument_id, now_s)
        if now_s - since_s > _CROSSED_S:
            self._crossed_since.clear()
            self._complain(f"crossed {instrument_id}", error)
            self._exchange.orderbooks.pop(instrument_id, None)
            self.reconnect("BOOK_CROSSED")

    # Up and down

    def _add(self, group: Group) -> _Watch:
        watch = _Watch(group, Backoff(self._chance))
        self._watches.append(watch)
        for each in group.instrument_ids:
            self._down[each] = self._down.get(each, 0) + 1
        return watch

    def _start(self, tasks: asyncio.TaskGroup, watch: _Watch) -> None:
        tasks.create_task(self._follow(watch), name=f"watch {watch.group.channel}")

    def _replace(self, watch: _Watch, groups: tuple[Group, ...]) -> None:
        if watch.is_over:
            return
        watch.is_over = True
        if watch.is_up:
            self._went_down(watch, "REPLACED")
        self._watches.remove(watch)
        for each in watch.group.instrument_ids:
            self._down[each] -= 1
        for group in groups:
            self._start(self._tasks, self._add(group))

    def _came_up(self, watch: _Watch, *, has_data: bool) -> None:
        watch.has_data = watch.has_data or has_data
        if watch.is_up:
            return
        watch.is_up = True
        watch.backoff.healthy()
        restored: list[InstrumentId] = []
        for each in watch.group.instrument_ids:
            self._down[each] -= 1
            if self._down[each] == 0:
                restored.append(each)
        if restored:
            was_down = self._said_down.intersection(restored)
            self._said_down.difference_update(restored)
            if was_down:
                log.info("stream_back", venue=self._exchange.id, instruments=len(was_down))
            self._emit(StreamRestored(tuple(restored), self._monotonic.now_ns()))

    def _went_down(self, watch: _Watch, reason: str, detail: str = "") -> None:
        """Said once for each instrument, until it is back."""
        watch.has_data = False
        if watch.is_up:
            watch.is_up = False
            for each in watch.group.instrument_ids:
                self._down[each] += 1
            self._read(watch)  # what came before the end
        self._followers.interrupted(watch.group)
        lost = tuple(each for each in watch.group.instrument_ids if each not in self._said_down)
        if lost:
            self._said_down.update(lost)
            self.reconnects += 1
            what = watch.group.channel
            log.warning(
                "stream_lost", venue=self._exchange.id, what=what, reason=reason, why=detail, instruments=len(lost)
            )
            self._emit(StreamInterrupted(lost, reason, self._monotonic.now_ns()))

    # Care

    async def _care(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _SWEEP_S
            await asyncio.sleep(_SWEEP_S)
            now_s = loop.time()
            self._check_silence(now_s, is_late=now_s - due_s > self._stale_s / 10)
            is_connected = self._is_connected()
            for watch in list(self._watches):
                if is_connected and not watch.is_up and now_s - watch.began_s > _SETTLED_S:
                    self._came_up(watch, has_data=False)
                if watch.is_up:
                    self._read(watch)

    def _is_connected(self) -> bool:
        clients = (self._exchange.clients or {}).values()
        return bool(clients) and all(client.isConnected for client in clients)

    def _check_silence(self, now_s: float, *, is_late: bool) -> None:
        """Nothing at all for so long, not even the pong that we asked for: the connection is dead. A check that comes
        late proves nothing: our own loop stood still."""
        clients = list((self._exchange.clients or {}).values())
        self._heard = {client: heard for client, heard in self._heard.items() if client in clients}
        for client in clients:
            last, since_s = self._heard.get(client, (None, now_s))
            if client.last_message_at != last or is_late or not client.isConnected:
                self._heard[client] = (client.last_message_at, now_s)
            elif now_s - since_s > self._stale_s:
                self._drop(client, "CONNECTION_SILENT")
            else:
                self._heard[client] = (last, since_s)

    def _drop(self, client: Any, reason: str) -> None:
        from ccxt.base.errors import NetworkError  # noqa: PLC0415  # the stand-in of `ccxt_import` is there by now

        client.on_error(NetworkError(reason))

    def _guarded(self, handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """A message that ccxt can't take fails whoever waits, not the connection's reader."""

        def handle_message(client: Any, message: Any) -> Any:
            try:
                return handle(client, message)
            except Exception as error:  # the boundary of one message
                self.malformed += 1
                self._complain("message", error)
                client.reject(error)
                return None

        return handle_message

    def _complain(self, what: str, error: Exception) -> None:
        """Once of each kind, of so many kinds at most."""
        if what not in self._complaints and len(self._complaints) < _MAX_COMPLAINTS:
            self._complaints.add(what)
            log.warning(
                "stream_unreadable", venue=self._exchange.id, what=what, error=f"{type(error).__name__}: {error}"[:200]
            )

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._exchange.close()
        except Exception as error:  # the end of ccxt's connections: they end with their loop anyhow
            log.debug("stream_close_failed", venue=self._exchange.id, error=repr(error))
