"""Amendments that an operator asks for: through the risk gate, with the market as it is at each step."""

from collections.abc import Callable, Mapping

import structlog

from core.domain.commands import AmendOrder, AmendReport, CommandRefused, UnknownOrder
from core.domain.facts import OrderView
from core.domain.freshness import Moment, Quote
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Terms
from core.execution.executor import OrderExecutor
from core.risk.account import Account
from core.risk.approval import ApprovedAmendment, Refused

log = structlog.get_logger("amendments")


class AmendDesk:
    """Call it on the loop."""

    def __init__(
        self,
        *,
        account: Account,
        executor: OrderExecutor | None,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        quote: Callable[[InstrumentId], Quote | None],
        now: Callable[[], Moment],
    ) -> None:
        """`executor` `None`: observe mode, in which nothing is ordered. `instruments` are those that are traded."""
        self._account = account
        self._executor = executor
        self._instruments = instruments
        self._quote = quote
        self._now = now

    async def amend(self, command: AmendOrder) -> AmendReport:
        """What came of it. Raises `UnknownOrder`, and `CommandRefused` where nothing was asked of the venue."""
        said = {"command": "amend", "order": command.client_order_id, "by": command.by, "reason": command.reason}
        try:
            if self._executor is None:
                raise CommandRefused("in observe mode nothing is ordered, so there is nothing to amend")
            report = await self._executor.amend(
                ClientOrderId(command.client_order_id),
                price=command.price,
                quantity=command.quantity,
                reason=f"{command.reason} ({command.by})",
                judge=self,
            )
        except (CommandRefused, UnknownOrder) as refused:
            log.warning("command", **said, outcome=f"REFUSED {refused}")
            raise
        log.warning("command", **said, outcome=report.result.name, note=report.note)
        return report

    # `core.risk.approval.AmendJudge`

    def judge(self, order: OrderView, terms: Terms, *, in_place: bool) -> ApprovedAmendment | Refused:
        quote = self._quote(order.leg.instrument_id)
        quotes = {} if quote is None else {order.leg.instrument_id: quote}
        return self._account.judge_amendment(order, terms, self._instruments(), quotes, self._now(), in_place=in_place)

    def release(self, client_order_id: ClientOrderId) -> None:
        self._account.gate.keep_terms(client_order_id)
