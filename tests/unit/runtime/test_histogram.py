import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runtime.histogram import Histogram, LatencySummary

durations = st.lists(st.integers(0, 10**13), min_size=1, max_size=200)


@given(samples=durations, quantile=st.floats(0.01, 1.0))
def test_percentile_is_at_most_a_bucket_above_the_true_one(samples: list[int], quantile: float) -> None:
    histogram = Histogram()
    for sample in samples:
        histogram.record_ns(sample)
    true_us = sorted(sample // 1_000 for sample in samples)[math.ceil(quantile * len(samples)) - 1]
    got_ms = histogram.percentile_ms(quantile)
    assert got_ms is not None
    assert true_us / 1_000 <= got_ms <= true_us / 1_000 * (1 + 1 / 32)


@given(left=durations, right=durations)
def test_merging_equals_recording_all(left: list[int], right: list[int]) -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    for sample in left:
        one.record_ns(sample)
        both.record_ns(sample)
    for sample in right:
        other.record_ns(sample)
        both.record_ns(sample)
    one.merge(other)
    assert one.summary() == both.summary()


def test_nothing_recorded_says_none() -> None:
    assert Histogram().summary() == LatencySummary()
    assert Histogram().percentile_ms(0.5) is None


def test_negative_counts_as_zero_and_times_multiplies() -> None:
    histogram = Histogram()
    histogram.record_ns(-5, times=3)
    histogram.record_ns(4_000_000)
    summary = histogram.summary()
    assert (summary.count, summary.p50, summary.max) == (4, 0.0, 4.0)
    assert summary.mean == pytest.approx(1.0)
