"""Spans of time against a model: the set of its milliseconds."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from core.history.coverage import Span, Spans, length_ms, missing, normalised, union, without

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)
span = st.tuples(st.integers(0, 30), st.integers(0, 30))


def moments(found: Spans | list[Span]) -> set[int]:
    return {moment for start, end in found for moment in range(start, end)}


@settings(max_examples=60)
@given(spans, spans)
def test_union_has_what_either_has_in_order_and_apart(left: list[Span], right: list[Span]) -> None:
    found = union(normalised(left), right)
    assert moments(found) == moments(left) | moments(right)
    assert all(first[1] < second[0] for first, second in pairwise(found))
    assert length_ms(found) == len(moments(found))


@settings(max_examples=60)
@given(spans, span)
def test_missing_and_without_are_what_is_left(covered: list[Span], other: Span) -> None:
    assert moments(missing(other, normalised(covered))) == moments([other]) - moments(covered)
    assert moments(without(normalised(covered), other)) == moments(covered) - moments([other])
