"""Placing what a duty asks for: journalled, sent once, and what its answer means for the next try."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import structlog

from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderType, Purpose
from core.execution.books import Books
from core.execution.client_order_id import client_order_id
from core.execution.desk import VenueDesk
from core.execution.duty import Duty
from core.execution.events import Withdrawn
from core.execution.journal.engine import RecordRepeats
from core.execution.journal.records import DutyReached, RequestRecorded
from core.execution.order import ZERO, Order
from core.execution.protection import Place
from core.execution.recorder import NotInTime, Recorder
from core.execution.sending import OrderSender, Outcome
from core.ports.clock import MonotonicClock

_REFUSALS_TO_MARKET = 3
_BELIEVED_S = 30.0


@dataclass(slots=True)
class Trouble:
    """What went wrong with a duty since its last stop was accepted."""

    refusals: int = 0
    failures: int = 0
    at_market: bool = False
    available: Decimal | None = None
    """What the venue said is free to sell, after it had refused more; `None`: not asked."""
    available_until_ns: int = 0
    """How long that is believed."""
    missed_at: Decimal | None = None
    """What was free when the last stop was refused for it: while it is no more than that, none is sent."""
    not_before_ns: int = 0
    is_without_target: bool = False
    """The venue would not have the target: for this process it is watched instead."""


class ProtectorPlacer:
    """Callers hold the instrument's turn."""

    def __init__(
        self,
        *,
        books: Books,
        recorder: Recorder,
        desk: VenueDesk,
        sender: OrderSender,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        monotonic: MonotonicClock,
    ) -> None:
        self._books = books
        self._recorder = recorder
        self._desk = desk
        self._sender = sender
        self._instruments = instruments
        self._monotonic = monotonic
        self.armed = 0
        """Orders that the venue has accepted."""
        self._troubles: dict[ClientOrderId, Trouble] = {}
        self._log = structlog.get_logger("execution")

    def trouble(self, duty_id: ClientOrderId) -> Trouble:
        return self._troubles.setdefault(duty_id, Trouble())

    def forget(self, duty_id: ClientOrderId) -> None:
        self._troubles.pop(duty_id, None)

    async def place(self, duty: Duty, step: Place) -> str | None:
        """`None`: ask at once what is next; else why it has to be tried again later. Raises `JournalError` and
        `VenueError`."""
        if await self._is_still_missing(duty, self.trouble(duty.duty_id), step.leg.quantity):
            return None
        orders = self._orders(duty, step)
        try:
            await self._recorder.require_durable([RequestRecorded(order) for order in orders])
        except RecordRepeats:
            # An append that was given up reached the disk after all; it never left. The next number is free.
            self._books.skip_protective_order(duty.duty_id)
            return None
        except NotInTime:
            # Should the disk take them after all, it shall know that they never left.
            self._books.skip_protective_order(duty.duty_id)
            now_ns = self._recorder.now_ns()
            await self._recorder.write(*(Withdrawn(each.client_order_id, now_ns, "JOURNAL_FAILED") for each in orders))
            raise
        for order in orders:
            self._books.add(order)
        if len(orders) == 1:
            outcome = await self._sender.send(orders[0], lambda: None)
        else:
            outcome = await self._sender.send_pair(orders[0], orders[1])
        return await self._learn(duty, orders, outcome)

    async def reach(self, duty: Duty) -> None:
        """From here on what is held is sold at the market, in this life or in another. Raises `JournalError`."""
        await self._recorder.require_durable([DutyReached(duty.duty_id, self._recorder.now_ns())])
        known = self._books.duty(duty.duty_id)
        if known is not None:
            self._books.open_duty(replace(known, is_reached=True))
        self._log.info("target_reached", duty_id=duty.duty_id, target_price=str(duty.protection.target_price))

    def _orders(self, duty: Duty, step: Place) -> list[Order]:
        n = self._books.protective_orders_sent(duty.duty_id) + 1
        if step.target is not None:
            return [self._order(duty, f"pair-{n}-stop", step.leg), self._order(duty, f"pair-{n}-target", step.target)]
        is_beside = duty.has_both and step.leg.order_type is OrderType.TAKE_PROFIT
        kind = "close" if step.leg.order_type is OrderType.MARKET else "target" if is_beside else "stop"
        return [self._order(duty, f"{kind}-{n}", step.leg)]

    def _order(self, duty: Duty, role: str, leg: Leg) -> Order:
        now_ns = self._recorder.now_ns()
        return Order(
            client_order_id=client_order_id(duty.intent_id, f"{duty.duty_id}-{role}"),
            intent_id=duty.intent_id,
            role=role,
            purpose=Purpose.PROTECT,
            strategies=duty.strategies,
            leg=leg,
            sent_because=f"protects {duty.duty_id}",
            created_ns=now_ns,
            changed_ns=now_ns,
            protects=duty.duty_id,
            window_ms=self._desk.capabilities.request_window_ms,
        )

    async def _learn(self, duty: Duty, orders: list[Order], outcome: Outcome) -> str | None:
        trouble, leg = self.trouble(duty.duty_id), orders[0].leg
        is_target = duty.has_both and leg.order_type is OrderType.TAKE_PROFIT
        match outcome:
            case Outcome.ANSWERED:
                self.armed += len(orders)
                if not is_target:
                    self._troubles[duty.duty_id] = _after_success(trouble, leg)
                return None
            case Outcome.WOULD_TRIGGER if is_target:
                await self.reach(duty)
                return None
            case Outcome.WOULD_TRIGGER:
                trouble.at_market = True
                return None
            case Outcome.REFUSED if is_target:
                self._go_without_target(duty, orders[0])
                return None
            case Outcome.REFUSED:
                if await self._learn_refusal(duty, orders, trouble):
                    return None
        known = self._books.get(orders[0].client_order_id)
        said = f" {known.reason}" if known is not None and known.reason else ""
        return f"{outcome.value}{said}"

    async def _learn_refusal(self, duty: Duty, orders: list[Order], trouble: Trouble) -> bool:
        """Whether to go on at once."""
        free = await self._free(duty)
        if free is not None and free < orders[0].leg.quantity and free != trouble.available:
            trouble.refusals += 1
            self._believe(trouble, free)
            return True
        if len(orders) > 1:
            self._go_without_target(duty, orders[0])  # the stop alone may be taken
            return True
        trouble.refusals += 1
        trouble.at_market = trouble.refusals % (_REFUSALS_TO_MARKET + 1) == _REFUSALS_TO_MARKET
        trouble.available = None
        return trouble.at_market

    async def _is_still_missing(self, duty: Duty, trouble: Trouble, quantity: Decimal) -> bool:
        """What others' fees or hands took may stay away for ever, and each refusal is an order in the journal: so the
        balance is looked at first."""
        if trouble.missed_at is None:
            return False
        free = await self._free(duty)
        if free is None or free >= quantity or free != trouble.missed_at:
            return False
        self._believe(trouble, free)
        return True

    def _believe(self, trouble: Trouble, free: Decimal) -> None:
        trouble.available = trouble.missed_at = free
        trouble.available_until_ns = self._monotonic.now_ns() + int(_BELIEVED_S * 1e9)

    def _go_without_target(self, duty: Duty, refused: Order) -> None:
        self.trouble(duty.duty_id).is_without_target = True
        known = self._books.get(refused.client_order_id)
        reason = known.reason if known is not None else ""
        self._log.warning("target_refused", duty_id=duty.duty_id, reason=reason, instead="the price is watched")

    async def _free(self, duty: Duty) -> Decimal | None:
        """What could be sold now; `None` where the order would not sell an asset of the account."""
        instrument = self._instruments().get(duty.instrument_id)
        if instrument is None or duty.entry_side.sign < 0 or ":" in duty.instrument_id:
            return None
        balance = (await self._desk.balances()).get(instrument.base)
        return balance.free if balance else ZERO


def _after_success(trouble: Trouble, leg: Leg) -> Trouble:
    left = None if trouble.available is None else max(trouble.available - leg.quantity, ZERO)
    return Trouble(
        available=left, available_until_ns=trouble.available_until_ns, is_without_target=trouble.is_without_target
    )
