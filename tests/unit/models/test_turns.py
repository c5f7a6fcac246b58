"""When sittings of training are begun: every history of failures, with coverage of every state."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.models.coverage import BlockedPermanent, BlockedTemporary, Coverage, Failed, Queued, Trained, Training
from core.models.schedule import TrainingPolicy
from core.models.turns import Turns

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")
POLICY = TrainingPolicy()
NOW_MS = 1_000_000


def test_who_is_new_queued_cut_off_or_back_is_due() -> None:
    for records in (
        [],
        [Coverage(BTC, Queued(0))],
        [Coverage(BTC, Training(1, 0, 0, 10**12))],
        [Coverage(BTC, Trained(10**12), left_at_ms=5)],
        [Coverage(BTC, Trained(NOW_MS))],
        [Coverage(BTC, Failed("broke", NOW_MS))],
        [Coverage(BTC, BlockedTemporary("short", NOW_MS))],
    ):
        assert Turns(POLICY).is_due([BTC], records, NOW_MS), records


def test_what_waits_for_its_time_or_for_a_person_is_not_due() -> None:
    for state in (Trained(NOW_MS + 1), Failed("broke", NOW_MS + 1), BlockedTemporary("short", NOW_MS + 1)):
        assert not Turns(POLICY).is_due([BTC], [Coverage(BTC, state)], NOW_MS), state
    assert not Turns(POLICY).is_due([BTC], [Coverage(BTC, BlockedPermanent("unfit"))], 10**15)
    assert not Turns(POLICY).is_due([BTC], [Coverage(BTC, Trained(10**12)), Coverage(ETH, Queued(0))], NOW_MS)


@given(st.lists(st.integers(1_000, 10_000_000), min_size=1, max_size=60))
def test_work_that_is_never_done_is_tried_ever_more_rarely(looks_ms: list[int]) -> None:
    turns, now_ms, begun_ms = Turns(POLICY), 0, []
    for passed_ms in looks_ms:
        now_ms += passed_ms
        if turns.is_due([BTC], [], now_ms):
            begun_ms.append(now_ms)
            assert not turns.ended([BTC], [], now_ms)
    gaps_ms = [later - earlier for earlier, later in pairwise(begun_ms)]
    assert all(gap_ms >= POLICY.backoff_ms(number) for number, gap_ms in enumerate(gaps_ms, 1))


def test_a_sitting_that_did_its_work_ends_the_waiting() -> None:
    turns = Turns(POLICY)
    turns.ended([BTC], [], NOW_MS)
    assert turns.not_before_ms == NOW_MS + POLICY.first_backoff_ms
    assert turns.ended([BTC], [Coverage(BTC, Trained(NOW_MS * 2))], NOW_MS)
    assert turns.not_before_ms is None
    assert turns.is_due([BTC], [Coverage(BTC, Trained(NOW_MS * 2))], NOW_MS * 2)
