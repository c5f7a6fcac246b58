"""Finding what was ordered, however long ago: in memory, else in the journal."""

from collections.abc import Callable

from core.domain.commands import CommandRefused
from core.domain.errors import JournalError
from core.domain.facts import OrderView, PlanView
from core.domain.orders import ClientOrderId, IntentId, Proposal
from core.execution.parts import Parts


class OrderFinder:
    """`None`: there never was one. Raises `CommandRefused` where that can't be known now."""

    def __init__(self, parts: Parts, phase: Callable[[], str]) -> None:
        """`phase`: the executor's."""
        self._parts = parts
        self._phase = phase

    async def order(self, client_order_id: ClientOrderId) -> OrderView | None:
        self._require_known()
        if not await self._parts.recorder.recall([client_order_id]):
            raise CommandRefused("the journal can't be read now; try again")
        order = self._parts.books.get(client_order_id)
        return order.view() if order else None

    async def plan(self, plan_id: ClientOrderId) -> PlanView | None:
        self._require_known()
        if (view := self._parts.plans.view(plan_id)) is not None:
            return view
        try:
            return await self._parts.journal.find_plan(plan_id)
        except JournalError as error:
            raise CommandRefused(f"the journal can't be read now; try again: {error}") from error

    async def intent(self, intent_id: IntentId) -> Proposal | None:
        """As it was recorded, its slicing left out."""
        self._require_known()
        if self._parts.recorder.unwritten:  # what waits may say of this very intent that it never left
            raise CommandRefused("the journal has not taken all yet; try again")
        try:
            return await self._parts.journal.find_intent(intent_id)
        except JournalError as error:
            raise CommandRefused(f"the journal can't be read now; try again: {error}") from error

    def _require_known(self) -> None:
        phase = self._phase()
        if phase not in ("ready", "running"):
            raise CommandRefused(f"the daemon's orders are not known yet ({phase}); try again")
