"""Flattening: looks at what is left, cancels and closes it, looks again; ends when the venue says that nothing is.

It looks at what is, never at what it has done, so it can be begun at any time and goes on after any crash. A position
keeps its stop until the order that closes it is about to leave, and gets it back where that order fails. Orders go the
way of all orders: judged by the gate, journalled, sent once, asked after when their answer is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

import structlog

from core.domain.commands import FlattenProgress
from core.domain.errors import JournalError, VenueError
from core.domain.facts import OrderState
from core.domain.freshness import Moment
from core.domain.instruments import Instrument, InstrumentId, InstrumentStatus
from core.domain.orders import ClientOrderId, IntentId, OrderReport, OrderType, Proposal, Purpose
from core.domain.positions import Position
from core.execution.client_order_id import client_order_id, is_ours
from core.execution.executor import OrderExecutor
from core.execution.flattening import AtVenue, Left, closing_leg, is_tradeable, owned
from core.execution.order import ZERO, Order
from core.execution.others import OthersProperty
from core.execution.stops import StopStands
from core.portfolio.valuation import Valuation
from core.risk.approval import ApprovedIntent, Refused
from core.risk.context import RiskContext
from core.risk.gate import RiskGate
from core.risk.levels import FlattenScope

T = TypeVar("T")

_PAUSE_FIRST_S = 0.1
_PAUSE_MAX_S = 10.0
_AT_ONCE = 8
"""Instruments closed side by side: the order lane must have room for cancels and questions."""
_STATED_EVERY = 20
"""Rounds without progress, after the first, from one line of the log to the next."""
_NO_WORTH = Valuation("", ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, {}, ())
"""Exits are not judged by what the account is worth."""

Price = Callable[[InstrumentId], Awaitable[Decimal | None]]


@dataclass(frozen=True, slots=True)
class _Round:
    """What one look has found."""

    left: tuple[Left, ...] = ()
    dust: tuple[Left, ...] = ()
    is_proven: bool = False
    troubles: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        return "" if self.is_proven else "; ".join(self.troubles) or "waiting for the venue to show it"


class Flattener:
    """One at a time; `run` may be cancelled and called again."""

    def __init__(self, executor: OrderExecutor, gate: RiskGate, price: Price, now: Callable[[], Moment]) -> None:
        """`price`: what an instrument is worth now, about; `None` where nobody knows. Raises nothing."""
        self._executor = executor
        self._parts = executor.parts
        self._gate = gate
        self._price = price
        self._now = now
        self._scope = FlattenScope.BOT
        self._others = OthersProperty(executor.parts, price)
        self._began_ns = 0
        self._rounds = 0
        self._intents = 0
        self._last = _Round()
        self._elapsed_s = 0.0
        self._log = structlog.get_logger("flatten")

    @property
    def progress(self) -> FlattenProgress | None:
        """`None` before the first `run`."""
        if not self._began_ns:
            return None
        unsettled = self._parts.books.unsettled()
        return FlattenProgress(
            scope=self._scope.value,
            rounds=self._rounds,
            elapsed_s=self._elapsed_s,
            working_orders=sum(not order.state.is_terminal for order in unsettled),
            in_doubt=tuple(order.client_order_id for order in unsettled if _is_in_doubt(order)),
            left=tuple(map(str, self._last.left)),
            dust=tuple(map(str, self._last.dust)),
            is_proven=self._last.is_proven,
            note=self._last.note,
        )

    async def run(self, scope: Callable[[], FlattenScope], reason: str) -> FlattenProgress:
        """Until it is proven, with backoff while nothing moves; the executor must be running. `scope` is asked in each
        round: it may be widened meanwhile. Raises `EpochChanged` where the venue has new books."""
        self._began_ns, self._rounds, self._last = self._parts.monotonic.now_ns(), 0, _Round()
        pause_s, idle_rounds, told = _PAUSE_FIRST_S, 0, ""
        before: tuple[Left, ...] | None = None
        while True:
            self._scope = scope()
            self._rounds += 1
            found = self._last = await self._round(reason)
            self._elapsed_s = (self._parts.monotonic.now_ns() - self._began_ns) / 1e9
            if found.is_proven:
                progress = self.progress
                assert progress is not None  # noqa: S101 - it has begun above
                return progress
            pause_s = min(pause_s * 2, _PAUSE_MAX_S) if found.left == before else _PAUSE_FIRST_S
            before = found.left
            idle_rounds = 0 if found.note != told else idle_rounds + 1
            told = found.note
            if idle_rounds % _STATED_EVERY == 0:
                self._log.warning(
                    "flattening", left=[str(each) for each in found.left], note=found.note, rounds=self._rounds
                )
            await asyncio.sleep(pause_s)

    async def _round(self, reason: str) -> _Round:
        troubles: list[str] = []
        await self._cancel_working(reason, troubles)
        await self._tried(self._executor.reconcile, "reconcile", troubles)
        at_venue = await self._tried(self._others.read, "balances", troubles)
        left, dust = await self._sort(at_venue)
        await self._close(left, reason, troubles)
        is_whole = self._scope is FlattenScope.ACCOUNT
        if is_whole and not await self._tried(lambda: self._others.close(reason), "others", troubles):
            return _Round(left, dust, troubles=tuple(troubles) or ("others' orders and holdings are left",))
        if left or troubles or at_venue is None:
            return _Round(left, dust, troubles=tuple(troubles))
        await self._stand_down(troubles)
        troubles += [f"{order.client_order_id} is {order.state}" for order in self._parts.books.unsettled()]
        is_proven = not troubles and bool(await self._tried(self._prove, "proof", troubles))
        return _Round((), dust, is_proven, tuple(troubles))

    # What is left

    async def _sort(self, at_venue: AtVenue | None) -> tuple[tuple[Left, ...], tuple[Left, ...]]:
        """What is to be closed, and what is too little for it. `at_venue` `None`: it does not say, so what our own
        fills have left has to do."""
        left, dust = [], []
        for instrument_id in self._parts.books.holdings():
            held = self._unsold(instrument_id)
            quantity = held if at_venue is None else owned(held, at_venue.quantity(instrument_id))
            if not quantity:
                continue
            instrument = self._parts.instruments().get(instrument_id)
            if instrument is None or instrument.status is InstrumentStatus.DELISTED:
                dust.append(Left(instrument_id, quantity))  # the venue lists it no more: nothing can be done about it
            elif is_tradeable(quantity, await self._price(instrument_id), instrument):
                left.append(Left(instrument_id, quantity))
            else:
                dust.append(Left(instrument_id, quantity))
        return tuple(left), tuple(dust)

    def _unsold(self, instrument_id: InstrumentId) -> Decimal:
        """Signed: what our fills have left, less what exits under way may still take of it."""
        books = self._parts.books
        exits = (order for order in books.unsettled(instrument_id) if order.purpose is Purpose.EXIT)
        return books.held(instrument_id) + sum((one.leg.side.sign * one.pending_quantity for one in exits), ZERO)

    # What is done about it

    async def _cancel_working(self, reason: str, troubles: list[str]) -> None:
        """Parents first, so that nothing follows what is cancelled; then everything but stops: those go when what they
        protect goes."""
        await self._tried(lambda: self._parts.plans.end_all(reason), "plans", troubles)
        room = asyncio.Semaphore(_AT_ONCE)

        async def cancel(order: Order) -> None:
            async with room:
                await self._tried(
                    lambda: self._executor.cancel(order.client_order_id, reason),
                    f"cancel {order.client_order_id}",
                    troubles,
                )

        unsettled = self._parts.books.unsettled()
        for order in unsettled:
            if _is_in_doubt(order):
                self._parts.enquiries.need(order.client_order_id)
        working = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
        await asyncio.gather(
            *(cancel(order) for order in unsettled if order.state in working and order.purpose is not Purpose.PROTECT)
        )

    async def _close(self, left: Iterable[Left], reason: str, troubles: list[str]) -> None:
        room = asyncio.Semaphore(_AT_ONCE)

        async def close(each: Left) -> None:
            async with room:
                await self._close_one(each, reason, troubles)

        await asyncio.gather(*(close(each) for each in left))

    async def _close_one(self, each: Left, reason: str, troubles: list[str]) -> None:
        price = await self._price(each.instrument_id)
        if price is None:
            troubles.append(f"no price of {each.instrument_id}")
            return
        # Whether it is traded now is the venue's to say: our list of instruments may be of yesterday.
        instrument = replace(self._parts.instruments()[each.instrument_id], status=InstrumentStatus.TRADING)
        verdict = self._judged(each, price, instrument, reason)
        if isinstance(verdict, Refused):
            troubles.append(f"{each.instrument_id}: {verdict.reason}")
            return
        refusal = await self._executor.carry(verdict)
        if refusal is not None:
            self._gate.release(verdict.proposal.intent_id)
            troubles.append(f"{each.instrument_id}: {refusal}")
            return
        order = self._parts.books.get(client_order_id(verdict.proposal.intent_id, "leg-0"))
        if order is not None and order.state in (OrderState.REJECTED, OrderState.UNKNOWN):
            troubles.append(f"{each.instrument_id}: {order.state}, {order.reason}")

    def _judged(self, each: Left, price: Decimal, instrument: Instrument, reason: str) -> ApprovedIntent | Refused:
        now = self._now()
        has_market_orders = OrderType.MARKET in self._parts.desk.capabilities.order_types
        self._intents += 1
        proposal = Proposal(
            intent_id=IntentId(f"flatten|{each.instrument_id}|{now.trading_ns}|{self._intents}"),
            purpose=Purpose.EXIT,
            legs=(closing_leg(each.quantity, price, instrument, has_market_orders),),
            strategies=("kill_switch",),
            cycle=f"flatten|{each.instrument_id}",
            created_ns=now.trading_ns,
            reference_price=price,
            reason=reason,
        )
        held = Position(each.instrument_id, self._parts.books.held(each.instrument_id), price, ZERO, ZERO, None)
        context = RiskContext({instrument.id: instrument}, {}, {instrument.id: held}, _NO_WORTH)
        return self._gate.judge(proposal, context, now)

    async def _stand_down(self, troubles: list[str]) -> None:
        """Nothing that could be sold is held any more: no stop has anything to protect."""
        parts = self._parts
        for instrument_id in dict.fromkeys(duty.instrument_id for duty in parts.books.duties()):
            async with parts.turns.take([instrument_id]):
                await self._tried(
                    partial(parts.stops.stand_down, instrument_id, "FLATTENED", parts.settings.clear_stop_s),
                    f"stops of {instrument_id}",
                    troubles,
                )

    # The proof

    async def _prove(self) -> bool:
        """The venue's own word, read after every change of ours must show: no order of ours works, and of what is ours
        nothing is left that could be traded."""
        parts = self._parts
        await asyncio.sleep(parts.desk.capabilities.replica_lag_ms / 1_000)
        open_orders = await parts.desk.open_orders()
        at_venue = await self._others.read()
        if await self._ours(open_orders) or parts.books.unsettled():
            return False
        if self._scope is FlattenScope.ACCOUNT and (open_orders or await self._others.left(at_venue)):
            return False
        left, _ = await self._sort(at_venue)
        return not left

    async def _ours(self, open_orders: Iterable[OrderReport]) -> list[ClientOrderId]:
        """Those of them that this journal knows."""
        shaped = [each.client_order_id for each in open_orders if is_ours(each.client_order_id)]
        if not await self._parts.recorder.recall(shaped):
            raise JournalError("the journal can't be read, so whose these orders are can't be told")
        books = self._parts.books
        mine = [books.as_ours(each).client_order_id for each in open_orders]
        return [each for each in mine if books.get(each) is not None]

    async def _tried(self, call: Callable[[], Awaitable[T]], what: str, troubles: list[str]) -> T | None:
        """What can't be done now is noted, and done in the next round; the rest of this one goes on."""
        try:
            return await call()
        except (VenueError, JournalError, StopStands) as error:
            troubles.append(f"{what}: {error}")
            return None


def _is_in_doubt(order: Order) -> bool:
    return order.state is OrderState.UNKNOWN or order.state.is_terminal
