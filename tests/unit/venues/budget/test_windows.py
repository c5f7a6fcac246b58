"""No span of a window's length ever holds more than the limit, and what is spent comes back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from core.venues.budget.windows import MOST_MARKS, Mark, pruned, spent, used, wait_ns

WINDOW_NS = 60_000_000_000
LIMIT = 100

requests = st.lists(st.tuples(st.integers(0, 20_000_000_000), st.integers(1, 60)), min_size=1, max_size=60)


@given(requests)
@settings(max_examples=60)
def test_any_span_of_the_windows_length_holds_at_most_the_limit(asked: list[tuple[int, int]]) -> None:
    marks: list[Mark] = []
    sent: list[tuple[int, int]] = []
    now_ns = 0
    for pause_ns, cost in asked:
        now_ns += pause_ns
        marks = pruned(marks, now_ns, WINDOW_NS)
        wait = wait_ns(marks, cost, LIMIT, now_ns, WINDOW_NS)
        if wait:
            now_ns += wait
            marks = pruned(marks, now_ns, WINDOW_NS)
            assert wait_ns(marks, cost, LIMIT, now_ns, WINDOW_NS) == 0, "what was promised holds"
        marks = spent(marks, cost, now_ns, WINDOW_NS)
        sent.append((now_ns, cost))
    for begin_ns, _ in sent:
        span = [cost for at_ns, cost in sent if begin_ns <= at_ns < begin_ns + WINDOW_NS]
        assert sum(span) <= LIMIT
    assert len(marks) <= MOST_MARKS
    assert used(pruned(marks, now_ns + 2 * WINDOW_NS, WINDOW_NS)) == 0


def test_a_request_above_the_ceiling_goes_when_nothing_else_does() -> None:
    marks = spent([], 1, 0, WINDOW_NS)
    assert wait_ns(marks, LIMIT + 1, LIMIT, 0, WINDOW_NS) > WINDOW_NS
    assert wait_ns([], LIMIT + 1, LIMIT, 0, WINDOW_NS) == 0


def test_the_number_of_marks_is_bounded_and_none_of_their_weight_is_lost() -> None:
    marks: list[Mark] = []
    for index in range(3 * MOST_MARKS):
        marks = spent(marks, 1, index * WINDOW_NS, WINDOW_NS)
    assert len(marks) == MOST_MARKS
    assert used(marks) == 3 * MOST_MARKS


def test_marks_of_the_future_are_of_another_life_of_the_machine() -> None:
    assert pruned([(5, 1), (50, 1)], 10, WINDOW_NS) == [(5, 1)]
