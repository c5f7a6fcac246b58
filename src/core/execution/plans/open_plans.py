"""The plans that are not over, and the orders of each, however old. Folds; decides nothing."""

from collections.abc import Iterable
from dataclasses import replace

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, Purpose
from core.execution.order import Errand
from core.execution.plans.plan import Plan


class OpenPlans:
    def __init__(self) -> None:
        self._plans: dict[ClientOrderId, Plan] = {}
        self._slices: dict[ClientOrderId, dict[ClientOrderId, None]] = {}

    def open(self, plan: Plan) -> None:
        self._plans[plan.plan_id] = plan
        self._slices.setdefault(plan.plan_id, {})

    def end(self, plan_id: ClientOrderId, reason: str, *, recalls: bool = True) -> bool:
        """It sends nothing more. The first reason stays; `False` where this tells nothing new."""
        plan = self._plans.get(plan_id)
        if plan is None:
            return False
        ended = replace(
            plan, ending=plan.ending or reason, recalls=recalls if not plan.ending else plan.recalls or recalls
        )
        self._plans[plan_id] = ended
        return ended != plan

    def close(self, plan_id: ClientOrderId) -> tuple[ClientOrderId, ...]:
        """Its slices; nothing where it is not open."""
        self._plans.pop(plan_id, None)
        return tuple(self._slices.pop(plan_id, ()))

    def note_slice(self, plan_id: ClientOrderId | None, client_order_id: ClientOrderId) -> bool:
        """Whether it is a slice of an open plan."""
        if plan_id is None or plan_id not in self._plans:
            return False
        self._slices[plan_id][client_order_id] = None
        return True

    def note_fill(self, fill: Fill, errand: Errand | None) -> None:
        """A stop or target that fills ends the entry that it protects, and what the venue closes by force every plan
        of the instrument: the position is being left. `errand` `None`: by no order of ours."""
        if errand is None:
            for plan in self.all(fill.instrument_id) if fill.is_forced else ():
                self.end(plan.plan_id, "CLOSED_BY_VENUE")
        elif errand.purpose is Purpose.PROTECT and errand.protects is not None:
            self.end(errand.protects, "PROTECTION_FILLED")

    def get(self, plan_id: ClientOrderId | None) -> Plan | None:
        """`None`: over, or never there."""
        return None if plan_id is None else self._plans.get(plan_id)

    def all(self, instrument_id: InstrumentId | None = None) -> list[Plan]:
        """Oldest first."""
        return [plan for plan in self._plans.values() if instrument_id in (None, plan.instrument_id)]

    def slices(self, plan_id: ClientOrderId) -> Iterable[ClientOrderId]:
        """In the order in which they were made."""
        return self._slices.get(plan_id, {})
