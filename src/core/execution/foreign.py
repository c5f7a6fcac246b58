"""Orders of the account that are not ours: noticed and shown for as long as they are open."""

import asyncio
from collections.abc import Collection, Iterable

import structlog

from core.domain.instruments import InstrumentId
from core.domain.orders import OrderReport, VenueOrderId
from core.execution.client_order_id import is_ours

Key = tuple[InstrumentId, VenueOrderId]


class ForeignOrders:
    def __init__(self) -> None:
        self._open: dict[Key, OrderReport] = {}
        self.noticed = 0
        self.news = asyncio.Event()
        """Set with each order that is new; whoever acts on it clears it."""
        self._log = structlog.get_logger("execution")

    @property
    def open_orders(self) -> tuple[OrderReport, ...]:
        return tuple(self._open.values())

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._open)

    def get(self, key: Key) -> OrderReport | None:
        """Its newest picture; `None`: not open, or not known."""
        return self._open.get(key)

    def notice(self, report: OrderReport) -> None:
        key = key_of(report)
        if not report.status.is_open:
            self.forget(key)
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
            self.news.set()
        self._open[key] = report

    def forget(self, key: Key) -> None:
        """It is not open any more, or not somebody else's."""
        self._open.pop(key, None)

    def keep_only(self, open_orders: Iterable[OrderReport], among: Collection[Key]) -> None:
        """Forget those `among` these that are no longer open; others were noticed after the venue was asked."""
        gone = set(among) - {key_of(report) for report in open_orders}
        for key in gone:
            self.forget(key)


def key_of(report: OrderReport) -> Key:
    return report.instrument_id, report.venue_order_id
