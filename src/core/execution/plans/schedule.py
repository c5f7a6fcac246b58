"""When the slices of a parent are due, and how much of it by then. Pure.

The time of a parent is divided into as many slots as it has slices. Each slot's slice is due at a moment within the
slot that only the intent's name decides, so that a restart finds the same times, and nobody who watches the market
finds an even rhythm. Past the end the slots go on at the same pace.
"""

import hashlib
from decimal import Decimal

from core.domain.instruments import Instrument
from core.domain.money import Rounding, round_to_step
from core.execution.plans.plan import Plan

_DRAWS = 1 << 32


def due_ns(plan: Plan, slot: int) -> int:
    """Trading time. Raises `ValueError` for a plan without an end."""
    interval_ns = _interval_ns(plan)
    into_ns = 0 if slot >= plan.slicing.slices else interval_ns * plan.slicing.jitter_pct * _draw(plan, slot) // _DRAWS
    return plan.opened_ns + slot * interval_ns + into_ns // 100


def slot_at(plan: Plan, now_ns: int) -> int:
    """The newest slot whose slice is due; -1 before the first."""
    slot = max((now_ns - plan.opened_ns) // _interval_ns(plan), -1)
    return slot - 1 if slot >= 0 and now_ns < due_ns(plan, slot) else slot


def scheduled(plan: Plan, slot: int, instrument: Instrument) -> Decimal:
    """What is to be traded by the end of that slot, on the lot grid."""
    if slot + 1 >= plan.slicing.slices:
        return plan.leg.quantity
    return round_to_step(plan.leg.quantity * (slot + 1) / plan.slicing.slices, instrument.lot_size, Rounding.DOWN)


def _interval_ns(plan: Plan) -> int:
    interval_ns = plan.slicing.interval_ns
    if interval_ns is None:
        raise ValueError(f"{plan.plan_id}: has no end, so no slots")
    return interval_ns


def _draw(plan: Plan, slot: int) -> int:
    """From 0 to `_DRAWS` - 1."""
    digest = hashlib.sha256(f"{plan.proposal.intent_id}\nslot-{slot}".encode()).digest()
    return int.from_bytes(digest[:4])
