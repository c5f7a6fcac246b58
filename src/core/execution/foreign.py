"""Orders of the account that are not ours: noticed, never touched."""

from collections.abc import Iterable

import structlog

from core.domain.instruments import InstrumentId
from core.domain.orders import OrderReport, VenueOrderId
from core.execution.client_order_id import is_ours

Key = tuple[InstrumentId, VenueOrderId]


class ForeignOrders:
    def __init__(self) -> None:
        self._open: dict[Key, OrderReport] = {}
        self.noticed = 0
        self._log = structlog.get_logger("execution")

    @property
    def open_orders(self) -> tuple[OrderReport, ...]:
        return tuple(self._open.values())

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._open)

    def notice(self, report: OrderReport) -> None:
        key = (report.instrument_id, report.venue_order_id)
        if not report.status.is_open:
            self._open.pop(key, None)
            return
        if key not in self._open:
            self.noticed += 1
            self._log.warning(
                "foreign_order",
                instrument=report.instrument_id,
                client_order_id=report.client_order_id,
                venue_order_id=report.venue_order_id,
                # An id of our making that this journal does not know: another journal's, or a lost one's.
                has_our_shape=is_ours(report.client_order_id),
            )
        self._open[key] = report

    def keep_only(self, open_orders: Iterable[OrderReport]) -> None:
        """Forget those that are no longer open."""
        still = {(report.instrument_id, report.venue_order_id) for report in open_orders}
        self._open = {key: report for key, report in self._open.items() if key in still}
