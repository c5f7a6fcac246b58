"""Parent orders to rows and back."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.domain.orders import ClientOrderId, Proposal
from core.domain.slicing import MissedSlices, RestRule, SliceStyle, Slicing
from core.execution.journal import schema
from core.execution.journal.cells import AnyRow, Encoded, Values, to_text
from core.execution.journal.records import PlanClosed, PlanEnding, PlanOpened
from core.execution.plans.plan import Plan

OPENED, CLOSED = "opened", "closed"
JOURNAL_FAILED = "JOURNAL_FAILED"
"""Closed without a word that it was opened: it never began, and the append that says so may have been lost."""
_ENDING, _LEAVING = "ending", "ending_uncancelled"


def _plan_opened(record: PlanOpened) -> Encoded:
    plan = record.plan
    return schema.PLANS, {
        "plan_id": plan.plan_id,
        "kind": OPENED,
        "intent_id": plan.proposal.intent_id,
        "terms": json.dumps(_terms(plan.slicing)),
        "reason": None,
        "at_ns": plan.opened_ns,
    }


def _plan_ending(record: PlanEnding) -> Encoded:
    return _said(record.plan_id, _ENDING if record.recalls else _LEAVING, record.reason, record.at_ns)


def _plan_closed(record: PlanClosed) -> Encoded:
    return _said(record.plan_id, CLOSED, record.reason, record.at_ns)


def _said(plan_id: ClientOrderId, kind: str, reason: str, at_ns: int) -> Encoded:
    row = {"plan_id": plan_id, "kind": kind, "intent_id": None, "terms": None, "reason": reason, "at_ns": at_ns}
    return schema.PLANS, row


def _terms(slicing: Slicing) -> Values:
    return {
        "style": slicing.style.value,
        "slices": slicing.slices,
        "duration_ns": slicing.duration_ns,
        "visible": to_text(slicing.visible),
        "jitter_pct": slicing.jitter_pct,
        "missed": slicing.missed.value,
        "rest": slicing.rest.value,
        "at_once": slicing.at_once,
    }


def to_plan(row: AnyRow, proposal: Proposal) -> Plan:
    """Of an `opened` row, and its intent."""
    terms = json.loads(row.terms)
    slicing = Slicing(
        style=SliceStyle(terms["style"]),
        slices=int(terms["slices"]),
        duration_ns=None if terms["duration_ns"] is None else int(terms["duration_ns"]),
        visible=None if terms["visible"] is None else Decimal(terms["visible"]),
        jitter_pct=int(terms["jitter_pct"]),
        missed=MissedSlices(terms["missed"]),
        rest=RestRule(terms["rest"]),
        at_once=int(terms["at_once"]),
    )
    return Plan(ClientOrderId(row.plan_id), replace(proposal, slicing=slicing), row.at_ns)


def recalls(row: AnyRow) -> bool:
    """Of an `ending` row: whether a slice that works is to be cancelled. Raises `ValueError` for other words."""
    if row.kind not in (_ENDING, _LEAVING):
        raise ValueError(f"{row.kind} is nothing that happens to a plan")
    return bool(row.kind == _ENDING)


ENCODERS: dict[type, Callable[[Any], Encoded]] = {
    PlanOpened: _plan_opened,
    PlanEnding: _plan_ending,
    PlanClosed: _plan_closed,
}
"""Of the records named."""
