import msgspec
import pytest

from core.domain.instruments import InstrumentId
from core.models.coverage import (
    BlockedPermanent,
    BlockedTemporary,
    Broke,
    Coverage,
    Failed,
    Forced,
    Interrupted,
    Queued,
    Refused,
    Short,
    Succeeded,
    Trained,
    Training,
    step,
)
from core.models.roster import Roster
from core.models.schedule import TrainingPolicy

A, B, C = (InstrumentId(f"{each}/USDT") for each in "ABC")
HOUR = 3_600_000
POLICY = TrainingPolicy(every_ms=24 * HOUR, first_backoff_ms=1_000, max_backoff_ms=5_000, min_retry_ms=100)


def attempt_of(coverage: Coverage) -> int:
    assert isinstance(coverage.state, Training)
    return coverage.state.attempt


def taken(roster: Roster, now_ms: int) -> Coverage:
    change = roster.take(now_ms)
    assert change is not None
    assert change.after is not None
    return change.after


def test_a_newcomer_is_trained_and_due_again_on_the_grid_of_its_first_training():
    roster = Roster(POLICY)
    roster.refresh([A], 0)
    begun = taken(roster, 10)
    assert roster.take(10) is None, "one trainer"
    roster.report(A, attempt_of(begun), Succeeded("v1"), 50)
    assert roster.coverage(A) == Coverage(A, Trained(24 * HOUR + 10), "v1", anchor_ms=10, attempts=1)
    assert roster.wake(24 * HOUR + 9) == []
    assert roster.next_wake_ms == 24 * HOUR + 10
    (queued,) = roster.wake(30 * HOUR)
    assert queued.after is not None
    assert isinstance(queued.after.state, Queued)
    assert queued.after.version == "v1", "it is traded with what it has meanwhile"
    again = taken(roster, 30 * HOUR)
    roster.report(A, attempt_of(again), Succeeded("v2"), 31 * HOUR)
    assert roster.next_wake_ms == 48 * HOUR + 10, "the grid does not drift"


def test_the_queue_holds_none_twice_and_those_without_a_model_come_first():
    roster = Roster(POLICY, [Coverage(A, Trained(5), "v1", anchor_ms=0)])
    roster.wake(5)
    roster.refresh([A, B, C], 10)
    roster.force([A, B, B], 20)
    assert [each.word for each in roster.snapshot()] == ["QUEUED"] * 3
    order = []
    for now_ms in range(30, 60, 10):
        begun = taken(roster, now_ms)
        order.append(begun.symbol)
        roster.report(begun.symbol, attempt_of(begun), Succeeded("v"), now_ms + 1)
    assert order == [B, C, A]
    assert roster.take(60) is None


def test_failures_are_waited_for_longer_each_time_up_to_a_bound():
    roster, now_ms, waits = Roster(POLICY), 0, []
    roster.refresh([A], now_ms)
    for _ in range(5):
        begun = taken(roster, now_ms)
        roster.report(A, attempt_of(begun), Broke("out of memory"), now_ms)
        assert roster.next_wake_ms is not None
        waits.append(roster.next_wake_ms - now_ms)
        now_ms = roster.next_wake_ms
        roster.wake(now_ms)
    assert waits == [1_000, 2_000, 4_000, 5_000, 5_000]


@pytest.mark.parametrize(("wanted_ms", "at_ms"), [(0, 100), (5 * HOUR, 5 * HOUR), (400 * HOUR, 24 * HOUR)])
def test_a_blocked_symbol_is_looked_at_when_it_asked_for_it_within_bounds(wanted_ms: int, at_ms: int):
    training = Coverage(A, Training(1, 0, 0, HOUR), attempts=1)
    assert step(training, Short("too few candles", wanted_ms), POLICY, 0).state == BlockedTemporary(
        "too few candles", at_ms
    )


def test_only_a_person_looks_again_at_what_is_blocked_for_good():
    training = Coverage(A, Training(1, 0, 0, HOUR), attempts=1)
    blocked = step(training, Refused("delisted"), POLICY, 5)
    assert blocked.state == BlockedPermanent("delisted")
    assert blocked.due_at_ms is None
    assert isinstance(step(blocked, Forced(), POLICY, 9).state, Queued)


def test_why_it_is_blocked_is_news_once():
    roster, news = Roster(POLICY), []
    roster.refresh([A], 0)
    outcomes = (Short("few", 0), Short("few", 0), Short("gone", 0), Broke("memory"), Broke("memory"), Succeeded("v1"))
    for outcome in outcomes:
        now_ms = roster.next_wake_ms or 0
        roster.wake(now_ms)
        change = roster.report(A, attempt_of(taken(roster, now_ms)), outcome, now_ms)
        assert change is not None
        news.append(change.is_news)
    assert news == [True, False, True, True, False, True]


def test_a_training_that_nobody_hears_of_fails_and_its_late_report_is_not_taken():
    roster = Roster(POLICY)
    roster.refresh([A], 0)
    lost = taken(roster, 0)
    roster.wake(POLICY.training_limit_ms)
    assert isinstance(roster.coverage(A).state, Failed)
    assert roster.report(A, attempt_of(lost), Succeeded("v1"), POLICY.training_limit_ms) is None
    now_ms = POLICY.training_limit_ms + POLICY.first_backoff_ms
    roster.wake(now_ms)
    again = taken(roster, now_ms)
    assert roster.report(A, attempt_of(lost), Succeeded("v1"), now_ms) is None
    assert roster.report(A, attempt_of(again), Succeeded("v2"), now_ms) is not None
    assert roster.coverage(A).version == "v2"


@pytest.mark.parametrize(("is_killed", "word"), [(True, "FAILED"), (False, "QUEUED")])
def test_a_restart_finds_what_was_written_down(is_killed: bool, word: str):
    first = Roster(POLICY)
    first.refresh([A, B], 0)
    taken(first, 1)
    if not is_killed:
        first.stop(2)
    written = msgspec.json.encode(first.snapshot())
    second = Roster(POLICY, msgspec.json.decode(written, type=tuple[Coverage, ...]))
    second.begin(100)
    assert second.coverage(A).word == word
    assert second.coverage(B) == first.coverage(B)
    assert second.begin(100) == []


def test_leavers_are_not_trained_and_find_everything_when_they_are_back():
    roster = Roster(POLICY, [Coverage(A, Trained(100), "v1", anchor_ms=0), Coverage(B, Queued(0))])
    roster.refresh([], 10)
    assert (roster.wake(200), roster.take(200), roster.next_wake_ms) == ([], None, None)
    assert not roster.counts()
    roster.refresh([A], 300)
    assert roster.coverage(A) == Coverage(A, Trained(100), "v1", anchor_ms=0)
    assert roster.next_wake_ms == 100
    (forgotten,) = roster.refresh([A], 10 + POLICY.forget_after_ms)
    assert (forgotten.before.symbol, forgotten.after) == (B, None)


def test_a_symbol_that_leaves_in_training_may_still_report():
    roster = Roster(POLICY)
    roster.refresh([A], 0)
    begun = taken(roster, 0)
    roster.refresh([], 5)
    roster.report(A, attempt_of(begun), Succeeded("v1"), 10)
    assert roster.coverage(A).version == "v1"


def test_moves_that_the_table_lacks_are_refused():
    for state in (Trained(0), Queued(0), BlockedPermanent(""), Failed("", 0)):
        for event in (Succeeded("v"), Interrupted()):
            with pytest.raises(ValueError, match=r"A/USDT: [A-Z_]+ can't take"):
                step(Coverage(A, state), event, POLICY, 0)
