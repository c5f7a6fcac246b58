import pytest

from core.simulation.server.stream_names import StreamKind, parse_stream_name
from core.simulation.server.usdm.streams import STREAMS


@pytest.mark.parametrize(
    ("text", "kind", "period_ms"),
    [
        ("btcusdt@markPrice", StreamKind.MARK_PRICE, 3_000),
        ("btcusdt@markPrice@1s", StreamKind.MARK_PRICE, 1_000),
        ("!markPrice@arr@1s", StreamKind.MARK_PRICE, 1_000),
        ("btcusdt@forceOrder", StreamKind.FORCED_ORDER, 0),
        ("!forceOrder@arr", StreamKind.FORCED_ORDER, 0),
        ("btcusdt@depth", StreamKind.DIFF_DEPTH, 250),
        ("btcusdt@depth@0ms", StreamKind.DIFF_DEPTH, 0),
        ("btcusdt@depth20@500ms", StreamKind.PARTIAL_DEPTH, 500),
    ],
)
def test_streams_of_perpetuals(text: str, kind: StreamKind, period_ms: int) -> None:
    name = parse_stream_name(text, STREAMS)
    assert name is not None
    assert (name.kind, name.period_ms) == (kind, period_ms)


@pytest.mark.parametrize("text", ["btcusdt@avgPrice", "btcusdt@depth@1000ms", "btcusdt@markPrice@2s"])
def test_streams_perpetuals_have_not(text: str) -> None:
    assert parse_stream_name(text, STREAMS) is None
