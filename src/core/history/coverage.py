"""Which stretches of time are there and which are missing. Pure.

A span is a half-open range of UTC ms; `Spans` are disjoint, ordered and not adjacent.
"""

from collections.abc import Iterable, Iterator

Span = tuple[int, int]
Spans = tuple[Span, ...]


def normalised(spans: Iterable[Span]) -> Spans:
    """Overlapping and adjacent ones joined, empty ones left out."""
    return tuple(_joined(sorted(span for span in spans if span[0] < span[1])))


def union(left: Spans, right: Iterable[Span]) -> Spans:
    return normalised((*left, *right))


def without(spans: Spans, hole: Span) -> Spans:
    """`spans` but for what lies in `hole`."""
    start, end = hole
    if start >= end:
        return spans
    return normalised(part for first, last in spans for part in ((first, min(last, start)), (max(first, end), last)))


def missing(wanted: Span, covered: Spans) -> Spans:
    """What of `wanted` is not covered: head, tail and holes."""
    left: Spans = normalised([wanted])
    for span in covered:
        left = without(left, span)
    return left


def length_ms(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)


def _joined(ordered: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for start, end in ordered:
        if current is None:
            current = (start, end)
        elif start <= current[1]:
            current = (current[0], max(current[1], end))
        else:
            yield current
            current = (start, end)
    if current is not None:
        yield current
