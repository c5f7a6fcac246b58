from structlog.testing import capture_logs

from core.simulation.server.clock import NS_PER_S
from core.simulation.server.recordings import Recordings


def test_each_end_is_told_once() -> None:
    recordings = Recordings({"BTCUSDT": 1_000 * NS_PER_S, "ETHUSDT": 2_000 * NS_PER_S})
    with capture_logs() as said:
        for now_s in (999, 1_000, 1_001, 2_500, 2_501):
            recordings.tell(now_s * NS_PER_S)
    assert [(each["symbol"], each["end"]) for each in said] == [
        ("BTCUSDT", "1970-01-01T00:16:40+00:00"),
        ("ETHUSDT", "1970-01-01T00:33:20+00:00"),
    ]
    assert recordings.ended(999 * NS_PER_S) == []
    assert recordings.ended(1_999 * NS_PER_S) == ["BTCUSDT"]
