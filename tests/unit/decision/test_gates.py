import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decision.gates import GATES, undecided, verdicts
from core.domain.orders import Purpose
from core.domain.reason_codes import ReasonCode

outcomes = st.sampled_from(["TRADE", "NO_TRADE", "REFUSED", "FAILED"])


@given(outcomes, st.sampled_from([code.value for code in ReasonCode]), st.sampled_from([None, *Purpose]))
def test_every_gate_has_a_verdict_and_after_a_no_nobody_is_asked(
    outcome: str, code: str, purpose: Purpose | None
) -> None:
    told = verdicts(outcome, code, purpose)
    assert tuple(told) == GATES
    said_no = [gate for gate, verdict in told.items() if verdict == "no"]
    assert len(said_no) == (outcome != "TRADE")
    if said_no:
        after = GATES[GATES.index(said_no[0]) + 1 :]
        assert {told[gate] for gate in after} <= {"not asked"}


@pytest.mark.parametrize(
    ("outcome", "code", "gate"),
    [
        ("NO_TRADE", "STALE_QUOTE", "quote"),
        ("NO_TRADE", "SIGNAL_HOLD", "strategy"),
        ("NO_TRADE", "SIZE_BELOW_MINIMUM", "order"),
        ("NO_TRADE", "INSTRUMENT_HALTED", "instrument"),
        ("REFUSED", "STALE_QUOTE", "risk"),
    ],
)
def test_who_said_no(outcome: str, code: str, gate: str) -> None:
    assert verdicts(outcome, code, Purpose.ENTRY)[gate] == "no"


def test_getting_out_asks_neither_quote_nor_balance() -> None:
    told = verdicts("TRADE", "SIGNAL_FLAT", Purpose.EXIT)
    assert (told["quote"], told["balance"], told["risk"]) == ("not asked", "not asked", "passed")


def test_a_cycle_that_never_came_to_a_decision() -> None:
    assert undecided("SYMBOL_TIMEOUT")["cycle"] == "no"
    assert undecided("CANDLE_MISSING") == dict.fromkeys(GATES[:2], "passed") | {"candle": "no"} | dict.fromkeys(
        GATES[3:], "not asked"
    )
