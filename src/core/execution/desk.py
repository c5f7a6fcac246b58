"""The venue's account calls as coroutines: each in the order lane, each under a deadline, each ending in one of four
ways."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from core.domain.errors import ComputeError, DeadlineExceeded, OutcomeUnknown, VenueError, VenueUnavailable
from core.domain.instruments import InstrumentId
from core.domain.orders import AmendRequest, Balance, ClientOrderId, Fill, FundingPayment, OrderReport, OrderRequest
from core.domain.positions import VenuePosition
from core.execution.lane import RunInLane
from core.execution.order import Order
from core.ports.venue import VenueCapabilities, VenueRest

T = TypeVar("T")


class VenueDesk:
    """Calls answer, or raise `OrderRefused` / `RequestRefused` (definite), `VenueUnavailable` (did not happen) or, for
    what changes orders only, `OutcomeUnknown`. Nothing else comes out of here, whatever lane and adapter do."""

    def __init__(self, venue: VenueRest, run_in_lane: RunInLane, deadline_s: float) -> None:
        self._venue = venue
        self._run_in_lane = run_in_lane
        self._deadline_s = deadline_s
        self._log = structlog.get_logger("venue_desk")

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._venue.capabilities

    async def place(self, request: OrderRequest) -> OrderReport:
        return await self._change(self._venue.place, request)

    async def amend(self, request: AmendRequest) -> OrderReport:
        return await self._change(self._venue.amend, request)

    async def place_pair(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        return await self._change(self._venue.place_pair, stop, target)

    async def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport:
        return await self._change(self._venue.cancel, instrument_id, client_order_id)

    async def cancel_all_after(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        """Winding the timer up again does no harm, so its outcome is never in doubt."""
        await self._read(self._venue.cancel_all_after, instrument_id, after_s)

    async def server_time_ms(self) -> int:
        return await self._read(self._venue.server_time_ms)

    async def epoch_id(self) -> str | None:
        return await self._read(self._venue.epoch_id)

    async def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        return await self._read(self._venue.order, instrument_id, client_order_id)

    async def picture_of(self, order: Order) -> OrderReport | None:
        """As `order`, of one that we track."""
        report = await self.order(order.instrument_id, order.known_as)
        if report is None or not order.pictured_by(report):
            return None
        return replace(report, client_order_id=order.client_order_id)

    async def open_orders(self) -> list[OrderReport]:
        """Of the whole account."""
        return await self._read(self._venue.open_orders, None)

    async def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]:
        return await self._read(self._venue.orders_since, instrument_id, since_ms)

    async def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
        return await self._read(self._venue.fills_since, instrument_id, since_ms)

    async def balances(self) -> dict[str, Balance]:
        return await self._read(self._venue.balances)

    async def positions(self) -> dict[InstrumentId, VenuePosition]:
        return await self._read(self._venue.positions)

    async def funding_since(self, since_ms: int) -> list[FundingPayment]:
        return await self._read(self._venue.funding_since, since_ms)

    async def _change(self, fn: Callable[..., T], *args: object) -> T:
        try:
            return await self._run_in_lane(fn, *args, deadline_s=self._deadline_s)
        except VenueError:
            raise
        except DeadlineExceeded as error:
            if error.started:
                raise OutcomeUnknown(f"no answer within {self._deadline_s:g} s") from error
            raise VenueUnavailable(f"order lane: {error}") from error
        except ComputeError as error:
            raise VenueUnavailable(f"order lane: {error}") from error
        except Exception as error:  # a fault in the adapter: the request may have left, or not
            self._log.exception("adapter_raised", call=fn.__name__)
            raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error

    async def _read(self, fn: Callable[..., T], *args: object) -> T:
        try:
            return await self._run_in_lane(fn, *args, deadline_s=self._deadline_s)
        except VenueError:
            raise
        except ComputeError as error:
            raise VenueUnavailable(f"order lane: {error}") from error
        except Exception as error:  # a fault in the adapter: nothing was learned
            self._log.exception("adapter_raised", call=fn.__name__)
            raise VenueUnavailable(f"{type(error).__name__}: {error}") from error
