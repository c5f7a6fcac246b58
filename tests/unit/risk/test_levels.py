"""The kill switch's levels: every move, allowed or not, and every purpose at every level."""

from itertools import pairwise, product

import pytest

from core.domain.orders import Purpose
from core.risk.approval import ApprovedIntent, Refused
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import MOVES, PERMITTED, IllegalLevelMove, RiskLevel, check_move
from core.settings.risk import RiskSettings
from tests.unit.risk.orders import BTC, NOW, entry, exit_, world

L = RiskLevel
CHAIN = (L.NORMAL, L.NO_ENTRY, L.REDUCE_ONLY, L.FLATTEN, L.LOCKED, L.NORMAL)
FORBIDDEN = {
    (L.REDUCE_ONLY, L.NO_ENTRY): "loosens, which only a resume does, and all the way",
    (L.FLATTEN, L.NORMAL): "what is being closed would be opened again",
    (L.FLATTEN, L.NO_ENTRY): "loosens",
    (L.FLATTEN, L.REDUCE_ONLY): "loosens",
    (L.LOCKED, L.NO_ENTRY): "exits would leave again: a resume comes first",
    (L.LOCKED, L.REDUCE_ONLY): "exits would leave again: a resume comes first",
}


@pytest.mark.parametrize(("now", "wanted"), list(product(RiskLevel, RiskLevel)))
def test_a_move_is_made_or_refused_with_what_is_allowed_instead(now: RiskLevel, wanted: RiskLevel) -> None:
    gate = RiskGate(RiskSettings(), RiskState(now, "before", since_ns=1))
    heard: list[RiskLevel] = []
    gate.on_level(heard.append)
    epoch = gate.statistics().epoch
    if (now, wanted) in FORBIDDEN:
        with pytest.raises(IllegalLevelMove, match=f"from {now} to {wanted}; from {now} it goes to"):
            gate.set_level(wanted, "test", at_ns=2)
        assert (gate.state().reason, gate.level, heard, gate.statistics().epoch) == ("before", now, [], epoch)
        return
    gate.set_level(wanted, "test", at_ns=2)
    assert gate.level is wanted
    assert heard == ([] if wanted is now else [now])
    assert gate.statistics().epoch == epoch + (wanted is not now), "what was approved before does not leave"
    assert gate.state().reason == ("before" if wanted is now else "" if wanted is L.NORMAL else "test")
    assert gate.state().since_ns == (1 if wanted is now else 2)


def test_the_whole_way_round() -> None:
    for now, wanted in pairwise(CHAIN):
        check_move(now, wanted)
    assert {(now, wanted) for now in RiskLevel for wanted in set(RiskLevel) - MOVES[now] - {now}} == set(FORBIDDEN)


@pytest.mark.parametrize(("level", "purpose"), list(product(RiskLevel, (Purpose.ENTRY, Purpose.EXIT))))
def test_what_leaves_at_a_level(level: RiskLevel, purpose: Purpose) -> None:
    """Asked when it is judged, and again when it is about to leave."""
    proposal, where = (entry(1), world()) if purpose is Purpose.ENTRY else (exit_(1), world({BTC: "1"}))
    gate = RiskGate(RiskSettings())
    intent = gate.judge(proposal, where, NOW)
    assert isinstance(intent, ApprovedIntent)
    gate.set_level(level, "test")
    refused_late = gate.still_valid(intent, NOW.monotonic_ns)
    judged = RiskGate(RiskSettings(), RiskState(level, "test")).judge(proposal, where, NOW)
    leaves = level is L.NORMAL or (purpose is Purpose.EXIT and level is not L.LOCKED)
    assert (refused_late is None) is isinstance(judged, ApprovedIntent) is leaves is (purpose in PERMITTED[level])
    if refused_late is not None and isinstance(judged, Refused):
        assert refused_late.code == judged.reason.code == "LEVEL_FORBIDS"
